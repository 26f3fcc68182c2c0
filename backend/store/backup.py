"""Copies of the database: made while the program runs, proved by opening them, put back with the old file kept.

A copy is written beside its final name and gets that name only when it was proved, so a file with the name of a backup
is always a whole one.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from backend.errors import StoreError

_PAGES = 2000
"""Copied at a time, about 8 MB: writers wait no longer than that takes."""

_NAME = "{stem}-{at:%Y%m%dT%H%M%SZ}.backup"
_PATTERN = "{stem}-????????T??????Z.backup"


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found when a copy was opened.

    Args:
        schema: the revision of its schema.
        transactions: how many charging transactions are in it.
        invoices: how many invoices.
        size: of the file in bytes.
    """

    schema: str
    transactions: int
    invoices: int
    size: int


def backup_name(database: Path, at: datetime) -> str:
    """Name the copy of a moment, in UTC; names sort by time."""
    return _NAME.format(stem=database.stem, at=at)


def back_up(database: Path, target: Path, progress: Callable[[int, int], None]) -> Proof:
    """Copy the database to a file that does not exist yet. Others may go on writing to it.

    Args:
        database: the file in use.
        target: the copy; only its owner may read it.
        progress: is told how many pages are done and how many there are.

    Raises:
        StoreError: there is no such database, it can't be copied, or the copy is not sound; nothing is left behind.
    """
    if not database.exists():
        raise StoreError(f"there is no database {database}: name the configuration with --config")
    if target.exists():
        raise StoreError(f"{target} exists already: name another file")
    part = target.with_name(target.name + ".part")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise StoreError(f"can't write {part}: {error.strerror}") from error
    try:
        _copy(database, part, progress)
        proof = prove(part)
        _make_durable(part)
        part.rename(target)
        _make_durable(target.parent)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"can't copy {database} to {target}: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    return proof


def prove(path: Path) -> Proof:
    """Open a copy and look at every page of it.

    Raises:
        StoreError: it is none of our databases, or damaged.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            orphan = connection.execute("PRAGMA foreign_key_check").fetchone()
            if verdict != "ok" or orphan:
                raise StoreError(f"{path} is damaged: {verdict if verdict != 'ok' else f'a row of {orphan[0]} hangs'}")
            (schema,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            (transactions,) = connection.execute("SELECT count(*) FROM charging_transaction").fetchone()
            (invoices,) = connection.execute("SELECT count(*) FROM invoice").fetchone()
    except (sqlite3.Error, TypeError) as error:
        raise StoreError(f"{path} is no database of emops-backend: {error}") from error
    return Proof(str(schema), transactions, invoices, path.stat().st_size)


def prune(database: Path, folder: Path, keep: int) -> list[Path]:
    """Delete all but the newest copies that `backup_name` named, and give those that went."""
    found = sorted(folder.glob(_PATTERN.format(stem=database.stem)))
    gone = found[: max(0, len(found) - keep)]
    for path in gone:
        path.unlink()
    return gone


def restore(source: Path, database: Path, at: datetime, progress: Callable[[int, int], None]) -> tuple[Proof, Path]:
    """Put a copy in the place of the database; what was there is kept, and told as the second result.

    Raises:
        StoreError: the copy is not sound, or a program uses the database; nothing was changed.
    """
    proof = prove(source)
    kept = database.with_name(f"{database.name}.before-restore-{at:%Y%m%dT%H%M%SZ}")
    fresh = database.with_name(database.name + ".restored")
    try:
        with _alone(database):
            fresh.unlink(missing_ok=True)
            _copy(source, fresh, progress)
            fresh.chmod(0o600)
            _make_durable(fresh)
            if database.exists():
                _copy(database, kept, lambda _done, _all: None)  # with what its write-ahead log holds
            for ending in ("-wal", "-shm"):
                database.with_name(database.name + ending).unlink(missing_ok=True)
            fresh.rename(database)
            _make_durable(database.parent)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"can't put {source} in the place of {database}: {error}") from error
    return proof, kept


def lock_path(database: Path) -> Path:
    """Name the file that the program which serves a database holds a lock on."""
    return database.with_name(database.name + ".lock")


@contextmanager
def serving(database: Path) -> Iterator[None]:
    """Hold the database as the one program that serves it.

    Raises:
        StoreError: another one does, or the folder can't be written.
    """
    with _alone(database):
        yield


@contextmanager
def _alone(database: Path) -> Iterator[None]:
    try:
        descriptor = os.open(lock_path(database), os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise StoreError(f"can't use {lock_path(database)}: {error.strerror}. Does its folder exist?") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise StoreError(f"{database} is in use by another emops-backend: stop that first") from error
    finally:
        os.close(descriptor)


def _copy(source: Path, target: Path, progress: Callable[[int, int], None]) -> None:
    # Not read-only: whoever opens a database first must be able to recover its write-ahead log.
    uri = f"{source.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True)) as read, closing(sqlite3.connect(target)) as write:
        read.backup(write, pages=_PAGES, progress=lambda _, left, all_: progress(all_ - left, all_), sleep=0.005)
        write.execute("PRAGMA journal_mode = DELETE")  # the copy is one file, without a log beside it


def _make_durable(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
