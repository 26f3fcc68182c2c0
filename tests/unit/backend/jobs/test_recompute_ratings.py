import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from backend.core.rates.rating import Policy
from backend.jobs.rate_ended import rate_ended
from backend.jobs.recompute_ratings import Recomputer, next_night, recompute
from backend.store.recompute_runs import last_run
from backend.store.writer import Store
from shared.clock import ManualClock
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.billing_store import add_transaction, billing_store

BERLIN = ZoneInfo("Europe/Berlin")


async def execute(store: Store, *statements: str) -> None:
    for statement in statements:
        await store.write(lambda unit, one=statement: unit.execute(text(one)))  # type: ignore[misc]  # bound at once


@pytest.mark.parametrize(
    ("after", "night"),
    [
        ("2026-10-15T19:10:00+00:00", "2026-10-16T01:00:00+00:00"),
        ("2026-10-16T01:00:00+00:00", "2026-10-17T01:00:00+00:00"),
        ("2026-10-16T00:59:59+00:00", "2026-10-16T01:00:00+00:00"),
        ("2026-10-24T12:00:00+00:00", "2026-10-25T02:00:00+00:00"),  # the clock is set back that night
        ("2026-03-28T12:00:00+00:00", "2026-03-29T01:00:00+00:00"),  # and forward
    ],
)
def test_night_is_three_at_the_wall(after: str, night: str) -> None:
    assert next_night(datetime.fromisoformat(after), BERLIN).astimezone(UTC) == datetime.fromisoformat(night)


def test_every_night_proves_all_ratings_and_keeps_what_it_found(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    async def run() -> None:
        clock = ManualClock(EVENING)
        async with billing_store(tmp_path / "emops.db") as store:
            await add_transaction(store)
            await add_transaction(store, start=EVENING + timedelta(hours=5))
            await rate_ended(store, clock, Policy())
            job = Recomputer(store, clock)
            due = await job.run()
            assert due == datetime(2026, 10, 16, 1, tzinfo=UTC)
            assert await store.read(last_run) is None
            clock.set_utc(datetime(2026, 10, 16, 1, tzinfo=UTC))
            assert await job.run() == datetime(2026, 10, 17, 1, tzinfo=UTC)
            found = await store.read(last_run)
            assert found is not None
            assert (found.at, found.proof.checked, found.proof.differences) == (clock.utc(), 2, ())
            again = Recomputer(store, clock)  # the program was started anew
            assert await again.run() == datetime(2026, 10, 17, 1, tzinfo=UTC)

    asyncio.run(run())
    assert caplog.text.count("ratings_recomputed checked=2 differ=0") == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ('UPDATE rating SET body = replace(body, \'"quantity":"9.167"\', \'"quantity":"9.168"\')', "quantity: 9.168"),
        ("UPDATE rating SET body = 'x'", "not JSON"),
        ("UPDATE rating SET inputs = '{}'", "can't be read: Inputs"),
        ("UPDATE rating SET inputs = replace(inputs, '1009167', '1009168')", "quantity: 9.167 stored, 9.168"),
        ("UPDATE tariff_version SET body = replace(body, '0.59', '0.69')", "is not what its hash says"),
    ],
)
def test_whatever_is_tampered_with_is_found(tmp_path: Path, change: str, words: str) -> None:
    async def run() -> None:
        async with billing_store(tmp_path / "emops.db") as store:
            await add_transaction(store)
            await rate_ended(store, ManualClock(EVENING), Policy())
            assert (await recompute(store)).differences == ()
            for table in ("rating", "tariff_version"):
                await execute(store, f"DROP TRIGGER {table}_refuses_update")
            await execute(store, change)
            (difference,) = (await recompute(store)).differences
            assert difference.transaction_id == 1
            assert any(words in what for what in difference.what), difference.what

    asyncio.run(run())


def test_ratings_of_before_without_their_inputs_are_proved_from_the_tables(tmp_path: Path) -> None:
    async def run() -> None:
        async with billing_store(tmp_path / "emops.db") as store:
            await add_transaction(store)
            await rate_ended(store, ManualClock(EVENING), Policy())
            await execute(store, "DROP TRIGGER rating_refuses_update", "UPDATE rating SET inputs = ''")
            proof = await recompute(store)
            assert (proof.checked, proof.differences) == (1, ())

    asyncio.run(run())


def test_more_ratings_than_are_read_at_once_are_all_proved(tmp_path: Path) -> None:
    async def run() -> None:
        async with billing_store(tmp_path / "emops.db") as store:
            for hour in range(101):
                await add_transaction(store, ((0, 1000), (30, 2000)), start=EVENING + timedelta(hours=hour))
            await rate_ended(store, ManualClock(EVENING), Policy())
            assert (await recompute(store)).checked == 101

    asyncio.run(run())
