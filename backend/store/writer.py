"""The one writer: units of work from all tasks, committed in groups.

Callers hand over a plain function. The writer's thread runs all that wait inside one transaction, a savepoint each so
that one failure harms only itself, commits once, and only then do the callers go on. Under load this gives many times
the disk's rate of durable commits, and one change of threads for a whole group (architecture, "One writer, group
commit").
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from backend.errors import StoreClosedError, StoreError
from backend.store.sql import Statement
from shared.log import Log

T = TypeVar("T")
Work = Callable[[Connection], T]

log = Log(__name__)

_MAX_GROUP = 500
"""Units of work in one commit; bounds the time that the first of them waits."""

_READERS = 4
"""Threads that read at the same time; more would only take turns at the interpreter."""

_WRITES = "emops_writes"
"""Execution option of the writer's connection, see `_begin`."""

_SAVEPOINT = Statement(text("SAVEPOINT unit"))
_RELEASE = Statement(text("RELEASE SAVEPOINT unit"))
_UNDO = Statement(text("ROLLBACK TO SAVEPOINT unit"))


@dataclass(slots=True)
class _Job:
    work: Work[object]
    done: "asyncio.Future[object]"

    def conclude(self, outcome: "_Outcome") -> None:
        if self.done.done():
            return  # the caller was cancelled; what was stored stays
        if outcome.error:
            self.done.set_exception(outcome.error)
        else:
            self.done.set_result(outcome.result)


@dataclass(frozen=True, slots=True)
class _Outcome:
    result: object = None
    error: Exception | None = None


