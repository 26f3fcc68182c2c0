"""What came for a transaction, appended and never changed: messages, readings and what was signed."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, select, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.sqlite import insert

from backend.core.transaction import State
from backend.store.payloads import packed
from backend.store.signed_tables import signed_check, signed_due, signed_record
from backend.store.sql import Statement
from backend.store.tables import charging_transaction, meter_value, transaction_event
from shared.ids import ChargePointId, EvseId, MessageId
from shared.metering import MeterValue, ReadingContext, SignedData, SignedReading

LATE_VALUES = "meter values came after the rating"
"""Why a session is rated again."""

_T = charging_transaction.c
_E = transaction_event.c
_S = signed_record.c


_VALUES = ("transaction_id", "kind", "message_id", "received_at", "payload", "seq_no", "shape_id")
_GIVEN = {name: bindparam(name, type_=_E[name].type) for name in _VALUES}
_SAME = select(_E.id).where(
    *(_E[name] == _GIVEN[name] for name in ("transaction_id", "kind", "payload")),
    _E.shape_id.is_not_distinct_from(_GIVEN["shape_id"]),
)
_APPEND = Statement(
    plain_insert(transaction_event).from_select(list(_VALUES), select(*_GIVEN.values()).where(~_SAME.exists()))
)
_APPEND_NEW = Statement(plain_insert(transaction_event).values(_GIVEN))
_ADD_SIGNED = Statement(
    plain_insert(signed_record).values(
        {column.name: bindparam(column.name, type_=column.type) for column in _S if not column.primary_key}
    )
)
_ASK = insert(signed_due).values(
    charge_point_id=bindparam("charge_point_id"), transaction_id=bindparam("transaction_id"), asked=1
)
_ASK_CHECK = Statement(
    _ASK.on_conflict_do_update(
        index_elements=["charge_point_id", "transaction_id"], set_={"asked": signed_due.c.asked + 1}
    )
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
    message_id: str
    sha256: str


def append_event(
    connection: Connection,
    row_id: int,
    kind: str,
    received: Received,
    seq_no: int | None = None,
    *,
    is_new: bool = False,
) -> None:
    """Append a message to a transaction's unless the very same one is there.

    Args:
        connection: the unit of work.
        row_id: the transaction.
        kind: Started, Updated or Ended.
        received: the message.
        seq_no: its number, OCPP 2.x.
        is_new: it is known not to be there, which saves looking through all of them.
    """
    statement = _APPEND_NEW if is_new else _APPEND
    statement.run(
        connection,
        transaction_id=row_id,
        kind=kind,
        message_id=received.message_id,
        received_at=received.at,
        seq_no=seq_no,
        **packed(connection, received.payload),
    )


def store_meter_values(connection: Connection, row_id: int, values: Sequence[MeterValue], state: State) -> bool:
    """Keep readings and tell whether one is new. New ones inside a rated session let it be rated again.

    Args:
        connection: the unit of work.
        row_id: the transaction.
        values: its readings.
        state: of the transaction now.
    """
    rows = [_meter_value_row(row_id, value) for value in values]
    if state is not State.RATED:
        return _ADD_VALUE.run_all(connection, rows) > 0
    inside = select(func.count()).select_from(meter_value).join(charging_transaction, _T.id == row_id)
    inside = inside.where(meter_value.c.transaction_id == row_id, meter_value.c.at.between(_T.started_at, _T.ended_at))
    before = connection.scalar(inside)
    added = _ADD_VALUE.run_all(connection, rows)
    if connection.scalar(inside) != before:
        connection.execute(update(charging_transaction).where(_T.id == row_id).values(rerate_reason=LATE_VALUES))
    return added > 0


def store_signed_values(
    connection: Connection,
    row_id: int | None,
    evse_id: EvseId,
    signed: Sequence[SignedReading],
    received: Received,
) -> None:
    """Keep what was signed, byte for byte, and let it be checked; what is there already is not kept twice.

    Args:
        connection: the unit of work.
        row_id: the transaction, None where the meter signed outside of any.
        evse_id: where it was measured, 0 where that is not told.
        signed: what came.
        received: the message that it came in.
    """
    if not signed:
        return
    known = {stored.reading for stored in _stored(connection, row_id, received.charge_point_id, signed)}
    rows = [
        {
            "transaction_id": row_id,
            "charge_point_id": received.charge_point_id,
            "evse_id": evse_id,
            "message_id": received.message_id,
            "received_at": received.at,
            "at": one.at,
            "context": one.context.value,
            "raw": _raw(one),
            "sha256": hashlib.sha256(_raw(one)).hexdigest(),
            "public_key": one.data.public_key,
            "signing_method": one.data.signing_method,
            "encoding_method": one.data.encoding_method,
        }
        for one in dict.fromkeys(signed)
        if one not in known
    ]
    _ADD_SIGNED.run_all(connection, rows)
    if rows:
        ask_check(connection, received.charge_point_id, row_id)


def ask_check(connection: Connection, charge_point_id: str, row_id: int | None) -> None:
    """Let the signed values of a transaction, or those outside of any, be checked (again)."""
    _ASK_CHECK.run(connection, charge_point_id=charge_point_id, transaction_id=row_id or 0)


def signed_values(connection: Connection, row_id: int) -> tuple[StoredSignedValue, ...]:
    """List what was signed in a transaction, in the order of its time."""
    return _read_signed(connection, _S.transaction_id == row_id)


def outside_values(connection: Connection, charge_point_id: str) -> tuple[StoredSignedValue, ...]:
    """List what the meters of a charge point signed outside of transactions and nobody has checked yet."""
    unchecked = ~select(signed_check.c.id).where(signed_check.c.record_id == _S.id).exists()
    return _read_signed(connection, and_(_S.charge_point_id == charge_point_id, _S.transaction_id.is_(None), unchecked))


def _stored(
    connection: Connection, row_id: int | None, charge_point_id: ChargePointId, signed: Sequence[SignedReading]
) -> tuple[StoredSignedValue, ...]:
    if row_id is not None:
        return signed_values(connection, row_id)
    digests = [hashlib.sha256(_raw(one)).hexdigest() for one in signed]
    same = and_(_S.transaction_id.is_(None), _S.charge_point_id == charge_point_id, _S.sha256.in_(digests))
    return _read_signed(connection, same)


def _read_signed(connection: Connection, wanted: ColumnElement[bool]) -> tuple[StoredSignedValue, ...]:
    rows = connection.execute(select(signed_record).where(wanted).order_by(_S.at, _S.id))
    return tuple(
        StoredSignedValue(
            row.id,
            SignedReading(
                row.at,
                ReadingContext(row.context),
                SignedData(
                    row.raw.decode("utf-8", "surrogatepass"), row.public_key, row.signing_method, row.encoding_method
                ),
            ),
            row.received_at,
            row.message_id,
            row.sha256,
        )
        for row in rows
    )


def _raw(one: SignedReading) -> bytes:
    return one.data.text.encode("utf-8", "surrogatepass")


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
