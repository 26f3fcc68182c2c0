"""The one writer: units of work from all tasks, committed in groups.

Callers hand over a function. The writer runs all that wait inside one transaction, a savepoint each so that one failure
harms only itself, commits once, and only then do the callers go on. Under load this gives many times the disk's rate of
durable commits; alone it costs nothing (architecture, "One writer, group commit").
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from backend.errors import StoreClosedError, StoreError
from shared.log import Log

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]

log = Log(__name__)

_MAX_GROUP = 500
"""Units of work in one commit; bounds the time that the first of them waits."""

_WRITES = "emops_writes"
"""Execution option of the writer's connection, see `_begin`."""


@dataclass(slots=True)
class _Job:
    work: Work[object]
    done: "asyncio.Future[object]"

    def fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


_Outcome = tuple[_Job, object, Exception | None]


class Store:
    """The database: `write` for changes, `read` for queries. Make it with `open_store`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue(maxsize=10_000)
        self._closed = False
        self._version = 0
        self._committed = asyncio.Condition()

    async def write(self, work: Work[T]) -> T:
        """Run `work` in the writer and return its result once it is durable.

        If `work` raises, its own changes are undone and the exception comes out here. If the commit fails, every caller
        of the group gets that exception and nothing was stored. Cancelling does not take the work back.

        Raises:
            StoreClosedError: the store was closed before the work was known to be durable.
        """
        job = _Job(cast(Work[object], work), asyncio.get_running_loop().create_future())
        await self._jobs.put(job)
        if self._closed:
            self._fail_queued()
        return cast(T, await job.done)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection that sees the last commit and must not write."""
        async with self.engine.connect() as connection:
            yield connection

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
        """Write until cancelled. What was handed over before that and is not committed gets a StoreClosedError."""
        connection: AsyncConnection | None = None
        healthy = True
        try:
            while True:
                group = [await self._jobs.get()]
                while len(group) < _MAX_GROUP and not self._jobs.empty():
                    group.append(self._jobs.get_nowait())
                try:
                    connection = connection or await self._connect()
                    _tell(await _commit(connection, group))
                except Exception as error:  # noqa: BLE001  given to the callers, who own it
                    for job in group:
                        job.fail(error)
                    if healthy:
                        log.error("store_cannot_commit", reason=short_reason(error))
                    healthy = False
                    await _discard(connection)
                    connection = None
                    continue
                except BaseException:
                    for job in group:
                        job.fail(StoreClosedError("the store was closed"))
                    raise
                if not healthy:
                    log.info("store_commits_again")
                healthy = True
                async with self._committed:
                    self._version += 1
                    self._committed.notify_all()
        finally:
            self._closed = True
            self._fail_queued()
            if connection:
                await connection.close()

    async def _connect(self) -> AsyncConnection:
        connection = await self.engine.connect()
        return await connection.execution_options(**{_WRITES: True})

    def _fail_queued(self) -> None:
        while not self._jobs.empty():
            self._jobs.get_nowait().fail(StoreClosedError("the store was closed"))


async def _commit(connection: AsyncConnection, group: list[_Job]) -> list[_Outcome]:
    """Run a group in one transaction and commit it. If this raises, nothing of the group was stored."""
    outcomes: list[_Outcome] = []
    async with connection.begin():
        for job in group:
            try:
                async with connection.begin_nested():
                    outcomes.append((job, await job.work(connection), None))
            except Exception as error:
                # Some errors (disk full, I/O) make SQLite undo the whole transaction, not just the savepoint. The rest
                # of the group would then be committed one by one, and the first part not at all.
                if not await _in_transaction(connection):
                    raise StoreError(f"the database undid the transaction: {short_reason(error)}") from error
                outcomes.append((job, None, error))
    return outcomes


def _tell(outcomes: list[_Outcome]) -> None:
    for job, result, error in outcomes:
        if error:
            job.fail(error)
        elif not job.done.done():  # else the caller was cancelled; its work is stored all the same
            job.done.set_result(result)


def short_reason(error: Exception) -> str:
    """Give the database's own words, without the statement and its values."""
    return str(error.orig if isinstance(error, DBAPIError) else error)


async def _in_transaction(connection: AsyncConnection) -> bool:
    raw = await connection.get_raw_connection()
    return bool(cast(Any, raw.driver_connection).in_transaction)  # Any: SQLAlchemy does not type the driver's


async def _discard(connection: AsyncConnection | None) -> None:
    """Throw a connection away whose transaction may be in any state."""
    if connection:
        await connection.invalidate()
        await connection.close()


@asynccontextmanager
async def open_store(path: Path) -> AsyncIterator[Store]:
    """Open the SQLite file, which must have been migrated (`backend.store.migrate`), and run its writer.

    Args:
        path: of the file.
    """
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}", hide_parameters=True)
    event.listen(engine.sync_engine, "connect", set_up)
    event.listen(engine.sync_engine, "begin", _begin)
    store = Store(engine)
    writer = asyncio.create_task(store.run_writer(), name="store writer")
    try:
        yield store
    finally:
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
        await engine.dispose()


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
