"""Which limits count at a time: schedule, the building's load, dimming. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from backend.core.load.dimming import minimum_w
from backend.core.load.share import Cap
from backend.core.load.site import NOMINAL_V, PHASES, Circuit, EvseKey, Site, Window

LEAD = timedelta(minutes=2)
"""A limit that falls by schedule counts so much earlier, so that stations follow in time."""

_DAY_MIN = 1440


@dataclass(frozen=True, slots=True)
class Around:
    """What is known of the site besides its EVSEs.

    Args:
        building_ma: by phase, what the meter told; None while it is silent or there is none.
        dimmed_w: what the grid operator leaves to all EVSEs together, None = it does not dim.
    """

    building_ma: tuple[int, int, int] | None = None
    dimmed_w: int | None = None


def circuit_limit(site: Site, circuit: Circuit, now: datetime) -> int:
    """Give the limit of a circuit by schedule, mA: the least that counts now or within LEAD."""
    zone = ZoneInfo(site.timezone)
    windows = [one for one in site.windows if one.circuit == circuit.id]
    hits = [one.limit_ma for one in windows for at in (now, now + LEAD) if _counts(one, at.astimezone(zone))]
    return min([circuit.limit_ma, *hits])


def next_fall(site: Site, now: datetime, until: datetime) -> datetime:
    """Tell when the next window begins after LEAD from now, `until` if that is earlier."""
    zone = ZoneInfo(site.timezone)
    at = (now + LEAD).replace(second=0, microsecond=0) + timedelta(minutes=1)
    while at < until:
        local = at.astimezone(zone)
        if any(one.begin == local.time() and _counts(one, local) for one in site.windows):
            return at
        at += timedelta(minutes=1)
    return until


def _counts(window: Window, local: datetime) -> bool:
    at = local.hour * 60 + local.minute
    begin = window.begin.hour * 60 + window.begin.minute
    length = (window.end.hour * 60 + window.end.minute - begin) % _DAY_MIN or _DAY_MIN
    since = (at - begin) % _DAY_MIN
    day = (local.weekday() - (at < begin)) % 7
    return since < length and (not window.weekdays or day in window.weekdays)


def rooms(site: Site, around: Around, now: datetime) -> dict[tuple[str, int], int]:
    """Give what EVSEs may draw on each phase of each circuit, mA."""
    found = {}
    for circuit in site.circuits:
        limit = circuit_limit(site, circuit, now)
        measured = around.building_ma if not circuit.parent and site.has_meter else None
        for phase in PHASES:
            found[circuit.id, phase] = limit - (measured[phase - 1] if measured else circuit.other_ma)
    return found


def dimmed_to(site: Site, limit_w: int | None) -> int | None:
    """Give what a dimming leaves, W: never less than the rule says."""
    if limit_w is None:
        return None
    least = minimum_w(len(site.evses)) if site.minimum_w is None else site.minimum_w
    return max(limit_w, least)


def caps(site: Site, around: Around, now: datetime, used: Mapping[EvseKey, tuple[int, ...]]) -> list[Cap[EvseKey]]:
    """Give all that is limited, before anybody draws.

    Args:
        site: whose.
        around: what is known besides.
        now: when.
        used: phases of the site that each EVSE loads.
    """
    found: list[Cap[EvseKey]] = []
    for (circuit, phase), room in rooms(site, around, now).items():
        below = [one.key for one in site.evses if circuit in site.paths[one.circuit] and phase in used[one.key]]
        found.append(Cap(f"{circuit} L{phase}", room, dict.fromkeys(below, 1)))
    if around.dimmed_w is not None:
        weights = {one.key: len(used[one.key]) for one in site.evses}
        found.append(Cap("dimming", around.dimmed_w * 1000 // NOMINAL_V, weights))
    return found
