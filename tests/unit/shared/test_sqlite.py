import asyncio
import sqlite3
from pathlib import Path

import pytest

from shared.sqlite import Database


def test_one_task_s_failure_does_not_take_another_s_rows(tmp_path: Path) -> None:
    async def scenario() -> list[int]:
        async with Database.open(tmp_path / "x.db") as database:
            async with database.unit_of_work() as connection:
                await connection.execute("CREATE TABLE n (i INTEGER PRIMARY KEY)")

            async def insert(i: int) -> None:
                async with database.unit_of_work() as connection:
                    await connection.execute("INSERT INTO n VALUES (?)", (i,))
                    await asyncio.sleep(0)
                    if i % 2:
                        raise ValueError(i)

            outcomes = await asyncio.gather(*(insert(i) for i in range(20)), return_exceptions=True)
            assert sum(isinstance(o, ValueError) for o in outcomes) == 10
            return [row[0] for row in await database.connection.execute_fetchall("SELECT i FROM n ORDER BY i")]

    assert asyncio.run(scenario()) == list(range(0, 20, 2))


def test_a_cancelled_unit_of_work_leaves_nothing(tmp_path: Path) -> None:
    async def scenario() -> int:
        async with Database.open(tmp_path / "x.db") as database:
            await database.connection.execute("CREATE TABLE n (i INTEGER PRIMARY KEY)")

            async def hang() -> None:
                async with database.unit_of_work() as connection:
                    await connection.execute("INSERT INTO n VALUES (1)")
                    await asyncio.Event().wait()

            task = asyncio.create_task(hang())
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            rows = list(await database.connection.execute_fetchall("SELECT count(*) FROM n"))
            return int(rows[0][0])

    assert asyncio.run(scenario()) == 0


def test_cancelling_at_any_await_leaves_the_database_usable(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Database.open(tmp_path / "x.db") as database:
            await database.connection.execute("CREATE TABLE n (i INTEGER PRIMARY KEY)")

            async def insert(i: int) -> None:
                async with database.unit_of_work() as connection:
                    await connection.execute("INSERT INTO n VALUES (?)", (i,))

            for turns in range(40):
                task = asyncio.create_task(insert(turns))
                for _ in range(turns % 20):
                    await asyncio.sleep(0 if turns < 20 else 0.0002)
                task.cancel()
                await asyncio.wait([task])
                await insert(1000 + turns)
            kept = await database.connection.execute_fetchall("SELECT count(*) FROM n WHERE i >= 1000")
            assert [tuple(row) for row in kept] == [(40,)]

    asyncio.run(scenario())


def test_a_commit_that_fails_stores_nothing_and_the_next_one_works(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Database.open(tmp_path / "x.db") as database:
            await database.connection.execute("CREATE TABLE a (i INTEGER PRIMARY KEY)")
            await database.connection.execute(
                "CREATE TABLE b (i INTEGER REFERENCES a DEFERRABLE INITIALLY DEFERRED)"  # checked at COMMIT
            )
            with pytest.raises(sqlite3.IntegrityError):
                async with database.unit_of_work() as connection:
                    await connection.execute("INSERT INTO b VALUES (7)")
            async with database.unit_of_work() as connection:
                await connection.execute("INSERT INTO a VALUES (1)")
            rows = await database.connection.execute_fetchall(
                "SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)"
            )
            assert [tuple(row) for row in rows] == [(1, 0)]

    asyncio.run(scenario())
