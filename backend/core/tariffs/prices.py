"""Looking up prices: which component applies at a moment, and when that may change.

Each dimension is looked up by itself: the first element that has a price for it and whose restrictions all hold. A
limit on power or current that is unknown does not hold.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise

from backend.core.rates.charging_period import Period
from backend.core.rates.explain import Words, condition_text, price_words, tier_reasons
from backend.core.rates.hot_data import hot_dataclass
from backend.core.rates.wall_clock import Slot, WallClock
from backend.core.tariffs.tariff_model import (
    Attribution,
    Dimension,
    DurationCounter,
    PriceComponent,
    Reservation,
    Restrictions,
    Span,
    SpotLock,
    Tariff,
    TariffError,
)

_MIDNIGHT = time(0)
_HOURS = [time(hour) for hour in range(24)]
_SECOND = timedelta(seconds=1)
_NONE = timedelta(0)


@dataclass(slots=True)
class Moment:
    """What restrictions are compared with: the start of a period.

    Args:
        at: aware.
        local: the same on the wall clock.
        period: whose power and current count.
        energy: Wh of the session before.
        elapsed: since the start of charging.
        idle: since the vehicle last stopped charging; 0 while it charges.
        window: gives the time that an element's window was open since the start of charging.
    """

    at: datetime
    local: datetime
    period: Period
    energy: Decimal
    elapsed: timedelta
    idle: timedelta
    window: Callable[[int], timedelta]


@hot_dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which the vehicle charges, or does not, without change."""

    start: datetime
    end: datetime
    charging: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """A component with where it stands and the checks that its element's restrictions ask for.

    `words` are those of its price, `when` the element's conditions in German and English.
    """

    element: int
    index: int
    component: PriceComponent
    checks: tuple[Callable[[Moment], bool], ...]
    words: tuple[Words, Words]
    when: tuple[str, str]


