"""Charging periods: a session cut at every instant at which its price may change.

The register is followed as a line through its values. Where a cut falls between two of them, the energy at that instant
is interpolated and the periods on both sides say so. Energies of periods are differences of one rising register of
whole Wh, so their sum is exactly what the meter counted.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

from backend.core.tariff import Restrictions, Tariff
from shared.units import MilliAmp, Watt, Wh

_STANDBY = Watt(50)
"""Below this power a vehicle is not charging; what is left feeds its electronics."""

_RESOLUTION = Wh(10)
"""A value in between that lies so little below an earlier one is rounding of the meter, and is left out."""

_TICK = timedelta(microseconds=1)


class PeriodError(ValueError):
    """The meter values contradict each other, so no energy can be told. The text says which."""


class State(StrEnum):
    """What a vehicle does in a period; decides between TIME, PARKING_TIME and reservation prices."""

    CHARGING = "CHARGING"
    PARKING = "PARKING"
    RESERVATION = "RESERVATION"


@dataclass(frozen=True, slots=True)
class MeterPoint:
    """A value of the register during a session.

    Args:
        at: when, aware.
        energy: the import register in Wh.
        power: W, None where unknown.
        current: sum over the phases in mA, None where unknown.
    """

    at: datetime
    energy: Wh
    power: Watt | None = None
    current: MilliAmp | None = None


@dataclass(frozen=True, slots=True)
class Period:
    """A part of a session in which no price changes.

    Args:
        start: aware.
        end: aware; not before `start`.
        state: what the vehicle did.
        energy: Wh taken in the period.
        interpolated: the register at the start or the end lies between two values of the meter.
        min_power: kW; None where unknown, as with the next three.
        max_power: kW.
        min_current: A, sum over the phases.
        max_current: A, sum over the phases.
        expired: of a reservation: nobody came.
    """

    start: datetime
    end: datetime
    state: State
    energy: Wh
    interpolated: bool = False
    min_power: Decimal | None = None
    max_power: Decimal | None = None
    min_current: Decimal | None = None
    max_current: Decimal | None = None
    expired: bool = False


@dataclass(frozen=True, slots=True)
class _Knot:
    point: MeterPoint
    measured: bool
    cut: bool


def cut(points: Sequence[MeterPoint], tariff: Tariff, zone: ZoneInfo) -> tuple[Period, ...]:
    """Cut a session into charging periods.

    Args:
        points: the register at the start, in between and at the end, in order of time. Values in between that lie
            outside the time of the session are left out.
        tariff: tells where its price may change.
        zone: local time of the charge point.

    Raises:
        PeriodError: fewer than two points, an end before the start, or a register that runs backwards.
    """
    knots = _measured(points)
    start, end = knots[0].point.at, knots[-1].point.at
    restrictions = [element.restrictions for element in tariff.elements]
    for instant in sorted(set(_instants(restrictions, start, end, zone))):
        knots = _cut_at(knots, instant)
    for threshold in sorted(set(_thresholds(restrictions))):
        knots = _cut_where(knots, Wh(knots[0].point.energy + threshold))
    by_power = any(
        limit is not None for r in restrictions for limit in (r.min_power, r.max_power, r.min_current, r.max_current)
    )
    return tuple(_periods(knots, by_power=by_power))


def _measured(points: Sequence[MeterPoint]) -> list[_Knot]:
    if len(points) < 2:
        raise PeriodError("a session needs a register at its start and one at its end")
    first, last = points[0], points[-1]
    if last.at < first.at:
        raise PeriodError(f"the session ends at {last.at:%Y-%m-%dT%H:%M:%SZ}, before it starts")
    inside = [first]
    for point in (*(p for p in points[1:-1] if first.at <= p.at <= last.at), last):
        if point.at < inside[-1].at:
            raise PeriodError(f"values are not in order of time at {point.at:%Y-%m-%dT%H:%M:%SZ}")
        while len(inside) > 1 and point is last and 0 < inside[-1].energy - last.energy <= _RESOLUTION:
            inside.pop()
        fall = inside[-1].energy - point.energy
        if fall > (0 if point is last else _RESOLUTION):
            registers = f"from {inside[-1].energy} to {point.energy} Wh"
            raise PeriodError(f"the register runs backwards at {point.at:%Y-%m-%dT%H:%M:%SZ}: {registers}")
        if fall <= 0:
            inside.append(point)
    return [_Knot(point, measured=True, cut=False) for point in inside]


def _instants(
    restrictions: Iterable[Restrictions], start: datetime, end: datetime, zone: ZoneInfo
) -> Iterator[datetime]:
    """Give every instant within the session at which a restriction of time may begin or cease to hold."""
    rules = list(restrictions)
    seconds = {limit for r in rules for limit in (r.min_duration, r.max_duration) if limit is not None}
    edges = {edge for r in rules for edge in (r.start_time, r.end_time) if edge is not None}
    if any(r.weekdays or r.start_date or r.end_date for r in rules):
        edges.add(time(0))
    candidates = [start + timedelta(seconds=s) for s in seconds]
    if edges:
        day = start.astimezone(zone).date() - timedelta(days=1)
        while day <= end.astimezone(zone).date() + timedelta(days=1):
            candidates += _on_the_clock(day, edges, zone)
            day += timedelta(days=1)
    yield from (instant for instant in candidates if start < instant < end)


def _on_the_clock(day: date, edges: Iterable[time], zone: ZoneInfo) -> Iterator[datetime]:
    """Give when the local clock shows these times on a day: twice when it is set back, and the instant it is set."""
    midnight = datetime.combine(day, time(0), zone)
    for edge in edges:
        for fold in (0, 1):
            yield datetime.combine(day, edge, zone).replace(fold=fold).astimezone(UTC)
    low, high = midnight.astimezone(UTC), datetime.combine(day + timedelta(days=1), time(0), zone).astimezone(UTC)
    offset = low.astimezone(zone).utcoffset()
    if high.astimezone(zone).utcoffset() != offset:
        while high - low > timedelta(seconds=1):
            middle = low + timedelta(seconds=(high - low).total_seconds() // 2)
            low, high = (middle, high) if middle.astimezone(zone).utcoffset() == offset else (low, middle)
        yield high


def _thresholds(restrictions: Iterable[Restrictions]) -> Iterator[int]:
    """Give the energies in Wh, counted from the start, at which a restriction may begin or cease to hold."""
    for rule in restrictions:
        for limit in (rule.min_kwh, rule.max_kwh):
            if limit:
                yield int(limit.scaleb(3).to_integral_value(ROUND_CEILING))


def _cut_at(knots: list[_Knot], instant: datetime) -> list[_Knot]:
    """Cut at a time strictly inside the session."""
    index = next(i for i, knot in enumerate(knots) if knot.point.at >= instant)
    if knots[index].point.at == instant:
        return [*knots[:index], replace(knots[index], cut=True), *knots[index + 1 :]]
    before, after = knots[index - 1].point, knots[index].point
    passed, whole = (instant - before.at) // _TICK, (after.at - before.at) // _TICK
    energy = Wh(before.energy + (2 * passed * (after.energy - before.energy) + whole) // (2 * whole))
    # A register that stands still on both sides is known in between.
    point = MeterPoint(instant, energy, before.power, before.current)
    knot = _Knot(point, measured=before.energy == after.energy, cut=True)
    return [*knots[:index], knot, *knots[index:]]


def _cut_where(knots: list[_Knot], register: Wh) -> list[_Knot]:
    """Cut where the register reached a value, if it did; the time is told to the second."""
    index = next((i for i, knot in enumerate(knots) if knot.point.energy >= register), None)
    if not index:
        return knots
    if knots[index].point.energy == register:
        return [*knots[:index], replace(knots[index], cut=True), *knots[index + 1 :]]
    before, after = knots[index - 1].point, knots[index].point
    whole = after.at - before.at
    part = whole * (register - before.energy) // (after.energy - before.energy)
    instant = min(before.at + timedelta(seconds=round(part.total_seconds())), after.at)
    point = MeterPoint(instant, register, before.power, before.current)
    return [*knots[:index], _Knot(point, measured=False, cut=True), *knots[index:]]


def _periods(knots: list[_Knot], *, by_power: bool) -> Iterator[Period]:
    """Join the knots up to each cut, change of state and, if power decides the price, each value of the meter."""
    states = _states(knots)
    first = 0
    for i in range(1, len(knots)):
        last = i == len(knots) - 1
        if not (last or knots[i].cut or states[i] is not states[i - 1] or (by_power and knots[i].measured)):
            continue
        part = [knot.point for knot in knots[first : i + 1]]
        powers = [Decimal(p.power).scaleb(-3) for p in part if p.power is not None]
        currents = [Decimal(p.current).scaleb(-3) for p in part if p.current is not None]
        yield Period(
            start=part[0].at,
            end=part[-1].at,
            state=states[first],
            energy=Wh(part[-1].energy - part[0].energy),
            interpolated=not (knots[first].measured and knots[i].measured),
            min_power=min(powers, default=None),
            max_power=max(powers, default=None),
            min_current=min(currents, default=None),
            max_current=max(currents, default=None),
        )
        first = i


def _states(knots: list[_Knot]) -> list[State]:
    """Tell the state between each knot and the next: parking is when the register stands still without power."""
    states = []
    for before, after in pairwise(knots):
        power = max(before.point.power or 0, after.point.power or 0)
        idle = after.point.energy == before.point.energy and power < _STANDBY
        states.append(State.PARKING if idle else State.CHARGING)
    return states
