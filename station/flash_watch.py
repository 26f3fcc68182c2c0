"""Watches how much is written to the storage card, and tells before it is worn out.

The kernel counts for each thread and process what it gave to be stored (proc(5), write_bytes): nothing for a file in
memory. The journal's thread writes the journal and nothing else; of the rest of the program what is not the status file
are updates. Logs are written by the service manager: of these the lines count. The card as a whole counts in sysfs.
"""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from shared.log import Log
from station.core.flash_wear import Amount, Amounts, Outlook, Writer, decode, encode, noted, outlook, warned
from station.errors import JournalStalled
from station.journal import Journal
from station.log_ring import LogRing
from station.security.events import EventKind
from station.security.reporter import SecurityReporter
from station.settings import JournalSettings
from station.status_file import State
from station.status_keeper import StatusKeeper
from station.timekeeper import Timekeeper

PERIOD_S = 3600.0
"""How often is looked, world time: each look is a write too."""
COMMIT_BYTES = 16 << 10
"""Taken for a commit of the journal where the kernel does not count: some pages, in the log and then in the file."""
WEAR, CARD = "wear", "wear.card"
"""Names in the journal: what is known of the wear, and the last count of the card with the boot that it is of."""

_SECTOR = 512
_LOG = Log("station.flash")


class FlashWatch:
    """See the module."""

    def __init__(
        self,
        journal: Journal,
        status: StatusKeeper,
        log: LogRing,
        *,
        settings: JournalSettings,
        timekeeper: Timekeeper,
        reporter: SecurityReporter,
        kernel_boot_id: str,
    ) -> None:
        self._journal, self._status, self._log = journal, status, log
        self._settings, self._timekeeper, self._reporter = settings, timekeeper, reporter
        self._boot_id = kernel_boot_id
        self._before: Amounts = {}
        self._looked_at = timekeeper.clock.uptime()
        self.outlook = Outlook()

    def state(self) -> State:
        """Give the figures for the status file; empty before the first look."""
        told = self.outlook
        if told.per_day is None:
            return {}
        amounts = told.per_day
        return {
            "hours": round(told.seconds / 3600, 1),
            "bytes_per_day": {writer: amount.written for writer, amount in amounts.items()},
            "writes_per_day": {writer: amount.writes for writer, amount in amounts.items()},
            "years_left": None if told.years_left is None else round(told.years_left, 1),
            "ends_soon": told.ends_soon,
        }

    async def run(self) -> NoReturn:
        """Watch for ever."""
        self.outlook = outlook(decode(await self._journal.value(WEAR) or ""), self._endurance)
        while True:
            await self._timekeeper.clock.sleep(PERIOD_S)
            try:
                await self.look()
            except JournalStalled as error:
                _LOG.warning("wear_not_stored", reason=error)

    async def look(self) -> None:
        """Take in what was written since the last look, and tell of a near end.

        Raises:
            JournalStalled: the journal can't be used now.
        """
        uptime, now = self._timekeeper.clock.uptime(), await self._written()
        since = {w: Amount(a.written - b.written, a.writes - b.writes) for w, a in now.items() if (b := self._was(w))}
        since[Writer.CARD] = await self._card_since()
        wear = noted(decode(await self._journal.value(WEAR) or ""), uptime - self._looked_at, since)
        self.outlook = outlook(wear, self._endurance)
        is_news = self.outlook.ends_soon and not wear.warned
        await self._journal.set_value(WEAR, encode(warned(wear, self.outlook)))
        self._before, self._looked_at = now, uptime
        if is_news:
            years = f"{self.outlook.years_left or 0:.1f}"
            await self._reporter.report(EventKind.STORAGE_WEARS_OUT, f"at this rate the card lasts {years} years")

    def _was(self, writer: Writer) -> Amount:
        return self._before.get(writer, Amount())

    @property
    def _endurance(self) -> int:
        return round(self._settings.card_endurance_tb * 10**12)

    async def _written(self) -> dict[Writer, Amount]:
        """Give what was written since this program began, by writer."""
        database, status = self._journal.database, self._status.written
        counted = await database.written_bytes()
        commits = database.commits
        journal = commits * COMMIT_BYTES if counted is None else counted
        if not self._is_on_card(self._status.path):
            status = replace(status, written=0)
        everything = _process_bytes()
        rest = max(0, everything - (counted or 0) - status.written)
        # What is still to be written when the counters are read must not make the rest shrink.
        rest = max(rest, self._was(Writer.UPDATES).written)
        return {
            Writer.JOURNAL: Amount(journal, commits),
            Writer.STATUS: status,
            Writer.LOGS: Amount(self._log.written, self._log.last),
            Writer.UPDATES: Amount(rest),
        }

    def _is_on_card(self, path: Path) -> bool:
        return path.parent.stat().st_dev == self._settings.path.parent.stat().st_dev

    async def _card_since(self) -> Amount:
        """Give what the card took since the last look, also of an earlier life of the program."""
        count = card_count(self._settings.path.parent)
        if count is None:
            return Amount()
        text = await self._journal.value(CARD)
        boot_id, *was = json.loads(text) if text else (self._boot_id, count.written, count.writes)
        await self._journal.set_value(CARD, json.dumps([self._boot_id, count.written, count.writes]))
        if boot_id != self._boot_id or count.written < was[0]:
            return count
        return Amount(count.written - was[0], count.writes - was[1])


def card_count(folder: Path, sysfs: Path = Path("/sys/dev/block")) -> Amount | None:
    """Give what the card of a folder took since the kernel booted; None where that is not counted.

    Source: the kernel's Documentation/block/stat.rst; sectors are of 512 bytes.
    """
    device = folder.stat().st_dev
    place = (sysfs / f"{os.major(device)}:{os.minor(device)}").resolve()
    if (place / "partition").exists():
        place = place.parent
    try:
        fields = (place / "stat").read_text("ascii").split()
        return Amount(int(fields[6]) * _SECTOR, int(fields[4]))
    except (OSError, ValueError, IndexError):
        return None


def _process_bytes() -> int:
    """Give what this program and those that it started and waited for gave to be stored; 0 where not counted."""
    try:
        lines = Path("/proc/self/io").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("write_bytes")), 0)