class PriceBook:
    """One tariff, prepared for looking up. Immutable but for what it remembers; serves any number of sessions."""

    def __init__(self, tariff: Tariff, clock: WallClock) -> None:
        self.tariff = tariff
        self.clock = clock
        rules = [element.restrictions for element in tariff.elements]
        self._candidates = _candidates(tariff)
        self._times = frozenset(_times(tariff, rules))
        self._durations = _thresholds(rules, DurationCounter.SESSION)
        self._idle_durations = _thresholds(rules, DurationCounter.SINCE_CHARGING_END)
        self._windows = [
            (rule, _thresholds([rule], DurationCounter.IN_WINDOW)) for rule in rules if _counts_in_window(rule)
        ]
        self._by_time = bool(self._times or self._durations or self._idle_durations or self._windows)
        limits = {limit for r in rules for limit in (r.min_kwh, r.max_kwh) if limit}
        self.energies: tuple[Decimal, ...] = tuple(sorted({limit.scaleb(3) for limit in limits}))
        names = [c.formula.names for element in tariff.elements for c in element.components if c.formula]
        self.fleeting = any(n & {"kwh", "minutes"} for n in names)
        self.by_power = any(n & {"min_power", "max_power"} for n in names) or any(
            limit is not None for r in rules for limit in (r.min_power, r.max_power, r.min_current, r.max_current)
        )
        self.spans = spans_counted(tariff)
        self.tier_words = tier_reasons(tariff.graduated) if tariff.graduated else ()
        counters = self._durations or self._idle_durations or self._windows
        self.by_clock = not (counters or self.fleeting or self.by_power or tariff.spot)
        self.counts_idle = bool(self._idle_durations)
        self.has_caps = bool(tariff.caps)
        self.has_steps = any(component.step_size for element in tariff.elements for component in element.components)
        self.has_flat = any(dimension is Dimension.FLAT for dimension, _ in self._candidates)

    def find(self, dimension: Dimension, kind: Reservation | None, moment: Moment) -> Candidate | None:
        """Give the first component of a dimension whose element holds; None means that it is free.

        Raises:
            TariffError: a calendar does not tell the year.
        """
        for candidate in self._candidates.get((dimension, kind), ()):
            for check in candidate.checks:
                if not check(moment):
                    break
            else:
                return candidate
        return None

    def timeline(self, start: datetime, end: datetime) -> tuple[Slot | None, list[datetime]]:
        """Give the slot in which a session starts, and the `changes` in it, if only clock and volume decide prices."""
        return self.clock.timeline(start, end, self._times)

    def changes(
        self, start: datetime, end: datetime, stretches: Sequence[Stretch], *, moving: Sequence[datetime]
    ) -> list[datetime]:
        """List the instants, strictly inside, at which a price may change, in order.

        Args:
            start: of the session, a reservation included.
            end: of the session.
            stretches: from the start of charging to the end; empty for a reservation that expired.
            moving: ends of intervals of a price series.
        """
        if not (self._by_time or moving):
            return []
        found = self.clock.edges(start, end, self._times)
        if stretches:
            began = stretches[0].start
            found += [began + threshold for threshold in self._durations]
            found += self._idle_changes(stretches)
            for rules, thresholds in self._windows:
                found += self._window_changes(rules, thresholds, began, end)
        found += moving
        return sorted({at for at in found if start < at < end}) if found else found

    def in_window(self, element: int, start: datetime, end: datetime) -> timedelta:
        """Give for how long an element's times, weekdays and dates held between two instants."""
        rules = self.tariff.elements[element].restrictions
        return sum((b - a for a, b, open_ in self._pieces(rules, start, end) if open_), _NONE)

    def _idle_changes(self, stretches: Sequence[Stretch]) -> list[datetime]:
        if not self._idle_durations:
            return []
        found = [stretch.start for stretch in stretches]
        return found + [s.start + threshold for s in stretches if not s.charging for threshold in self._idle_durations]

    def _window_changes(
        self, rules: Restrictions, thresholds: Sequence[timedelta], start: datetime, end: datetime
    ) -> list[datetime]:
        """Give when a counter that runs only in the window reaches each threshold."""
        found, passed = [], _NONE
        for a, b, open_ in self._pieces(rules, start, end):
            if open_:
                found += [a + (t - passed) for t in thresholds if passed < t <= passed + (b - a)]
                passed += b - a
        return found

    def _pieces(self, rules: Restrictions, start: datetime, end: datetime) -> list[tuple[datetime, datetime, bool]]:
        """Cut a time at the edges of a window and tell of each piece whether the window is open."""
        edges = [start, *self.clock.edges(start, end, _window_times(rules)), end]
        return [(a, b, _in_time(rules, self.clock.local(a))) for a, b in pairwise(edges) if a < b]


def spans_counted(tariff: Tariff) -> tuple[Span, ...]:
    """List the days, months and years whose end may change a price within a session."""
    spans = [cap.per for cap in tariff.caps]
    spans += [part.per for part in (tariff.quota, tariff.graduated) if part and part.order is Attribution.PERIOD]
    return tuple(span for span in spans if span is not Span.SESSION)


def _candidates(tariff: Tariff) -> dict[tuple[Dimension, Reservation | None], list[Candidate]]:
    found: dict[tuple[Dimension, Reservation | None], list[Candidate]] = {}
    for i, element in enumerate(tariff.elements):
        checks = tuple(_checks(i, element.restrictions))
        when = condition_text(element.restrictions, "de"), condition_text(element.restrictions, "en")
        for j, component in enumerate(element.components):
            kind = (component.dimension, element.restrictions.reservation)
            reserves = element.restrictions.reservation and component.dimension is Dimension.TIME
            item = "RESERVATION_TIME" if reserves else component.dimension.value
            words = price_words(item, component.price, tariff.currency, when)
            found.setdefault(kind, []).append(Candidate(i, j, component, checks, words, when))
    return found


def _times(tariff: Tariff, rules: Sequence[Restrictions]) -> set[time]:
    """Give the local times at which a price may change."""
    times = {edge for rule in rules for edge in _window_times(rule)}
    names = {n for element in tariff.elements for c in element.components if c.formula for n in c.formula.names}
    if names & {"weekday", "month"} or spans_counted(tariff):
        times.add(_MIDNIGHT)
    if "hour" in names:
        times.update(_HOURS)
    if tariff.spot and tariff.spot.lock is SpotLock.INTERVAL:
        for price in tariff.spot.local:
            minutes = (price.at.hour * 60 + price.at.minute + tariff.spot.interval) % (24 * 60)
            times |= {price.at, time(*divmod(minutes, 60))}
    return times


