"""Base fees from the tariff to the invoice: once for each contract and span, whether somebody charged or not."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from backend.core.invoices.invoice import Invoice
from backend.core.rates.rating import Policy
from backend.core.record import from_json
from backend.jobs.base_fees import record_base_fees
from backend.jobs.issue_invoices import BillingSettings, InvoiceIssuer
from backend.jobs.rate_ended import rate_ended
from backend.services.reports import rate_again
from backend.store.rating_tables import fee, tariff_assignment
from backend.store.tables import charging_transaction, customer, customer_group, operator
from backend.store.writer import Store
from shared.clock import ManualClock
from tests.unit.backend.billing_example import EVENING, VOLUME
from tests.unit.backend.billing_store import add_transaction, billing_store, invoices
from tests.unit.backend.world import MASTER, open_world

OCTOBER = datetime(2026, 9, 30, 22, tzinfo=UTC)  # midnight in Berlin
NOVEMBER = datetime(2026, 10, 31, 23, tzinfo=UTC)
DECEMBER = datetime(2026, 11, 30, 23, tzinfo=UTC)
KWH_60 = ((0, 1_000_000), (240, 1_060_000))


def with_store(tmp_path: Path, test: Callable[[Store, ManualClock], Awaitable[None]], **changes: Any) -> None:
    async def run() -> None:
        changes.setdefault("cycle", "month")
        async with billing_store(tmp_path / "emops.db", tariff=changes.pop("tariff", VOLUME), **changes) as store:
            await test(store, ManualClock(EVENING))

    asyncio.run(run())


async def assign(store: Store, scope: str = "customer", target: str = "C-1001", **changes: Any) -> None:
    values = {"operator_id": "acme", "scope": scope, "target": target, "tariff_id": "volume", "valid_from": OCTOBER}
    await store.write(lambda unit: unit.execute(insert(tariff_assignment).values(values | changes)))


def go_to(clock: ManualClock, at: datetime) -> None:
    clock.advance((at - clock.utc()).total_seconds())


async def fees(store: Store) -> list[Any]:
    return await store.read(lambda unit: list(unit.execute(select(fee).order_by(fee.c.id))))


async def bill(store: Store, clock: ManualClock, at: datetime) -> list[Invoice]:
    """Run the jobs then and give all invoices."""
    go_to(clock, at)
    await rate_ended(store, clock, Policy())
    await InvoiceIssuer(store, clock, BillingSettings()).run()
    return [from_json(Invoice, row.body) for row in await invoices(store)]


def test_the_fee_of_a_month_stands_on_its_invoice_beside_the_sessions(tmp_path: Path) -> None:
    async def check(store: Store, clock: ManualClock) -> None:
        await assign(store)
        await record_base_fees(store, clock.utc())
        await add_transaction(store, KWH_60)
        (document,) = await bill(store, clock, NOVEMBER + timedelta(hours=2))
        assert [(line.text, line.session, line.fee, line.quantity, line.net) for line in document.lines] == [
            ("Ladestrom", 0, None, Decimal("50.000"), Decimal("22.50")),
            ("Ladestrom", 0, None, Decimal("10.000"), Decimal("3.70")),
            ("Grundgebühr 01.10.2026 – 31.10.2026, Vertrag C-1001", None, 0, Decimal(1), Decimal("4.99")),
        ]
        assert (document.total_net, document.due) == (Decimal("31.19"), Decimal("37.12"))
        assert (document.period_start, document.period_end) == (date(2026, 10, 1), date(2026, 10, 31))
        assert await bill(store, clock, DECEMBER - timedelta(hours=1)) == [document]

    with_store(tmp_path, check)


def test_a_month_in_which_nobody_charged_is_billed_by_itself_and_in_the_language_of_the_customer(
    tmp_path: Path,
) -> None:
    async def check(store: Store, clock: ManualClock) -> None:
        await assign(store)
        issuer = InvoiceIssuer(store, clock, BillingSettings())
        assert await issuer.run() == NOVEMBER
        go_to(clock, NOVEMBER)
        assert await issuer.run() == NOVEMBER + timedelta(hours=1)
        documents = await bill(store, clock, DECEMBER + timedelta(hours=2))
        assert [[line.text for line in one.lines] for one in documents] == [
            ["Base fee 1 Oct 2026 – 31 Oct 2026, contract C-1001"],
            ["Base fee 1 Nov 2026 – 30 Nov 2026, contract C-1001"],
        ]
        assert [(one.number, one.due) for one in documents] == [
            ("RE-2026-000001", Decimal("5.94")),
            ("RE-2026-000002", Decimal("5.94")),
        ]
        assert documents[0].fees[0].reason == "Base fee 4.99 EUR per month"

    with_store(tmp_path, check, customer={"language": "en"})


def test_spans_that_were_over_before_the_tariff_was_known_are_not_charged(tmp_path: Path) -> None:
    async def check(store: Store, clock: ManualClock) -> None:
        await assign(store, valid_from=OCTOBER - timedelta(days=200))
        assert await record_base_fees(store, clock.utc()) == NOVEMBER
        assert await fees(store) == []
        await record_base_fees(store, DECEMBER + timedelta(days=40))
        assert [row.span_start for row in await fees(store)] == [OCTOBER, NOVEMBER, DECEMBER]

    with_store(tmp_path, check)


def test_a_session_owes_the_fee_of_the_tariff_of_its_place_once(tmp_path: Path) -> None:
    async def check(store: Store, clock: ManualClock) -> None:
        await assign(store, "charge_point", "CP-1")
        for days in (0, 1, 30):
            await add_transaction(store, KWH_60, start=EVENING + timedelta(days=days))
        documents = await bill(store, clock, NOVEMBER + timedelta(hours=2))
        assert [len(document.fees) for document in documents] == [1]
        # Rated already, its span runs on: neither billed nor in the way.
        assert [row.span_start for row in await fees(store)] == [OCTOBER, NOVEMBER]
        assert [len(one.fees) for one in await bill(store, clock, DECEMBER + timedelta(hours=2))] == [1, 1]

    with_store(tmp_path, check)


def test_a_session_that_comes_in_late_owes_the_fee_of_its_month(tmp_path: Path) -> None:
    async def check(store: Store, clock: ManualClock) -> None:
        assert await bill(store, clock, DECEMBER) == []
        await add_transaction(store, KWH_60)
        (document,) = await bill(store, clock, DECEMBER + timedelta(days=9))
        assert [(one.first, one.last) for one in document.fees] == [(date(2026, 10, 1), date(2026, 10, 31))]

    with_store(tmp_path, check)


def test_rating_again_and_jobs_at_once_owe_no_second_fee(tmp_path: Path) -> None:
    async def check(store: Store, clock: ManualClock) -> None:
        await assign(store)
        await record_base_fees(store, clock.utc())
        await add_transaction(store, KWH_60)
        await bill(store, clock, EVENING + timedelta(days=1))
        t = charging_transaction
        await store.write(lambda unit: unit.execute(update(t).values(meter_stop=1_070_000)))
        await store.write(lambda unit: rate_again(unit, 1, "meter was read again"))
        go_to(clock, NOVEMBER + timedelta(hours=2))
        await asyncio.gather(*(bill(store, clock, clock.utc()) for _ in range(4)))
        assert len(await fees(store)) == 1
        assert len(await invoices(store)) == 1
        row = dict((await fees(store))[0]._mapping) | {"id": 2}
        with pytest.raises(IntegrityError):
            await store.write(lambda unit: unit.execute(insert(fee).values(row)))

    with_store(tmp_path, check)


def test_a_fee_for_each_day_goes_on_the_invoice_of_the_day(tmp_path: Path) -> None:
    async def check(store: Store, clock: ManualClock) -> None:
        await assign(store)
        await record_base_fees(store, clock.utc())
        documents = await bill(store, clock, EVENING + timedelta(days=2))
        assert [document.lines[0].text for document in documents] == [
            "Grundgebühr 15.10.2026, Vertrag C-1001",
            "Grundgebühr 16.10.2026, Vertrag C-1001",
        ]

    daily = {**VOLUME, "x_graduated": {**VOLUME["x_graduated"], "period": "calendar_day"}}
    with_store(tmp_path, check, tariff=daily, cycle="day")


def test_a_group_is_billed_one_fee_by_its_first_customer(tmp_path: Path) -> None:
    async def check(store: Store, clock: ManualClock) -> None:
        erika = await store.read(lambda unit: dict(unit.execute(select(customer)).one()._mapping))
        staff = insert(customer_group).values(id="staff", operator_id="acme", name="")
        await store.write(lambda unit: unit.execute(staff))
        await store.write(lambda unit: unit.execute(update(customer).values(group_id="staff")))
        colleague = insert(customer).values(erika | {"id": "C-0500", "group_id": "staff"})
        await store.write(lambda unit: unit.execute(colleague))
        await assign(store, "group", "staff")
        await record_base_fees(store, clock.utc())
        await add_transaction(store, KWH_60, group_id="staff")
        await bill(store, clock, NOVEMBER + timedelta(hours=2))
        assert [(row.scope, row.target, row.customer_id) for row in await fees(store)] == [("group", "staff", "C-0500")]
        billed = {row.customer_id: from_json(Invoice, row.body) for row in await invoices(store)}
        assert [len(billed[name].fees) for name in ("C-0500", "C-1001")] == [1, 0]

    grouped = {**VOLUME, "x_graduated": {**VOLUME["x_graduated"], "scope": "group"}}
    with_store(tmp_path, check, tariff=grouped)


def test_a_blocked_fee_is_told_and_issued_once_put_right(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def check(store: Store, clock: ManualClock) -> None:
        await assign(store)
        await record_base_fees(store, clock.utc())
        assert await bill(store, clock, NOVEMBER + timedelta(hours=2)) == []
        assert "buyer: city is missing" in caplog.text
        await store.write(lambda unit: unit.execute(update(customer).values(city="Potsdam")))
        assert len(await bill(store, clock, NOVEMBER + timedelta(hours=3))) == 1

    with_store(tmp_path, check, customer={"city": ""})


def test_a_tariff_from_master_data_is_billed_to_each_contract_once(tmp_path: Path) -> None:
    """The operator's default tariff has a fee: the customer's three tokens are one contract, another one is its own."""
    volume = "x_graduated = { base_fee_gross = 5, tiers = [{ price = 0.45 }] }\nelements = "
    fleet = '\n[[contract]]\nid = "K-1-fleet"\ncustomer = "K-1"\n'
    card = '\n[[id_token]]\ntoken = "04FF"\ncustomer = "K-1"\ncontract = "K-1-fleet"\n'

    async def run() -> None:
        async with open_world(tmp_path, MASTER.replace("elements = ", volume) + fleet + card) as store:
            clock = ManualClock(datetime(2026, 10, 5, tzinfo=UTC))
            await record_base_fees(store, clock.utc())
            await store.write(lambda unit: unit.execute(update(operator).values(phone="+49 30 1234567")))
            (document,) = await bill(store, clock, NOVEMBER + timedelta(hours=2))
            assert [one.target for one in document.fees] == ["Vertrag K-1", "Vertrag K-1-fleet"]
            assert document.due == Decimal("10.00")

    asyncio.run(run())
