"""What is known of stations, as people and rules look at it. Queries only."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, select

from backend.core.people.access import EVERYTHING, View
from backend.core.watch.alert import StationFacts
from backend.core.watch.availability import Availability, Change, Span, availability
from backend.core.watch.fault import Fault
from backend.store.scope import charge_points_in
from backend.store.tables import charge_point, charging_transaction
from backend.store.watch_tables import backend_run, connector, fault, link_interval, station_link, status_change


@dataclass(frozen=True, slots=True)
class ConnectorRow:
    """A connector as it told last."""

    evse_id: int
    connector_id: int
    status: str
    error_code: str
    status_at: datetime


@dataclass(frozen=True, slots=True)
class LinkRow:
    """How a station's link was when last looked at; None = not known, as for stations of others."""

    heard_at: datetime | None = None
    heartbeat_at: datetime | None = None
    ping_ms: int | None = None
    drift_ms: int | None = None
    certificate_until: datetime | None = None
    backlog_at: datetime | None = None
    pending: int | None = None
    oldest_s: int | None = None
    clears_s: int | None = None
    parked: int | None = None
    parked_sessions: int | None = None
    uncertain_times: int | None = None
    alarm: str | None = None
    modem_at: datetime | None = None
    signal_dbm: int | None = None
    network: str | None = None
    sim: str | None = None
    sent_bytes: int | None = None
    received_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class StationRow:
    """A station with what it told last."""

    id: str
    operator_id: str
    name: str
    city: str
    seen_at: datetime | None
    link: LinkRow
    connectors: tuple[ConnectorRow, ...]
    faults: tuple[Fault, ...]


def stations(connection: Connection, view: View = EVERYTHING, only: str = "") -> list[StationRow]:
    """List the stations of a view by name, or one of them."""
    c = charge_point.c
    query = select(c.id, c.operator_id, c.name, c.city, c.seen_at).where(charge_points_in(view))
    query = query.where(c.id == only) if only else query
    rows = connection.execute(query.order_by(c.name, c.id)).all()
    links = {row.charge_point_id: _link(row) for row in connection.execute(_narrowed(select(station_link), only))}
    plugs: dict[str, list[ConnectorRow]] = {}
    k = connector.c
    for row in connection.execute(_narrowed(select(connector), only).order_by(k.evse_id, k.connector_id)):
        told = ConnectorRow(row.evse_id, row.connector_id, row.status, row.error_code, row.status_at)
        plugs.setdefault(row.charge_point_id, []).append(told)
    faults: dict[str, list[Fault]] = {}
    for one in open_faults(connection, only):
        faults.setdefault(one.charge_point_id, []).append(one)
    return [
        StationRow(*row, links.get(row.id, LinkRow()), tuple(plugs.get(row.id, ())), tuple(faults.get(row.id, ())))
        for row in rows
    ]


def open_faults(connection: Connection, only: str = "") -> list[Fault]:
    """List faults that last, the newest first."""
    query = _narrowed(select(fault).where(fault.c.ended_at.is_(None)), only)
    return [_fault(row) for row in connection.execute(query.order_by(fault.c.began_at.desc(), fault.c.id.desc()))]


def fault_history(connection: Connection, charge_point_id: str, limit: int) -> list[Fault]:
    """List a station's faults, the newest first."""
    query = select(fault).where(fault.c.charge_point_id == charge_point_id)
    rows = connection.execute(query.order_by(fault.c.began_at.desc(), fault.c.id.desc()).limit(limit))
    return [_fault(row) for row in rows]


def links_of(connection: Connection, charge_point_id: str, span: Span) -> list[Span]:
    """List when a station was connected within a span."""
    i = link_interval.c
    rows = connection.execute(
        select(i.began_at, i.until)
        .where(i.charge_point_id == charge_point_id, i.until >= span.start, i.began_at < span.end)
        .order_by(i.began_at)
    )
    return [Span(row.began_at, row.until) for row in rows]


def availabilities(connection: Connection, charge_point_id: str, span: Span) -> dict[int, Availability]:
    """Divide up a span for each EVSE of a station that has told anything of itself."""
    r = backend_run.c
    runs = connection.execute(select(r.began_at, r.until).where(r.until >= span.start, r.began_at < span.end))
    watched = [Span(row.began_at, row.until) for row in runs]
    online = links_of(connection, charge_point_id, span)
    changes: dict[int, dict[int, list[Change]]] = {}
    s = status_change.c
    query = select(s.evse_id, s.connector_id, s.at, s.status).where(
        s.charge_point_id == charge_point_id, s.at < span.end
    )
    for row in connection.execute(query.order_by(s.at, s.id)):
        changes.setdefault(row.evse_id, {}).setdefault(row.connector_id, []).append(Change(row.at, row.status))
    station = [change for line in changes.pop(0, {}).values() for change in line]
    return {
        evse: availability(span, watched, online, list(lines.values()), station)
        for evse, lines in sorted(changes.items())
    }


def watched_since(connection: Connection) -> datetime | None:
    """Tell since when this program runs."""
    r = backend_run.c
    return connection.scalar(select(r.began_at).order_by(r.id.desc()).limit(1))


def station_facts(connection: Connection, operator_id: str) -> list[StationFacts]:
    """Give what an operator's alert rules look at."""
    i, c, t = link_interval.c, charge_point.c, charging_transaction.c
    away = select(func.max(i.until)).where(i.charge_point_id == c.id).scalar_subquery()
    first = select(func.min(i.began_at)).where(i.charge_point_id == c.id).scalar_subquery()
    session = select(func.max(t.started_at)).where(t.charge_point_id == c.id).scalar_subquery()
    online = select(i.id).where(i.charge_point_id == c.id, i.open).exists()
    query = select(c.id, away, first, session, online).where(c.operator_id == operator_id)
    times = {row[0]: row[1:] for row in connection.execute(query)}
    found = []
    for station in stations(connection, View(operator_id=operator_id)):
        last_seen, first_seen, last_session, is_online = times[station.id]
        drift = station.link.drift_ms
        found.append(
            StationFacts(
                station.id,
                offline_since=None if is_online else last_seen or station.seen_at,
                faults=station.faults,
                last_session=last_session or first_seen,
                certificate_until=station.link.certificate_until,
                drift=None if drift is None else timedelta(milliseconds=drift),
                parked=station.link.parked or 0,
                told_at=station.link.backlog_at,
            )
        )
    return found


# Any: queries and rows of several tables that have a charge_point_id.
def _narrowed(query: Any, only: str) -> Any:
    return query.where(query.selected_columns.charge_point_id == only) if only else query


def _link(row: Row[Any]) -> LinkRow:
    values = dict(row._mapping)
    del values["charge_point_id"]
    return LinkRow(**values)


def _fault(row: Row[Any]) -> Fault:
    return Fault(
        row.id,
        row.charge_point_id,
        row.evse_id,
        row.connector_id,
        row.code,
        row.vendor_code,
        row.info,
        row.began_at,
        row.ended_at,
    )


def evses(rows: Iterable[ConnectorRow]) -> dict[int, list[ConnectorRow]]:
    """Put connectors together by EVSE."""
    found: dict[int, list[ConnectorRow]] = {}
    for row in rows:
        found.setdefault(row.evse_id, []).append(row)
    return found
