"""Running transactions: which ones, and which meter value of each came last."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.core.transaction import State
from backend.store.tables import charge_point, charging_transaction, meter_value
from shared.ids import ChargePointId

_T = charging_transaction.c


@dataclass(frozen=True, slots=True)
class RunningTransaction:
    """A transaction that runs; `last_value_id` changes with every meter value, 0 is none. `vendor` is the station's."""

    id: int
    charge_point_id: ChargePointId
    vendor: str
    last_value_id: int


async def running_transactions(connection: AsyncConnection) -> list[RunningTransaction]:
    """List all transactions that run, by number."""
    last = (
        select(func.coalesce(func.max(meter_value.c.id), 0))
        .where(meter_value.c.transaction_id == _T.id)
        .correlate(charging_transaction)
        .scalar_subquery()
    )
    query = select(_T.id, _T.charge_point_id, charge_point.c.vendor, last)
    query = query.join(charge_point, charge_point.c.id == _T.charge_point_id).where(_T.state == State.RUNNING)
    rows = await connection.execute(query.order_by(_T.id))
    return [RunningTransaction(row[0], ChargePointId(row[1]), row[2], row[3]) for row in rows]
