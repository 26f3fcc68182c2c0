"""Decide what each EVSE of a site may draw, and which stations have to be told. Pure.

Two rules keep every limit at every moment, also while messages are on their way:
- Current counts as taken until the station has accepted less of it. A raise is asked for only when it fits beside what
  all others may still draw.
- What a station accepts ends by itself (`until`), and then it falls back to its fail-safe current, which it was given
  before. That current is reserved for stations that are silent and for cars that were plugged in and have not begun.

Few messages: a raise by less than RAISE_MA is left out, a current that a car does not use is taken from it only if
another car wants it, and what a station was told is told again only when it is about to end.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from backend.core.load.limits import Around, caps, next_fall
from backend.core.load.share import STEP_MA, Cap, Claim, share
from backend.core.load.site import EvseKey, EvseSpec, Sharing, Site

LEASE = timedelta(minutes=20)
"""How long a station keeps to what it was told, if it hears no more."""
RENEWED = timedelta(minutes=5)
"""Before the end of a lease."""
TURN = timedelta(minutes=30)
"""A car that charges may stay so long before one that waits goes first."""
SETTLED = timedelta(seconds=60)
"""After a change a car needs so long until what it draws tells what it can use."""
REST = timedelta(seconds=60)
"""A current that was lowered is not raised earlier."""
RETRY = timedelta(minutes=2)
"""Until a station that did not take what it was told is asked again."""
RAISE_MA = 1000
HEADROOM_MA = 2000
"""Left to a car above what it uses; when it uses all but half of it, it wants more."""
USES_MA = 1000
"""Less on a phase is no charging."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of an EVSE now.

    Args:
        is_online: its station is connected.
        transaction: names the running one, empty for none.
        is_plugged: a car is there, or a transaction is about to begin.
        used_ma: by phase of the EVSE as its meter told last; empty where it does not tell.
        used_at: when.
    """

    is_online: bool
    transaction: str = ""
    is_plugged: bool = False
    used_ma: tuple[int, ...] = ()
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What a station was told for a transaction."""

    limit_ma: int
    transaction: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of an EVSE.

    Args:
        default_ma: the fail-safe current that the station has accepted.
        accepted: what it keeps to.
        asked: what it was told and has not answered.
        changed_at: when what it keeps to changed.
        lowered_at: when it was told less.
        turn_at: since when it charges or waits.
        retry_at: it refused or did not answer, and is not asked before.
        uses_ma: what the car of this transaction was found to use at most; None while it takes all it gets.
        uses_phases: of the site, on which it was found to charge; empty while unknown.
    """

    default_ma: int | None = None
    accepted: Told | None = None
    asked: Told | None = None
    changed_at: datetime | None = None
    lowered_at: datetime | None = None
    turn_at: datetime | None = None
    retry_at: datetime | None = None
    uses_ma: int | None = None
    uses_phases: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done.

    Args:
        targets: what each EVSE with a transaction should get, mA.
        bounds: what each EVSE may draw at most until it is told otherwise, mA.
        used: phases of the site that each loads.
        orders: what stations have to be told now.
        defaults: EVSEs whose station must be told its fail-safe current.
        memories: with the turns of now.
        caps: all that is limited.
    """

    targets: dict[EvseKey, int] = field(default_factory=dict)
    bounds: dict[EvseKey, int] = field(default_factory=dict)
    used: dict[EvseKey, tuple[int, ...]] = field(default_factory=dict)
    orders: dict[EvseKey, Told] = field(default_factory=dict)
    defaults: tuple[EvseKey, ...] = ()
    memories: dict[EvseKey, Memory] = field(default_factory=dict)
    caps: tuple[Cap[EvseKey], ...] = ()


def decide(
    site: Site, seen: Mapping[EvseKey, Seen], memories: Mapping[EvseKey, Memory], around: Around, now: datetime
) -> Decision:
    """Decide for all EVSEs of a site; those that `seen` or `memories` lack are silent and unknown."""
    sights = {one.key: seen.get(one.key, Seen(False)) for one in site.evses}
    known = {one.key: _remembered(one, memories.get(one.key, Memory()), sights[one.key], now) for one in site.evses}
    used = {one.key: phases_used(one, sights[one.key], known[one.key]) for one in site.evses}
    bounds = {one.key: bound(one, sights[one.key], known[one.key], now) for one in site.evses}
    limited = caps(site, around, now, used)
    steered = [one for one in site.evses if _is_steered(sights[one.key], known[one.key], now)]
    fixed = {key: ma for key, ma in bounds.items() if key not in {one.key for one in steered}}
    targets = _targets(site, steered, sights, known, limited=_without(limited, fixed), now=now)
    until = next_fall(site, now, now + LEASE)
    orders = _orders(steered, sights, known, targets=targets, bounds=bounds, limited=limited, until=until, now=now)
    defaults = tuple(
        one.key
        for one in site.evses
        if sights[one.key].is_online and known[one.key].default_ma != one.fail_safe_ma and _may_ask(known[one.key], now)
    )
    return Decision(targets, bounds, used, orders, defaults, known, tuple(limited))


