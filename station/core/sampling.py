"""When meter values are due, in world time.

Periodic samples keep the grid of the transaction's begin (OCPP 1.6 errata 3.15: the interval shall hold). Clock-aligned
samples lie on multiples of their interval since 00:00:00 UTC and are taken at the end of each (OCPP 1.6 §9.1.4).
"""

from datetime import datetime

from shared.metering import ReadingContext
from station.core.timekeeping import Now


class PeriodicSamples:
    """The samples of one transaction, counted from `begin` (uptime, s)."""

    def __init__(self, begin: float) -> None:
        self._last = begin

    def due(self, now: Now, interval_s: int) -> bool:
        """Tell whether a sample is due, and count it as taken. 0 means none; missed ones don't pile up."""
        if interval_s <= 0 or now.uptime < self._last + interval_s:
            return False
        self._last += (now.uptime - self._last) // interval_s * interval_s
        return True


class AlignedSamples:
    """The clock-aligned samples of one EVSE."""

    def __init__(self) -> None:
        self._slot: tuple[int, datetime] | None = None

    def due(self, now: Now, interval_s: int) -> bool:
        """Tell whether an interval has just ended. The first look only finds out in which interval we are."""
        if interval_s <= 0:
            self._slot = None
            return False
        midnight = now.utc.replace(hour=0, minute=0, second=0, microsecond=0)
        slot = (int((now.utc - midnight).total_seconds()) // interval_s, midnight)
        before, self._slot = self._slot, slot
        return before is not None and before != slot


def contexts(periodic: bool, aligned: bool) -> tuple[ReadingContext, ...]:
    """Name the reasons of the samples that are due, for one reading that serves them all."""
    both = ((periodic, ReadingContext.PERIODIC), (aligned, ReadingContext.CLOCK))
    return tuple(context for due, context in both if due)
