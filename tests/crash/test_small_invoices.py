"""Small invoices on a real database: issued as soon as the session is rated, once, whatever is killed and when."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from backend.core.invoices.invoice import Invoice
from backend.core.invoices.small_invoice import Payer
from backend.core.rates.rating import Policy
from backend.core.record import from_json
from backend.jobs.issue_invoices import BillingSettings, InvoiceIssuer, issue_due
from backend.jobs.rate_ended import rate_ended
from backend.services.audit import verify
from backend.store.ad_hoc import keep_payer
from backend.store.chain import read_head
from backend.store.invoice_drafts import Issued, issue_draft
from backend.store.open_items import list_items
from backend.store.reversals import ByHand, cancel
from backend.store.writer import Store
from shared.clock import ManualClock
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.billing_store import DyingConnection, add_transaction, billing_store, invoices, outbox

END = EVENING + timedelta(minutes=150)
CLOCK = ManualClock(END)
PAYER = Payer("Hans Muster", "Ring 5", "80331", "München", "DE", email="hans@example.com", vat_id="", card="4711")
SETTINGS = BillingSettings()


def with_ad_hoc(tmp_path: Path, test: Callable[[Store], Awaitable[None]], wh: int = 1_027_500) -> None:
    """Run a test on a session of an ad-hoc payer that was rated; whatever it does, the audit finds nothing."""

    async def run() -> None:
        async with billing_store(tmp_path / "db", "month", customer={"ad_hoc": True}) as store:
            await add_transaction(store, ((0, 1_000_000), (150, wh)))
            await rate_ended(store, CLOCK, Policy())
            await test(store)
            findings = await store.read(lambda unit: list(verify(unit)))
            assert [line for good, line in findings if not good] == []

    asyncio.run(run())


async def bill(store: Store) -> None:
    await InvoiceIssuer(store, CLOCK, SETTINGS).run()


async def documents(store: Store) -> list[Invoice]:
    return [from_json(Invoice, row.body) for row in await invoices(store)]


def test_each_session_is_a_receipt_at_once_paid_and_mailed_to_nobody(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await add_transaction(store, start=EVENING - timedelta(hours=5))
        await rate_ended(store, CLOCK, Policy())
        await bill(store)
        await bill(store)
        found = await documents(store)
        assert [one.number for one in found] == ["AH-2026-000001", "AH-2026-000002"]
        assert all(len(one.sessions) == 1 and one.small for one in found)
        assert await outbox(store) == []
        assert await store.read(list_items) == []

    with_ad_hoc(tmp_path, check)


def test_power_cut_at_any_statement_leaves_nothing(tmp_path: Path) -> None:
    def dying(work: Callable[[Connection], Issued | None], statements: int) -> Callable[[Connection], Issued | None]:
        def run(unit: Connection) -> Issued | None:
            connection: Any = DyingConnection(unit, statements)
            return work(connection)

        return run

    async def check(store: Store) -> None:
        ((due, _),) = (await issue_due(store, CLOCK.utc(), SETTINGS, dry=True, keep=False)).ready
        before, statements = await store.read(lambda unit: read_head(unit, "acme")), 0
        while True:
            try:
                issued = await store.write(dying(lambda unit: issue_draft(unit, due, CLOCK.utc()), statements))
                break
            except ConnectionError:
                assert await store.read(lambda unit: read_head(unit, "acme")) == before
                assert await invoices(store) == []
                statements += 1
        assert statements > 10
        assert issued is not None
        assert issued.number == "AH-2026-000001"
        await bill(store)
        assert len(await invoices(store)) == 1

    with_ad_hoc(tmp_path, check)


def test_above_the_limit_it_waits_until_somebody_tells_who_paid(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        outcome = await issue_due(store, CLOCK.utc(), SETTINGS)
        ((due, _),) = outcome.blocked
        assert "invoice payer" in due.problems[0]
        assert await store.write(lambda unit: keep_payer(unit, 1, PAYER)) == ""
        await bill(store)
        (document,) = await documents(store)
        assert (document.number, document.buyer.name, document.card) == ("RE-2026-000001", "Hans Muster", "4711")
        (letter,) = await outbox(store)
        assert "hans@example.com" in letter.recipients

    with_ad_hoc(tmp_path, check, wh=1_600_000)


def test_a_receipt_becomes_an_invoice_by_storno(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await bill(store)
        assert await store.write(lambda unit: keep_payer(unit, 1, PAYER)) == "AH-2026-000001"
        await store.write(lambda unit: cancel(unit, ByHand("AH-2026-000001", "mit Anschrift"), CLOCK.utc()))
        await bill(store)
        found = await documents(store)
        assert [one.number for one in found] == ["AH-2026-000001", "ST-2026-000001", "RE-2026-000001"]
        assert [one.small for one in found] == [True, True, False]
        assert [letter.document for letter in await outbox(store)] == ["RE-2026-000001"]
        assert await store.read(list_items) == []  # the card has paid once

    with_ad_hoc(tmp_path, check)
