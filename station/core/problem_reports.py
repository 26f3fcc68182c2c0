"""Which faults the central system knows of, and which it is to be told next. Pure.

Like states, faults are told as they are, not as they were: one that came and went while nobody listened is no news, one
that is still there is told with the time at which it came, and one that was told before an outage or a restart and is
gone meanwhile is told to be gone. So what was told is remembered over restarts, and so is the number of the last event.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from shared.ids import EvseId
from station.core.status_reports import Report

_Name = tuple[EvseId, str]


@dataclass(slots=True)
class ProblemReports:
    """See the module.

    Args:
        number: of the last event that was told.
        known: the faults that the central system knows of.
    """

    number: int = 0
    known: frozenset[_Name] = frozenset()
    _there: dict[_Name, Report] = field(default_factory=dict)
    _seen: dict[EvseId, Report] = field(default_factory=dict)

    def set(self, report: Report, faults: frozenset[str]) -> None:
        """Take in the faults of an EVSE; the report says since when and what for people."""
        evse_id = EvseId(report.evse_id)
        self._seen[evse_id] = report
        for name in [name for name in self._there if name[0] == evse_id and name[1] not in faults]:
            del self._there[name]
        for fault in faults:
            self._there.setdefault((evse_id, fault), report)

    def next(self) -> tuple[Report, str, bool] | None:
        """Give what is to be told next: when and where, which fault, whether it is there; None if all is told."""
        return next(self._news(), None)

    def _news(self) -> Iterator[tuple[Report, str, bool]]:
        for evse_id, fault in sorted(self.known ^ self._there.keys()):
            if report := self._there.get((evse_id, fault)) or self._seen.get(evse_id):
                yield report, fault, (evse_id, fault) in self._there

    def told(self, evse_id: EvseId, fault: str, *, is_there: bool) -> None:
        """Take note that the central system has been told."""
        self.number += 1
        name = frozenset({(evse_id, fault)})
        self.known = self.known | name if is_there else self.known - name

    def encode(self) -> str:
        """Write what is to be remembered."""
        return json.dumps([self.number, sorted(self.known)])


def decode_problems(text: str) -> ProblemReports:
    """Read what `encode` wrote; nothing is known of an empty text."""
    if not text:
        return ProblemReports()
    number, known = json.loads(text)
    return ProblemReports(number, frozenset((EvseId(evse_id), str(fault)) for evse_id, fault in known))
