import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from shared.sqlite import Database


async def count(database: Database, table: str = "n") -> int:
    return int((await database.read(f"SELECT count(*) FROM {table}"))[0][0])


def test_one_task_s_failure_does_not_take_another_s_rows(tmp_path: Path) -> None:
    async def scenario() -> list[int]:
        async with Database.open(tmp_path / "x.db") as database:
            await database.work(lambda c: c.execute("CREATE TABLE n (i INTEGER PRIMARY KEY)"))

            def insert(connection: sqlite3.Connection, i: int) -> None:
                connection.execute("INSERT INTO n VALUES (?)", (i,))
                if i % 2:
                    raise ValueError(i)

            work = (database.work(lambda c, i=i: insert(c, i)) for i in range(20))  # type: ignore[misc]
            outcomes = await asyncio.gather(*work, return_exceptions=True)
            assert sum(isinstance(o, ValueError) for o in outcomes) == 10
            return [row[0] for row in await database.read("SELECT i FROM n ORDER BY i")]

    assert asyncio.run(scenario()) == list(range(0, 20, 2))


def test_a_unit_whose_caller_was_cancelled_is_done_as_a_whole_and_the_next_one_works(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Database.open(tmp_path / "x.db") as database:
            await database.work(lambda c: c.execute("CREATE TABLE n (i INTEGER PRIMARY KEY)"))
            may_go_on = threading.Event()

            def insert(connection: sqlite3.Connection) -> None:
                connection.execute("INSERT INTO n VALUES (1)")
                may_go_on.wait(5)
                connection.execute("INSERT INTO n VALUES (2)")

            task = asyncio.create_task(database.work(insert))
            await asyncio.sleep(0.02)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            may_go_on.set()
            assert await count(database) == 2

    asyncio.run(scenario())


def test_a_commit_that_fails_stores_nothing_and_the_next_one_works(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Database.open(tmp_path / "x.db") as database:
            await database.work(lambda c: c.execute("CREATE TABLE a (i INTEGER PRIMARY KEY)"))
            await database.work(
                lambda c: c.execute("CREATE TABLE b (i INTEGER REFERENCES a DEFERRABLE INITIALLY DEFERRED)")
            )
            with pytest.raises(sqlite3.IntegrityError):  # checked at COMMIT
                await database.work(lambda c: c.execute("INSERT INTO b VALUES (7)"))
            await database.work(lambda c: c.execute("INSERT INTO a VALUES (1)"))
            assert (await count(database, "a"), await count(database, "b")) == (1, 0)

    asyncio.run(scenario())


def test_errors_become_what_the_program_calls_them(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Database.open(tmp_path / "x.db", failure=lambda error: KeyError(str(error))) as database:
            with pytest.raises(KeyError, match="no such table"):
                await database.read("SELECT * FROM absent")
            with pytest.raises(KeyError, match="no such table"):
                await database.work(lambda c: c.execute("DELETE FROM absent"))

    asyncio.run(scenario())
