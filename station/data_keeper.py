"""Keeps the data budget and what is known of the carrier's patience, and puts thrift into force.

Flash wears out: the counts are written once in an hour, when the level changes and when the program ends. A power cut
loses the counts of at most that hour, never anything that is billed.
"""

import asyncio
import contextlib
from typing import NoReturn

from shared.log import Log
from station.core.configuration import Configuration
from station.core.data_budget import DataBudget, Level, thrift_of
from station.core.keepalive import read_keepalive
from station.csms_link import CsmsLink
from station.data_settings import DataSettings
from station.errors import JournalStalled
from station.journal import Journal
from station.status_file import State
from station.timekeeper import Timekeeper
from station.traffic import TrafficMeter

LOOK_S = 15.0
"""How often bytes are taken in, link time."""
SAVE_S = 3600.0
"""The counts are written so often, link time."""
SHOW_S = 900.0
"""What people see of them is renewed so often, link time: the status file lies on the flash too."""
_BUDGET = "data.budget"
_KEEPALIVE = "data.keepalive."
_LOG = Log("station.data")


class DataKeeper:
    """See the module.

    Args:
        journal: remembers the counts.
        timekeeper: knows the day.
        configuration: feels the thrift.
        settings: what the SIM allows.
        traffic: counts the bytes.
        link: learns how long the carrier waits.
        bearer: what the link runs over, by a name that changes with the carrier.
    """

    def __init__(
        self,
        journal: Journal,
        timekeeper: Timekeeper,
        configuration: Configuration,
        settings: DataSettings,
        *,
        traffic: TrafficMeter,
        link: CsmsLink,
        bearer: str,
    ) -> None:
        self._journal, self._timekeeper, self._configuration = journal, timekeeper, configuration
        self._settings, self._traffic, self._link = settings, traffic, link
        self._keepalive_name = f"{_KEEPALIVE}{bearer}"
        self._keepalive_told = ""
        self.budget = DataBudget(settings.allowance())
        self._level = Level.NORMAL
        self.shown: State = {}
        """The counts as people see them; see `describe`."""

    async def load(self) -> None:
        """Go on where the last run ended."""
        self.budget = DataBudget(self._settings.allowance(), await self._journal.value(_BUDGET) or "")
        known = read_keepalive(await self._journal.value(self._keepalive_name))
        self._link.keepalive, self._keepalive_told = known, known.text()
        self._judge()
        self.shown = self.describe()

    async def run(self) -> NoReturn:
        """Count for ever."""
        loop = asyncio.get_running_loop()
        saved = shown = loop.time()
        try:
            while True:
                await asyncio.sleep(LOOK_S)
                is_news = self.look()
                if is_news or loop.time() >= shown + SHOW_S:
                    self.shown, shown = self.describe(), loop.time()
                if is_news or loop.time() >= saved + SAVE_S:
                    await self._save()
                    saved = loop.time()
                await self._save_keepalive()
        finally:
            self.look()
            await self._save()
            await self._save_keepalive()

    def budget_now(self) -> DataBudget:
        """Give the counts."""
        return self.budget

    def look(self) -> bool:
        """Take in what passed; True if that changed the level."""
        day = self._timekeeper.now().utc.date() if self._timekeeper.is_known else None
        self.budget.count(self._traffic.take(), day)
        return self._judge()

    def describe(self) -> State:
        """Tell the counts, in bytes."""
        budget = self.budget
        return {
            "level": budget.level.value,
            "today": budget.today.total(),
            "month": budget.used,
            "last_month": budget.last_month,
            "allowance": budget.allowance.month_bytes,
            "classes": dict(budget.by_class.most_common()),
            "sample_s": self._configuration.number("MeterValueSampleInterval"),
            "keepalive_s": self._link.keepalive.interval_s(self._configuration.number("WebSocketPingInterval")),
        }

    def _judge(self) -> bool:
        level = self.budget.level
        if level is self._level:
            return False
        thrift = thrift_of(level, self._settings.thrift_sample_s)
        self._configuration.economise(thrift.least, thrift.only)
        told = _LOG.info if level is Level.NORMAL else _LOG.warning
        told("data_level", level=level, was=self._level, used=self.budget.used, allowance=self._settings.allowance_mb)
        self._level = level
        return True

    async def _save(self) -> None:
        with contextlib.suppress(JournalStalled):  # the counts wait for the next time
            await self._journal.set_value(_BUDGET, self.budget.text())

    async def _save_keepalive(self) -> None:
        known = self._link.keepalive.text()
        if known == self._keepalive_told:
            return
        try:
            await self._journal.set_value(self._keepalive_name, known)
        except JournalStalled:
            return
        self._keepalive_told = known
        _LOG.info("carrier_patience", known=known)
