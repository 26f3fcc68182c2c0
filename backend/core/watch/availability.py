"""How long an EVSE could be used, and why not the rest of the time. Pure.

A span of time is cut where anything changes; each piece has one mode. What nobody watched, because the backend itself
was not running, counts for nothing: it is told, and no share is made of it.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise


class Mode(StrEnum):
    """What an EVSE was to a driver."""

    USABLE = "usable"  # free, or in use
    FAULTED = "faulted"
    OUT_OF_SERVICE = "out_of_service"
    OFFLINE = "offline"  # no connection, whatever it was doing
    UNKNOWN = "unknown"  # connected, and nothing told yet
    UNWATCHED = "unwatched"  # the backend was not running


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of time, without its end."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return max(self.end - self.start, timedelta())


@dataclass(frozen=True, slots=True)
class Change:
    """From then on something has this status (a word of OCPP)."""

    at: datetime
    status: str


@dataclass(frozen=True, slots=True)
class Availability:
    """How the time of a span divides up."""

    times: dict[Mode, timedelta]

    @property
    def watched(self) -> timedelta:
        """All time that is known about."""
        return sum((time for mode, time in self.times.items() if mode is not Mode.UNWATCHED), timedelta())

    def share(self, mode: Mode) -> float | None:
        """Give the share of a mode in the time that is known about, 0 to 1; None if there is none."""
        watched = self.watched
        return self.times.get(mode, timedelta()) / watched if watched else None


_FAULTED, _OUT = "Faulted", "Unavailable"
_BEST = (Mode.USABLE, Mode.UNKNOWN, Mode.OUT_OF_SERVICE, Mode.FAULTED)
"""An EVSE is as good as the best of its connectors; of several only one can be in use anyhow."""


def availability(
    span: Span,
    watched: Sequence[Span],
    online: Sequence[Span],
    connectors: Sequence[Sequence[Change]],
    station: Sequence[Change] = (),
) -> Availability:
    """Divide up a span for one EVSE.

    Args:
        span: that is asked about.
        watched: when the backend ran; in any order, they may overlap.
        online: when the station was connected, likewise.
        connectors: what each connector of the EVSE told, ordered by time; also what was before the span.
        station: what the station told about itself as a whole, likewise.
    """
    watch, link = _Cover(watched), _Cover(online)
    lines = [_Line(one) for one in connectors]
    whole = _Line(station)
    cuts = {span.start, span.end, *watch.edges, *link.edges, *whole.edges}
    cuts.update(edge for line in lines for edge in line.edges)
    moments = sorted(cut for cut in cuts if span.start <= cut <= span.end)
    times: dict[Mode, timedelta] = {}
    for start, end in pairwise(moments):
        mode = Mode.UNWATCHED if not watch.has(start) else Mode.OFFLINE if not link.has(start) else None
        if mode is None:
            mode = _mode([line.at(start) for line in lines], whole.at(start))
        times[mode] = times.get(mode, timedelta()) + (end - start)
    return Availability(times)


def summed(parts: Sequence[Availability]) -> Availability:
    """Add up what several EVSEs had, for instance all of a station."""
    times: dict[Mode, timedelta] = {}
    for part in parts:
        for mode, time in part.times.items():
            times[mode] = times.get(mode, timedelta()) + time
    return Availability(times)


def _mode(connectors: Sequence[str | None], station: str | None) -> Mode:
    if station == _FAULTED:
        return Mode.FAULTED
    if station == _OUT:
        return Mode.OUT_OF_SERVICE
    modes = {_of(status) for status in connectors} or {Mode.UNKNOWN}
    return next(mode for mode in _BEST if mode in modes)


def _of(status: str | None) -> Mode:
    match status:
        case None:
            return Mode.UNKNOWN
        case "Faulted":
            return Mode.FAULTED
        case "Unavailable":
            return Mode.OUT_OF_SERVICE
        case _:
            return Mode.USABLE


class _Cover:
    """Spans, merged."""

    def __init__(self, spans: Sequence[Span]) -> None:
        merged: list[Span] = []
        for one in sorted(spans, key=lambda span: span.start):
            if merged and one.start <= merged[-1].end:
                merged[-1] = Span(merged[-1].start, max(merged[-1].end, one.end))
            else:
                merged.append(one)
        self._starts = [one.start for one in merged]
        self._ends = [one.end for one in merged]
        self.edges = (*self._starts, *self._ends)

    def has(self, moment: datetime) -> bool:
        place = bisect_right(self._starts, moment) - 1
        return place >= 0 and moment < self._ends[place]


class _Line:
    """What held when."""

    def __init__(self, changes: Sequence[Change]) -> None:
        self.edges = tuple(change.at for change in changes)
        self._statuses = [change.status for change in changes]

    def at(self, moment: datetime) -> str | None:
        place = bisect_right(self.edges, moment) - 1
        return self._statuses[place] if place >= 0 else None
