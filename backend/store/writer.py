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
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]

_MAX_GROUP = 500
"""Units of work in one commit; bounds the time that the first of them waits."""


@dataclass(slots=True)
class _Job:
    work: Work[object]
    done: "asyncio.Future[object]"


class Store:
    """The database: `write` for changes, `read` for queries. Make it with `open_store`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue(maxsize=10_000)
        self._version = 0
        self._committed = asyncio.Condition()

    async def write(self, work: Work[T]) -> T:
        """Run `work` in the writer and return its result once it is durable.

        If `work` raises, its own changes are undone and the exception comes out here. If the commit fails, every caller of
        the group gets that exception and nothing was stored. Cancelling does not take the work back.
        """
        job = _Job(cast(Work[object], work), asyncio.get_running_loop().create_future())
        await self._jobs.put(job)
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
        """Write until cancelled. What was handed over before the cancellation and not committed gets an exception."""
        async with self.engine.connect() as connection:
            while True:
                group = [await self._jobs.get()]
                while len(group) < _MAX_GROUP and not self._jobs.empty():
                    group.append(self._jobs.get_nowait())
                await _commit(connection, group)
                async with self._committed:
                    self._version += 1
                    self._committed.notify_all()


async def _commit(connection: AsyncConnection, group: list[_Job]) -> None:
    outcomes: list[tuple[_Job, object | BaseException, bool]] = []
    try:
        async with connection.begin():
            for job in group:
                try:
                    async with connection.begin_nested():
                        outcomes.append((job, await job.work(connection), True))
                except Exception as error:  # noqa: BLE001  given to the caller, who owns it
                    outcomes.append((job, error, False))
    except BaseException as error:
        for job in group:
            if not job.done.done():
                job.done.set_exception(
                    error if isinstance(error, Exception) else ConnectionError("the store was closed")
                )
        if isinstance(error, Exception):
            return
        raise
    for job, outcome, succeeded in outcomes:
        if job.done.done():
            continue  # the caller was cancelled; its work is stored all the same
        if succeeded:
            job.done.set_result(outcome)
        else:
            job.done.set_exception(cast(BaseException, outcome))


@asynccontextmanager
async def open_store(path: Path) -> AsyncIterator[Store]:
    """Open the SQLite file, which must have been migrated (`backend.store.migrate`), and run its writer.

    Args:
        path: of the file.
    """
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
    event.listen(engine.sync_engine, "connect", _set_up)
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
def _set_up(connection: Any, _record: object) -> None:
    # The driver must not begin transactions of its own: `_begin` does, so that readers hold no lock and savepoints work.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "busy_timeout = 5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN")
