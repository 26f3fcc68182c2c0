"""Intake of OCPP 2.x transactions: each message is appended, and what the set of them says is derived anew.

A message is known by charge point, transactionId, seqNo and its content. The same again changes nothing, whatever its
message id; one with a used number and other content is kept beside the first. Every function runs inside one unit of
work of `Store.write`.
"""

import hashlib
from typing import Any, cast

from sqlalchemy import Connection, bindparam, func, insert, select

from backend.core.transaction import State
from backend.core.transaction_messages import NO_EVSE, NO_TOKEN, same_meaning
from backend.store.event_log import Received, append_event, store_meter_values, store_signed_values
from backend.store.payloads import SHAPE, text_of
from backend.store.sql import Statement
from backend.store.tables import charge_point, charging_transaction, meter_value, transaction_event
from backend.store.transactions import settle
from shared.ids import ChargePointId, EvseId
from shared.ocpp.session import Payload, loads
from shared.ocpp.v201 import EventType, TransactionMessage, decode_transaction_event
from shared.ocpp.validation import Version

_T = charging_transaction.c
_E = transaction_event.c

_LAST = select(func.max(_E.seq_no)).where(_E.transaction_id == _T.id).scalar_subquery()
_HAS_VALUE = select(meter_value.c.id).where(meter_value.c.transaction_id == _T.id).exists()
_FIND = Statement(
    select(
        _T.id, _T.state, _T.ended_at, _T.id_token, _T.evse_id, _LAST.label("last"), _HAS_VALUE.label("has_value")
    ).where(
        _T.charge_point_id == bindparam("charge_point_id"),
        _T.station_key == bindparam("station_key"),
        _T.ocpp != Version.V16.value,
    )
)
_NUMBERED = Statement(
    select(_E.payload, SHAPE).where(_E.transaction_id == bindparam("transaction_id"), _E.seq_no == bindparam("seq_no"))
)

_DIGEST_LENGTH = 20
"""Characters of `foreign_id`."""


def store_message(connection: Connection, message: TransactionMessage, received: Received, version: Version) -> int:
    """Keep a message and give the number of its transaction.

    Args:
        connection: the unit of work.
        message: the payload, decoded.
        received: the payload as it came, and from whom.
        version: that it came by.
    """
    row = _find(connection, received.charge_point_id, message)
    if row is None:
        _insert(connection, message, received, version)
        row = _find(connection, received.charge_point_id, message)
        assert row is not None  # noqa: S101  just inserted
    elif _is_known(connection, row, message):
        return int(row.id)
    row_id = int(row.id)
    append_event(connection, row_id, message.kind, received, message.seq_no, is_new=True)
    store_meter_values(connection, row_id, message.values, State(row.state))
    store_signed_values(connection, row_id, message.evse_id or EvseId(row.evse_id), message.signed, received)
    if _tells_more(row, message):
        settle(connection, row_id)
    return row_id


# Any here and below: a row of `_FIND`.
def _find(connection: Connection, charge_point_id: ChargePointId, message: TransactionMessage) -> Any | None:
    """Find a transaction by the name that its station gave it."""
    return _FIND.first(connection, charge_point_id=charge_point_id, station_key=message.key)


def _insert(connection: Connection, message: TransactionMessage, received: Received, version: Version) -> None:
    operator = select(charge_point.c.operator_id).where(charge_point.c.id == received.charge_point_id)
    statement = insert(charging_transaction).values(
        charge_point_id=received.charge_point_id,
        operator_id=operator.scalar_subquery(),
        evse_id=NO_EVSE if message.evse_id is None else message.evse_id,
        id_token=(message.id_token or NO_TOKEN).value,
        started_at=message.at,
        meter_start=message.values[0].reading.energy_import if message.values else 0,
        state=State.RUNNING,
        ocpp=version.value,
        station_key=message.key,
        foreign_id=hashlib.sha256(message.key.encode()).hexdigest()[:_DIGEST_LENGTH],
    )
    connection.execute(statement)


def _is_known(connection: Connection, row: Any, message: TransactionMessage) -> bool:
    if row.last is None or message.seq_no > row.last:
        return False
    rows = _NUMBERED.all(connection, transaction_id=row.id, seq_no=message.seq_no)
    return any(same_meaning(message, decode_transaction_event(cast(Payload, loads(text_of(one))))) for one in rows)


def _tells_more(row: Any, message: TransactionMessage) -> bool:
    """Tell whether a message may change what is derived; readings in order while the transaction runs don't."""
    if message.kind is not EventType.UPDATED or row.state == State.RATED or row.ended_at is not None:
        return True
    if (message.id_token is not None and message.id_token.value != row.id_token) or (
        message.evse_id is not None and message.evse_id != row.evse_id
    ):
        return True
    return row.last is None or message.seq_no != row.last + 1 or not row.has_value
