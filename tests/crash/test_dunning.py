"""Dunning killed at every step, beside another run: one letter per customer and level, costs once."""

import asyncio
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import Connection, select

from backend.core.payments.dunning_letter import DunningLetter
from backend.jobs.dun import dun, prepare, review_suspensions
from backend.services.audit import verify
from backend.store import letter_tables
from backend.store.dunning import list_letters, store_letter
from backend.store.open_items import list_bookings, list_items
from backend.store.suspensions import list_suspensions
from backend.store.writer import Store
from tests.crash.test_billing import KilledError, MortalStore
from tests.unit.backend.billing_store import DyingConnection
from tests.unit.backend.payment_store import add_invoice, open_payers

REMINDER = datetime(2026, 11, 9, 9, tzinfo=UTC)
DAYS = (0, 14, 28, 42)


async def _paper(letter: DunningLetter) -> bytes:
    return b"%PDF " + letter.number.encode()


async def _work(store: Store) -> None:
    for days in DAYS:
        now = REMINDER + timedelta(days=days)
        await review_suspensions(store, now)
        await dun(store, "muster", now, paper=_paper)


async def _story(path: Path, steps: int) -> bool:
    """Dun for six weeks, killed after so many steps, then again; True if it came to its end."""
    finished = True
    async with open_payers(path) as store:
        try:
            await _work(cast(Store, MortalStore(store, steps)))
        except KilledError:
            finished = False
    async with open_payers(path) as store:
        await asyncio.gather(_work(store), _work(store))
        letters = await store.read(list_letters)
        assert Counter((one.customer_id, one.level) for one in letters) == {
            (who, level): 1 for who in ("K-1", "K-2") for level in (1, 2, 3)
        }
        mails = await store.read(lambda unit: list(unit.scalars(select(letter_tables.letter.c.document))))
        assert sorted(mails) == sorted(one.number for one in letters)
        assert {item.dunning_level for item in await store.read(list_items)} == {3}
        costs = await store.read(lambda unit: [booking.amount for booking in list_bookings(unit)])
        assert costs == [Decimal("2.50"), Decimal("2.50")]
        assert {one.customer_id for one in await store.read(list_suspensions) if one.since} == {"K-1", "K-2"}
        found = await store.read(lambda unit: list(verify(unit)))
        assert not [line for good, line in found if not good and "MA-" in line]
    return finished


@pytest.mark.slow
def test_every_step(tmp_path: Path) -> None:
    async def fresh() -> None:
        async with open_payers(tmp_path / "fresh") as store:
            await store.write(lambda unit: add_invoice(unit, 1, "100.00", due="2026-11-01"))
            await store.write(lambda unit: add_invoice(unit, 2, "50.00", "K-2", due="2026-11-01"))

    asyncio.run(fresh())
    steps = 0
    while not asyncio.run(_story(Path(shutil.copy(tmp_path / "fresh", tmp_path / f"{steps}.db")), steps)):
        steps += 1
    assert steps > 10


def test_every_statement(tmp_path: Path) -> None:
    async def run() -> None:
        async with open_payers(tmp_path / "db") as store:
            await store.write(lambda unit: add_invoice(unit, 1, "100.00", due="2026-11-01"))
            now, statements, stored = REMINDER, 0, None
            while stored is None:
                (one,) = await store.read(lambda unit: prepare(unit, "muster", now))

                def work(
                    unit: Connection, letter: DunningLetter | None = one.letter, left: int = statements
                ) -> int | None:
                    assert letter
                    return store_letter(cast(Connection, DyingConnection(unit, left)), letter, b"%PDF", now)

                try:
                    stored = await store.write(work)
                except ConnectionError:
                    statements += 1
                    assert await store.read(list_letters) == []
                    assert await store.read(lambda unit: list(unit.scalars(select(letter_tables.letter.c.id)))) == []
                    assert [item.dunning_level for item in await store.read(list_items)] == [0]
            assert statements > 15

    asyncio.run(run())
