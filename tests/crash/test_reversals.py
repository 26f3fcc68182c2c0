"""Storno and credit note killed at every statement, for all of them; and drawn by four at once, of which some fail."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from backend.core.invoices.invoice import Invoice
from backend.core.rates.rating import Policy
from backend.jobs.issue_invoices import BillingSettings, InvoiceIssuer
from backend.jobs.rate_ended import rate_ended
from backend.services.audit import verify
from backend.store.chain import read_head
from backend.store.invoice_tables import unbilled_cdr
from backend.store.reversals import ByHand, cancel, credit
from backend.store.writer import Store, open_store
from shared.clock import ManualClock
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.billing_store import DyingConnection, add_transaction, billing_store, invoices

CLOCK = ManualClock(EVENING + timedelta(days=1))
WANTED = ByHand("RE-2026-000001", "falscher Empfänger")


async def bill(store: Store) -> None:
    await rate_ended(store, CLOCK, Policy())
    await InvoiceIssuer(store, CLOCK, BillingSettings(grace_s=0)).run()


async def check(store: Store) -> None:
    assert [line for good, line in await store.read(lambda unit: list(verify(unit))) if not good] == []


@pytest.mark.parametrize(
    ("work", "number"),
    [
        (lambda unit: cancel(unit, WANTED, CLOCK.utc()), "ST-2026-000001"),
        (lambda unit: credit(unit, WANTED, {1: Decimal("2.00")}, CLOCK.utc()), "RE-K-2026-000001"),
    ],
)
def test_power_cut_at_any_statement_leaves_nothing(
    tmp_path: Path, work: Callable[[Connection], Invoice], number: str
) -> None:
    def dying(statements: int) -> Callable[[Connection], Invoice]:
        def run(unit: Connection) -> Invoice:
            connection: Any = DyingConnection(unit, statements)
            return work(connection)

        return run

    async def state(store: Store) -> tuple[object, ...]:
        head = await store.read(lambda unit: read_head(unit, "acme"))
        return head, len(await invoices(store)), await store.read(lambda unit: unit.execute(select(unbilled_cdr)).all())

    async def run() -> None:
        async with billing_store(tmp_path / "db", "at_once") as store:
            await add_transaction(store)
            await add_transaction(store, start=EVENING + timedelta(hours=4))
            await bill(store)
            before, statements = await state(store), 0
            while True:
                try:
                    document = await store.write(dying(statements))
                    break
                except ConnectionError:
                    assert await state(store) == before
                    statements += 1
            assert statements > 15
            assert document.number == number
            await bill(store)
            await check(store)

    asyncio.run(run())


@pytest.mark.slow
def test_four_at_once_with_failures_leave_no_gap(tmp_path: Path) -> None:
    """Four programs on one file, each with its own store: a Storno, the next invoice, the next Storno ..."""
    path, sessions = tmp_path / "db", 40

    def sometimes_failing(number: str, fail: bool) -> Callable[[Connection], Invoice]:
        def run(unit: Connection) -> Invoice:
            document = cancel(unit, ByHand(number, "Probe"), CLOCK.utc())
            if fail:
                raise ConnectionError("power cut")
            return document

        return run

    async def program(numbers: list[str], who: int) -> None:
        async with open_store(path) as store:
            for i, number in enumerate(numbers):
                if (i + who) % 3 == 0:
                    with pytest.raises(ConnectionError):
                        await store.write(sometimes_failing(number, fail=True))
                await store.write(sometimes_failing(number, fail=False))
                await InvoiceIssuer(store, CLOCK, BillingSettings(grace_s=0)).run()

    async def run() -> None:
        async with billing_store(path, "at_once", customer={"grouping": "session"}) as store:
            for i in range(sessions):
                await add_transaction(store, start=EVENING + timedelta(minutes=i))
            await bill(store)
            numbers = [row.number for row in await invoices(store)]
            assert len(numbers) == sessions
            await asyncio.gather(*(program(numbers[who::4], who) for who in range(4)))
            issued = sorted(row.number for row in await invoices(store))
            assert issued == [
                *(f"RE-2026-{i:06}" for i in range(1, 2 * sessions + 1)),
                *(f"ST-2026-{i:06}" for i in range(1, sessions + 1)),
            ]
            await check(store)

    asyncio.run(run())
