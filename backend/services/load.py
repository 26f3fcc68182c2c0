"""Sites of load management as commands, API and pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from backend.core.load.limits import rooms
from backend.core.load.site import Circuit, EvseSpec
from backend.core.load.site_json import amperes, site_json
from backend.documents.workbook import Column, write_csv
from backend.jobs.steer_load import Look, look_at
from backend.store import load as rows
from backend.store.load import DimmingEvent


@dataclass(frozen=True, slots=True)
class CircuitRow:
    """A circuit with what it may bear, what is allotted and what is measured: mA for L1, L2, L3."""

    depth: int
    circuit: Circuit
    room: tuple[int, ...]
    allotted: tuple[int, ...]
    measured: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EvseRow:
    """An EVSE. `state` is a word: free, charging, waiting, silent, unknown (took no fail-safe current) or refused."""

    spec: EvseSpec
    state: str
    target_ma: int
    bound_ma: int
    measured: tuple[int, ...]
    answer: str


@dataclass(frozen=True, slots=True)
class SiteView:
    """A site as it is."""

    look: Look
    circuits: list[CircuitRow]
    evses: list[EvseRow]
    events: list[DimmingEvent]


def view_site(connection: Connection, id_: str, online: frozenset[str], now: datetime) -> SiteView | None:
    """Read a site; None if there is none of that id."""
    found = rows.find_site(connection, id_)
    if found is None:
        return None
    look = look_at(connection, *found, online, now)
    allotted, measured = rows.drawn_of(look.site, look.seen, look.decision)
    room = rooms(look.site, look.around, now)

    def phases(values: dict[tuple[str, int], int], circuit: Circuit) -> tuple[int, ...]:
        return tuple(values[circuit.id, phase] for phase in (1, 2, 3))

    circuits = [
        CircuitRow(depth, one, phases(room, one), phases(allotted, one), phases(measured, one))
        for depth, one in look.site.tree()
    ]
    evses = [_row(look, spec, now) for spec in look.site.evses]
    return SiteView(look, circuits, evses, rows.dimmings(connection, id_, 50))


def _row(look: Look, spec: EvseSpec, now: datetime) -> EvseRow:
    seen, state = look.seen[spec.key], look.states.get(spec.key)
    memory, bound = look.decision.memories[spec.key], look.decision.bounds[spec.key]
    if not seen.is_online:
        word = "silent"
    elif memory.retry_at is not None and now < memory.retry_at:
        word = "refused"
    elif memory.default_ma is None:
        word = "unknown"
    elif not seen.transaction:
        word = "free"
    else:
        word = "charging" if bound else "waiting"
    target = look.decision.targets.get(spec.key, bound)
    return EvseRow(spec, word, target, bound, seen.used_ma, state.answer if state else "")


def view_json(view: SiteView) -> dict[str, Any]:
    """Write a site as it is; currents in A."""
    site = view.look.site
    return {
        "id": site.id,
        "operator": view.look.operator_id,
        **site_json(site),
        "dimmed_to_w": view.look.around.dimmed_w,
        "now": {
            "circuits": [
                {
                    "id": one.circuit.id,
                    "room_a": [amperes(ma) for ma in one.room],
                    "allotted_a": [amperes(ma) for ma in one.allotted],
                    "measured_a": [amperes(ma) for ma in one.measured],
                }
                for one in view.circuits
            ],
            "evses": [
                {
                    "charge_point": one.spec.key[0],
                    "evse": one.spec.key[1],
                    "state": one.state,
                    "target_a": amperes(one.target_ma),
                    "may_draw_a": amperes(one.bound_ma),
                    "answer": one.answer,
                }
                for one in view.evses
            ],
        },
    }


def dimming_csv(events: Sequence[DimmingEvent], language: str) -> bytes:
    """Write the log of dimming, the oldest first: the proof for the grid operator."""
    names = ("at_utc", "event", "limit_w", "effective_w", "until_utc", "source")
    columns = [Column(name) for name in names]
    lines = [
        (
            one.at.isoformat(),
            one.kind,
            "" if one.limit_w is None else one.limit_w,
            "" if one.effective_w is None else one.effective_w,
            one.until.isoformat() if one.until else "",
            one.source,
        )
        for one in reversed(events)
    ]
    return write_csv(columns, lines, language)