def _window_times(rules: Restrictions) -> frozenset[time]:
    edges = {edge for edge in (rules.start_time, rules.end_time) if edge is not None}
    if rules.weekdays or rules.start_date or rules.end_date or rules.calendar or rules.not_calendar:
        edges.add(_MIDNIGHT)
    return frozenset(edges)


def _counts_in_window(rules: Restrictions) -> bool:
    return rules.duration_counter is DurationCounter.IN_WINDOW and (
        rules.min_duration is not None or rules.max_duration is not None
    )


def _thresholds(rules: Iterable[Restrictions], counter: DurationCounter) -> list[timedelta]:
    limits = {limit for r in rules if r.duration_counter is counter for limit in (r.min_duration, r.max_duration)}
    return sorted(limit * _SECOND for limit in limits if limit is not None)


def _checks(element: int, rules: Restrictions) -> list[Callable[[Moment], bool]]:
    """Give a check for each restriction that is set, the usual ones first."""
    checks: list[Callable[[Moment], bool]] = []
    if _window_times(rules):
        checks.append(lambda m: _in_time(rules, m.local))
    for least, most, quantity in (
        (_wh(rules.min_kwh), _wh(rules.max_kwh), lambda m: m.energy),
        (_seconds(rules.min_duration), _seconds(rules.max_duration), _counter(element, rules)),
    ):
        checks += [_at_least(least, quantity)] if least is not None else []
        checks += [_below(most, quantity)] if most is not None else []
    for name in ("min_power", "min_current"):
        limit = getattr(rules, name)
        checks += [_at_least(limit, _of_period(name))] if limit is not None else []
    for name in ("max_power", "max_current"):
        limit = getattr(rules, name)
        checks += [_below(limit, _of_period(name))] if limit is not None else []
    return checks


def _at_least(limit: object, quantity: Callable[[Moment], object]) -> Callable[[Moment], bool]:
    return lambda m: (found := quantity(m)) is not None and found >= limit  # type: ignore[operator]  # of one type


def _below(limit: object, quantity: Callable[[Moment], object]) -> Callable[[Moment], bool]:
    return lambda m: (found := quantity(m)) is not None and found < limit  # type: ignore[operator]  # of one type


def _of_period(name: str) -> Callable[[Moment], object]:
    return lambda m: getattr(m.period, name)


def _counter(element: int, rules: Restrictions) -> Callable[[Moment], timedelta]:
    if rules.duration_counter is DurationCounter.IN_WINDOW:
        return lambda m: m.window(element)
    if rules.duration_counter is DurationCounter.SINCE_CHARGING_END:
        return lambda m: m.idle
    return lambda m: m.elapsed


def _wh(limit: Decimal | None) -> Decimal | None:
    return None if limit is None else limit.scaleb(3)


def _seconds(limit: int | None) -> timedelta | None:
    return None if limit is None else limit * _SECOND


def _in_time(rules: Restrictions, local: datetime) -> bool:
    day = local.date()
    for calendar in (rules.calendar, rules.not_calendar):
        if calendar and day.year not in calendar.years:
            raise TariffError(f"x_calendars.{calendar.name}.years", f"{day.year} is missing, so the day has no price")
    return (
        _in_window(rules, local.time())
        and (not rules.weekdays or local.weekday() in rules.weekdays)
        and (rules.start_date is None or day >= rules.start_date)
        and (rules.end_date is None or day < rules.end_date)
        and (rules.calendar is None or day in rules.calendar.dates)
        and (rules.not_calendar is None or day not in rules.not_calendar.dates)
    )


def _in_window(rules: Restrictions, now: time) -> bool:
    """Compare with the wall clock. An end of 00:00 is the end of the day; equal times are the whole day."""
    start, end = rules.start_time or _MIDNIGHT, rules.end_time or _MIDNIGHT
    if start < end:
        return start <= now < end
    return start == end or now >= start or now < end
