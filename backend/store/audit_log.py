"""Who did what. `record` runs inside one unit of work of `Store.write`; entries are never changed."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from backend.core.people.access import View
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


def came_in_from(connection: Connection, account_id: str, address: str) -> bool:
    """Tell whether a user logged in from that address before."""
    query = select(_E.id).where(_E.account_id == account_id, _E.action == "login", _E.address == address)
    return connection.execute(query.limit(1)).first() is not None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which actions to list: what is empty counts for all; `object` is a part of it, `until` is not included."""

    actor: str = ""
    action: str = ""
    object: str = ""
    since: datetime | None = None
    until: datetime | None = None


def list_actions(connection: Connection, view: View) -> list[str]:
    """List the names of all actions that were recorded."""
    query = select(_E.action).where(of_operator(view, _E.operator_id)).distinct().order_by(_E.action)
    return list(connection.scalars(query))


def list_entries(
    connection: Connection, view: View, limit: int, before: int | None = None, wanted: Wanted | None = None
) -> list[Done]:
    """List actions, the newest first."""
    wanted = wanted or Wanted()
    query = select(audit_entry).where(of_operator(view, _E.operator_id)).order_by(_E.id.desc()).limit(limit)
    if before is not None:
        query = query.where(_E.id < before)
    for name in ("actor", "action"):
        if value := getattr(wanted, name):
            query = query.where(_E[name] == value)
    if wanted.object:
        query = query.where(_E.object.contains(wanted.object, autoescape=True))
    if wanted.since:
        query = query.where(_E.at >= wanted.since)
    if wanted.until:
        query = query.where(_E.at < wanted.until)
    return [Done(**row._mapping) for row in connection.execute(query)]
