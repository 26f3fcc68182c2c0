"""What came for a transaction, appended and never changed: messages, readings and what was signed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.sqlite import insert

from backend.core.transaction import State
from backend.store.sql import Statement
from backend.store.tables import charging_transaction, meter_value, signed_value, transaction_event
from shared.ids import ChargePointId, MessageId
from shared.metering import MeterValue, ReadingContext, SignedData, SignedReading

LATE_VALUES = "meter values came after the rating"
"""Why a session is rated again."""

_T = charging_transaction.c
_E = transaction_event.c
_S = signed_value.c


_VALUES = ("transaction_id", "kind", "message_id", "received_at", "payload", "seq_no")
_GIVEN = {name: bindparam(name, type_=_E[name].type) for name in _VALUES}
_SAME = select(_E.id).where(*(_E[name] == _GIVEN[name] for name in ("transaction_id", "kind", "payload")))
_APPEND = Statement(
    plain_insert(transaction_event).from_select(list(_VALUES), select(*_GIVEN.values()).where(~_SAME.exists()))
)
_ADD_VALUE = Statement(
    insert(meter_value)
    .values({column.name: bindparam(column.name) for column in meter_value.c if not column.primary_key})
    .on_conflict_do_nothing()
)


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it came. `payload` is JSON."""

    charge_point_id: ChargePointId
    message_id: MessageId
    at: datetime
    payload: str


@dataclass(frozen=True, slots=True)
class StoredSignedValue:
    """A signed original with its number, as it was kept."""

    id: int
    reading: SignedReading
    received_at: datetime


def append_event(connection: Connection, row_id: int, kind: str, received: Received, seq_no: int | None = None) -> None:
    """Append a message to a transaction's unless the very same one is there."""
    _APPEND.run(
        connection,
        transaction_id=row_id,
        kind=kind,
        message_id=received.message_id,
        received_at=received.at,
        payload=received.payload,
        seq_no=seq_no,
    )


def store_meter_values(connection: Connection, row_id: int, values: Sequence[MeterValue], state: State) -> None:
    """Keep readings. New ones that lie inside a session that is rated already let it be rated again.

    Args:
        connection: the unit of work.
        row_id: the transaction.
        values: its readings.
        state: of the transaction now.
    """
    rows = [_meter_value_row(row_id, value) for value in values]
    if state is not State.RATED:
        _ADD_VALUE.run_all(connection, rows)
        return
    inside = select(func.count()).select_from(meter_value).join(charging_transaction, _T.id == row_id)
    inside = inside.where(meter_value.c.transaction_id == row_id, meter_value.c.at.between(_T.started_at, _T.ended_at))
    before = connection.scalar(inside)
    _ADD_VALUE.run_all(connection, rows)
    if connection.scalar(inside) != before:
        connection.execute(update(charging_transaction).where(_T.id == row_id).values(rerate_reason=LATE_VALUES))


def store_signed_values(connection: Connection, row_id: int, signed: Sequence[SignedReading], at: datetime) -> None:
    """Keep what was signed, byte for byte; what is there already, with its time and its reason, is not kept twice.

    Args:
        connection: the unit of work.
        row_id: the transaction.
        signed: what came.
        at: when it came.
    """
    if not signed:
        return
    known = {stored.reading for stored in signed_values(connection, row_id)}
    rows = [
        {
            "transaction_id": row_id,
            "at": one.at,
            "context": one.context.value,
            "data": one.data.text,
            "public_key": one.data.public_key,
            "signing_method": one.data.signing_method,
            "encoding_method": one.data.encoding_method,
            "received_at": at,
        }
        for one in dict.fromkeys(signed)
        if one not in known
    ]
    if rows:
        connection.execute(plain_insert(signed_value), rows)


def signed_values(connection: Connection, row_id: int) -> tuple[StoredSignedValue, ...]:
    """List what was signed in a transaction, in the order of its time."""
    rows = connection.execute(select(signed_value).where(_S.transaction_id == row_id).order_by(_S.at, _S.id))
    return tuple(
        StoredSignedValue(
            row.id,
            SignedReading(
                row.at,
                ReadingContext(row.context),
                SignedData(row.data, row.public_key, row.signing_method, row.encoding_method),
            ),
            row.received_at,
        )
        for row in rows
    )


def _meter_value_row(row_id: int, value: MeterValue) -> dict[str, object]:
    reading = value.reading
    row: dict[str, object] = {
        "transaction_id": row_id,
        "at": value.at,
        "context": value.context.value,
        "energy_wh": reading.energy_import,
        "power_w": reading.power,
    }
    for i in range(3):
        row[f"current_l{i + 1}_ma"] = reading.currents[i] if i < len(reading.currents) else None
        row[f"voltage_l{i + 1}_mv"] = reading.voltages[i] if i < len(reading.voltages) else None
    return row
