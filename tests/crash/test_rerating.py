"""Rating again killed at every step n, for all n: the chain of CDRs is complete, nothing is billed twice or lost."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import text

from backend.core.rates.rating import Policy
from backend.jobs.issue_invoices import BillingSettings, InvoiceIssuer
from backend.jobs.live_price import CostTeller, LivePrices, LivePriceSettings
from backend.jobs.rate_ended import rate_ended
from backend.jobs.recompute_ratings import Recomputer, recompute
from backend.services.reports import rate_again
from backend.store.writer import Store
from shared.clock import ManualClock
from shared.ids import ChargePointId
from shared.ocpp.session import Payload
from tests.crash.test_billing import KilledError, MortalStore
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.billing_store import add_transaction, billing_store, invoices, transactions

NOW = EVENING + timedelta(days=3)


async def rate_and_bill(store: Store, clock: ManualClock) -> None:
    await rate_ended(store, clock, Policy())
    await InvoiceIssuer(store, clock, BillingSettings(grace_s=0)).run()
    night = Recomputer(store, clock)
    clock.advance(86_400)
    await night.run()
    prices = LivePrices(store, Policy())
    await CostTeller(
        store, clock, LivePriceSettings(tell="all"), prices=prices, send=accept, is_free=lambda _: True
    ).run()


async def accept(_charge_point_id: ChargePointId, _action: str, _payload: Payload) -> Payload:
    return {"status": "Accepted"}


async def run(path: Path, clock: ManualClock, steps: int | None) -> bool:
    """Run all of it, killed after so many steps; True if it came to its end."""
    async with billing_store(path, "at_once") as store:
        mortal = store if steps is None else cast(Store, MortalStore(store, steps))
        try:
            await rate_and_bill(mortal, clock)
        except KilledError:
            return False
        return True


async def prepare(path: Path, clock: ManualClock) -> None:
    """One session rated, another rated and billed, both to be rated again; a third one runs."""
    async with billing_store(path, "at_once") as store:
        await add_transaction(store)
        await rate_ended(store, clock, Policy())
        await InvoiceIssuer(store, clock, BillingSettings(grace_s=0)).run()
        await add_transaction(store, start=EVENING + timedelta(days=1))
        await rate_ended(store, clock, Policy())
        await add_transaction(store, start=EVENING + timedelta(days=2), state="running", ended_at=None, meter_stop=None)
        shift = "UPDATE charging_transaction SET meter_stop = meter_stop + 1000 WHERE id < 3"
        await store.write(lambda unit: unit.execute(text(shift)))
        for number in (1, 2):
            await store.write(lambda unit, one=number: rate_again(unit, one, "read again"))  # type: ignore[misc]


async def check(path: Path) -> None:
    async with billing_store(path) as store:
        first, second, _ = await transactions(store)
        for one in (first, second):
            assert (one.held_reason, one.rerate_reason) == ("", "")
        chain = await store.read(
            lambda unit: unit.execute(text("SELECT cdr_id, number, rating_id FROM cdr_correction ORDER BY id")).all()
        )
        assert [(row.cdr_id, row.number) for row in chain] == [(1, 1), (2, 1)]
        billed = await store.read(
            lambda unit: unit.execute(text("SELECT cdr_id, rating_id FROM invoice_cdr ORDER BY cdr_id")).all()
        )
        # The first as it was then, the second as it is now: ratings 1 and 2 were first, 3 and 4 came again.
        assert [tuple(row) for row in billed] == [(1, 1), (2, 4)]
        # What the first invoice charged for the first session comes back on the second one, once.
        corrected = await store.read(
            lambda unit: unit.execute(
                text("SELECT credited_rating_id, rating_id, invoice_id FROM invoice_correction")
            ).all()
        )
        assert [tuple(row) for row in corrected] == [(1, 3, 2)]
        assert await store.read(lambda unit: unit.execute(text("SELECT count(*) FROM unbilled_cdr")).scalar()) == 0
        totals = await store.read(
            lambda unit: unit.execute(text("SELECT total_gross FROM rating WHERE id IN (3, 4)")).all()
        )
        right = sum(Decimal(row.total_gross) for row in totals)
        bills = await invoices(store)
        assert [row.number for row in bills] == ["RE-2026-000001", "RE-2026-000002"]
        assert sum(row.total_gross for row in bills) == right
        proof = await recompute(store)
        assert (proof.checked, proof.differences) == (4, ())


async def story(path: Path, steps: int) -> bool:
    clock = ManualClock(NOW)
    await prepare(path, clock)
    finished = await run(path, clock, steps)
    assert await run(path, clock, None)
    await check(path)
    return finished


@pytest.mark.slow
def test_every_step(tmp_path: Path) -> None:
    steps = 0
    while not asyncio.run(story(tmp_path / f"{steps}.db", steps)):
        steps += 1
    assert steps > 15
