"""Sites of load management: kept as they are described, with what came of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from backend.core.load.control import Decision, Memory, Seen
from backend.core.load.dimming import KEPT, Dimming
from backend.core.load.limits import dimmed_to
from backend.core.load.site import EvseKey, Site, SiteError
from backend.core.load.site_json import parse_site, site_json
from backend.core.people.access import EVERYTHING, View
from backend.core.record import from_json, to_json
from backend.core.transaction import State
from backend.store.load_tables import load_dimming, load_evse, load_reading, load_sample, load_site
from backend.store.scope import of_operator
from backend.store.tables import charge_point, charging_transaction, evse, meter_value

FRESH = timedelta(minutes=2)
"""A reading of the building's meter that is older does not count; of those within it the largest does."""
SAMPLES_KEPT = timedelta(days=35)

_S, _E, _D, _R, _P = load_site.c, load_evse.c, load_dimming.c, load_reading.c, load_sample.c
_FREE = ("", "Available", "Unavailable", "Faulted", "Reserved")
"""Statuses of an EVSE without a car."""


@dataclass(frozen=True, slots=True)
class EvseState:
    """What an EVSE was told and what its station said. `target_ma` is -1 while it is not steered."""

    memory: Memory
    target_ma: int = -1
    bound_ma: int = 0
    batch: str = ""
    default_batch: str = ""
    answer: str = ""


@dataclass(frozen=True, slots=True)
class DimmingEvent:
    """A row of the log of dimming: what was asked, or that all stations in reach have followed."""

    id: int
    at: datetime
    kind: str
    limit_w: int | None
    effective_w: int | None
    until: datetime | None
    source: str


def put_site(connection: Connection, operator_id: str, id_: str, body: Mapping[str, Any], now: datetime) -> Site:
    """Keep a site, new or instead of what it was.

    Raises:
        SiteError: it can't be so; nothing was changed.
    """
    site = parse_site(body, id_)
    owner = connection.scalar(select(_S.operator_id).where(_S.id == id_))
    if owner is not None and owner != operator_id:
        raise SiteError(f"the id {id_} is taken: choose another one")
    p = charge_point.c
    own = set(connection.scalars(select(p.id).where(p.operator_id == operator_id)))
    elsewhere = {
        row.charge_point_id: row.site_id
        for row in connection.execute(select(_E.charge_point_id, _E.site_id).where(_E.site_id != id_))
    }
    for name, _ in (one.key for one in site.evses):
        if name not in own:
            raise SiteError(f"there is no charge point {name}")
        if name in elsewhere:
            raise SiteError(f"charge point {name} belongs to the site {elsewhere[name]} already")
    body_text = json.dumps(site_json(site), default=float, ensure_ascii=False)
    values = {"id": id_, "operator_id": operator_id, "body": body_text, "updated_at": now}
    put = upsert(load_site).values(values)
    connection.execute(put.on_conflict_do_update(index_elements=["id"], set_=values))
    before = evse_states(connection, id_)
    wanted = {one.key for one in site.evses}
    for key in before.keys() - wanted:
        connection.execute(delete(load_evse).where(_E.charge_point_id == key[0], _E.evse_id == key[1]))
    for key in wanted - before.keys():
        save_evse(connection, id_, key, EvseState(Memory()))
    return site


def drop_site(connection: Connection, id_: str) -> bool:
    """Forget a site; the log of its dimming stays. Stations keep to their fail-safe current."""
    for table in (load_evse, load_reading, load_sample):
        connection.execute(delete(table).where(table.c.site_id == id_))
    return connection.execute(delete(load_site).where(_S.id == id_)).rowcount == 1


def list_sites(connection: Connection, view: View = EVERYTHING) -> list[tuple[str, Site]]:
    """List sites with their operators."""
    rows = connection.execute(select(load_site).where(of_operator(view, _S.operator_id)).order_by(_S.id))
    return [(row.operator_id, parse_site(json.loads(row.body, parse_float=Decimal), row.id)) for row in rows]


def find_site(connection: Connection, id_: str) -> tuple[str, Site] | None:
    """Give a site with its operator."""
    return next((one for one in list_sites(connection) if one[1].id == id_), None)


def evse_states(connection: Connection, id_: str) -> dict[EvseKey, EvseState]:
    """Give what each EVSE of a site was told."""
    return {
        (row.charge_point_id, row.evse_id): EvseState(
            from_json(Memory, row.memory), row.target_ma, row.bound_ma, row.batch, row.default_batch, row.answer
        )
        for row in connection.execute(select(load_evse).where(_E.site_id == id_))
    }