def bound(spec: EvseSpec, seen: Seen, memory: Memory, now: datetime) -> int:
    """Tell what an EVSE may draw at most, as far as its station was told, mA."""
    default = spec.maximum_ma if memory.default_ma is None else memory.default_ma
    if seen.is_online and not seen.transaction:
        return default if seen.is_plugged else 0
    told = [one for one in (memory.accepted, memory.asked) if one and one.transaction == seen.transaction]
    accepted = memory.accepted
    lasts = accepted is not None and accepted.transaction == seen.transaction and now < accepted.until
    if seen.is_online and lasts:
        return max(one.limit_ma for one in told)
    return max([default, *(one.limit_ma for one in told if now < one.until)])


def phases_used(spec: EvseSpec, seen: Seen, memory: Memory) -> tuple[int, ...]:
    """Tell which phases of the site an EVSE loads: all its own until the car has shown which of them it uses."""
    return (memory.uses_phases if seen.is_online else ()) or spec.phases


def _has_settled(seen: Seen, memory: Memory) -> bool:
    at, accepted = memory.changed_at, memory.accepted
    ours = accepted is not None and accepted.transaction == seen.transaction and accepted.limit_ma > 0
    return bool(ours and at and seen.transaction and seen.used_ma and seen.used_at and seen.used_at >= at + SETTLED)


def _remembered(spec: EvseSpec, memory: Memory, seen: Seen, now: datetime) -> Memory:
    """Forget what was of an earlier transaction, begin a turn, and learn what the car uses."""
    if not seen.is_online:
        return memory
    if not seen.transaction:
        return Memory(default_ma=memory.default_ma, retry_at=memory.retry_at)
    ours = memory.accepted if memory.accepted and memory.accepted.transaction == seen.transaction else None
    asked = memory.asked if memory.asked and memory.asked.transaction == seen.transaction else None
    if (memory.accepted or memory.asked) and not (ours or asked):
        memory = Memory(default_ma=memory.default_ma, retry_at=memory.retry_at)
    memory = replace(memory, accepted=ours, asked=asked, turn_at=memory.turn_at or now)
    return _learned(spec, memory, seen)


def _learned(spec: EvseSpec, memory: Memory, seen: Seen) -> Memory:
    accepted, used = memory.accepted, max(seen.used_ma, default=0)
    draws = zip(spec.phases, seen.used_ma, strict=False)
    phases = tuple(phase for phase, ma in draws if ma >= USES_MA)
    if set(phases) - set(memory.uses_phases or phases):
        memory = replace(memory, uses_phases=())
    if accepted is None or not _has_settled(seen, memory):
        return memory
    memory = replace(memory, uses_phases=phases or memory.uses_phases)
    if used <= accepted.limit_ma - HEADROOM_MA // 2:
        return replace(memory, uses_ma=used)
    if memory.uses_ma is not None and used > memory.uses_ma + HEADROOM_MA // 2:
        return replace(memory, uses_ma=None)
    return memory


def _is_steered(seen: Seen, memory: Memory, now: datetime) -> bool:
    return seen.is_online and bool(seen.transaction) and memory.default_ma is not None and _may_ask(memory, now)


def _may_ask(memory: Memory, now: datetime) -> bool:
    return memory.retry_at is None or now >= memory.retry_at


def _without(limited: list[Cap[EvseKey]], fixed: Mapping[EvseKey, int]) -> list[Cap[EvseKey]]:
    return [
        replace(
            cap, room_ma=cap.room_ma - sum(fixed[key] * weight for key, weight in cap.weights.items() if key in fixed)
        )
        for cap in limited
    ]


def _targets(
    site: Site,
    steered: list[EvseSpec],
    sights: Mapping[EvseKey, Seen],
    known: Mapping[EvseKey, Memory],
    *,
    limited: list[Cap[EvseKey]],
    now: datetime,
) -> dict[EvseKey, int]:
    """Share first as if all could use everything; only if that leaves somebody short, by what they use."""
    ordered = sorted(steered, key=lambda one: _rank(site, one, sights[one.key], known[one.key], now))

    def claims(wants: Mapping[EvseKey, int]) -> list[Claim[EvseKey]]:
        return [Claim(one.key, one.minimum_ma, wants[one.key], _level(site, one)) for one in ordered]

    most = {one.key: one.maximum_ma for one in steered}
    got = share(claims(most), limited)
    if all(got[key] > most[key] - STEP_MA for key in got):
        return got
    return share(claims({one.key: _wanted(one, known[one.key]) for one in steered}), limited)


