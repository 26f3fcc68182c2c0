"""What came for a transaction, appended and never changed: messages, readings and what was signed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, literal, select, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.sqlite import insert

from backend.core.transaction import State
from backend.store.tables import charging_transaction, meter_value, signed_value, transaction_event
from shared.ids import ChargePointId, MessageId
from shared.metering import MeterValue, ReadingContext, SignedData, SignedReading

LATE_VALUES = "meter values came after the rating"
"""Why a session is rated again."""

_T = charging_transaction.c
_E = transaction_event.c
_S = signed_value.c


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
    same = select(_E.id).where(_E.transaction_id == row_id, _E.kind == kind, _E.payload == received.payload)
    row = {
        _E.transaction_id: row_id,
        _E.kind: kind,
        _E.message_id: received.message_id,
        _E.received_at: received.at,
        _E.payload: received.payload,
        _E.seq_no: seq_no,
    }
    values = select(*(literal(value, column.type) for column, value in row.items())).where(~same.exists())
    connection.execute(insert(transaction_event).from_select(list(row), values))


def store_meter_values(connection: Connection, row_id: int, values: Sequence[MeterValue]) -> None:
    """Keep readings. New ones that lie inside a session that is rated already let it be rated again."""
    if not values:
        return
    inside = select(func.count()).select_from(meter_value).join(charging_transaction, _T.id == row_id)
    inside = inside.where(meter_value.c.transaction_id == row_id, meter_value.c.at.between(_T.started_at, _T.ended_at))
    rated = connection.execute(select(_T.id).where(_T.id == row_id, _T.state == State.RATED)).first()
    before = connection.scalar(inside) if rated else None
    rows = [_meter_value_row(row_id, value) for value in values]
    connection.execute(insert(meter_value).on_conflict_do_nothing(), rows)
    if rated and connection.scalar(inside) != before:
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
