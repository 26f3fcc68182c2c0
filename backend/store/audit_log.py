"""Who did what. `record` runs inside one unit of work of `Store.write`; entries are never changed."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from backend.core.access import View
from backend.store.people_tables import audit_entry
from backend.store.scope import of_operator

_E = audit_entry.c


@dataclass(frozen=True, slots=True)
class Done:
    """An action: of whom (`actor` is how they were called then), by which permission or event, on what, from where."""

    at: datetime
    operator_id: str
    account_id: str
    actor: str
    action: str
    object: str
    address: str
    id: int = 0


def record(connection: Connection, done: Done) -> None:
    """Note an action."""
    connection.execute(insert(audit_entry).values({c.name: getattr(done, c.name) for c in _E if c is not _E.id}))


def list_entries(
    connection: Connection, view: View, limit: int, before: int | None = None, actor: str = ""
) -> list[Done]:
    """List actions, the newest first; only those of one actor, if named."""
    query = select(audit_entry).where(of_operator(view, _E.operator_id)).order_by(_E.id.desc()).limit(limit)
    if before is not None:
        query = query.where(_E.id < before)
    if actor:
        query = query.where(_E.actor == actor)
    return [Done(**row._mapping) for row in connection.execute(query)]
