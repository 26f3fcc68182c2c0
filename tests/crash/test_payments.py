"""Collecting and taking in files of the bank, killed at every step: nothing is debited, booked or lost twice."""

import asyncio
import shutil
from decimal import Decimal
from pathlib import Path
from typing import cast

from backend.documents.sepa import read_batch
from backend.services.payments import collect, import_file
from backend.store.bank import open_entries
from backend.store.debits import batch_xml, list_batches, report_uploaded
from backend.store.writer import Store
from tests.crash.test_billing import KilledError, MortalStore
from tests.unit.backend.bank_files import Payment, camt
from tests.unit.backend.payment_store import COLLECT_ON, NOW, add_invoice, balance, open_amounts, open_payers


async def _work(store: Store) -> None:
    done = await collect(store, "", COLLECT_ON, NOW)
    for batch in done.batches:
        await store.write(lambda unit, i=batch.id: report_uploaded(unit, i, NOW))  # type: ignore[misc]
    batches = await store.read(list_batches)
    await store.write(lambda unit: report_uploaded(unit, batches[0].id, NOW))
    money = camt(
        Payment("97.29", message_id=batches[0].message_id, reference="SUM1"),
        Payment("-80.29", reason="AC04", original="77.29", end_to_end="RE-2026-000001", reference="X1"),
        Payment("33.10", "RE-2026-000003", reference="T1"),
    )
    for _ in range(2):
        await import_file(store, "", "f.xml", money, now=NOW)


async def _story(path: Path, steps: int) -> bool:
    finished = True
    async with open_payers(path) as store:
        try:
            await _work(cast(Store, MortalStore(store, steps)))
        except KilledError:
            finished = False
    async with open_payers(path) as store:
        await _work(store)
        files = [await store.read(lambda u, i=b.id: batch_xml(u, i)) for b in await store.read(list_batches)]  # type: ignore[misc]
        assert sorted(one.end_to_end for xml in files for one in read_batch(xml)) == [
            "RE-2026-000001",
            "RE-2026-000002",
        ]
        assert await open_amounts(store) == {"1": "80.29"}
        assert await balance(store) == Decimal("80.29")
        assert await store.read(open_entries) == []
    return finished


def test_every_step(tmp_path: Path) -> None:
    async def fresh() -> None:
        async with open_payers(tmp_path / "fresh") as store:
            for count, amount in enumerate(("77.29", "20.00"), 1):
                await store.write(lambda u, c=count, a=amount: add_invoice(u, c, a, debit=True))  # type: ignore[misc]
            await store.write(lambda unit: add_invoice(unit, 3, "33.10", "K-2"))

    asyncio.run(fresh())
    steps = 0
    while not asyncio.run(_story(Path(shutil.copy(tmp_path / "fresh", tmp_path / f"{steps}.db")), steps)):
        steps += 1
    assert steps > 15
