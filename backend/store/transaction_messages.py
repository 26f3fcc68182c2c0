"""Intake of OCPP 2.x transactions: each message is appended, and what the set of them says is derived anew.

A message is known by charge point, transactionId, seqNo and its content. The same again changes nothing, whatever its
message id; one with a used number and other content is kept beside the first. Every function runs inside one unit of
work of `Store.write`.
"""

import hashlib
from typing import cast

from sqlalchemy import Connection, Row, func, insert, select

from backend.core.transaction import State
from backend.core.transaction_messages import NO_EVSE, NO_TOKEN, same_meaning
from backend.store.event_log import Received, append_event, store_meter_values, store_signed_values
from backend.store.tables import charge_point, charging_transaction, meter_value, transaction_event
from backend.store.transactions import settle
from shared.ids import ChargePointId, EvseId, TransactionKey
from shared.ocpp.session import Payload, loads
from shared.ocpp.v201 import EventType, TransactionMessage, decode_transaction_event
from shared.ocpp.validation import Version

_T = charging_transaction.c
_E = transaction_event.c

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
    row = _find(connection, received.charge_point_id, message.key)
    if row is None:
        _insert(connection, message, received, version)
        row = _find(connection, received.charge_point_id, message.key)
        assert row is not None  # noqa: S101  just inserted
    elif _is_known(connection, row.id, message):
        return int(row.id)
    row_id = int(row.id)
    tells_more = _tells_more(connection, row, message)
    append_event(connection, row_id, message.kind, received, message.seq_no)
    store_meter_values(connection, row_id, message.values)
    store_signed_values(connection, row_id, message.signed, received.at)
    if tells_more:
        settle(connection, row_id)
    return row_id


# Row[...] here and below: SQLAlchemy does not type the columns of a whole table.
def _find(
    connection: Connection, charge_point_id: ChargePointId, key: TransactionKey
) -> "Row[tuple[object, ...]] | None":
    """Find a transaction by the name that its station gave it."""
    query = select(charging_transaction).where(
        _T.charge_point_id == charge_point_id, _T.station_key == key, _T.ocpp != Version.V16.value
    )
    return connection.execute(query).first()


def evse_of(connection: Connection, transaction_id: int) -> EvseId:
    """Tell where a transaction is, as far as it is known: EVSE 0 else."""
    return EvseId(connection.scalar(select(_T.evse_id).where(_T.id == transaction_id)) or 0)


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


def _is_known(connection: Connection, row_id: int, message: TransactionMessage) -> bool:
    query = select(_E.payload).where(_E.transaction_id == row_id, _E.seq_no == message.seq_no)
    payloads = connection.execute(query).scalars()
    return any(same_meaning(message, decode_transaction_event(cast(Payload, loads(one)))) for one in payloads)


def _tells_more(connection: Connection, row: "Row[tuple[object, ...]]", message: TransactionMessage) -> bool:
    """Tell whether a message may change what is derived; readings in order while the transaction runs don't."""
    if message.kind is not EventType.UPDATED or row.state == State.RATED or row.ended_at is not None:
        return True
    if (message.id_token is not None and message.id_token.value != row.id_token) or (
        message.evse_id is not None and message.evse_id != row.evse_id
    ):
        return True
    last = select(func.max(_E.seq_no)).where(_E.transaction_id == row.id).scalar_subquery()
    has_value = select(meter_value.c.id).where(meter_value.c.transaction_id == row.id).exists()
    known = connection.execute(select(last.label("last"), has_value.label("has_value"))).one()
    return known.last is None or message.seq_no != known.last + 1 or not known.has_value
