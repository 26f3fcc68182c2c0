"""What stations tell of themselves, as it comes: statuses, faults, links, ledgers. Run inside units of work."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from backend.core.watch.fault import FAULTED, NO_ERROR
from backend.store.sql import Statement
from backend.store.watch_tables import backend_run, connector, fault, link_interval, station_link, status_change
from shared.ids import ChargePointId
from shared.ocpp.vendor import BacklogReport, ModemReport

LONGEST = 300
"""Characters of a station's text that are kept."""


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What a station tells of a connector; EVSE 0 is the station itself."""

    evse_id: int
    connector_id: int
    status: str
    at: datetime
    error_code: str = ""
    vendor_code: str = ""
    info: str = ""

    @property
    def code(self) -> str:
        """Name the fault that it tells; empty if it tells none."""
        if self.error_code not in NO_ERROR:
            return self.error_code
        return FAULTED if self.status == FAULTED else ""


@dataclass(frozen=True, slots=True)
class EventReport:
    """What an OCPP 2.x station tells of a variable that is true while something is wrong."""

    evse_id: int
    connector_id: int
    code: str
    is_there: bool
    at: datetime
    vendor_code: str = ""
    info: str = ""


@dataclass(frozen=True, slots=True)
class LinkFacts:
    """How a station's connection is now; None = not known."""

    charge_point_id: ChargePointId
    since: datetime
    heard_at: datetime
    heartbeat_at: datetime | None
    ping: timedelta | None
    drift: timedelta | None
    certificate_until: datetime | None


_K, _F = connector.c, fault.c
_PLACE = (
    _K.charge_point_id == bindparam("station"),
    _K.evse_id == bindparam("evse"),
    _K.connector_id == bindparam("plug"),
)
_LAST = Statement(select(_K.status, _K.status_at).where(*_PLACE))
_PUT = Statement(
    upsert(connector)
    .values({column.name: bindparam(column.name) for column in _K})
    .on_conflict_do_update(
        index_elements=["charge_point_id", "evse_id", "connector_id"],
        set_={name: bindparam(name) for name in ("status", "error_code", "status_at")},
    )
)
_OPEN = Statement(
    select(_F.id, _F.source, _F.code, _F.vendor_code).where(
        _F.charge_point_id == bindparam("station"),
        _F.ended_at.is_(None),
        _F.evse_id == bindparam("evse"),
        _F.connector_id == bindparam("plug"),
    )
)


def note_status(connection: Connection, charge_point_id: ChargePointId, report: StatusReport) -> None:
    """Keep what a station tells of a connector, and the faults that begin or end by it.

    A report that is older than what is known goes into the history only.
    """
    place = {"station": charge_point_id, "evse": report.evse_id, "plug": report.connector_id}
    last = _LAST.first(connection, **place)
    if last is None or last.status != report.status or report.at < last.status_at:
        _keep_change(connection, charge_point_id, report)
    if last is not None and report.at < last.status_at:
        if report.code:
            _begin(connection, charge_point_id, report, report.code, "status", ended_at=last.status_at)
        return
    _PUT.run(
        connection,
        charge_point_id=charge_point_id,
        evse_id=report.evse_id,
        connector_id=report.connector_id,
        status=report.status,
        error_code=report.error_code,
        status_at=report.at,
    )
    known = False
    for row in _OPEN.all(connection, **place):
        if row.source != "status":
            continue
        if (row.code, row.vendor_code) == (report.code, report.vendor_code[:LONGEST]):
            known = True
        else:
            connection.execute(update(fault).where(_F.id == row.id).values(ended_at=report.at))
    if report.code and not known:
        _begin(connection, charge_point_id, report, report.code, "status")


def note_event(connection: Connection, charge_point_id: ChargePointId, report: EventReport) -> None:
    """Keep a fault that came or went."""
    place = {"station": charge_point_id, "evse": report.evse_id, "plug": report.connector_id}
    rows = [row for row in _OPEN.all(connection, **place) if (row.source, row.code) == ("event", report.code)]
    if report.is_there and not rows:
        _begin(connection, charge_point_id, report, report.code, "event")
    elif not report.is_there and rows:
        ids = [row.id for row in rows]
        connection.execute(update(fault).where(_F.id.in_(ids)).values(ended_at=report.at))


