"""The issue of a statement, its Storno and a file of transfers killed at every statement, for all of them."""

import asyncio
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from backend.core.rates.rating import Policy
from backend.documents.sepa import read_transfers, write_transfers
from backend.jobs.rate_ended import rate_ended
from backend.services.audit import verify
from backend.store.chain import read_head
from backend.store.host_tables import host_objection, host_session, host_share, payout
from backend.store.hosts import draft_due, issue_statement, load_hosts, object_to
from backend.store.letter_tables import letter
from backend.store.payouts import plan_payouts, store_payouts
from backend.store.writer import Store
from shared.clock import ManualClock
from tests.unit.backend.billing_example import DAY_NIGHT_NET
from tests.unit.backend.billing_store import DyingConnection, add_transaction, billing_store, invoices
from tests.unit.backend.host_example import add_host
from tests.unit.backend.store.test_hosts import NOVEMBER


async def survive(store: Store, work: Callable[[Connection], Any], least: int) -> None:
    """Kill a unit of work at each of its statements, then let it be done; what it left half would be seen."""

    def dying(statements: int) -> Callable[[Connection], Any]:
        def run(unit: Connection) -> Any:
            connection: Any = DyingConnection(unit, statements)
            return work(connection)

        return run

    before, statements = await state(store), 0
    while True:
        try:
            assert await store.write(dying(statements)) is not None
            break
        except ConnectionError:
            assert await state(store) == before
            statements += 1
    assert statements > least
    assert await state(store) != before


async def state(store: Store) -> list[object]:
    def read(unit: Connection) -> list[object]:
        tables = (host_share, host_session, host_objection, payout, letter)
        return [read_head(unit, "acme"), *(len(unit.execute(select(table)).all()) for table in tables)]

    return [*await store.read(read), len(await invoices(store))]


def test_a_statement_is_issued_cancelled_and_paid_wholly_or_not_at_all(tmp_path: Path) -> None:
    async def run() -> None:
        async with billing_store(tmp_path / "db", tariff=DAY_NIGHT_NET) as store:
            await store.write(add_host)
            await add_transaction(store)
            await rate_ended(store, ManualClock(NOVEMBER), Policy())
            (host,) = await store.read(load_hosts)

            async def issue(number: str) -> None:
                due = await store.read(
                    lambda unit: draft_due(unit, host, NOVEMBER, grace=timedelta(), standard_vat=Decimal(19))
                )
                assert due is not None
                await survive(store, lambda unit: issue_statement(unit, due, NOVEMBER), 15)
                assert (await invoices(store))[-1].number == number

            await issue("GS-2026-000001")
            await survive(store, lambda unit: object_to(unit, "GS-2026-000001", "Zähler falsch", NOVEMBER), 15)
            await issue("GS-2026-000002")
            batch = await store.read(lambda unit: plan_payouts(unit, "acme", date(2026, 11, 16), NOVEMBER))
            xml = write_transfers(batch, NOVEMBER)
            assert read_transfers(xml) == [("GS-2026-000002", Decimal("41.64"), "DE02120300000000202051")]
            await survive(store, lambda unit: store_payouts(unit, batch, xml, NOVEMBER), 6)
            again = await store.read(lambda unit: plan_payouts(unit, "acme", date(2026, 11, 16), NOVEMBER))
            assert again.payouts == ()
            assert await store.write(lambda unit: store_payouts(unit, batch, xml, NOVEMBER)) is None
            findings = await store.read(lambda unit: list(verify(unit)))
            assert [line for good, line in findings if not good] == []

    asyncio.run(run())
