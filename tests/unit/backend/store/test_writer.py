import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.exc import DBAPIError

from backend.errors import BackendError, StoreClosedError
from backend.store.migrate import migrate
from backend.store.rating_tables import tariff_version
from backend.store.writer import Store, open_store
from tests.unit.backend.world import NOW, open_world


def add(unit: Connection, name: str, body: str = "{}", operator: str = "muster") -> str:
    row = {"id": name, "operator_id": operator, "tariff_id": name, "valid_from": NOW, "body": body}
    unit.execute(insert(tariff_version).values(**row))
    return name


async def count(store: Store) -> int:
    query = select(func.count()).where(tariff_version.c.tariff_id != "flat")
    return int(await store.read(lambda unit: unit.execute(query.select_from(tariff_version)).scalar_one()))


def test_all_that_wait_are_committed_together(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_world(tmp_path) as store:
            before = store.version
            results = await asyncio.gather(*(store.write(lambda u, i=i: add(u, f"t{i}")) for i in range(200)))  # type: ignore[misc]  # mypy can't infer a lambda's default
            assert results == [f"t{i}" for i in range(200)]
            assert await count(store) == 200
            assert store.version - before <= 3

    asyncio.run(scenario())


def test_one_that_fails_harms_only_itself(tmp_path: Path) -> None:
    def fails_half_way(unit: Connection) -> None:
        add(unit, "half")
        raise LookupError("mine")

    async def scenario() -> None:
        async with open_world(tmp_path) as store:
            good, bad, wrong, last = await asyncio.gather(
                store.write(lambda u: add(u, "good")),
                store.write(fails_half_way),
                store.write(lambda u: add(u, "wrong", operator="nobody")),
                store.write(lambda u: add(u, "last")),
                return_exceptions=True,
            )
            assert (good, last) == ("good", "last")
            assert isinstance(bad, LookupError)
            assert isinstance(wrong, DBAPIError)
            assert await count(store) == 2

    asyncio.run(scenario())


def test_a_commit_that_fails_is_told_to_all_of_its_group_and_nothing_is_stored(tmp_path: Path) -> None:
    def breaks_the_commit(unit: Connection) -> None:
        unit.execute(text("PRAGMA defer_foreign_keys = ON"))
        add(unit, "orphan", operator="nobody")

    async def scenario() -> None:
        async with open_world(tmp_path) as store:
            outcomes = await asyncio.gather(
                store.write(lambda u: add(u, "first")),
                store.write(breaks_the_commit),
                store.write(lambda u: add(u, "second")),
                return_exceptions=True,
            )
            assert all(isinstance(outcome, DBAPIError) for outcome in outcomes)
            assert await count(store) == 0
            assert await store.write(lambda u: add(u, "later")) == "later"

    asyncio.run(scenario())


def test_a_full_disk_is_never_answered_as_stored(tmp_path: Path) -> None:
    def fill_up(unit: Connection) -> None:
        pages = unit.execute(text("PRAGMA page_count")).scalar_one()
        unit.execute(text(f"PRAGMA max_page_count = {pages + 4}"))

    async def scenario() -> None:
        async with open_world(tmp_path) as store:
            await store.write(fill_up)
            outcomes = await asyncio.gather(
                *(store.write(lambda u, i=i: add(u, f"t{i}", "x" * 6000)) for i in range(30)),  # type: ignore[misc]  # mypy can't infer a lambda's default
                return_exceptions=True,
            )
            told = {outcome for outcome in outcomes if isinstance(outcome, str)}
            failed = [outcome for outcome in outcomes if not isinstance(outcome, str)]
            assert failed
            assert all(isinstance(error, DBAPIError | BackendError) for error in failed)
            stored = await store.read(lambda unit: set(unit.execute(select(tariff_version.c.tariff_id)).scalars())) - {
                "flat"
            }
            assert stored == told
            await store.write(lambda u: u.execute(text("PRAGMA max_page_count = 1000000")))
            assert await store.write(lambda u: add(u, "after")) == "after"

    asyncio.run(scenario())


def test_what_waits_when_the_store_closes_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        loop, goes_on = asyncio.get_running_loop(), threading.Event()
        async with open_world(tmp_path) as store:
            started = asyncio.Event()

            def lasts(unit: Connection) -> str:
                loop.call_soon_threadsafe(started.set)
                goes_on.wait()
                return add(unit, "begun")

            lasting = asyncio.create_task(store.write(lasts))
            await started.wait()
            queued = asyncio.create_task(store.write(lambda u: add(u, "queued")))
            await asyncio.sleep(0)
            queued.add_done_callback(lambda _: goes_on.set())  # refused at once, while the other goes on
        assert await lasting == "begun"
        with pytest.raises(StoreClosedError):
            await queued
        with pytest.raises(StoreClosedError):
            await store.write(lambda u: add(u, "late"))
        with pytest.raises(StoreClosedError):
            await store.read(lambda u: u.scalar(text("SELECT 1")))
        with sqlite3.connect(tmp_path / "db") as stored:
            names = {row[0] for row in stored.execute("SELECT tariff_id FROM tariff_version")}
        stored.close()
        assert names == {"flat", "begun"}

    asyncio.run(scenario())


def test_another_program_may_write_between_a_read_and_a_write(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_world(tmp_path) as store:
            command_line = sqlite3.connect(tmp_path / "db", isolation_level=None, timeout=0.1, check_same_thread=False)

            def reads_then_writes(unit: Connection) -> str:
                unit.execute(select(tariff_version))
                with pytest.raises(sqlite3.OperationalError, match="locked"):
                    command_line.execute("UPDATE customer SET name = 'other'")
                return add(unit, "mine")

            assert await store.write(reads_then_writes) == "mine"
            command_line.execute("UPDATE customer SET name = 'other'")
            command_line.close()
            assert await store.write(lambda u: add(u, "next")) == "next"

    asyncio.run(scenario())


def test_whoever_waits_for_a_change_is_woken_by_a_commit(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_world(tmp_path) as store:
            seen = store.version
            waiting = asyncio.create_task(store.changed(seen))
            await store.write(lambda u: add(u, "news"))
            assert await waiting > seen

    asyncio.run(scenario())


def test_the_text_of_a_token_is_in_no_error(tmp_path: Path) -> None:
    async def scenario() -> None:
        migrate(tmp_path / "db")
        async with open_store(tmp_path / "db") as store:
            with pytest.raises(DBAPIError) as caught:
                await store.write(lambda u: add(u, "SECRETTOKEN"))
            assert "SECRETTOKEN" not in str(caught.value)

    asyncio.run(scenario())
