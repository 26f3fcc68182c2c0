import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select

from backend.core.rates.rating import Policy, Rating
from backend.core.record import from_json
from backend.jobs.rate_ended import rate_ended
from backend.store.rating_tables import cdr, rating
from backend.store.tables import id_token
from backend.store.writer import Store
from shared.clock import ManualClock
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.billing_store import add_transaction, billing_store, transactions

CLOCK = ManualClock(EVENING + timedelta(days=1))


def with_store(tmp_path: Path, test: Callable[[Store], Awaitable[None]]) -> None:
    async def run() -> None:
        async with billing_store(tmp_path / "emops.db") as store:
            await test(store)

    asyncio.run(run())


async def rows(store: Store, table: Any) -> list[Any]:
    return await store.read(lambda connection: list(connection.execute(select(table))))


def test_day_and_night_are_rated_with_values_at_the_boundary(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await add_transaction(store)
        await rate_ended(store, CLOCK, Policy())
        (transaction,) = await transactions(store)
        assert transaction.state == "rated"
        (row,) = await rows(store, rating)
        # 9.167 kWh × 0.59 + 18.333 kWh × 0.39 = 12.5584
        assert (row.total_gross, row.total_net) == (Decimal("12.56"), Decimal("10.55"))
        stored = from_json(Rating, row.body)
        assert [(line.quantity, line.unit_price) for line in stored.lines] == [
            (Decimal("9.167"), Decimal("0.59")),
            (Decimal("18.333"), Decimal("0.39")),
        ]

    with_store(tmp_path, check)


def test_cdr_tells_periods_tariff_and_cost(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await add_transaction(store)
        await rate_ended(store, CLOCK, Policy())
        (row,) = await rows(store, cdr)
        body = json.loads(row.body)
        assert body["total_energy"] == 27.5
        assert body["total_cost"] == {"excl_vat": 10.5533, "incl_vat": 12.5584}
        assert [p["start_date_time"] for p in body["charging_periods"]] == [
            "2026-10-15T19:10:00Z",
            "2026-10-15T20:00:00Z",
        ]
        assert body["charging_periods"][0]["dimensions"][0] == {"type": "ENERGY", "volume": 9.167}
        assert body["tariffs"][0]["id"] == "day-night"
        assert (body["x_meter_start"], body["x_meter_stop"]) == (1_000_000, 1_027_500)
        assert row.customer_id == "C-1001"

    with_store(tmp_path, check)


def test_nothing_is_rated_twice(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await add_transaction(store)
        await asyncio.gather(*(rate_ended(store, CLOCK, Policy()) for _ in range(5)))
        assert len(await rows(store, rating)) == len(await rows(store, cdr)) == 1

    with_store(tmp_path, check)


@pytest.mark.parametrize(
    ("registers", "changes", "reason"),
    [
        (((0, 1000), (60, 900)), {}, "the register runs backwards at 2026-10-15T20:10:00Z: from 1000 to 900 Wh"),
        (((0, 1000), (30, 5000), (45, 3000), (60, 9000)), {}, "runs backwards"),
        (((0, 1000), (-60, 2000)), {}, "before it starts"),
        (
            ((0, 1000), (60, 2000)),
            {"tariff_version_id": None, "tariff_reason": "no tariff is assigned"},
            "no tariff is",
        ),
        (((0, 1000), (60, 2000)), {"tariff_version_id": None}, "no tariff was assigned"),
        (((0, 1000), (60, 2000)), {"id_token": "STRANGER"}, "nobody pays for the token ***ER"),
        (((0, 1000), (60, 2000)), {"meter_stop": None}, "its end is not known"),
    ],
)
def test_what_has_no_price_is_held_with_its_reason(
    tmp_path: Path, registers: Any, changes: dict[str, Any], reason: str
) -> None:
    async def check(store: Store) -> None:
        await add_transaction(store, registers, **changes)
        await rate_ended(store, CLOCK, Policy())
        (transaction,) = await transactions(store)
        assert transaction.state == "held"
        assert reason in transaction.held_reason
        assert await rows(store, rating) == []

    with_store(tmp_path, check)


def test_one_that_is_held_keeps_no_other_from_being_rated(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await add_transaction(store, ((0, 5), (60, 4)))
        await add_transaction(store, start=EVENING + timedelta(hours=5))
        await rate_ended(store, CLOCK, Policy())
        assert [t.state for t in await transactions(store)] == ["held", "rated"]

    with_store(tmp_path, check)


def test_customer_removed_meanwhile_is_no_free_ride(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await add_transaction(store)
        await store.write(lambda connection: connection.execute(delete(id_token)))
        await rate_ended(store, CLOCK, Policy())
        assert [t.state for t in await transactions(store)] == ["held"]

    with_store(tmp_path, check)
