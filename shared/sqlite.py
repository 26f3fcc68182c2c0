"""One SQLite connection in a thread of its own, for a program that keeps its memory in one file.

A unit of work is a plain function: the thread runs it between BEGIN IMMEDIATE and COMMIT, one after the other. So
nobody sees another's half-done work, a unit costs one change of threads however many statements it has, and a slow card
never holds up the event loop.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class Database:
    """A SQLite file with one writer, in WAL mode. Make it with `open`.

    Args:
        connection: used in the thread only.
        thread: runs all that is asked.
        failure: gives the exception to raise for one of SQLite; it may be the same.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        thread: ThreadPoolExecutor,
        failure: Callable[[sqlite3.Error], Exception] = lambda error: error,
    ) -> None:
        self.connection = connection
        self._thread = thread
        self._failure = failure
        self.commits = 0
        """Units of work that were written."""

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        path: Path,
        *,
        synchronous: str = "FULL",
        failure: Callable[[sqlite3.Error], Exception] = lambda error: error,
    ) -> "AsyncIterator[Database]":
        """Open or create the file.

        Args:
            path: of the file; its folder must exist.
            synchronous: FULL keeps every commit through a power cut, NORMAL may lose the last ones.
            failure: see the class. Opening itself raises what SQLite raises.

        Raises:
            sqlite3.DatabaseError: it is not a database, or damaged.
        """
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="sqlite") as thread:
            connection = await loop.run_in_executor(thread, _connect, path, synchronous)
            try:
                yield cls(connection, thread, failure)
            finally:
                thread.submit(connection.close)

    async def work(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        """Write all or nothing; it is durable when this returns. An exception of the unit rolls back.

        Cancelling leaves the unit done or undone, never half: it runs to its end all the same.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, unit)

    async def read(self, sql: str, *parameters: object) -> list[sqlite3.Row]:
        """Give all rows of a query. They show committed work only."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(self._read, sql, parameters))

    async def written_bytes(self) -> int | None:
        """Give what was given to be stored for this file so far; None where the kernel does not count (proc(5))."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, _thread_bytes)

    def _transact(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        connection = self.connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            result = unit(connection)
            connection.execute("COMMIT")
            self.commits += 1
        except BaseException as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise self._failure(error) from error
            raise
        return result

    def _read(self, sql: str, parameters: tuple[object, ...]) -> list[sqlite3.Row]:
        try:
            return self.connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise self._failure(error) from error


def _thread_bytes() -> int | None:
    try:
        lines = Path("/proc/thread-self/io").read_text("ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("write_bytes")), None)


def _connect(path: Path, synchronous: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection
