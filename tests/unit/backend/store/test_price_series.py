import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from backend.store.migrate import migrate
from backend.store.price_series import Origin, list_series, load_prices, store_prices
from backend.store.writer import open_store

NOON = datetime(2026, 7, 12, 10, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
PRICES = {NOON + i * QUARTER: Decimal(text) for i, text in enumerate(("5.0", "-12.4", "-30.0", "18.3"))}


def test_prices_come_back_with_their_own_digits_and_sign(tmp_path: Path) -> None:
    migrate(tmp_path / "db")

    async def scenario() -> None:
        async with open_store(tmp_path / "db") as store:
            assert (
                await store.write(lambda unit: store_prices(unit, "DE-LU", PRICES, Origin("", "market.csv"), NOON)) == 4
            )
            assert await store.read(lambda unit: load_prices(unit, "acme", "DE-LU", NOON, NOON + 3 * QUARTER)) == PRICES
            assert (
                await store.read(
                    lambda unit: list(load_prices(unit, "acme", "DE-LU", NOON + QUARTER, NOON + 2 * QUARTER))
                )
                == list(PRICES)[1:3]
            )
            assert await store.read(lambda unit: load_prices(unit, "acme", "AT", NOON, NOON + QUARTER)) == {}
            (summary,) = await store.read(list_series)
            assert (summary.series, summary.prices, summary.first) == ("DE-LU", 4, NOON)

    asyncio.run(scenario())


def test_the_price_that_came_last_counts_and_the_one_before_stays(tmp_path: Path) -> None:
    migrate(tmp_path / "db")

    async def scenario() -> None:
        async with open_store(tmp_path / "db") as store:
            await store.write(lambda unit: store_prices(unit, "DE-LU", PRICES, Origin("", "first.csv"), NOON))
            corrected = PRICES | {NOON: Decimal("6.0")}
            for added in (1, 0):
                assert (
                    await store.write(lambda unit: store_prices(unit, "DE-LU", corrected, Origin("", "second"), NOON))
                    == added
                )
            assert (await store.read(lambda unit: load_prices(unit, "acme", "DE-LU", NOON, NOON)))[NOON] == Decimal(
                "6.0"
            )

    asyncio.run(scenario())
    connection = sqlite3.connect(tmp_path / "db")
    kept = connection.execute(
        "SELECT price, source FROM price_point WHERE start = (SELECT min(start) FROM price_point)"
    )
    assert kept.fetchall() == [("5.0", "first.csv"), ("6.0", "second")]
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute("DELETE FROM price_point")
    connection.close()


def test_what_an_operator_brings_counts_for_its_own_tariffs_and_a_market_for_all(tmp_path: Path) -> None:
    migrate(tmp_path / "db")

    async def scenario() -> None:
        async with open_store(tmp_path / "db") as store:
            await store.write(lambda unit: store_prices(unit, "DE-LU", PRICES, Origin("", "market.csv"), NOON))
            own = {NOON: Decimal(99)}
            await store.write(lambda unit: store_prices(unit, "DE-LU", own, Origin("acme", "own.csv"), NOON))
            assert await store.read(lambda unit: load_prices(unit, "acme", "DE-LU", NOON, NOON + 3 * QUARTER)) == own
            assert (
                await store.read(lambda unit: load_prices(unit, "other", "DE-LU", NOON, NOON + 3 * QUARTER)) == PRICES
            )
            assert [(one.operator_id, one.prices) for one in await store.read(list_series)] == [("", 4), ("acme", 1)]

    asyncio.run(scenario())
