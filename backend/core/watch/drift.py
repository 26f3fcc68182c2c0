"""How wrong a station's clock is, from the stamps of its messages and their arrival. Pure.

A message arrives after its event, seconds later or, kept while there was no connection, days later. So a stamp that
lies in the future proves a clock that is ahead, while one of the past proves nothing alone: only the freshest of
several messages bounds by how much a clock can be behind.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=30)
"""How long a message counts, at least; at most twice that."""

ENOUGH = 3
"""Messages that must agree that a clock is behind."""


@dataclass(slots=True)
class _Lags:
    least: timedelta = timedelta.max
    count: int = 0

    def add(self, lag: timedelta) -> None:
        self.least = min(self.least, lag)
        self.count += 1


@dataclass(slots=True)
class DriftGauge:
    """Takes stamps as they come, and tells the drift."""

    _since: datetime | None = None
    _now: _Lags = field(default_factory=_Lags)
    _before: _Lags = field(default_factory=_Lags)

    def hear(self, stamp: datetime, arrival: datetime) -> None:
        """Take a message: when its event was by the station's clock, and when it arrived by ours."""
        if self._since is None or arrival - self._since >= WINDOW:
            self._since, self._before, self._now = arrival, self._now, _Lags()
        self._now.add(arrival - stamp)

    @property
    def drift(self) -> timedelta | None:
        """Give by how much the clock is ahead, behind if negative; None while too little was heard."""
        count = self._now.count + self._before.count
        least = min(self._now.least, self._before.least)
        return -least if count and (least <= timedelta() or count >= ENOUGH) else None
