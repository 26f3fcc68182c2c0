"""What happens to the journal over the years: old readings age out, and under pressure samples are thinned.

Begin and end of a transaction are never touched, nor is its last sample while it runs, and the ledger row of every
message stays for good. What goes are the readings of samples between them:

- *Age*: of samples that were acknowledged long ago, with the tries of all that was acknowledged then.
- *Thinning*: of samples that wait. When too many do, or the disk is nearly full, every other one of a transaction goes
  (the 1st, 3rd, 5th: OCPP 1.6 errata 3.16.6, 2.0.1 E04), then every other one of the rest. Its row says so.
"""

import os
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NoReturn

from shared.log import Log
from station.core.timekeeping import to_ms
from station.errors import JournalStalled
from station.journal import Journal
from station.security.events import EventKind
from station.settings import JournalSettings
from station.timekeeper import Timekeeper

PERIOD_S = 900.0
"""How often the journal is looked after, world time."""
ROOM_BYTES = 1 << 20
"""So much free room inside the file lets it take some 2000 events without growing."""
_ROOM = "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size"
_BATCH = 500
_LOG = Log("station.journal")

_SAMPLE = (
    "e.seq_no > 0 AND e.body != '' AND "
    "e.seq_no < (SELECT max(seq_no) FROM event x WHERE x.transaction_key = e.transaction_key)"
)
_WAITING = (
    "FROM ledger l JOIN event e ON e.id = l.event_id WHERE l.state = 'pending' AND l.tries = 0 "
    "AND l.correction_ms IS NULL AND " + _SAMPLE
)

_EMPTY_OLD = (
    "UPDATE event SET body = '' WHERE id IN (SELECT e.id FROM ledger l JOIN event e ON e.id = l.event_id "  # noqa: S608
    "WHERE l.state = 'acknowledged' AND l.settled_ms < ? AND " + _SAMPLE + " LIMIT ?)"
)


async def age_out(journal: Journal, before: datetime) -> int:
    """Empty samples and forget tries of what was acknowledged before a time; tell how many samples.

    The work is done in pieces, so that nobody waits long.
    """
    ms, samples = to_ms(before), 0
    while count := await journal.database.work(partial(_empty_old, before_ms=ms)):
        samples += count
    while await journal.database.work(partial(_forget_tries, before_ms=ms)):
        pass
    return samples


async def thin(journal: Journal, at: datetime, reason: str) -> int:
    """Thin out every other waiting sample and tell how many went. One transaction is one commit."""
    rows = await journal.database.read("SELECT e.transaction_key, min(e.id) " + _WAITING + " GROUP BY 1 ORDER BY 2")
    thinned = 0
    for key, _ in rows:
        thinned += await journal.database.work(partial(_thin, key=key, at_ms=to_ms(at), reason=reason))
    return thinned


async def waiting_samples(journal: Journal) -> int:
    """Count the samples that could be thinned."""
    return int((await journal.database.read("SELECT count(*) " + _WAITING))[0][0])


def _empty_old(connection: sqlite3.Connection, before_ms: int) -> int:
    return connection.execute(_EMPTY_OLD, (before_ms, _BATCH)).rowcount


def _forget_tries(connection: sqlite3.Connection, before_ms: int) -> int:
    return connection.execute(
        "DELETE FROM try WHERE id IN (SELECT t.id FROM try t JOIN ledger l ON l.event_id = t.event_id "
        "WHERE l.state = 'acknowledged' AND l.settled_ms < ? LIMIT ?)",
        (before_ms, _BATCH),
    ).rowcount


def _thin(connection: sqlite3.Connection, key: str, at_ms: int, reason: str) -> int:
    ids = connection.execute("SELECT e.id " + _WAITING + " AND e.transaction_key = ? ORDER BY e.id", (key,)).fetchall()
    gone = [(at_ms, reason, row[0]) for row in ids[::2]]
    connection.executemany("UPDATE ledger SET state = 'thinned', settled_ms = ?, reason = ? WHERE event_id = ?", gone)
    connection.executemany("UPDATE event SET body = '' WHERE id = ?", [(row[0],) for row in ids[::2]])
    return len(gone)


class Upkeep:
    """Looks after the journal now and then.

    Args:
        journal: what is looked after.
        settings: how long and how much is kept.
        timekeeper: for ages; without a known time nothing ages.
        free: gives the free bytes of the disk.
    """

    def __init__(
        self, journal: Journal, settings: JournalSettings, timekeeper: Timekeeper, free: Callable[[], int]
    ) -> None:
        self._journal, self._settings, self._timekeeper, self._free = journal, settings, timekeeper, free
        self.trouble = ""
        """What presses, in a sentence; empty if nothing does."""

    async def run(self) -> NoReturn:
        """Look after it for ever."""
        while True:
            try:
                await self.look()
            except JournalStalled as error:
                _LOG.warning("journal_not_tended", reason=error)
            await self._timekeeper.clock.sleep(PERIOD_S)

    async def look(self) -> None:
        """Do what is due now.

        Raises:
            JournalStalled: the journal can't be used now.
        """
        now = self._timekeeper.now().utc
        if self._timekeeper.is_known and (
            samples := await age_out(self._journal, now - timedelta(days=self._settings.keep_days))
        ):
            _LOG.info("journal_aged_out", samples=samples)
        await self._relieve(now)

    async def _relieve(self, now: datetime) -> None:
        """Thin until nothing presses or there is nothing left to thin."""
        thinned = 0
        while trouble := await self._pressure():
            count = await thin(self._journal, now, f"thinned: {trouble}")
            thinned += count
            if not count:
                break
        if thinned:
            _LOG.warning("samples_thinned", count=thinned, reason=trouble or self.trouble)
            await self._journal.security_events.append(
                EventKind.MEMORY_EXHAUSTION, f"{thinned} samples thinned out", now, self._timekeeper.boot
            )
        if trouble and trouble != self.trouble:
            _LOG.error("storage_low", reason=trouble)
        self.trouble = trouble

    async def _pressure(self) -> str:
        waiting = await waiting_samples(self._journal)
        if waiting > self._settings.max_samples:
            return f"more than {self._settings.max_samples} samples wait"
        inside = (await self._journal.database.read(_ROOM))[0][0]
        if self._free() < self._settings.min_free_mb << 20 and inside < ROOM_BYTES:
            return f"the disk has less than {self._settings.min_free_mb} MB left"
        return ""


def free_bytes(path: Path) -> int:
    """Tell how many bytes of the disk of `path` this program may still use."""
    disk = os.statvfs(path.parent)
    return disk.f_bavail * disk.f_frsize
