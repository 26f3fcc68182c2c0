"""Rated sessions that are rated again: nothing is edited, the chain of CDRs is complete, nothing is billed twice."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from backend.core.invoices.invoice import Invoice
from backend.core.rates.rating import Policy
from backend.core.record import from_json
from backend.jobs.issue_invoices import BillingSettings, InvoiceIssuer, issue_due
from backend.jobs.rate_ended import rate_ended
from backend.jobs.recompute_ratings import recompute
from backend.services.reports import rate_again
from backend.store.invoice_tables import invoice_correction, unbilled_cdr
from backend.store.invoices import issue
from backend.store.rating_tables import cdr, cdr_correction, rating
from backend.store.ratings import current_rating
from backend.store.tables import charging_transaction
from backend.store.writer import Store
from shared.clock import ManualClock
from tests.unit.backend.billing_example import DAY_NIGHT, DAY_NIGHT_NET, EVENING
from tests.unit.backend.billing_store import add_transaction, billing_store, invoices, transactions
from tests.unit.backend.world import MASTER, NOW, Station, open_world, start, stop, values

CLOCK = ManualClock(EVENING + timedelta(days=1))
NIGHT = MASTER.replace(
    'elements = [{ price_components = [{ type = "ENERGY", price = 0.49, vat = 19.0, step_size = 1 }] }]',
    'elements = [{ price_components = [{ type = "ENERGY", price = 0.29, vat = 19.0, step_size = 1 }],'
    ' restrictions = { start_time = "20:00", end_time = "06:00" } },'
    ' { price_components = [{ type = "ENERGY", price = 0.49, vat = 19.0, step_size = 1 }] }]',
)
"""From 20:00 in Berlin, twenty minutes after the begin of `world.start`, energy is cheaper."""


def with_world(tmp_path: Path, test: Callable[[Store, Station], Awaitable[None]]) -> None:
    async def run() -> None:
        async with open_world(tmp_path, NIGHT) as store:
            station = Station(store)
            await station.report_connector()
            await station.call("StartTransaction", start())
            await station.call("StopTransaction", stop(1))
            await rate_ended(store, ManualClock(NOW), Policy())
            await test(store, station)

    asyncio.run(run())


def with_bills(tmp_path: Path, test: Callable[[Store], Awaitable[None]]) -> None:
    async def run() -> None:
        async with billing_store(tmp_path / "emops.db", "at_once") as store:
            await add_transaction(store)
            await rate_ended(store, CLOCK, Policy())
            await test(store)

    asyncio.run(run())


async def rows(store: Store, table: Any) -> list[Any]:
    return await store.read(lambda connection: list(connection.execute(select(table))))


async def correct_end(store: Store, meter_stop: int) -> None:
    """Correct the register at the end, as a person does who has read the meter."""
    t = charging_transaction
    await store.write(lambda unit: unit.execute(t.update().where(t.c.id == 1).values(meter_stop=meter_stop)))
    await store.write(lambda unit: rate_again(unit, 1, "meter was read again"))
    await rate_ended(store, CLOCK, Policy())


def test_late_meter_values_append_a_rating_a_credit_and_a_new_cdr(tmp_path: Path) -> None:
    async def check(store: Store, station: Station) -> None:
        (first,) = await rows(store, rating)
        # 11 kWh evenly: a third of the hour at 0.49, the rest at 0.29
        assert first.total_net == Decimal("3.92")
        await station.call("MeterValues", values(1, (20, 11_000)))
        await rate_ended(store, ManualClock(NOW + timedelta(hours=1)), Policy())
        before, after = await rows(store, rating)
        assert before == first
        assert (after.reason, after.total_net) == ("meter values came after the rating", Decimal("5.19"))
        (original,), (chain,) = await rows(store, cdr), await rows(store, cdr_correction)
        old, credit, new = (json.loads(text) for text in (original.body, chain.credit_body, chain.body))
        assert (old["id"], credit["id"], new["id"]) == ("1", "1-C1", "1-R1")
        assert (credit["credit"], credit["credit_reference_id"]) == (True, "1")
        assert credit["total_cost"] == {name: -value for name, value in old["total_cost"].items()}
        assert credit["charging_periods"] == old["charging_periods"]
        assert "credit" not in new
        assert new["total_cost"]["excl_vat"] == 5.19
        (transaction,) = await transactions(store)
        assert (transaction.rerate_reason, transaction.held_reason) == ("", "")
        assert (await recompute(store)).differences == ()

    with_world(tmp_path, check)


def test_late_values_that_change_nothing_append_nothing(tmp_path: Path) -> None:
    async def check(store: Store, station: Station) -> None:
        await station.call("MeterValues", values(1, (-10, 1000), (70, 12_000)))
        assert [t.rerate_reason for t in await transactions(store)] == [""]
        await station.call("MeterValues", values(1, (30, 6500)))
        assert [t.rerate_reason for t in await transactions(store)] != [""]
        for _ in range(2):
            await rate_ended(store, ManualClock(NOW), Policy())
        assert await rows(store, cdr_correction) == []
        assert [t.rerate_reason for t in await transactions(store)] == [""]

    with_world(tmp_path, check)


def test_a_third_rating_credits_the_second(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await correct_end(store, 1_030_000)
        await correct_end(store, 1_031_000)
        chain = await rows(store, cdr_correction)
        ids = [(json.loads(row.credit_body)["credit_reference_id"], json.loads(row.body)["id"]) for row in chain]
        assert ids == [("1", "1-R1"), ("1-R1", "1-R2")]
        assert len(await rows(store, rating)) == 3

    with_bills(tmp_path, check)


def test_what_changed_before_the_invoice_is_billed_as_it_is_now_and_once(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await correct_end(store, 1_030_000)
        await InvoiceIssuer(store, CLOCK, BillingSettings(grace_s=0)).run()
        (invoice,) = await invoices(store)
        _, current = await rows(store, rating)
        assert invoice.total_gross == current.total_gross
        assert [proof.transaction_id for proof in from_json(Invoice, invoice.body).sessions] == [1]
        assert [t.held_reason for t in await transactions(store)] == [""]

    with_bills(tmp_path, check)


def test_what_was_charged_too_much_comes_back_by_a_credit_note_once(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        issuer = InvoiceIssuer(store, CLOCK, BillingSettings(grace_s=0))
        await issuer.run()
        await correct_end(store, 1_027_400)
        for _ in range(2):
            await issuer.run()
        first, second = await invoices(store)
        assert (first.number, first.type_code, str(first.total_gross)) == ("RE-2026-000001", "380", "12.56")
        assert (second.number, second.type_code, str(second.total_gross)) == ("RE-K-2026-000001", "381", "-0.04")
        note = from_json(Invoice, second.body)
        assert (note.due, [one.number for one in note.preceding]) == (Decimal("0.04"), ["RE-2026-000001"])
        (transaction,) = await transactions(store)
        assert (transaction.state, transaction.held_reason) == ("rated", "")

    with_bills(tmp_path, check)


def test_the_next_invoice_takes_back_what_was_charged_and_charges_what_is_right(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        issuer = InvoiceIssuer(store, CLOCK, BillingSettings(grace_s=0))
        await issuer.run()
        await add_transaction(store, ((0, 1_030_000), (20, 1_035_000)), start=EVENING - timedelta(hours=5))
        await correct_end(store, 1_027_400)
        await issuer.run()
        _, second = await invoices(store)
        assert (second.number, str(second.total_gross)) == ("RE-2026-000002", "2.91")  # 2.95 less 0.04
        document = from_json(Invoice, second.body)
        assert [(line.text, str(line.quantity), str(line.gross), line.credited) for line in document.lines] == [
            ("Ladestrom", "5.000", "2.95", False),
            ("Zurückgenommen: Ladestrom", "-9.167", "-5.41", True),
            ("Zurückgenommen: Ladestrom (22:00–06:00 Uhr)", "-18.333", "-7.15", True),
            ("Neu berechnet: Ladestrom", "9.167", "5.41", False),
            ("Neu berechnet: Ladestrom (22:00–06:00 Uhr)", "18.233", "7.11", False),
        ]
        assert [proof.preceding and proof.preceding.number for proof in document.sessions] == [None, "RE-2026-000001"]
        # The period is that of what is new; the corrected session tells its own time.
        assert second.period_end == EVENING - timedelta(hours=5) + timedelta(minutes=20)

    with_bills(tmp_path, check)


def test_a_second_correction_takes_back_what_the_first_one_charged(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        issuer = InvoiceIssuer(store, CLOCK, BillingSettings(grace_s=0))
        for meter_stop in (1_027_500, 1_030_000, 1_040_000, 1_020_000):
            await correct_end(store, meter_stop)
            await issuer.run()
        rows = await invoices(store)
        assert [row.number for row in rows] == [
            "RE-2026-000001",
            "RE-2026-000002",
            "RE-2026-000003",
            "RE-K-2026-000001",
        ]
        named = [[one.number for one in from_json(Invoice, row.body).preceding] for row in rows]
        assert named == [[], ["RE-2026-000001"], ["RE-2026-000002"], ["RE-2026-000003"]]
        current = await store.read(lambda unit: current_rating(unit, 1))
        assert current is not None
        assert sum(row.total_gross for row in rows) == current.total_gross

    with_bills(tmp_path, check)


def test_two_corrections_before_the_next_invoice_are_one(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        issuer = InvoiceIssuer(store, CLOCK, BillingSettings(grace_s=0))
        await issuer.run()
        await correct_end(store, 1_030_000)
        await correct_end(store, 1_040_000)
        await issuer.run()
        await issuer.run()
        first, second = await invoices(store)
        _, _, last = await rows(store, rating)
        assert first.total_gross + second.total_gross == last.total_gross
        assert [tuple(row)[:2] for row in await rows(store, invoice_correction)] == [(1, 3)]

    with_bills(tmp_path, check)


def test_what_is_put_right_before_the_next_invoice_is_not_billed(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        issuer = InvoiceIssuer(store, CLOCK, BillingSettings(grace_s=0))
        await issuer.run()
        await correct_end(store, 1_030_000)
        await correct_end(store, 1_027_500)
        await issuer.run()
        assert len(await invoices(store)) == 1
        assert await rows(store, unbilled_cdr) == []

    with_bills(tmp_path, check)


def test_a_correction_goes_with_the_month_in_which_it_was_made(tmp_path: Path) -> None:
    async def run() -> None:
        async with billing_store(tmp_path / "emops.db", "month") as store:
            await add_transaction(store)
            clock = ManualClock(EVENING + timedelta(days=20))  # 4 November
            await rate_ended(store, clock, Policy())
            issuer = InvoiceIssuer(store, clock, BillingSettings())
            await issuer.run()
            t = charging_transaction
            await store.write(lambda unit: unit.execute(t.update().values(meter_stop=1_030_000)))
            await store.write(lambda unit: rate_again(unit, 1, "meter was read again"))
            await rate_ended(store, clock, Policy())
            assert await issuer.run() == datetime(2026, 12, 1, tzinfo=UTC)  # midnight of December in Berlin, and grace
            assert len(await invoices(store)) == 1
            clock.advance(27 * 86_400)
            await issuer.run()
            _, second = await invoices(store)
            assert from_json(Invoice, second.body).preceding[0].number == "RE-2026-000001"

    asyncio.run(run())


@pytest.mark.parametrize("tariff", [DAY_NIGHT, DAY_NIGHT_NET])
def test_two_drafts_of_one_correction_are_issued_once(tmp_path: Path, tariff: dict[str, Any]) -> None:
    async def run() -> None:
        async with billing_store(tmp_path / "emops.db", "at_once", tariff=tariff) as store:
            await add_transaction(store)
            await rate_ended(store, CLOCK, Policy())
            settings = BillingSettings(grace_s=0)
            await InvoiceIssuer(store, CLOCK, settings).run()
            await correct_end(store, 1_030_000)
            await asyncio.gather(*(InvoiceIssuer(store, CLOCK, settings).run() for _ in range(3)))
            assert [row.number for row in await invoices(store)] == ["RE-2026-000001", "RE-2026-000002"]
            taken_back = insert(invoice_correction).values(credited_rating_id=1, rating_id=9, cdr_id=1, invoice_id=2)
            with pytest.raises(IntegrityError):
                await store.write(lambda unit: unit.execute(taken_back))

    asyncio.run(run())


def test_an_invoice_drafted_before_a_change_is_not_issued(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        now = CLOCK.utc()
        ((due, _),) = (await issue_due(store, now, BillingSettings(grace_s=0), dry=True)).ready
        await correct_end(store, 1_030_000)
        assert await store.write(lambda unit: issue(unit, due.debtor, due.draft, due.bears, now)) is None
        assert await invoices(store) == []

    with_bills(tmp_path, check)


def test_a_session_that_waits_to_be_rated_again_keeps_the_invoice_waiting(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await store.write(lambda unit: rate_again(unit, 1, "looks wrong"))
        await InvoiceIssuer(store, CLOCK, BillingSettings(grace_s=0)).run()
        assert await invoices(store) == []
        await rate_ended(store, CLOCK, Policy())
        await InvoiceIssuer(store, CLOCK, BillingSettings(grace_s=0)).run()
        assert len(await invoices(store)) == 1

    with_bills(tmp_path, check)


def test_what_was_agreed_on_goes_on_to_hold_when_a_session_is_rated_again(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await store.write(lambda unit: rate_again(unit, 1, "by hand"))
        await rate_ended(store, CLOCK, Policy(flat_needs_energy=False))
        assert len(await rows(store, rating)) == 1

    with_bills(tmp_path, check)


def test_a_session_that_can_not_be_rated_again_keeps_its_price_and_says_why(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await correct_end(store, 5)
        (transaction,) = await transactions(store)
        assert (transaction.state, transaction.rerate_reason) == ("rated", "")
        assert "can't be rated again (meter was read again): the register runs backwards" in transaction.held_reason
        assert len(await rows(store, rating)) == 1

    with_bills(tmp_path, check)


@pytest.mark.parametrize("times", [2, 5])
def test_jobs_at_once_append_one_correction(tmp_path: Path, times: int) -> None:
    async def check(store: Store) -> None:
        t = charging_transaction
        await store.write(lambda unit: unit.execute(t.update().values(meter_stop=1_030_000)))
        await store.write(lambda unit: rate_again(unit, 1, "by hand"))
        await asyncio.gather(*(rate_ended(store, CLOCK, Policy()) for _ in range(times)))
        assert len(await rows(store, cdr_correction)) == 1
        assert len(await rows(store, rating)) == 2

    with_bills(tmp_path, check)