class Store:
    """The database: `write` for changes, `read` for queries, both by plain functions. Make it with `open_store`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue(maxsize=10_000)
        self._writer = ThreadPoolExecutor(1, "store writer")
        self._readers = ThreadPoolExecutor(_READERS, "store reader")
        self._connection: Connection | None = None  # the writer thread's own
        self._healthy = True
        self._closed = False
        self._version = 0
        self._committed = asyncio.Condition()

    async def write(self, work: Work[T]) -> T:
        """Run `work` in the writer's thread and return its result once it is durable.

        If `work` raises, its own changes are undone and the exception comes out here. If the commit fails, every caller
        of the group gets that exception and nothing was stored. Cancelling does not take the work back.

        Args:
            work: gets the connection; must neither wait for anything else nor touch what other threads change.

        Raises:
            StoreClosedError: the store was closed before the work was begun.
        """
        job = _Job(cast(Work[object], work), asyncio.get_running_loop().create_future())
        await self._jobs.put(job)
        if self._closed:
            self._fail_queued()
        return cast(T, await job.done)

    async def read(self, query: Work[T]) -> T:
        """Run `query` in a thread, on a connection that sees one commit and must not write.

        Cancelling gives up the result; the query ends by itself.

        Args:
            query: gets the connection; what it returns must not need it any more.

        Raises:
            StoreClosedError: the store was closed.
        """
        try:
            reading = asyncio.get_running_loop().run_in_executor(self._readers, self._query, query)
        except RuntimeError:
            raise StoreClosedError("the store was closed") from None
        return await reading

    @property
    def path(self) -> Path:
        """Where the database is."""
        return Path(self.engine.url.database or "")

    @property
    def version(self) -> int:
        """The number of commits since the start: changes when something may have changed."""
        return self._version

    async def changed(self, since: int) -> int:
        """Wait until `version` differs from `since`, and give it. Jobs and live pages wait here; cancelling is safe."""
        async with self._committed:
            await self._committed.wait_for(lambda: self._version != since)
            return self._version

    async def run_writer(self) -> None:
        """Write until cancelled. The group under way is carried to its end; what waits gets a StoreClosedError."""
        running: asyncio.Task[None] | None = None
        try:
            while True:
                group = [await self._jobs.get()]
                while len(group) < _MAX_GROUP and not self._jobs.empty():
                    group.append(self._jobs.get_nowait())
                running = asyncio.create_task(self._run_group(group))
                await asyncio.shield(running)
        finally:
            self._closed = True
            self._fail_queued()
            if running:
                await running
            await asyncio.get_running_loop().run_in_executor(self._writer, self._disconnect)
            self._writer.shutdown()
            self._readers.shutdown()

    async def _run_group(self, group: list[_Job]) -> None:
        works = [job.work for job in group]
        try:
            outcomes = await asyncio.get_running_loop().run_in_executor(self._writer, self._commit, works)
        except Exception as error:  # noqa: BLE001  given to the callers, who own it
            for job in group:
                job.conclude(_Outcome(error=error))
            if self._healthy:
                log.error("store_cannot_commit", reason=short_reason(error))
            self._healthy = False
            return
        for job, outcome in zip(group, outcomes, strict=True):
            job.conclude(outcome)
        if not self._healthy:
            log.info("store_commits_again")
        self._healthy = True
        async with self._committed:
            self._version += 1
            self._committed.notify_all()

    def _fail_queued(self) -> None:
        while not self._jobs.empty():
            self._jobs.get_nowait().conclude(_Outcome(error=StoreClosedError("the store was closed")))

    def _commit(self, works: list[Work[object]]) -> list[_Outcome]:
        """Run a group in one transaction and commit it. If this raises, nothing of the group was stored."""
        try:
            if self._connection is None:
                self._connection = self.engine.connect().execution_options(**{_WRITES: True})
            with self._connection.begin():
                return [_run_unit(self._connection, work) for work in works]
        except BaseException:
            # Its transaction may be in any state.
            if self._connection:
                self._connection.invalidate()
            self._disconnect()
            raise

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            connection.close()

    def _query(self, query: Work[T]) -> T:
        with self.engine.connect() as connection, connection.begin():
            return query(connection)


def _run_unit(connection: Connection, work: Work[object]) -> _Outcome:
    """Run one unit of work inside a savepoint.

    Raises:
        StoreError: the whole transaction is lost, not just what this unit did.
    """
    _SAVEPOINT.run(connection)
    try:
        outcome = _Outcome(work(connection))
        _RELEASE.run(connection)
    except Exception as error:
        # Some errors (disk full, I/O) make SQLite undo the whole transaction, not just the savepoint. The rest of the
        # group would then be committed one by one, and the first part not at all.
        if not _in_transaction(connection):
            raise StoreError(f"the database undid the transaction: {short_reason(error)}") from error
        _UNDO.run(connection)
        _RELEASE.run(connection)
        return _Outcome(error=error)
    return outcome


def short_reason(error: Exception) -> str:
    """Give the database's own words, without the statement and its values."""
    return str(error.orig if isinstance(error, DBAPIError) else error)


def _in_transaction(connection: Connection) -> bool:
    return bool(cast(Any, connection.connection.driver_connection).in_transaction)  # Any: the driver's type


@asynccontextmanager
async def open_store(path: Path) -> AsyncIterator[Store]:
    """Open the SQLite file, which must have been migrated (`backend.store.migrate`), and run its writer.

    Args:
        path: of the file.
    """
    engine = create_engine(f"sqlite:///{path}", hide_parameters=True)
    event.listen(engine, "connect", set_up)
    event.listen(engine, "begin", _begin)
    store = Store(engine)
    writer = asyncio.create_task(store.run_writer(), name="store writer")
    try:
        yield store
    finally:
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
        engine.dispose()


# Any: the DBAPI connection and the sync Connection, which SQLAlchemy's events don't type.
def set_up(connection: Any, _record: object) -> None:
    """Set the pragmas of a new SQLite connection; listens to SQLAlchemy's `connect` event."""
    # The driver must not begin transactions of its own: `_begin` does, so that savepoints work.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "busy_timeout = 5000",
        # Else INSERT OR REPLACE deletes rows without asking the triggers of append-only tables.
        "recursive_triggers = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Any) -> None:
    # The writer takes the lock at once: one that reads first and writes later is refused (SQLITE_BUSY_SNAPSHOT) when
    # another process, for instance the command line, has written in between.
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
