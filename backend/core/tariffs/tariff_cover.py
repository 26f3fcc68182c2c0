"""Which cases the elements of a tariff cover: the usefulness test of pattern matching, on boxes of restrictions.

Each restriction bounds one axis (calendar, time of day, kWh, power, current, duration), so an element is a box. Minima
are inclusive and maxima exclusive; one sample at each bound therefore stands for all values up to the next bound. A
price is useless if earlier elements with the same dimension hold at every point of its box, and a dimension has a gap
if there is a point at which none of them holds (Maranget, "Warnings for pattern matching", 2007).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from functools import cached_property, partial
from itertools import pairwise
from typing import TypeVar

from backend.core.rates.explain import LANGUAGES, condition_text
from backend.core.tariffs.tariff_model import DurationCounter, Restrictions

_STEPS = 200_000
"""More than any tariff of people needs; one made by a machine may be left unchecked."""

B = TypeVar("B", int, Decimal)

_RULES = 1000

_DAY = timedelta(days=1)
_WEEK = 7 * _DAY
_ANY_MONDAY = date(2024, 1, 1)


class CoverError(Exception):
    """The elements are too many and too entangled to be checked."""


@dataclass(frozen=True, slots=True)
class Case:
    """A set of moments, for people: `22:00–06:00 Uhr, ab 20 kWh`; empty for all moments."""

    text_de: str
    text_en: str


@dataclass(frozen=True, slots=True)
class _Segment:
    """Values of an axis that the same rules accept, as bits by place; and words for them."""

    accepted: int
    case: Case


@dataclass(frozen=True, slots=True)
class _Axis:
    segments: tuple[_Segment, ...]


class Cover:
    """The boxes of some rules, ready to be asked.

    Args:
        rules: in the order in which they are tried.
        first_day: the first local day on which the tariff is valid, None if it has always been.
        last_day: the last one, None if there is none.
    """

    def __init__(
        self, rules: Sequence[Restrictions], first_day: date | None = None, last_day: date | None = None
    ) -> None:
        self._rules, self._first_day, self._last_day = tuple(rules), first_day, last_day

    @cached_property
    def _axes(self) -> tuple[_Axis, ...]:
        if len(self._rules) > _RULES:
            raise CoverError("too many elements")
        return tuple(_axes(self._rules, self._first_day, self._last_day))

    def gap(self) -> Case | None:
        """Give a case in which no rule holds, None if there is none.

        Raises:
            CoverError: too complex.
        """
        return _search(self._axes, (1 << len(self._rules)) - 1)

    def use(self, place: int) -> Case | None:
        """Give a case in which the rule at a place holds and none before it; None if it never gets a turn.

        Raises:
            CoverError: too complex.
        """
        own = 1 << place
        axes = tuple(_Axis(tuple(s for s in axis.segments if s.accepted & own)) for axis in self._axes)
        if not all(axis.segments for axis in axes):
            return None
        return _search(axes, own - 1)

    def ever(self, place: int) -> bool:
        """Tell whether the rule at a place holds anywhere, were it alone.

        Raises:
            CoverError: too complex.
        """
        own = 1 << place
        return all(any(s.accepted & own for s in axis.segments) for axis in self._axes)


def _search(axes: Sequence[_Axis], rules: int) -> Case | None:
    """Look for one segment of each axis so that no rule accepts all of them."""
    always = [0] * (len(axes) + 1)
    always[-1] = -1
    for depth in range(len(axes) - 1, -1, -1):
        everywhere = always[depth + 1]
        for segment in axes[depth].segments:
            everywhere &= segment.accepted
        always[depth] = everywhere
    dead: set[tuple[int, int]] = set()
    steps = 0

    def visit(depth: int, left: int) -> list[Case] | None:
        nonlocal steps
        if not left:
            return []
        if left & always[depth] or (depth, left) in dead:
            return None
        steps += len(axes[depth].segments)
        if steps > _STEPS:
            raise CoverError("too many elements that overlap")
        for segment in axes[depth].segments:
            found = visit(depth + 1, left & segment.accepted)
            if found is not None:
                return [segment.case, *found]
        dead.add((depth, left))
        return None

    found = visit(0, rules)
    if found is None:
        return None
    return Case(
        ", ".join(case.text_de for case in found if case.text_de),
        ", ".join(case.text_en for case in found if case.text_en),
    )


def _axes(rules: Sequence[Restrictions], first_day: date | None, last_day: date | None) -> Iterator[_Axis]:
    if any(_by_day(r) for r in rules):
        yield _calendar(rules, first_day, last_day)
    yield from _day_times(rules)
    yield from _bounded(rules, _energy, _energy_region)
    yield from _measured(rules, _power, _power_region, ("Leistung", "power"))
    yield from _measured(rules, _current, _current_region, ("Strom", "current"))
    yield from _durations(rules)


def _merged(segments: Iterable[_Segment]) -> _Axis:
    """Keep the first of the segments that the same rules accept."""
    first: dict[int, _Segment] = {}
    for segment in segments:
        first.setdefault(segment.accepted, segment)
    return _Axis(tuple(first.values()))


def _accepted(rules: Sequence[Restrictions], holds: Callable[[Restrictions], bool]) -> int:
    return sum(1 << place for place, rule in enumerate(rules) if holds(rule))


def _case(region: Restrictions) -> Case:
    german, english = (condition_text(region, language) for language in LANGUAGES)
    return Case(german, english)


def _calendar(rules: Sequence[Restrictions], first_day: date | None, last_day: date | None) -> _Axis:
    """Cut the days at each date, and each part into its weekdays; days outside the tariff's validity are left out."""
    bounds = {day for r in rules for day in (r.start_date, r.end_date) if day}
    named = {day for r in rules for calendar in (r.calendar, r.not_calendar) if calendar for day in calendar.dates}
    bounds |= named | {day + _DAY for day in named}
    after = last_day + _DAY if last_day else None
    inside = {d for d in bounds if (not first_day or d > first_day) and (not after or d < after)}
    edges: list[date | None] = [first_day, *sorted(inside), after]
    return _merged(segment for start, end in pairwise(edges) for segment in _weekdays(rules, start, end))


