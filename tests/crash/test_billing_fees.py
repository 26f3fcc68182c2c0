"""Base fees and corrections killed at every step n, for all n: each is billed once, in the end the sum is right."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import insert, text

from backend.core.invoices.invoice import Invoice
from backend.core.rates.rating import Policy
from backend.core.record import from_json
from backend.jobs.issue_invoices import BillingSettings, InvoiceIssuer
from backend.jobs.rate_ended import rate_ended
from backend.services.audit import verify
from backend.services.reports import rate_again
from backend.store.rating_tables import tariff_assignment
from backend.store.writer import Store
from shared.clock import ManualClock
from tests.crash.test_billing import KilledError, MortalStore
from tests.unit.backend.billing_example import EVENING, VOLUME
from tests.unit.backend.billing_store import add_transaction, billing_store, invoices

DECEMBER = datetime(2026, 12, 1, 3, tzinfo=UTC)
TOO_MUCH, TOO_LITTLE = 1_060_000, 1_040_000


async def prepare(path: Path, clock: ManualClock) -> None:
    """October is billed, with its fee; then the session turns out smaller, and November ends without another one."""
    async with billing_store(path, "month", tariff=VOLUME) as store:
        values = {"operator_id": "acme", "scope": "customer", "target": "C-1001", "tariff_id": "volume"}
        assign = insert(tariff_assignment).values(values | {"valid_from": EVENING})
        await store.write(lambda unit: unit.execute(assign))
        await InvoiceIssuer(store, clock, BillingSettings()).run()
        await add_transaction(store, ((0, 1_000_000), (240, TOO_MUCH)))
        await rate_ended(store, clock, Policy())
        clock.advance(20 * 86_400)
        await InvoiceIssuer(store, clock, BillingSettings()).run()
        shrink = text(f"UPDATE charging_transaction SET meter_stop = {TOO_LITTLE}")
        await store.write(lambda unit: unit.execute(shrink))
        await store.write(lambda unit: rate_again(unit, 1, "meter was read again"))
        await rate_ended(store, clock, Policy())
        clock.advance((DECEMBER - clock.utc()).total_seconds())


async def run(path: Path, clock: ManualClock, steps: int | None) -> bool:
    async with billing_store(path) as store:
        mortal = store if steps is None else cast(Store, MortalStore(store, steps))
        try:
            await rate_ended(mortal, clock, Policy())
            await InvoiceIssuer(mortal, clock, BillingSettings()).run()
        except KilledError:
            return False
        return True


async def check(path: Path) -> None:
    async with billing_store(path) as store:
        rows = await invoices(store)
        assert [good for good, _ in await store.read(lambda connection: list(verify(connection)))] == [True]
        assert sorted(row.number for row in rows) == ["RE-2026-000001", "RE-2026-000002", "RE-K-2026-000001"]
        documents = [from_json(Invoice, row.body) for row in rows]
        fees = [fee.first.month for document in documents for fee in document.fees]
        assert fees == [10, 11]
        right = Decimal(
            await store.read(lambda unit: unit.scalar(text("SELECT total_gross FROM rating ORDER BY id DESC")))
        )
        assert await store.read(lambda unit: unit.execute(text("SELECT count(*) FROM unbilled_cdr")).scalar()) == 0
        assert await store.read(lambda unit: unit.execute(text("SELECT count(*) FROM unbilled_fee")).scalar()) == 0
        assert await store.read(lambda unit: unit.execute(text("SELECT count(*) FROM letter")).scalar()) == 3
        # To a cent: net prices are taxed once for each document.
        assert abs(sum(row.total_gross for row in rows) - right - 2 * Decimal("5.94")) <= Decimal("0.01")


async def story(path: Path, steps: int) -> bool:
    clock = ManualClock(EVENING)
    await prepare(path, clock)
    finished = await run(path, clock, steps)
    assert await run(path, clock, None)
    assert await run(path, clock, None)
    await check(path)
    return finished


@pytest.mark.slow
def test_every_step(tmp_path: Path) -> None:
    steps = 0
    while not asyncio.run(story(tmp_path / f"{steps}.db", steps)):
        steps += 1
    assert steps > 8


@pytest.mark.slow
def test_two_programs_at_once_bill_each_once(tmp_path: Path) -> None:
    async def both() -> None:
        path, clock = tmp_path / "db", ManualClock(EVENING)
        await prepare(path, clock)
        await asyncio.gather(*(run(path, clock, None) for _ in range(3)))
        await check(path)

    assert timedelta(0) < DECEMBER - EVENING
    asyncio.run(both())
