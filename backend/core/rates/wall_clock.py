"""The wall clock at a charge point: when it shows a time, and on which days it is set."""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)

Slot = tuple[date, int]
"""A time between two edges: the local day, and how many of its edges are over."""


class WallClock:
    """Answers for one time zone, and remembers the days it was asked for."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self._days: dict[date, tuple[datetime, datetime, bool]] = {}
        self._marks: dict[tuple[date, frozenset[time]], tuple[list[datetime], datetime]] = {}

    def local(self, at: datetime) -> datetime:
        """Give what the clock shows."""
        return at.astimezone(self.zone)

    def hour(self, at: datetime) -> datetime:
        """Give the instant at which the hour that the clock shows began."""
        local = self.local(at)
        passed = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        return at - passed

    def edges(self, start: datetime, end: datetime, times: frozenset[time]) -> list[datetime]:
        """List the instants strictly between two at which the clock shows one of these times, or is set, in order."""
        return self.timeline(start, end, times)[1]

    def timeline(self, start: datetime, end: datetime, times: frozenset[time]) -> tuple[Slot | None, list[datetime]]:
        """Give the slot of an instant, and the instants as `edges` does; no slot if there are no times."""
        if not times:
            return None, []
        day = self.local(start).date()
        marks, over = self._marks_of(day, times)
        slot = day, bisect_right(marks, start)
        found = [at for at in marks if start < at < end]
        while over < end:
            day += _DAY
            marks, over = self._marks_of(day, times)
            found += [at for at in marks if start < at < end]
        return slot, sorted(set(found)) if len(found) > 1 else found

    def _marks_of(self, day: date, times: frozenset[time]) -> tuple[list[datetime], datetime]:
        """List the instants of a local day at which the clock shows one of these times, or is set; and give its end."""
        known = self._marks.get((day, times))
        if known is None:
            known = self._marks[day, times] = sorted(set(self._on(day, times))), self._day(day)[1]
        return known

    def _day(self, day: date) -> tuple[datetime, datetime, bool]:
        """Give the begin and the end of a local day, and whether the clock runs through it without being set."""
        known = self._days.get(day)
        if known is None:
            first = datetime.combine(day, time(0), self.zone)
            last = datetime.combine(day + _DAY, time(0), self.zone)
            known = first.astimezone(UTC), last.astimezone(UTC), first.utcoffset() == last.utcoffset()
            self._days[day] = known
        return known

    def _on(self, day: date, times: frozenset[time]) -> Iterator[datetime]:
        low, high, plain = self._day(day)
        if plain:
            for edge in times:
                yield low + timedelta(hours=edge.hour, minutes=edge.minute)
            return
        for edge in times:  # twice when the clock is set back
            for fold in (0, 1):
                yield datetime.combine(day, edge, self.zone).replace(fold=fold).astimezone(UTC)
        offset = low.astimezone(self.zone).utcoffset()
        while high - low > timedelta(seconds=1):
            middle = low + timedelta(seconds=(high - low).total_seconds() // 2)
            low, high = (middle, high) if middle.astimezone(self.zone).utcoffset() == offset else (low, middle)
        yield high