def _weekdays(rules: Sequence[Restrictions], start: date | None, end: date | None) -> Iterator[_Segment]:
    """Cut the days from `start` to before `end` into weekdays that the same rules accept."""
    begin = start or (end - _WEEK if end else _ANY_MONDAY)
    days = [begin + n * _DAY for n in range(7) if end is None or begin + n * _DAY < end]
    by_rules: dict[int, list[date]] = {}
    for day in days:
        by_rules.setdefault(_accepted(rules, partial(_on_day, day)), []).append(day)
    for accepted, same in by_rules.items():
        weekdays = tuple(sorted(day.weekday() for day in same)) if len(same) < len(days) else ()
        yield _Segment(accepted, _case(Restrictions(start_date=start, end_date=end, weekdays=weekdays)))


def _by_day(rule: Restrictions) -> bool:
    return bool(rule.start_date or rule.end_date or rule.weekdays or rule.calendar or rule.not_calendar)


def _on_day(day: date, rule: Restrictions) -> bool:
    return (
        (not rule.weekdays or day.weekday() in rule.weekdays)
        and (rule.start_date is None or day >= rule.start_date)
        and (rule.end_date is None or day < rule.end_date)
        and (rule.calendar is None or day in rule.calendar.dates)
        and (rule.not_calendar is None or day not in rule.not_calendar.dates)
    )


def _day_times(rules: Sequence[Restrictions]) -> Iterator[_Axis]:
    """Cut the day at each start and end, and join neighbours that the same rules accept, over midnight too."""
    if not any(r.start_time is not None or r.end_time is not None for r in rules):
        return
    edges = sorted({edge for r in rules for edge in (r.start_time, r.end_time) if edge is not None} | {time(0)})
    parts = [(edge, _accepted(rules, partial(_in_window, edge))) for edge in edges]
    turns = [part for before, part in zip([parts[-1], *parts], parts, strict=False) if part[1] != before[1]]
    if not turns:
        yield _Axis((_Segment(parts[0][1], Case("", "")),))
        return
    ends = [*turns[1:], turns[0]]
    yield _merged(
        _Segment(accepted, _case(Restrictions(start_time=start, end_time=end)))
        for (start, accepted), (end, _) in zip(turns, ends, strict=True)
    )


def _in_window(now: time, rule: Restrictions) -> bool:
    """Compare with the clock. An end of 00:00 is the end of the day; equal times are the whole day."""
    start, end = rule.start_time or time(0), rule.end_time or time(0)
    if start < end:
        return start <= now < end
    return start == end or now >= start or now < end


