"""Tells the central system how deliveries stand, as a vendor's message; one that does not know it is not told again."""

import asyncio
from collections.abc import Callable

from shared.log import Log
from shared.ocpp.vendor import BACKLOG, VENDOR_ID, BacklogReport, encode_backlog
from station.core.data_budget import DataBudget
from station.core.dialect import Dialect
from station.courier import Courier
from station.csms_connection import Reply
from station.csms_link import CsmsLink
from station.errors import JournalStalled
from station.journal import ALARM, Journal
from station.timekeeper import Timekeeper

LOOK_S = 15.0
"""How often is looked, link time."""
REPORT_S = 300.0
"""A backlog that shrinks or grows is told so often, link time; that one has begun or ended is told at once."""
WORTH_S = 60
"""A message that waits for less is no backlog."""
_LOG = Log("station.delivery")


class BacklogReporter:
    """See the module."""

    def __init__(
        self,
        journal: Journal,
        courier: Courier,
        link: CsmsLink,
        dialect: Dialect,
        timekeeper: Timekeeper,
        *,
        budget: Callable[[], DataBudget],
    ) -> None:
        self._budget = budget
        self._journal, self._courier, self._link = journal, courier, link
        self._dialect, self._timekeeper = dialect, timekeeper
        self._told = BacklogReport(0, 0, 0, 0, 0, 0, data_level="normal")
        self._told_at = 0.0

    async def run(self) -> None:
        """Report until the central system says that it does not understand."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                if self._link.is_online and not await self.look():
                    return
            except JournalStalled:
                continue  # whoever writes says so

    async def look(self) -> bool:
        """Report if there is news; False if the central system does not understand."""
        report, now = await self._report(), asyncio.get_running_loop().time()
        if not self._is_news(report, now):
            return True
        message = self._dialect.data_transfer(VENDOR_ID, BACKLOG, encode_backlog(report))
        reply = await self._link.call(message)
        if reply is None:
            return True
        if not isinstance(reply, Reply) or reply.payload.get("status") != "Accepted":
            _LOG.info("backlog_not_told", reason="the central system does not know this message")
            return False
        self._told, self._told_at = report, now
        return True

    async def _report(self) -> BacklogReport:
        backlog, budget = await self._journal.backlog(), self._budget()
        age_s = (self._timekeeper.now().utc - backlog.oldest).total_seconds() if backlog.oldest else 0.0
        return BacklogReport(
            pending=backlog.pending,
            oldest_s=max(0, round(age_s)),
            clears_s=self._courier.clears_in_s(backlog.pending),
            parked=backlog.parked,
            parked_sessions=backlog.sessions,
            uncertain_times=backlog.uncertain,
            alarm=await self._journal.value(ALARM) or "",
            data_bytes=budget.used,
            data_allowance=budget.allowance.month_bytes,
            data_level=budget.level.value,
        )

    def _is_news(self, report: BacklogReport, now: float) -> bool:
        grows_or_shrinks = _has_backlog(report) and now >= self._told_at + REPORT_S
        return _gist(report) != _gist(self._told) or grows_or_shrinks


def _has_backlog(report: BacklogReport) -> bool:
    return report.oldest_s >= WORTH_S


def _gist(report: BacklogReport) -> tuple[object, ...]:
    """Give what is told at once when it changes."""
    return _has_backlog(report), report.parked, report.uncertain_times, report.alarm, report.data_level
