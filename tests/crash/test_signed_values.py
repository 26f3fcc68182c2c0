"""Checking and billing signed values killed at every step n, for all n: one verdict, one rating, nothing lost."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import cast

from sqlalchemy import select

from backend.core.rates.rating import Policy
from backend.jobs.rate_ended import rate_ended
from backend.jobs.verify_signed import verify_signed
from backend.services.audit import verify
from backend.store.rating_tables import rating
from backend.store.signed_tables import signed_check, signed_due, signed_verdict
from backend.store.writer import Store
from shared.clock import ManualClock
from tests.crash.test_billing import KilledError, MortalStore
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.billing_store import billing_store, transactions
from tests.unit.backend.signed_example import METER, Charge, add_told, arrive, pin, require_proof

CLOCK = ManualClock(EVENING + timedelta(days=1))


async def work(path: Path, steps: int | None) -> bool:
    """Do all of it, killed after so many steps; True if it came to its end."""
    async with billing_store(path) as store:
        mortal = store if steps is None else cast(Store, MortalStore(store, steps))
        try:
            await verify_signed(mortal, CLOCK)
            await rate_ended(mortal, CLOCK, Policy(), allow_unsigned_time=True)
        except KilledError:
            return False
        return True


async def one_death(path: Path, steps: int) -> bool:
    async with billing_store(path) as store:
        await require_proof(store)
        await pin(store)
        number = await add_told(store)
        await arrive(store, number, [Charge(EVENING).begin, Charge(EVENING).end], METER.key)
    ended = await work(path, steps)
    assert await work(path, None)
    async with billing_store(path) as store:
        assert [one.state for one in await transactions(store)] == ["rated"]
        tables = (signed_check, signed_verdict, rating, signed_due)
        found = await store.read(lambda unit: [len(unit.execute(select(t)).all()) for t in tables])
        assert found == [2, 1, 1, 0]
        assert all(good for good, _ in await store.read(lambda unit: list(verify(unit))))
    return ended


def test_killed_at_every_step(tmp_path: Path) -> None:
    steps = 0
    while not asyncio.run(one_death(tmp_path / f"{steps}.sqlite", steps)):
        steps += 1
    assert steps >= 2
