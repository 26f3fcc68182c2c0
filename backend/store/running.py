"""Running transactions: which ones, and what their price so far rests on."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from backend.core.transaction import State
from backend.store.rating_tables import profile_switch, session_tariff
from backend.store.tables import charge_point, charging_transaction, meter_value
from shared.ids import ChargePointId

_T = charging_transaction.c


@dataclass(frozen=True, slots=True)
class RunningTransaction:
    """A transaction that runs. `vendor` is the station's; `station_key` its name there, empty for OCPP 1.6.

    `basis` changes with every meter value, with every profile switch wherever, and with the session's tariffs.
    """

    id: int
    charge_point_id: ChargePointId
    vendor: str
    basis: tuple[int, ...]
    station_key: str = ""


def running_transactions(connection: Connection) -> list[RunningTransaction]:
    """List all transactions that run, by number."""
    last = (
        select(func.coalesce(func.max(meter_value.c.id), 0))
        .where(meter_value.c.transaction_id == _T.id)
        .correlate(charging_transaction)
        .scalar_subquery()
    )
    tariffs = (
        select(func.count())
        .select_from(session_tariff)
        .where(session_tariff.c.transaction_id == _T.id)
        .correlate(charging_transaction)
        .scalar_subquery()
    )
    last_switch = connection.scalar(select(func.max(profile_switch.c.id))) or 0
    query = select(_T.id, _T.charge_point_id, charge_point.c.vendor, last, tariffs, _T.station_key)
    query = query.join(charge_point, charge_point.c.id == _T.charge_point_id).where(_T.state == State.RUNNING)
    rows = connection.execute(query.order_by(_T.id))
    return [
        RunningTransaction(row[0], ChargePointId(row[1]), row[2], (row[3], row[4], last_switch), row[5]) for row in rows
    ]
