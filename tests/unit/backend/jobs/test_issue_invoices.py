import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, update
from sqlalchemy.exc import DBAPIError

from backend.core.invoices.invoice import Invoice
from backend.core.rates.rating import Policy
from backend.core.record import from_json
from backend.jobs.issue_invoices import BillingSettings, InvoiceIssuer, issue_due
from backend.jobs.rate_ended import rate_ended
from backend.store.invoice_drafts import read_waiting
from backend.store.invoice_tables import invoice
from backend.store.invoices import issue
from backend.store.tables import charging_transaction, customer
from backend.store.writer import Store, Work, open_store
from shared.clock import ManualClock
from tests.unit.backend.billing_example import EVENING, SELLER
from tests.unit.backend.billing_store import DyingConnection, add_transaction, billing_store, invoices, outbox

NEXT_DAY = EVENING + timedelta(days=1)
SETTINGS = BillingSettings()


def with_store(tmp_path: Path, test: Callable[[Store], Awaitable[None]], **changes: Any) -> None:
    async def run() -> None:
        async with billing_store(tmp_path / "emops.db", **changes) as store:
            await test(store)

    asyncio.run(run())


async def rate_and_issue(store: Store, clock: ManualClock, settings: BillingSettings = SETTINGS) -> None:
    await rate_ended(store, clock, Policy())
    await InvoiceIssuer(store, clock, settings).run()


