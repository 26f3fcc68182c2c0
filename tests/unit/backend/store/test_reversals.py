"""Storno and credit notes by hand on a real database: what is taken back is billed again, exactly once."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from backend.core.invoices.invoice import Invoice
from backend.core.rates.rating import Policy
from backend.core.reason_texts import reason_text
from backend.core.record import from_json
from backend.errors import InvoiceError
from backend.jobs.issue_invoices import BillingSettings, InvoiceIssuer
from backend.jobs.rate_ended import rate_ended
from backend.services.audit import verify
from backend.services.reports import rate_again
from backend.store.invoice_drafts import read_waiting
from backend.store.invoice_tables import invoice_cancellation, invoice_cdr, invoice_credit, unbilled_cdr
from backend.store.overview import find_transaction
from backend.store.reversals import ByHand, cancel, credit
from backend.store.tables import charging_transaction
from backend.store.writer import Store
from shared.clock import ManualClock
from tests.unit.backend.billing_example import EVENING, VOLUME
from tests.unit.backend.billing_store import add_transaction, billing_store, invoices

CLOCK = ManualClock(EVENING + timedelta(days=1))
REASON = "falscher Empfänger"


def with_bill(tmp_path: Path, test: Callable[[Store], Awaitable[None]], **changes: Any) -> None:
    """Run a test on an invoice of two sessions; whatever it does, the audit finds nothing."""

    async def run() -> None:
        async with billing_store(tmp_path / "db", "at_once", **changes) as store:
            await add_transaction(store)
            await add_transaction(store, start=EVENING + timedelta(hours=4))
            await bill(store)
            await test(store)
            findings = await store.read(lambda unit: list(verify(unit)))
            assert [line for good, line in findings if not good] == []

    asyncio.run(run())


async def bill(store: Store, clock: ManualClock = CLOCK) -> None:
    await rate_ended(store, clock, Policy())
    await InvoiceIssuer(store, clock, BillingSettings(grace_s=0)).run()


async def cancelled(store: Store, number: str, reason: str = REASON) -> Invoice:
    return await store.write(lambda unit: cancel(unit, ByHand(number, reason), CLOCK.utc()))


async def credited(store: Store, number: str, amounts: dict[int, str]) -> Invoice:
    wanted = {line: Decimal(amount) for line, amount in amounts.items()}
    return await store.write(lambda unit: credit(unit, ByHand(number, "gestört"), wanted, CLOCK.utc()))


async def correct_end(store: Store, meter_stop: int) -> None:
    """Correct the register at the end of the first session, and bill what follows."""
    t = charging_transaction
    await store.write(lambda unit: unit.execute(t.update().where(t.c.id == 1).values(meter_stop=meter_stop)))
    await store.write(lambda unit: rate_again(unit, 1, "meter was read again"))
    await bill(store)


async def refused(work: Awaitable[Invoice], *texts: str) -> None:
    with pytest.raises(InvoiceError) as error:
        await work
    for text in texts:
        assert text in str(error.value)


async def numbers(store: Store) -> list[str]:
    return [row.number for row in await invoices(store)]


def test_what_a_storno_takes_back_is_billed_again_exactly_once(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        storno = await cancelled(store, "RE-2026-000001")
        assert (storno.number, storno.type_code, storno.reason) == ("ST-2026-000001", "384", REASON)
        for _ in range(2):
            await bill(store)
        first, taken_back, again = await invoices(store)
        assert again.number == "RE-2026-000002"
        assert first.total_gross == again.total_gross == -taken_back.total_gross
        bodies = [from_json(Invoice, row.body) for row in (first, again)]
        assert [one.transaction_id for one in bodies[1].sessions] == [1, 2]
        assert bodies[0].lines == bodies[1].lines
        detail = await store.read(lambda unit: find_transaction(unit, 1))
        assert detail is not None
        assert detail.summary.invoice_number == "RE-2026-000002"

    with_bill(tmp_path, check)


def test_a_base_fee_is_billed_again_too(tmp_path: Path) -> None:
    later = ManualClock(EVENING + timedelta(days=30))

    async def check(store: Store) -> None:
        await bill(store, later)
        first = (await numbers(store))[-1]
        await store.write(lambda unit: cancel(unit, ByHand(first, REASON), later.utc()))
        await bill(store, later)
        *_, before, _, again = await invoices(store)
        assert before.number == first
        assert [len(from_json(Invoice, row.body).fees) for row in (before, again)] == [1, 1]
        assert again.total_gross == before.total_gross

    with_bill(tmp_path, check, tariff=VOLUME)


def test_nothing_is_cancelled_twice_nor_a_storno(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await refused(cancelled(store, "RE-2026-000001", "  "), "give the reason")
        await refused(cancelled(store, "RE-2026-000007"), "there is no document 'RE-2026-000007'")
        await cancelled(store, "RE-2026-000001")
        await refused(cancelled(store, "RE-2026-000001"), "was cancelled by ST-2026-000001 already")
        await refused(cancelled(store, "ST-2026-000001"), "is a Storno itself")
        await refused(credited(store, "RE-2026-000001", {1: "1.00"}), "was cancelled by ST-2026-000001 already")
        assert await numbers(store) == ["RE-2026-000001", "ST-2026-000001"]

    with_bill(tmp_path, check)


def test_an_invoice_that_another_one_corrected_is_cancelled_after_that_one(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await correct_end(store, 1_030_000)
        assert await numbers(store) == ["RE-2026-000001", "RE-2026-000002"]
        await refused(cancelled(store, "RE-2026-000001"), "corrected by RE-2026-000002", "cancel RE-2026-000002 first")
        await refused(credited(store, "RE-2026-000001", {1: "1.00"}), "line 1: RE-2026-000002 has put it right since")
        await cancelled(store, "RE-2026-000002")
        await cancelled(store, "RE-2026-000001")
        await bill(store)
        last = from_json(Invoice, (await invoices(store))[-1].body)
        assert last.preceding == ()
        assert [session.meter_stop for session in last.sessions] == [1_030_000, 1_027_500]
        owed = sum(row.total_gross for row in await invoices(store))
        assert owed == last.due

    with_bill(tmp_path, check)


def test_a_correction_that_was_cancelled_comes_again(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await correct_end(store, 1_020_000)
        before = await invoices(store)
        assert before[1].number == "RE-K-2026-000001"
        storno = await cancelled(store, "RE-K-2026-000001")
        assert storno.due == -before[1].total_gross > 0
        await bill(store)
        *_, last = await invoices(store)
        assert last.number == "RE-K-2026-000002"
        assert last.total_gross == before[1].total_gross

    with_bill(tmp_path, check)


def test_a_part_is_given_back_but_never_more_than_was_charged(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        note = await credited(store, "RE-2026-000001", {1: "5.00"})
        assert (note.number, note.type_code, note.due, note.owed) == (
            "RE-K-2026-000001",
            "381",
            Decimal("5.00"),
            Decimal("-5.00"),
        )
        await refused(credited(store, "RE-2026-000001", {1: "0.42"}), "more than the 0.41 that are left of the 5.41")
        await refused(credited(store, "RE-2026-000001", {9: "1.00", 1: "-1"}), "line 1: -1 is no", "line 9: there are")
        await refused(credited(store, "RE-2026-000001", {}), "name the lines")
        await credited(store, "RE-2026-000001", {1: "0.41"})
        await refused(cancelled(store, "RE-2026-000001"), "corrected by RE-K-2026-000001, RE-K-2026-000002")
        await cancelled(store, "RE-K-2026-000002")
        await cancelled(store, "RE-K-2026-000001")
        await credited(store, "RE-2026-000001", {1: "5.41"})
        await bill(store)
        assert len(await invoices(store)) == 6  # nothing was billed again

    with_bill(tmp_path, check)


def test_a_session_that_was_credited_by_hand_is_corrected_only_when_a_person_says_so(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await credited(store, "RE-2026-000001", {1: "5.00"})
        await add_transaction(store, start=EVENING + timedelta(hours=8))
        await correct_end(store, 1_009_500)
        assert await numbers(store) == ["RE-2026-000001", "RE-K-2026-000001", "RE-2026-000002"]  # the rest went out
        (waiting,) = await store.read(read_waiting)
        (why,) = waiting.reasons
        assert "session 1 was rated again, but RE-K-2026-000001 gave back 5.00 EUR of it by hand: cancel" in why
        assert "Ladevorgang 1 wurde neu berechnet" in reason_text(why, "de")
        await cancelled(store, "RE-K-2026-000001")
        await bill(store)
        assert (await numbers(store))[-2:] == ["ST-2026-000001", "RE-K-2026-000002"]
        assert await store.read(read_waiting) == []
        first = from_json(Invoice, (await invoices(store))[0].body)
        sessions = [line.gross or 0 for line in first.lines if line.session == 0]
        given = sum(-row.total_gross for row in await invoices(store) if row.type_code in ("381", "384"))
        assert 0 < given < sum(sessions)

    with_bill(tmp_path, check)


def test_the_database_itself_refuses(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await credited(store, "RE-2026-000001", {1: "1.00"})
        await cancelled(store, "RE-K-2026-000001")
        again = {"cdr_id": 1, "invoice_id": 2, "rating_id": 1}
        for statement, text in (
            (insert(invoice_cdr).values(again), "on an invoice that is not cancelled"),
            (insert(invoice_cancellation).values(invoice_id=3, by_invoice_id=1), "a Storno is not cancelled"),
            (insert(invoice_cancellation).values(invoice_id=2, by_invoice_id=1), "UNIQUE"),
            (update(invoice_cancellation).values(invoice_id=1), "append-only"),
            (delete(invoice_credit), "append-only"),
        ):
            with pytest.raises(IntegrityError, match=text):
                await store.write(lambda unit, s=statement: unit.execute(s))  # type: ignore[misc]  # a default's type

    with_bill(tmp_path, check)


def test_two_who_cancel_at_once_get_one_storno(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        both = await asyncio.gather(*(cancelled(store, "RE-2026-000001") for _ in range(2)), return_exceptions=True)
        assert [isinstance(one, InvoiceError) for one in both] == [False, True]
        assert len(await store.read(lambda unit: unit.execute(select(unbilled_cdr)).all())) == 2

    with_bill(tmp_path, check)
