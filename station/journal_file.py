"""The journal as a file: locked, opened, and what an error of SQLite means for the agent."""

import asyncio
import fcntl
import os
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from functools import partial
from pathlib import Path

from shared.log import Log
from shared.sqlite import Database
from station.core import record
from station.errors import JournalDamaged, JournalError, JournalStalled
from station.journal import Journal
from station.journal_salvage import salvage
from station.journal_schema import prepare

_PASSING = {
    sqlite3.SQLITE_BUSY: "another program holds the journal",
    sqlite3.SQLITE_CANTOPEN: "a file of the journal can't be opened",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk fails",
    sqlite3.SQLITE_LOCKED: "another program holds the journal",
    sqlite3.SQLITE_READONLY: "its file system is read-only",
}
_LIVING = """
SELECT e.body FROM event e JOIN txn t ON t.key = e.transaction_key
WHERE e.body != '' AND (t.is_open OR EXISTS (SELECT 1 FROM event x JOIN ledger l ON l.event_id = x.id
    WHERE x.transaction_key = e.transaction_key AND l.state IN ('pending', 'parked')))
"""
"""What is still to be delivered or goes on: it must be readable now, not when it is needed."""
_LOG = Log("station.journal")
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def failure(error: sqlite3.Error) -> Exception:
    """Give what an error of SQLite is for the agent: one that passes, damage, or a mistake of ours as it is."""
    # Python's own errors, such as the use of a closed connection, have no code.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _PASSING:
        return JournalStalled(f"the journal can't be used now: {_PASSING[code]} ({error})")
    if code in _DAMAGE:
        return JournalDamaged(f"the journal is damaged ({error}): what can be read is saved at the next start")
    return error


@asynccontextmanager
async def open_journal(path: Path) -> AsyncIterator[Journal]:
    """Open the journal, or create it. Hold `journal_lock` meanwhile.

    Raises:
        JournalError: it is damaged, of a newer program, or its disk is full.
    """
    try:
        await asyncio.to_thread(_repair, path)
        async with Database.open(path, failure=failure) as database:
            yield Journal(database, await database.work(partial(prepare, path=path)))
    except (sqlite3.Error, JournalStalled) as error:
        raise JournalError(
            f"journal {path}: {error}. Is the disk full or the file damaged? Keep the file: it holds what has not "
            "been billed yet"
        ) from error


def _repair(path: Path) -> None:
    if _beside(path, ".saved").exists():
        _take_saved(path)
    if trouble := damage(path):
        _quarantine(path, trouble)


def damage(path: Path) -> str:
    """Tell what is damaged in the file, empty if nothing is. What waits for delivery is read; a new file is good.

    Raises:
        sqlite3.Error: it can't be looked at now.
    """
    if not path.is_file() or not path.stat().st_size:
        return ""
    try:
        with closing(sqlite3.connect(path, timeout=5)) as connection:
            if (found := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                return str(found)
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'event'").fetchone():
                return ""
            for (body,) in connection.execute(_LIVING):
                record.decode(body)
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE and _looks_like_ours(path):
            return str(error)
        raise
    except (ValueError, KeyError, TypeError, IndexError) as error:
        return f"a stored event can't be read: {error}"
    return ""


def _looks_like_ours(path: Path) -> bool:
    """Tell whether a file that SQLite can't open may be a journal: a text file that was named by mistake is not."""
    content = path.read_bytes()
    return content.startswith(b"SQLite format 3\0") or re.search(rb"crc32 [0-9a-f]{8} \{", content) is not None


def _quarantine(path: Path, trouble: str) -> None:
    """Save what can be read of the damaged file into a new one, with an alarm, and keep the old one beside it.

    The new one is complete before it is called `.saved`, and from then on the next start ends what a power cut breaks
    off here.
    """
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    for suffix in ("-wal", ""):
        if (part := _beside(path, suffix)).exists():
            _link(part, _beside(aside, suffix))
    new = _beside(path, ".saving")
    for suffix in ("-wal", "-shm", ""):
        _beside(new, suffix).unlink(missing_ok=True)
    saved = salvage(aside, new, alarm=f"the journal was damaged ({trouble}); keep the file {aside.name}")
    new.replace(_beside(path, ".saved"))
    _LOG.error("journal_saved", damage=trouble, events=saved.events, unreadable=saved.unreadable, kept=aside.name)
    _take_saved(path)


def _take_saved(path: Path) -> None:
    """Let the saved journal take the place of the damaged one, whose log must not be applied to it."""
    for suffix in ("-wal", "-shm"):
        _beside(path, suffix).unlink(missing_ok=True)
    _beside(path, ".saved").replace(path)


def _link(path: Path, name: Path) -> None:
    try:
        name.hardlink_to(path)
    except OSError:  # file systems of cards have no links
        name.write_bytes(path.read_bytes())


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


@contextmanager
def journal_lock(path: Path) -> Iterator[None]:
    """Keep a second agent out: two would send everything twice. However this process ends, the kernel frees the lock.

    Raises:
        JournalError: another agent has it, or the folder can't be written.
    """
    name = path.with_name(path.name + ".lock")
    try:
        lock = os.open(name, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise JournalError(f"can't write beside the journal {path}: {error.strerror}. Set journal.path") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise JournalError(f"the journal {path} is in use by another agent: stop that one first") from error
    finally:
        os.close(lock)