def save_evse(connection: Connection, id_: str, key: EvseKey, state: EvseState) -> None:
    """Keep what an EVSE was told."""
    values = {
        "charge_point_id": key[0],
        "evse_id": key[1],
        "site_id": id_,
        "memory": to_json(state.memory),
        "target_ma": state.target_ma,
        "bound_ma": state.bound_ma,
        "batch": state.batch,
        "default_batch": state.default_batch,
        "answer": state.answer,
    }
    put = upsert(load_evse).values(values)
    connection.execute(put.on_conflict_do_update(index_elements=["charge_point_id", "evse_id"], set_=values))


def read_evses(connection: Connection, site: Site, online: frozenset[str]) -> dict[EvseKey, Seen]:
    """Tell what is known of the EVSEs of a site.

    Args:
        connection: of a reader.
        site: whose.
        online: stations that are connected.
    """
    stations = {one.key[0] for one in site.evses}
    e, t = evse.c, charging_transaction.c
    told = select(e.charge_point_id, e.evse_id, e.status, e.status_at).where(e.charge_point_id.in_(stations))
    statuses = {(row.charge_point_id, row.evse_id): row for row in connection.execute(told)}
    running = select(t.id, t.charge_point_id, t.evse_id, t.station_key, t.foreign_id, t.started_at, t.ocpp)
    running = running.where(
        t.state.in_([State.RUNNING, State.HELD]), t.ended_at.is_(None), t.charge_point_id.in_(stations)
    ).order_by(t.started_at, t.id)
    last = {(row.charge_point_id, row.evse_id): row for row in connection.execute(running)}
    found = {}
    for one in site.evses:
        status, transaction = statuses.get(one.key), last.get(one.key)
        if transaction and status and status.status == "Available" and status.status_at > transaction.started_at:
            transaction = None  # its end got lost
        plugged = transaction is not None or (status is not None and status.status not in _FREE)
        used, at = _used(connection, transaction.id) if transaction else ((), None)
        name = _name(transaction) if transaction else ""
        found[one.key] = Seen(one.key[0] in online, name, plugged, used, at)
    return found


def _name(transaction: Any) -> str:  # Any: a row
    """Give the name that the station knows a transaction by, which may be none of ours."""
    foreign = transaction.foreign_id if transaction.ocpp == "1.6" else ""
    return str(transaction.station_key or foreign or transaction.id)


def _used(connection: Connection, transaction_id: int) -> tuple[tuple[int, ...], datetime | None]:
    m = meter_value.c
    query = select(m.at, m.current_l1_ma, m.current_l2_ma, m.current_l3_ma).where(m.transaction_id == transaction_id)
    row = connection.execute(query.order_by(m.at.desc(), m.id.desc()).limit(1)).first()
    if row is None or row[1] is None:
        return (), None
    return tuple(ma or 0 for ma in row[1:]), row[0]


def dim(  # noqa: PLR0917  what a grid operator says, and where
    connection: Connection, id_: str, limit_w: int | None, until: datetime | None, source: str, now: datetime
) -> DimmingEvent:
    """Keep what the grid operator asks for; the same again changes nothing.

    Raises:
        LookupError: there is no such site.
    """
    found = find_site(connection, id_)
    if found is None:
        raise LookupError(id_)
    operator_id, site = found
    last = _last_asked(connection, id_)
    if (
        last
        and (last.limit_w, last.until) == (limit_w, until)
        and Dimming(limit_w, last.at, until).limit_at(now) == limit_w
    ):
        return last
    log_dimming(connection, operator_id, id_, "asked", Dimming(limit_w, now, until), dimmed_to(site, limit_w), source)
    asked = _last_asked(connection, id_)
    assert asked  # noqa: S101  just stored
    return asked


def log_dimming(  # noqa: PLR0917  a row
    connection: Connection, operator_id: str, id_: str, kind: str, told: Dimming, effective_w: int | None, source: str
) -> None:
    """Add a row to the log of dimming."""
    values = {"operator_id": operator_id, "site_id": id_, "at": told.at, "kind": kind, "limit_w": told.limit_w}
    values |= {"effective_w": effective_w, "until": told.until, "source": source}
    connection.execute(insert(load_dimming).values(values))


