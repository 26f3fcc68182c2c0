"""Switches of profiles, later versions and re-rating, killed at every step n: no turn is lost, none counts twice."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import text

from backend.core.rates.rating import Policy
from backend.jobs.rate_ended import rate_ended
from backend.jobs.recompute_ratings import recompute
from backend.services.apply import apply
from backend.services.master_data import parse_master_data
from backend.services.profiles import SwitchRequest, switch_profile
from backend.store.migrate import migrate
from backend.store.writer import Store, open_store
from tests.crash.test_billing import KilledError, MortalStore
from tests.unit.backend.store.test_session_tariffs import CLOCK, GREEN, NINE, WITHOUT_TARIFFS, Site, assignment, tariff
from tests.unit.backend.world import NOW, Station

SET = (
    WITHOUT_TARIFFS
    + tariff("grid", 0.40)
    + tariff("sun", 0.20)
    + assignment("grid", GREEN, 'version_switch = "switch_mode"')
)
DEARER = SET + tariff("grid", 0.50, "2026-06-25T10:30:00Z")


async def live(store: Store) -> None:
    """Charge for two hours, with sun from the first hour on and a new version in its second half; tell clouds later."""
    site = Site(store, Station(store))
    number = await site.start(0)
    await site.meter(number, (60, 6000), (90, 9000))
    await site.switch(60, "PROFILE_GREEN")
    await store.write(lambda unit: apply(unit, parse_master_data(DEARER), NOW))
    await site.stop(number, 120, 12_000)
    await rate_ended(store, CLOCK, Policy())
    await tell(store, NINE + timedelta(minutes=90))
    await rate_ended(store, CLOCK, Policy())


async def tell(store: Store, at: datetime) -> None:
    wanted = SwitchRequest("evse", "CP-1/1", at, "REGULAR", "EMS", "clouds")
    await store.write(lambda unit: switch_profile(unit, wanted, CLOCK.utc()))


async def story(path: Path, steps: int) -> bool:
    """Live until killed, then once more from the beginning, as stations and systems repeat what nobody answered."""
    migrate(path)
    finished = False
    async with open_store(path) as store:
        await store.write(lambda unit: apply(unit, parse_master_data(SET), NOW))
        try:
            await live(cast(Store, MortalStore(store, steps)))
            finished = True
        except KilledError:
            pass
    async with open_store(path) as store:
        await live(store)
        await check(store)
    return finished


async def check(store: Store) -> None:
    sessions = await store.read(
        lambda unit: unit.execute(text("SELECT state, rerate_reason FROM charging_transaction")).all()
    )
    assert [tuple(row) for row in sessions] == [("rated", "")]
    assert await store.read(lambda unit: unit.execute(text("SELECT count(*) FROM profile_switch")).scalar_one()) == 2
    assert await store.read(lambda unit: unit.execute(text("SELECT count(*) FROM session_tariff")).scalar_one()) == 2
    totals = await store.read(
        lambda unit: unit.execute(text("SELECT total_net FROM rating ORDER BY id")).scalars().all()
    )
    # 6 kWh at 0.40 and 3 at 0.20, then 3 at 0.20, or at 0.50 once the clouds are known.
    assert totals in (["3.60", "4.50"], ["4.50"])
    proof = await recompute(store)
    assert (proof.checked, proof.differences) == (len(totals), ())


@pytest.mark.slow
def test_every_step(tmp_path: Path) -> None:
    steps = 0
    while not asyncio.run(story(tmp_path / f"{steps}.db", steps)):
        steps += 1
    assert steps > 15
