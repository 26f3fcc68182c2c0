"""One SQLite connection that tasks share without losing each other's writes.

On a shared aiosqlite connection another task's insert vanishes with my rollback, so all writing goes through a unit of
work: a lock, BEGIN IMMEDIATE, COMMIT.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiosqlite


class Database:
    """A SQLite file with one writer.

    Readers may use `connection` between units of work: they see committed rows only, as every unit of work is locked.
    """

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self.connection = connection
        self._lock = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path, *, synchronous: str = "FULL") -> "AsyncIterator[Database]":
        """Open or create the file in WAL mode.

        Args:
            path: of the file; its folder must exist.
            synchronous: FULL keeps every commit through a power cut, NORMAL may lose the last ones.

        Raises:
            sqlite3.DatabaseError: it is not a database, or damaged.
        """
        async with aiosqlite.connect(path, isolation_level=None) as connection:
            await connection.execute("PRAGMA journal_mode = WAL")
            await connection.execute(f"PRAGMA synchronous = {synchronous}")
            await connection.execute("PRAGMA foreign_keys = ON")
            await connection.execute("PRAGMA busy_timeout = 5000")
            yield cls(connection)

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[aiosqlite.Connection]:
        """Write all or nothing. It is durable when the block has been left without an exception.

        Cancelling inside rolls back; cancelling during the commit may leave it done or undone, never half.
        """
        async with self._lock:
            try:
                await self.connection.execute("BEGIN IMMEDIATE")
                yield self.connection
                await self.connection.execute("COMMIT")
            except BaseException:
                await self._roll_back()
                raise

    async def _roll_back(self) -> None:
        """Undo what is open. A statement whose caller was cancelled runs all the same, so that is not known here."""
        with suppress(sqlite3.OperationalError):  # nothing is open: BEGIN failed, or COMMIT did its work
            await self.connection.execute("ROLLBACK")
