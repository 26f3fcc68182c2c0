"""Tells the central system which faults came and went, until it has answered, also after an outage or a restart."""

from typing import NoReturn

from shared.ids import EvseId
from station.core.delivery import Message
from station.core.dialect import Dialect, Problem
from station.core.problem_reports import ProblemReports, decode_problems
from station.core.status_reports import Report, timed
from station.csms_link import CsmsLink
from station.journal import Journal
from station.status_teller import StatusTeller
from station.timekeeper import Timekeeper

PROBLEMS = "problems"
"""Name in the journal of what was told."""


class ProblemTeller:
    """See the module. Make it with `load_problems`."""

    def __init__(
        self, reports: ProblemReports, journal: Journal, dialect: Dialect, timekeeper: Timekeeper, link: CsmsLink
    ) -> None:
        self._reports = reports
        self._journal = journal
        self._dialect = dialect
        self._timekeeper = timekeeper
        self._teller = StatusTeller(link, self._oldest, self._told)
        self._asked: tuple[Report, str, bool] | None = None

    def set(self, report: Report, faults: frozenset[str]) -> None:
        """Take in the faults of an EVSE."""
        self._reports.set(report, faults)
        self._teller.wake()

    async def run(self) -> NoReturn:
        """Tell for ever."""
        await self._teller.run()

    def _oldest(self) -> Message | None:
        self._asked = self._reports.next()
        if self._asked is None:
            return None
        report, fault, is_there = self._asked
        at = timed(report, self._timekeeper.boot).at
        problem = Problem(EvseId(report.evse_id), fault, is_there, report.info, at)
        return self._dialect.problem(problem, self._reports.number + 1)

    async def _told(self, _message: Message) -> None:
        if self._asked:
            report, fault, is_there = self._asked
            self._reports.told(EvseId(report.evse_id), fault, is_there=is_there)
            await self._journal.set_value(PROBLEMS, self._reports.encode())


async def load_problems(journal: Journal, dialect: Dialect, timekeeper: Timekeeper, link: CsmsLink) -> ProblemTeller:
    """Make the teller with what was told before the restart."""
    text = await journal.value(PROBLEMS) or ""
    return ProblemTeller(decode_problems(text), journal, dialect, timekeeper, link)
