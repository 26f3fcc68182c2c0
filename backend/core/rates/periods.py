"""Charging periods: a session cut at every instant at which its price may change.

The register is followed as a line through its values. Where a cut falls between two of them, the energy at that instant
is interpolated, if that is allowed, and the periods on both sides say so. Energies of periods are differences of one
rising register of whole Wh, so their sum is exactly what the meter counted.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from itertools import compress, pairwise
from operator import lt
from typing import cast
from zoneinfo import ZoneInfo

from backend.core.rates.charging_period import Between, MeterPoint, Period, PeriodError, State
from backend.core.rates.wall_clock import WallClock
from backend.core.tariffs.prices import PriceBook, Stretch
from backend.core.tariffs.tariff_model import Tariff
from shared.units import MilliAmp, Watt, Wh

__all__ = ["Between", "MeterPoint", "Period", "PeriodError", "State", "cut", "cut_at", "cut_where", "stretches"]

_STANDBY = 50
"""W below which a vehicle is not charging; what is left feeds its electronics."""

_RESOLUTION = 10
"""A value in between that lies so few Wh below an earlier one is rounding of the meter, and is left out."""

_THOUSANDTH = Decimal("0.001")
_TICK = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class Track:
    """The register as a line: times and registers side by side, with what is known at each of them.

    `charging` tells of each interval what the vehicle did, `steady` that it charged all the time, `cuts` is 1 where a
    price may change. `powers` and `currents` are empty if none is known, or none decides a price.
    """

    times: list[datetime]
    registers: list[int]
    powers: list[int | None]
    currents: list[int | None]
    charging: list[bool]
    measured: list[bool]
    cuts: bytearray
    steady: bool

    def insert(self, i: int, at: datetime, register: int, *, measured: bool) -> None:
        """Add a cut between the values `i - 1` and `i`."""
        self.times.insert(i, at)
        self.registers.insert(i, register)
        for known in (self.powers, self.currents):
            if known:
                known.insert(i, known[i - 1])
        self.charging.insert(i, self.charging[i - 1])
        self.measured.insert(i, measured)
        self.cuts.insert(i, 1)


def cut(
    points: Sequence[MeterPoint], tariff: Tariff, zone: ZoneInfo, between: Between = Between.INTERPOLATE
) -> tuple[Period, ...]:
    """Cut a session into charging periods.

    Args:
        points: the register at the start, in between and at the end, in order of time. Values in between that lie
            outside the time of the session are left out.
        tariff: tells where its price may change.
        zone: local time of the charge point.
        between: what is done where a cut falls between two values of the meter.

    Raises:
        PeriodError: fewer than two points, an end before the start, or a register that runs backwards.
    """
    book = PriceBook(tariff, WallClock(zone))
    track = follow(points, by_power=book.by_power)
    found = stretches_of(track)
    changes = book.changes(found[0].start, found[-1].end, found, moving=())
    return cut_track(track, changes, energies=book.energies, by_power=book.by_power, between=between)


def cut_track(
    track: Track,
    changes: Iterable[datetime],
    *,
    energies: Iterable[Decimal],
    by_power: bool,
    between: Between,
) -> tuple[Period, ...]:
    """Cut a session where a caller says; the track is used up.

    Args:
        track: from `follow`.
        changes: instants strictly inside the session.
        energies: Wh from the start at which a price may change.
        by_power: the price depends on power, so each value of the meter is a cut.
        between: as in `cut`.
    """
    allowed = between is Between.INTERPOLATE
    for instant in changes:
        _cut_time(track, instant, interpolate=allowed)
    for energy in energies:
        _cut_register(track, track.registers[0] + int(energy.to_integral_value(ROUND_CEILING)), interpolate=allowed)
    return tuple(_periods(track, by_power=by_power))


def cut_at(period: Period, instant: datetime) -> tuple[Period, Period]:
    """Divide a period at an instant strictly inside, its energy in proportion to time, in whole Wh."""
    passed, whole = (instant - period.start) // _TICK, (period.end - period.start) // _TICK
    first = Wh((2 * passed * int(period.energy) + whole) // (2 * whole))
    rest = Decimal(period.energy) - first if isinstance(period.energy, Decimal) else Wh(period.energy - first)
    told = period.interpolated or bool(period.energy)
    return (
        replace(period, end=instant, energy=first, interpolated=told),
        replace(period, start=instant, energy=rest, interpolated=told),
    )


def cut_where(period: Period, energy: Decimal) -> tuple[Period, Period]:
    """Divide a period where it has taken so many Wh, above 0 and below all; the time is told to the second."""
    seconds = (period.end - period.start) // _TICK * int(energy * 1000) // int(period.energy * 1000) * _TICK
    instant = min(period.start + timedelta(seconds=round(seconds.total_seconds())), period.end)
    return (
        replace(period, end=instant, energy=energy, interpolated=True),
        replace(period, start=instant, energy=period.energy - energy, interpolated=True),
    )


def stretches(periods: Iterable[Period]) -> list[Stretch]:
    """Join the periods after a reservation to times in which the vehicle charges, or does not."""
    found: list[Stretch] = []
    for period in periods:
        if period.state is State.RESERVATION:
            continue
        charging = period.state is State.CHARGING
        if found and found[-1].charging is charging:
            found[-1] = Stretch(found[-1].start, period.end, charging)
        else:
            found.append(Stretch(period.start, period.end, charging))
    return found


def follow(points: Sequence[MeterPoint], *, by_power: bool) -> Track:
    """Read a session's register as a line; `points` and errors as in `cut`, `by_power` as in `cut_track`."""
    if len(points) < 2:
        raise PeriodError("a session needs a register at its start and one at its end")
    times = [point.at for point in points]
    registers: list[int] = [point.energy for point in points]
    rising = all(map(lt, registers, registers[1:]))
    if sorted(times) != times or not (rising or sorted(registers) == registers):
        points = _mended(points)
        times, registers = [point.at for point in points], [point.energy for point in points]
    return Track(
        times=times,
        registers=registers,
        powers=_if_known([point.power for point in points]) if by_power else [],
        currents=_if_known([point.current for point in points]) if by_power else [],
        charging=[True] * (len(points) - 1) if rising else _charging(points),
        measured=[True] * len(points),
        cuts=bytearray(len(points)),
        steady=rising,
    )


