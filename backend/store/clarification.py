"""What persons decided on sessions, appended. Functions that change something run inside one unit of work."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from backend.core.clarification.inbox import Kind, Ruling
from backend.store.clarification_tables import clarification
from backend.store.sql import Statement

_R = clarification.c
_OF = Statement(select(clarification).where(_R.transaction_id == bindparam("number")).order_by(_R.id))


def rulings_of(connection: Connection, transaction_id: int) -> tuple[Ruling, ...]:
    """List all decisions on a session, in their order."""
    return tuple(_ruling(row) for row in _OF.all(connection, number=transaction_id))


def add_ruling(
    connection: Connection,
    transaction_id: int,
    kind: Kind,
    *,
    value: str,
    reason: str,
    by: str,
    at: datetime,
    undoes: int | None = None,
) -> None:
    """Append a decision."""
    values = {"kind": kind, "value": value, "reason": reason, "by": by, "at": at, "undoes": undoes}
    connection.execute(insert(clarification).values(transaction_id=transaction_id, **values))


# Any: a row of the table.
def _ruling(row: Any) -> Ruling:
    return Ruling(row.id, row.transaction_id, Kind(row.kind), row.value, row.reason, row.by, row.at, row.undoes)
