"""Which connector state is to be reported, and when.

Only the present state is reported, never the history (OCPP 1.6 §4.9); a state must last MinimumStatusDuration. After a
reconnect only what changed is told, after a boot everything, connector 0 included (errata 3.22). What counts as a
change is for the version of OCPP to say: it may have fewer words. Times are link time.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from station.core.timekeeping import BootTime


@dataclass(frozen=True, slots=True)
class Report:
    """The state of an EVSE, 0 being the whole charge point, in the words of OCPP 1.6.

    Args:
        evse_id: its number.
        status: ChargePointStatus.
        error_code: ChargePointErrorCode.
        info: for people, empty = nothing more.
        at: since when.
        uptime: tells that anew when the clock was set meanwhile, s; None = `at` is right.
        is_plugged: whether a vehicle is connected.
    """

    evse_id: int
    status: str
    error_code: str
    info: str
    at: datetime
    uptime: float | None = None
    is_plugged: bool = True


def timed(report: Report, boot: BootTime) -> Report:
    """Give a report with the time that is known now."""
    return report if report.uptime is None else replace(report, at=boot.stamp(report.uptime))


class StatusReports:
    """What is true, and what the central system has been told.

    Args:
        words: gives what a report says without its time, None if it can't be said (Dialect.status_words).
    """

    def __init__(self, words: Callable[[Report], str | None]) -> None:
        self._words = words
        self._present: dict[int, tuple[Report, float]] = {}
        self._told: dict[int, str | None] = {}

    def set(self, report: Report, now: float) -> None:
        """Take in a state."""
        before = self._present.get(report.evse_id)
        if before is None or self._words(before[0]) != self._words(report):
            self._present[report.evse_id] = (report, now)

    def present(self, evse_id: int) -> Report | None:
        """Give the state of an EVSE."""
        found = self._present.get(evse_id)
        return found[0] if found else None

    def forget_told(self) -> None:
        """Begin anew, after a boot."""
        self._told.clear()

    def told(self, report: Report) -> None:
        """Take note that the central system has a report."""
        self._told[report.evse_id] = self._words(report)

    def due(self, now: float, minimum_s: float) -> Report | None:
        """Give the next report to send."""
        for evse_id, (report, since) in sorted(self._present.items()):
            if self._is_news(report) and (evse_id not in self._told or now >= since + minimum_s):
                return report
        return None

    def next_due(self, minimum_s: float) -> float | None:
        """Tell when the next report will be due, None if all is told."""
        waiting = [since + minimum_s for report, since in self._present.values() if self._is_news(report)]
        return min(waiting, default=None)

    def _is_news(self, report: Report) -> bool:
        return self._words(report) != self._told.get(report.evse_id)