def test_day_is_billed_on_one_invoice_with_its_mail(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await add_transaction(store)
        await add_transaction(store, ((0, 1_030_000), (20, 1_035_000)), start=EVENING - timedelta(hours=5))
        await rate_and_issue(store, ManualClock(NEXT_DAY))
        (row,) = await invoices(store)
        document = from_json(Invoice, row.body)
        assert (row.number, document.number) == ("RE-2026-000001", "RE-2026-000001")
        assert row.total_gross == Decimal("12.56") + Decimal("2.95")
        assert [line.session for line in document.lines] == [0, 1, 1]
        assert document.seller == SELLER
        assert (row.period_start, row.period_end) == (EVENING - timedelta(hours=5), EVENING + timedelta(minutes=150))
        (mail,) = await outbox(store)
        assert (mail.state, json.loads(mail.recipients)["to"]) == ("queued", ["erika@example.com"])
        assert mail.message_id == "<inv.RE-2026-000001.1.66333966@example.com>"

    with_store(tmp_path, check)


def test_numbers_go_on_without_gap_and_begin_anew_each_year(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        for days in (0, 1, 80):  # 15 and 16 October 2026, 3 January 2027
            await add_transaction(store, start=EVENING + timedelta(days=days))
            await rate_and_issue(store, ManualClock(NEXT_DAY + timedelta(days=days)))
        assert [row.number for row in await invoices(store)] == ["RE-2026-000001", "RE-2026-000002", "RE-2027-000001"]

    with_store(tmp_path, check)


def test_running_session_is_waited_for_then_both_are_billed(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        clock = ManualClock(NEXT_DAY)
        await add_transaction(store)
        late = await add_transaction(store, start=EVENING + timedelta(hours=1), state="running")
        issuer = InvoiceIssuer(store, clock, SETTINGS)
        await rate_ended(store, clock, Policy())
        assert await issuer.run() == EVENING.replace(hour=22, minute=0) + timedelta(days=7)
        assert await invoices(store) == []
        await store.write(lambda connection: _end(connection, late))
        await rate_and_issue(store, clock)
        (row,) = await invoices(store)
        assert len(from_json(Invoice, row.body).sessions) == 2

    with_store(tmp_path, check)


def _end(connection: Connection, number: int) -> None:
    connection.execute(update(charging_transaction).where(charging_transaction.c.id == number).values(state="ended"))


def test_late_session_is_billed_by_the_next_run_with_its_own_days(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await add_transaction(store)
        await rate_and_issue(store, ManualClock(NEXT_DAY))
        await add_transaction(store, start=EVENING - timedelta(hours=3))
        await rate_and_issue(store, ManualClock(NEXT_DAY + timedelta(days=3)))
        first, second = (from_json(Invoice, row.body) for row in await invoices(store))
        assert second.number == "RE-2026-000002"
        assert second.period_start == first.period_start
        assert second.issued_on == first.issued_on + timedelta(days=3)

    with_store(tmp_path, check)


def test_blocked_draft_is_shown_takes_no_number_and_is_issued_once_put_right(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def check(store: Store) -> None:
        clock = ManualClock(NEXT_DAY)
        await add_transaction(store)
        await rate_ended(store, clock, Policy())
        issuer = InvoiceIssuer(store, clock, SETTINGS)
        await issuer.run()
        await issuer.run()
        assert await invoices(store) == []
        assert caplog.text.count("invoice_blocked") == 1
        (blocked,) = await store.read(read_waiting)
        assert (blocked.state, blocked.reasons) == ("blocked", ("buyer: city is missing",))
        assert (blocked.customer, blocked.total) == ("Erika Mustermann", Decimal("12.56"))
        await store.write(lambda connection: connection.execute(update(customer).values(city="Potsdam")))
        await issuer.run()
        assert [row.number for row in await invoices(store)] == ["RE-2026-000001"]
        assert await store.read(read_waiting) == []

    with_store(tmp_path, check, customer={"city": ""})


def test_session_without_vat_rate_is_blocked(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await add_transaction(store)
        await rate_and_issue(store, ManualClock(NEXT_DAY))
        assert await invoices(store) == []

    tariff = {"id": "t", "currency": "EUR", "elements": [{"price_components": [{"type": "ENERGY", "price": 1}]}]}
    with_store(tmp_path, check, tariff=tariff)


def test_free_session_makes_no_invoice(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await add_transaction(store, ((0, 500), (9, 500)))
        await rate_and_issue(store, ManualClock(NEXT_DAY))
        assert await invoices(store) == []

    with_store(tmp_path, check)


def test_many_at_once_bill_each_session_once_without_a_gap(tmp_path: Path) -> None:
    """Two processes with three tasks each, on one file."""

    async def check(store: Store) -> None:
        for days in range(6):
            await add_transaction(store, start=EVENING + timedelta(days=days))
        clock = ManualClock(NEXT_DAY + timedelta(days=9))
        await rate_ended(store, clock, Policy())
        async with open_store(tmp_path / "emops.db") as other:
            issuers = [InvoiceIssuer(each, clock, SETTINGS) for each in (store, other) for _ in range(3)]
            await asyncio.gather(*(issuer.run() for issuer in issuers))
        rows = await invoices(store)
        assert [row.number for row in rows] == [f"RE-2026-{n:06}" for n in range(1, 7)]
        billed = [proof.transaction_id for row in rows for proof in from_json(Invoice, row.body).sessions]
        assert sorted(billed) == [1, 2, 3, 4, 5, 6]
        assert len(await outbox(store)) == 6

    with_store(tmp_path, check)


def test_issued_invoice_cannot_be_changed(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await add_transaction(store)
        await rate_and_issue(store, ManualClock(NEXT_DAY))
        with pytest.raises(DBAPIError, match="append-only"):
            await store.write(lambda connection: connection.execute(update(invoice).values(number="X")))

    with_store(tmp_path, check)


def test_power_cut_at_any_statement_of_the_issue_leaves_nothing(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        clock = ManualClock(NEXT_DAY)
        await add_transaction(store)
        await rate_ended(store, clock, Policy())
        ((due, _),) = (await issue_due(store, clock.utc(), SETTINGS, dry=True)).ready

        def work(statements: int) -> Work[Invoice | None]:
            def run(connection: Connection) -> Invoice | None:
                dying: Any = DyingConnection(connection, statements)
                return issue(dying, due.debtor, due.draft, due.bears, clock.utc())

            return run

        def count(connection: Connection) -> int:
            counting: Any = DyingConnection(connection, 10**9)
            savepoint = connection.begin_nested()
            assert issue(counting, due.debtor, due.draft, due.bears, clock.utc())
            savepoint.rollback()
            return 10**9 - int(counting.left)

        needed = await store.write(count)
        assert needed > 7
        for statements in range(needed):
            with pytest.raises(ConnectionError):
                await store.write(work(statements))
            assert await invoices(store) == []
            assert await outbox(store) == []
        issued = await store.write(work(needed))
        assert issued is not None
        assert issued.number == "RE-2026-000001"

    with_store(tmp_path, check)