def _last_asked(connection: Connection, id_: str) -> DimmingEvent | None:
    return next(iter(dimmings(connection, id_, 1, kind="asked")), None)


def dimmings(connection: Connection, id_: str, limit: int = 100_000, kind: str = "") -> list[DimmingEvent]:
    """Give the log of dimming of a site, the newest first."""
    columns = (_D.id, _D.at, _D.kind, _D.limit_w, _D.effective_w, _D.until, _D.source)
    query = select(*columns).where(_D.site_id == id_).order_by(_D.id.desc()).limit(limit)
    if kind:
        query = query.where(_D.kind == kind)
    return [DimmingEvent(*row) for row in connection.execute(query)]


def dimmed_now(connection: Connection, site: Site, now: datetime) -> int | None:
    """Give what the grid operator leaves to a site now, W; None while it does not dim."""
    last = _last_asked(connection, site.id)
    return dimmed_to(site, Dimming(last.limit_w, last.at, last.until).limit_at(now)) if last else None


def take_reading(connection: Connection, id_: str, currents_ma: tuple[int, int, int], now: datetime) -> None:
    """Keep what the building draws besides.

    Raises:
        LookupError: there is no such site.
    """
    if find_site(connection, id_) is None:
        raise LookupError(id_)
    l1, l2, l3 = currents_ma
    values = {"site_id": id_, "at": now, "l1_ma": l1, "l2_ma": l2, "l3_ma": l3}
    connection.execute(insert(load_reading).prefix_with("OR REPLACE").values(values))
    connection.execute(delete(load_reading).where(_R.site_id == id_, _R.at < now - 2 * FRESH))


def building(connection: Connection, id_: str, now: datetime) -> tuple[int, int, int] | None:
    """Give the most that the building drew within FRESH, by phase in mA; None while its meter is silent."""
    most = select(func.max(_R.l1_ma), func.max(_R.l2_ma), func.max(_R.l3_ma))
    row = connection.execute(most.where(_R.site_id == id_, _R.at > now - FRESH)).one()
    return None if row[0] is None else (row[0], row[1], row[2])


def add_sample(  # noqa: PLR0917  a row
    connection: Connection, id_: str, now: datetime, allotted_ma: int, measured_ma: int, limit_ma: int
) -> None:
    """Keep a point of the chart of the day, one a minute, and let go what is old."""
    at = now.replace(second=0, microsecond=0)
    values = {"site_id": id_, "at": at, "allotted_ma": allotted_ma, "measured_ma": measured_ma, "limit_ma": limit_ma}
    connection.execute(insert(load_sample).prefix_with("OR REPLACE").values(values))
    connection.execute(delete(load_sample).where(_P.site_id == id_, _P.at < now - SAMPLES_KEPT))
    connection.execute(delete(load_dimming).where(_D.at < now - KEPT))


def samples(connection: Connection, id_: str, begin: datetime, end: datetime) -> list[tuple[datetime, int, int, int]]:
    """Give (time, allotted, measured, limit) in mA from `begin` to `end`, in order of time."""
    query = select(_P.at, _P.allotted_ma, _P.measured_ma, _P.limit_ma)
    rows = connection.execute(query.where(_P.site_id == id_, _P.at >= begin, _P.at < end).order_by(_P.at))
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def by_circuit(site: Site, drawn: Mapping[EvseKey, Mapping[int, int]]) -> dict[tuple[str, int], int]:
    """Sum up currents of EVSEs, by phase of the site, for each phase of each circuit, mA."""
    sums = {(one.id, phase): 0 for one in site.circuits for phase in (1, 2, 3)}
    for spec in site.evses:
        for circuit in site.paths[spec.circuit]:
            for phase, ma in drawn.get(spec.key, {}).items():
                sums[circuit, phase] += ma
    return sums


def drawn_of(
    site: Site, seen: Mapping[EvseKey, Seen], decision: Decision
) -> tuple[dict[tuple[str, int], int], dict[tuple[str, int], int]]:
    """Give what is allotted and what is measured on each phase of each circuit, mA."""
    allotted = {key: dict.fromkeys(decision.used[key], ma) for key, ma in decision.bounds.items()}
    measured = {
        one.key: dict(zip(one.phases, seen[one.key].used_ma, strict=False)) for one in site.evses if one.key in seen
    }
    return by_circuit(site, allotted), by_circuit(site, measured)
