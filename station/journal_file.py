"""The journal as a file: locked, opened, and what an error of SQLite means for the agent."""

import fcntl
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

from shared.sqlite import Database
from station.errors import JournalDamaged, JournalError, JournalStalled
from station.journal import Journal
from station.journal_schema import prepare

_PASSING = {
    sqlite3.SQLITE_BUSY: "another program holds the journal",
    sqlite3.SQLITE_CANTOPEN: "a file of the journal can't be opened",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk fails",
    sqlite3.SQLITE_LOCKED: "another program holds the journal",
    sqlite3.SQLITE_READONLY: "its file system is read-only",
}
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
        async with Database.open(path, failure=failure) as database:
            yield Journal(database, await database.work(partial(prepare, path=path)))
    except (sqlite3.Error, JournalStalled) as error:
        raise JournalError(
            f"journal {path}: {error}. Is the disk full or the file damaged? Keep the file: it holds what has not "
            "been billed yet"
        ) from error


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