def _keep_change(connection: Connection, charge_point_id: ChargePointId, report: StatusReport) -> None:
    connection.execute(
        insert(status_change).values(
            charge_point_id=charge_point_id,
            evse_id=report.evse_id,
            connector_id=report.connector_id,
            at=report.at,
            status=report.status,
        )
    )


def _begin(
    connection: Connection,
    charge_point_id: ChargePointId,
    report: StatusReport | EventReport,
    code: str,
    source: str,
    *,
    ended_at: datetime | None = None,
) -> None:
    connection.execute(
        insert(fault).values(
            charge_point_id=charge_point_id,
            evse_id=report.evse_id,
            connector_id=report.connector_id,
            source=source,
            code=code[:LONGEST],
            vendor_code=report.vendor_code[:LONGEST],
            info=report.info[:LONGEST],
            began_at=report.at,
            ended_at=ended_at,
        )
    )


def note_backlog(connection: Connection, charge_point_id: ChargePointId, told: BacklogReport, now: datetime) -> None:
    """Keep how a station's deliveries stand."""
    values = {
        "backlog_at": now,
        "pending": told.pending,
        "oldest_s": told.oldest_s,
        "clears_s": told.clears_s,
        "parked": told.parked,
        "parked_sessions": told.parked_sessions,
        "uncertain_times": told.uncertain_times,
        "alarm": told.alarm[:LONGEST],
    }
    _put_link(connection, charge_point_id, values)


def note_modem(connection: Connection, charge_point_id: ChargePointId, told: ModemReport, now: datetime) -> None:
    """Keep how a station's modem hears and what its SIM has used."""
    values = {
        "modem_at": now,
        "signal_dbm": told.signal_dbm,
        "network": told.network[:LONGEST],
        "sim": told.sim[:LONGEST],
        "sent_bytes": told.sent_bytes,
        "received_bytes": told.received_bytes,
    }
    _put_link(connection, charge_point_id, values)


def begin_run(connection: Connection, now: datetime) -> int:
    """Keep that the program runs from now on, and that links of before ended when last seen; gives the row."""
    connection.execute(update(link_interval).where(link_interval.c.open).values(open=False))
    made = connection.execute(insert(backend_run).values(began_at=now, until=now).returning(backend_run.c.id))
    return int(made.scalar_one())


def keep_run(connection: Connection, run_id: int, now: datetime) -> None:
    """Keep that the program still runs."""
    connection.execute(update(backend_run).where(backend_run.c.id == run_id).values(until=now))


def open_link(connection: Connection, charge_point_id: ChargePointId, since: datetime, now: datetime) -> int:
    """Keep that a station is connected; gives the row."""
    values = {"charge_point_id": charge_point_id, "began_at": since, "until": max(since, now), "open": True}
    return int(connection.execute(insert(link_interval).values(values).returning(link_interval.c.id)).scalar_one())


def close_link(connection: Connection, row: int, now: datetime) -> None:
    """Keep that a connection ended."""
    connection.execute(update(link_interval).where(link_interval.c.id == row).values(until=now, open=False))


def keep_links(connection: Connection, links: Collection[LinkFacts], now: datetime) -> None:
    """Keep how all connections are."""
    connection.execute(update(link_interval).where(link_interval.c.open).values(until=now))
    for link in links:
        values = {
            "heard_at": link.heard_at,
            "heartbeat_at": link.heartbeat_at,
            "ping_ms": _ms(link.ping),
            "drift_ms": _ms(link.drift),
            "certificate_until": link.certificate_until,
        }
        known = {name: value for name, value in values.items() if value is not None}
        _put_link(connection, link.charge_point_id, known)


def forget(connection: Connection, until: datetime) -> None:
    """Drop the history of before; what still lasts stays, and so does the last status of each connector."""
    connection.execute(delete(status_change).where(status_change.c.at < until))
    connection.execute(delete(fault).where(_F.ended_at < until))
    connection.execute(delete(link_interval).where(link_interval.c.until < until, link_interval.c.open.is_(False)))
    connection.execute(delete(backend_run).where(backend_run.c.until < until))


def _put_link(connection: Connection, charge_point_id: ChargePointId, values: Mapping[str, object]) -> None:
    row = {"charge_point_id": charge_point_id, **values}
    connection.execute(
        upsert(station_link).values(row).on_conflict_do_update(index_elements=["charge_point_id"], set_=values)
    )


def _ms(time: timedelta | None) -> int | None:
    return None if time is None else round(time / timedelta(milliseconds=1))