def _level(site: Site, spec: EvseSpec) -> int:
    return spec.priority if site.sharing is Sharing.PRIORITY else 0


def _rank(site: Site, spec: EvseSpec, seen: Seen, memory: Memory, now: datetime) -> tuple[int, int, datetime, EvseKey]:
    """Whose turn it is: who charges and may stay, who waits longest, whose turn is over or who uses nothing."""
    since = memory.turn_at or now
    charges = memory.accepted is not None and memory.accepted.limit_ma > 0
    if not charges:
        group = 1
    elif _has_settled(seen, memory) and max(seen.used_ma) < USES_MA:
        group = 3
    else:
        group = 0 if now < since + TURN else 2
    return -_level(site, spec), group, since, spec.key


def _wanted(spec: EvseSpec, memory: Memory) -> int:
    """Tell what a car can use: what it draws and some headroom, or all there is while it uses nearly all it has."""
    if memory.uses_ma is None:
        return spec.maximum_ma
    return min(max(memory.uses_ma + HEADROOM_MA, spec.minimum_ma), spec.maximum_ma)


def _orders(
    steered: list[EvseSpec],
    sights: Mapping[EvseKey, Seen],
    known: Mapping[EvseKey, Memory],
    *,
    targets: Mapping[EvseKey, int],
    bounds: Mapping[EvseKey, int],
    limited: list[Cap[EvseKey]],
    until: datetime,
    now: datetime,
) -> dict[EvseKey, Told]:
    """Lower at once; raise what fits beside all that may be drawn until the lowered ones have accepted.

    A little less is not worth a message while nothing is exceeded and nobody needs it.
    """
    orders: dict[EvseKey, Told] = {}
    rooms = [cap.room_ma - sum(bounds[key] * weight for key, weight in cap.weights.items()) for cap in limited]
    is_pressed = any(room < 0 for room in rooms) or any(
        targets[key] >= bounds[key] + RAISE_MA for key in (one.key for one in steered)
    )
    for one in sorted(steered, key=lambda spec: (targets[spec.key] > bounds[spec.key], -targets[spec.key])):
        key, memory = one.key, known[one.key]
        if memory.asked is not None:
            continue  # one at a time
        limit = targets[key]
        has = memory.accepted
        current = has.limit_ma if has and now < has.until else None
        if current and not is_pressed and current - RAISE_MA < limit < current:
            limit = current
        if limit > bounds[key]:
            limit = _fitting(key, bounds[key], limit, limited, rooms)
            limit = limit if limit >= one.minimum_ma else min(bounds[key], 0 if current is None else current)
            if current is not None and not _is_worth_it(one, memory, current, limit, now):
                limit = current
        if limit == current and has is not None and has.until > now + RENEWED:
            continue
        for number, cap in enumerate(limited):
            rooms[number] -= max(0, limit - bounds[key]) * cap.weights.get(key, 0)
        orders[key] = Told(limit, sights[key].transaction, until)
    return orders


def _fitting(key: EvseKey, has: int, wants: int, limited: list[Cap[EvseKey]], rooms: list[int]) -> int:
    more = [room // cap.weights[key] for cap, room in zip(limited, rooms, strict=True) if key in cap.weights]
    return has + max(0, min([wants - has, *more])) // STEP_MA * STEP_MA


def _is_worth_it(spec: EvseSpec, memory: Memory, current: int, limit: int, now: datetime) -> bool:
    if limit <= current:
        return False
    if current and memory.lowered_at is not None and now < memory.lowered_at + REST:
        return False
    return current == 0 or limit - current >= RAISE_MA or limit == spec.maximum_ma


def asked(memory: Memory, told: Told, now: datetime) -> Memory:
    """Note that a station is told something."""
    less = memory.accepted is not None and told.limit_ma < memory.accepted.limit_ma
    return replace(memory, asked=told, lowered_at=now if less else memory.lowered_at)


def answered(memory: Memory, now: datetime) -> Memory:
    """Note that it accepted."""
    told = memory.asked
    if told is None:
        return replace(memory, retry_at=None)
    before = memory.accepted
    changed = before is None or before.limit_ma != told.limit_ma
    turned = before is None or bool(before.limit_ma) != bool(told.limit_ma)
    return replace(
        memory,
        accepted=told,
        asked=None,
        changed_at=now if changed else memory.changed_at,
        turn_at=now if turned else memory.turn_at,
        retry_at=None,
    )


def refused(memory: Memory, now: datetime, *, may_have_acted: bool) -> Memory:
    """Note that it did not accept; one that did not answer may keep to the larger of both all the same."""
    told, accepted = memory.asked, memory.accepted
    if told and may_have_acted and (accepted is None or told.limit_ma > accepted.limit_ma):
        accepted = told
    return replace(memory, asked=None, accepted=accepted, retry_at=now + RETRY)
