"""Which connector state is to be reported, and when.

Only the present state is reported, never the history (OCPP 1.6 §4.9); a state must last MinimumStatusDuration. After a
reconnect only what changed is told, after a boot everything, connector 0 included (errata 3.22). Times are link time.
"""

from dataclasses import dataclass
from datetime import datetime

from shared.ocpp.session import Payload
from shared.ocpp.v16 import timestamp


@dataclass(frozen=True, slots=True)
class Report:
    """The state of a connector, 0 being the whole charge point. `at` says since when."""

    connector_id: int
    status: str
    error_code: str
    info: str
    at: datetime

    def tells_the_same(self, other: "Report | None") -> bool:
        """Compare without the time."""
        return other is not None and (self.status, self.error_code) == (other.status, other.error_code)

    def payload(self) -> Payload:
        """Encode StatusNotification.req (OCPP 1.6 §6.47)."""
        payload = {
            "connectorId": self.connector_id,
            "errorCode": self.error_code,
            "status": self.status,
            "timestamp": timestamp(self.at),
        }
        return {**payload, "info": self.info[:50]} if self.info else payload


class StatusReports:
    """What is true, and what the central system has been told."""

    def __init__(self) -> None:
        self._present: dict[int, tuple[Report, float]] = {}
        self._told: dict[int, Report] = {}

    def set(self, report: Report, now: float) -> None:
        """Take in a state."""
        before = self._present.get(report.connector_id)
        if before is None or not report.tells_the_same(before[0]):
            self._present[report.connector_id] = (report, now)

    def present(self, connector_id: int) -> Report | None:
        """Give the state of a connector."""
        found = self._present.get(connector_id)
        return found[0] if found else None

    def forget_told(self) -> None:
        """Begin anew, after a boot."""
        self._told.clear()

    def told(self, report: Report) -> None:
        """Take note that the central system has a report."""
        self._told[report.connector_id] = report

    def due(self, now: float, minimum_s: float) -> Report | None:
        """Give the next report to send."""
        for connector_id, (report, since) in sorted(self._present.items()):
            told = self._told.get(connector_id)
            if not report.tells_the_same(told) and (told is None or now >= since + minimum_s):
                return report
        return None

    def next_due(self, minimum_s: float) -> float | None:
        """Tell when the next report will be due, None if all is told."""
        waiting = [
            since + minimum_s
            for connector_id, (report, since) in self._present.items()
            if not report.tells_the_same(self._told.get(connector_id))
        ]
        return min(waiting, default=None)