def _mended(points: Sequence[MeterPoint]) -> Sequence[MeterPoint]:
    """Leave out what lies outside the session and what is rounding of the meter; refuse what contradicts itself."""
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
    return inside


def _charging(points: Sequence[MeterPoint]) -> list[bool]:
    """Tell of each interval whether the vehicle charges: it does not if the register stands still without power."""
    return [
        a.energy != b.energy or (a.power or 0) >= _STANDBY or (b.power or 0) >= _STANDBY for a, b in pairwise(points)
    ]


def _turns(charging: Sequence[bool]) -> list[int]:
    """List the values at which the vehicle begins or stops to charge."""
    return [i for i, (a, b) in enumerate(pairwise(charging), 1) if a is not b]


def stretches_of(track: Track) -> list[Stretch]:
    """Give the times in which the vehicle charges, or does not."""
    if track.steady:
        return [Stretch(track.times[0], track.times[-1], track.charging[0])]
    turns = [0, *_turns(track.charging), len(track.charging)]
    return [Stretch(track.times[a], track.times[b], track.charging[a]) for a, b in pairwise(turns)]


def _cut_time(track: Track, instant: datetime, *, interpolate: bool) -> None:
    """Cut at a time strictly inside the session."""
    i = bisect_left(track.times, instant)
    if track.times[i] == instant:
        track.cuts[i] = 1
        return
    before, after = track.registers[i - 1], track.registers[i]
    # A register that stands still on both sides is known in between.
    if before != after and not interpolate:
        return
    passed, whole = (instant - track.times[i - 1]) // _TICK, (track.times[i] - track.times[i - 1]) // _TICK
    register = before + (2 * passed * (after - before) + whole) // (2 * whole)
    track.insert(i, instant, register, measured=before == after)


def _cut_register(track: Track, register: int, *, interpolate: bool) -> None:
    """Cut where the register reached a value, if it did; the time is told to the second."""
    i = bisect_left(track.registers, register)
    if i in (0, len(track.registers)):
        return
    if track.registers[i] == register:
        track.cuts[i] = 1
        return
    if not interpolate:
        return
    whole = track.times[i] - track.times[i - 1]
    part = whole * (register - track.registers[i - 1]) // (track.registers[i] - track.registers[i - 1])
    instant = min(track.times[i - 1] + round(part / _SECOND) * _SECOND, track.times[i])
    track.insert(i, instant, register, measured=False)


def _periods(track: Track, *, by_power: bool) -> Iterator[Period]:
    """Join the values up to each cut, change of state and, if power decides the price, each value of the meter."""
    last = len(track.times) - 1
    ends = {0, last} if track.steady else {0, last, *_turns(track.charging)}
    cut = track.cuts.find(1)
    while cut >= 0:
        ends.add(cut)
        cut = track.cuts.find(1, cut + 1)
    if by_power:
        ends |= set(compress(range(last), track.measured))
    for a, b in pairwise(sorted(ends)):
        least_power, most_power = _bounds(track.powers[a : b + 1])
        least_current, most_current = _bounds(track.currents[a : b + 1])
        yield Period(
            start=track.times[a],
            end=track.times[b],
            state=State.CHARGING if track.charging[a] else State.PARKING,
            energy=Wh(track.registers[b] - track.registers[a]),
            interpolated=not (track.measured[a] and track.measured[b]),
            min_power=least_power,
            max_power=most_power,
            min_current=least_current,
            max_current=most_current,
        )


def _if_known(values: list[Watt | None] | list[MilliAmp | None]) -> list[int | None]:
    """Give the values, or none at all if none is known."""
    return [] if values[0] is None and values.count(None) == len(values) else list(values)


def _bounds(values: Sequence[int | None]) -> tuple[Decimal | None, Decimal | None]:
    """Give the least and the highest of the values that are known, in thousands."""
    if not values:
        return None, None
    try:
        known = cast(Sequence[int], values)
        least, most = min(known), max(known)
    except TypeError:  # some are unknown
        return _bounds([value for value in values if value is not None])
    low = least * _THOUSANDTH
    return low, low if most == least else most * _THOUSANDTH