Limits = Callable[[Restrictions], tuple[B | None, B | None]]
Region = Callable[[B | None, B | None], Restrictions]


def _edges(rules: Sequence[Restrictions], limits: "Limits[B]") -> list[tuple[B | None, B | None]]:
    """Cut an axis that begins at 0 at each limit; no parts if nothing limits it."""
    found = [limit for rule in rules for limit in limits(rule) if limit is not None]
    if not found:
        return []
    bounds: list[B | None] = [None]
    bounds += [limit for limit in sorted(set(found)) if limit]
    bounds.append(None)
    return list(pairwise(bounds))


def _bounded(rules: Sequence[Restrictions], limits: "Limits[B]", region: "Region[B]") -> Iterator[_Axis]:
    parts = _edges(rules, limits)
    if parts:
        yield _merged(
            _Segment(_accepted(rules, partial(_within, limits, low, low)), _case(region(low, high)))
            for low, high in parts
        )


def _within(limits: "Limits[B]", low: B | None, high: B | None, rule: Restrictions) -> bool:
    """Tell whether a minimum and a maximum hold for values from `low` to `high`, of which None is 0."""
    least, most = limits(rule)
    return (least is None or (low or 0) >= least) and (most is None or (high or 0) < most)


def _energy(rule: Restrictions) -> tuple[Decimal | None, Decimal | None]:
    return rule.min_kwh, rule.max_kwh


def _energy_region(low: Decimal | None, high: Decimal | None) -> Restrictions:
    return Restrictions(min_kwh=low, max_kwh=high)


def _power(rule: Restrictions) -> tuple[Decimal | None, Decimal | None]:
    return rule.min_power, rule.max_power


def _current(rule: Restrictions) -> tuple[Decimal | None, Decimal | None]:
    return rule.min_current, rule.max_current


def _power_region(low: Decimal | None, high: Decimal | None) -> Restrictions:
    return Restrictions(min_power=low, max_power=high)


def _current_region(low: Decimal | None, high: Decimal | None) -> Restrictions:
    return Restrictions(min_current=low, max_current=high)


def _measured(
    rules: Sequence[Restrictions], limits: "Limits[Decimal]", region: "Region[Decimal]", name: tuple[str, str]
) -> Iterator[_Axis]:
    """Cut power or current: the least and the highest value of a period may lie apart, and both may be unknown."""
    parts = _edges(rules, limits)
    if not parts:
        return
    steady = [
        _Segment(_accepted(rules, partial(_within, limits, low, low)), _case(region(low, high))) for low, high in parts
    ]
    swinging = [
        _Segment(_accepted(rules, partial(_within, limits, low, top)), _swinging(_case(region(top, None)), name))
        for i, (low, _) in enumerate(parts)
        for top, _ in parts[i + 1 :]
    ]
    unknown = Case(f"{name[0]} unbekannt", f"{name[1]} unknown")
    unlimited = _accepted(rules, lambda rule: limits(rule) == (None, None))
    yield _merged([*steady, *swinging, _Segment(unlimited, unknown)])


def _swinging(above: Case, name: tuple[str, str]) -> Case:
    """Say that the value crosses a limit within one period."""
    return Case(
        f"{name[0]} teils {above.text_de}, teils darunter, innerhalb eines Messabschnitts",
        f"{name[1]} partly {above.text_en}, partly below, within one metered period",
    )


def _durations(rules: Sequence[Restrictions]) -> Iterator[_Axis]:
    """Cut each counter by itself. A counter that runs only in its element's window is like no other element's."""
    for counter in (DurationCounter.SESSION, DurationCounter.SINCE_CHARGING_END):
        counted = [r for r in rules if r.duration_counter is counter]
        yield from _bounded(rules, partial(_duration_limits, counted), partial(_duration_region, counter))
    for rule in rules:
        if rule.duration_counter is DurationCounter.IN_WINDOW:
            yield from _bounded(
                rules, partial(_duration_limits, [rule]), partial(_duration_region, rule.duration_counter)
            )


def _duration_limits(counted: Sequence[Restrictions], rule: Restrictions) -> tuple[int | None, int | None]:
    return (rule.min_duration, rule.max_duration) if any(rule is one for one in counted) else (None, None)


def _duration_region(counter: DurationCounter, low: int | None, high: int | None) -> Restrictions:
    return Restrictions(min_duration=low, max_duration=high, duration_counter=counter)
