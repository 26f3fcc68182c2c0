"""Two invoice runs at once, one of them killed at every step n: no gap, no session twice, blocked drafts kept.

Invoices are made for each user; one user's customer can't be billed. Whatever the step, the next run leads to the same.
"""

import asyncio
import shutil
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import insert

from backend.core.invoices.invoice import Invoice
from backend.core.rates.rating import Policy
from backend.core.record import from_json
from backend.jobs.issue_invoices import BillingSettings, InvoiceIssuer
from backend.jobs.rate_ended import rate_ended
from backend.services.audit import verify
from backend.store import tables as t
from backend.store.invoice_drafts import read_waiting
from backend.store.writer import Store, open_store
from shared.clock import ManualClock
from tests.crash.test_billing import KilledError, MortalStore
from tests.unit.backend.billing_example import BUYER, EVENING
from tests.unit.backend.billing_store import add_transaction, billing_store, invoices

NOW = EVENING + timedelta(days=20)
USERS = 3


async def _prepare(path: Path) -> None:
    async with billing_store(path, "month", customer={"grouping": "user"}) as store:
        homeless = {
            "id": "C-2",
            "operator_id": "acme",
            "name": "Ohne Ort",
            "street": "Weg 1",
            "postcode": "1",
            "city": "",
        }
        rest = {"country": "DE", "vat_id": "", "email": "o@example.com", "language": "de", "cycle": "month"}
        await store.write(lambda unit: unit.execute(insert(t.customer).values(**homeless, **rest, payment_days=14)))
        tokens = [
            {
                "token": f"AA0000{number:02}",
                "user_id": f"U-{number}",
                "customer_id": BUYER.id if number < USERS else "C-2",
            }
            for number in range(USERS + 1)
        ]
        rows = [{**one, "operator_id": "acme", "holder": "", "blocked": False} for one in tokens]
        await store.write(lambda unit: unit.execute(insert(t.id_token), rows))
        for number, one in enumerate(tokens):
            await add_transaction(store, start=EVENING + timedelta(hours=3 * number), id_token=one["token"])
        await rate_ended(store, ManualClock(NOW), Policy())


async def _run(store: Store) -> None:
    await InvoiceIssuer(store, ManualClock(NOW), BillingSettings()).run()


async def _story(path: Path, steps: int) -> bool:
    """Run twice at once, one run killed after so many steps; True if that came to its end."""
    async with open_store(path) as store, open_store(path) as other:
        mortal = cast(Store, MortalStore(store, steps))
        ends = await asyncio.gather(_run(mortal), _run(other), return_exceptions=True)
        assert ends[1] is None
        assert ends[0] is None or isinstance(ends[0], KilledError)
        await _run(store)
        rows = await invoices(store)
        assert [row.number for row in rows] == [f"RE-2026-{n:06}" for n in range(1, USERS + 1)]
        billed = sorted(one.transaction_id for row in rows for one in from_json(Invoice, row.body).sessions)
        assert billed == list(range(1, USERS + 1))
        (waiting,) = await store.read(read_waiting)
        assert (waiting.customer_id, waiting.reasons) == ("C-2", ("buyer: city is missing",))
        assert {good for good, _ in await store.read(lambda connection: list(verify(connection)))} == {True}
    return ends[0] is None


@pytest.mark.slow
def test_every_step(tmp_path: Path) -> None:
    asyncio.run(_prepare(tmp_path / "first.db"))
    steps = 0
    while not asyncio.run(_story(Path(shutil.copy(tmp_path / "first.db", tmp_path / f"{steps}.db")), steps)):
        steps += 1
    assert steps > USERS


def test_both_to_their_end(tmp_path: Path) -> None:
    asyncio.run(_prepare(tmp_path / "db"))
    assert asyncio.run(_story(tmp_path / "db", 1000))
