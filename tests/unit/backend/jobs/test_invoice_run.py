"""Invoice runs on a database: grouping, thresholds, payment, tax evidence, late sessions, drafts issued twice."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Table, insert, select, update

from backend.core.invoices.billing_profile import Payment, Place
from backend.core.invoices.invoice import Invoice, TaxCase
from backend.core.rates.rating import Policy
from backend.core.record import from_json
from backend.core.tariffs.tariff import canonical, version_id
from backend.jobs.issue_invoices import BillingSettings, InvoiceIssuer, issue_due, issue_one
from backend.jobs.rate_ended import rate_ended
from backend.store import letter_tables as lt
from backend.store import rating_tables as rt
from backend.store import tables as t
from backend.store.invoice_drafts import read_waiting
from backend.store.writer import Store, open_store
from shared.clock import ManualClock
from tests.unit.backend.billing_example import BUYER, DAY_NIGHT, DAY_NIGHT_NET, EVENING
from tests.unit.backend.billing_store import TOKEN, add_transaction, billing_store, invoices

NEXT_MONTH = EVENING + timedelta(days=20)
SETTINGS = BillingSettings()
SMALL = ((0, 1_000_000), (10, 1_005_000))
OTHER_TOKEN = "0A0B0C0D"


def with_store(tmp_path: Path, test: Callable[[Store], Awaitable[None]], cycle: str = "month", **changes: Any) -> None:
    async def run() -> None:
        async with billing_store(tmp_path / "emops.db", cycle, **changes) as store:
            await test(store)

    asyncio.run(run())


async def bill(store: Store, now: datetime = NEXT_MONTH, settings: BillingSettings = SETTINGS) -> list[Invoice]:
    await rate_ended(store, ManualClock(now), Policy())
    await InvoiceIssuer(store, ManualClock(now), settings).run()
    return [from_json(Invoice, row.body) for row in await invoices(store)]


async def add(store: Store, table: Table, **values: Any) -> None:
    await store.write(lambda connection: connection.execute(insert(table).values(values)))


async def add_person(store: Store, number: int, token: str = "") -> None:
    person = {"id": f"U-{number}", "operator_id": "acme", "customer_id": BUYER.id, "name": f"Person {number}"}
    await add(store, t.person, **person, email=f"u{number}@example.com", cost_centre=f"47{number}")
    if token:
        values = {"token": token, "operator_id": "acme", "customer_id": BUYER.id, "holder": "", "blocked": False}
        await add(store, t.id_token, **values, user_id=f"U-{number}")
    else:
        await store.write(lambda unit: unit.execute(update(t.id_token).values(user_id=f"U-{number}")))


def test_each_user_gets_an_invoice_with_a_copy_and_the_cost_centre(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await add_person(store, 1)
        await add_person(store, 2, OTHER_TOKEN)
        for i, token in enumerate((TOKEN, OTHER_TOKEN, TOKEN)):
            await add_transaction(store, start=EVENING + timedelta(hours=3 * i), id_token=token)
        first, second = await bill(store)
        assert [one.transaction_id for one in first.sessions] == [1, 3]
        assert [one.driver for one in second.sessions] == ["Person 2"]
        letters = await store.read(
            lambda unit: list(unit.scalars(select(lt.letter.c.recipients).order_by(lt.letter.c.id)))
        )
        assert ["u1@example.com" in letters[0], "u2@example.com" in letters[1]] == [True, True]
        assert all("buchhaltung@example.com" in one for one in letters)
        assert (first.cost_centre, second.cost_centre) == ("471", "472")

    profile = {
        "grouping": "user",
        "cc_user": True,
        "cost_centre_rule": "user",
        "recipients": '["buchhaltung@example.com"]',
    }
    with_store(tmp_path, check, customer=profile)


@pytest.mark.parametrize(
    ("grouping", "expected"),
    [
        ("customer", [[1, 2, 3]]),
        ("charge_point", [[1, 3], [2]]),
        ("location", [[1, 3], [2]]),
        ("session", [[1], [2], [3]]),
    ],
)
def test_invoices_are_made_by_grouping(tmp_path: Path, grouping: str, expected: list[list[int]]) -> None:
    async def check(store: Store) -> None:
        def second_point(connection: Connection) -> None:
            row = dict(connection.execute(select(t.charge_point)).one()._mapping) | {"id": "CP-2", "location_id": "L-2"}
            connection.execute(insert(t.charge_point).values(row))

        await store.write(second_point)
        for i, point in enumerate(("CP-1", "CP-2", "CP-1")):
            await add_transaction(store, start=EVENING + timedelta(hours=3 * i), charge_point_id=point)
        documents = await bill(store)
        assert [[one.transaction_id for one in document.sessions] for document in documents] == expected
        if grouping == "charge_point":
            assert [one.equipment for one in documents] == ["CP-1", "CP-2"]
            assert documents[0].place == Place("CP-1", "Parkhaus Mitte", "Marktplatz 1", "14467", "Potsdam", "DE")

    with_store(tmp_path, check, customer={"grouping": grouping})


def test_the_place_of_an_invoice_is_that_of_the_site_and_its_meter_is_named(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        site = {"id": "L-1", "operator_id": "acme", "name": "Hafen", "street": "Kai 1", "postcode": "20457"}
        await add(store, t.location, **site, city="Hamburg", country="DE", cost_centre="900")
        meter: dict[str, Any] = {"charge_point_id": "CP-1", "evse_id": 1, "type": "eHZ"}
        await add(store, t.meter, **meter, serial="OLD", installed_at=None)
        await add(store, t.meter, **meter, serial="NEW", installed_at=EVENING - timedelta(days=1))
        await add(store, t.meter, **meter, serial="LATER", installed_at=EVENING + timedelta(days=1))
        await store.write(lambda unit: unit.execute(update(t.charge_point).values(location_id="L-1")))
        await add_transaction(store)
        (document,) = await bill(store)
        assert document.place == Place("L-1", "Hafen", "Kai 1", "20457", "Hamburg", "DE")
        assert document.sessions[0].meter_serial == "NEW"
        assert document.cost_centre == "900"

    with_store(tmp_path, check, customer={"grouping": "location", "cost_centre_rule": "location"})


def test_small_amounts_are_carried_forward_shown_and_billed_together(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await add_transaction(store, SMALL)
        assert await bill(store) == []
        (waiting,) = await store.read(read_waiting)
        assert (waiting.state, waiting.total) == ("carried", Decimal("2.95"))
        assert waiting.reasons == ("less than 4.00: carried forward, at the latest until 2027-01-01",)
        await add_transaction(store, SMALL, start=EVENING + timedelta(days=30))
        (document,) = await bill(store, EVENING + timedelta(days=50))
        assert len(document.sessions) == 2
        assert document.due == Decimal("5.90")
        assert await store.read(read_waiting) == []

    with_store(tmp_path, check, customer={"threshold": Decimal("4.00")})


def test_an_amount_that_reaches_the_threshold_goes_out(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await add_transaction(store, SMALL)
        await rate_ended(store, ManualClock(NEXT_MONTH), Policy())
        outcome = await issue_due(store, NEXT_MONTH, SETTINGS, dry=True)
        assert [one.draft.due for one, _ in outcome.ready] == [Decimal("2.95")]

    with_store(tmp_path, check, customer={"threshold": Decimal("2.95")})


def test_a_debit_without_a_mandate_is_blocked_and_the_rest_goes_out(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await add_transaction(store)
        assert await bill(store) == []
        (waiting,) = await store.read(read_waiting)
        assert waiting.reasons == (
            "buyer: payment is direct_debit, but there is no mandate; enter one or choose another payment",
        )
        await store.write(lambda unit: unit.execute(update(t.customer).values(payment="payroll")))
        (document,) = await bill(store)
        assert document.payment is Payment.PAYROLL

    with_store(tmp_path, check, customer={"payment": "direct_debit"})


def _certificate(own: bool, last: str) -> dict[str, Any]:
    customer_id = None if own else BUYER.id
    values = {"operator_id": "acme", "customer_id": customer_id, "kind": "ust_1_th", "reference": "FA 1"}
    return {**values, "valid_from": "2026-01-01", "valid_to": last}


RESELLER = {"tax_case": "reseller_de", "vat_id": "DE987654321"}


def test_when_a_certificate_expires_the_standard_rate_applies_from_the_next_day_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def check(store: Store) -> None:
        await add(store, t.tax_evidence, **_certificate(True, "2027-12-31"))
        await add(store, t.tax_evidence, **_certificate(False, "2026-10-15"))
        await add_transaction(store)
        await add_transaction(store, start=EVENING + timedelta(days=1))
        before, after = await bill(store)
        assert [(one.category, one.vat) for one in before.tax_lines] == [("AE", Decimal("0.00"))]
        assert [(one.category, one.rate) for one in after.tax_lines] == [("S", Decimal(19))]
        assert before.total_net == after.total_net
        await bill(store)
        assert caplog.text.count("tax_evidence_ends") == 1

    with_store(tmp_path, check, customer=RESELLER, tariff=DAY_NIGHT_NET)


def test_gross_prices_of_a_reseller_are_blocked_not_guessed(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        for own in (True, False):
            await add(store, t.tax_evidence, **_certificate(own, "2026-12-31"))
        await add_transaction(store)
        assert await bill(store) == []
        (waiting,) = await store.read(read_waiting)
        assert "allows no VAT, but 19 % is charged" in waiting.reasons[0]

    with_store(tmp_path, check, customer=RESELLER, tariff=DAY_NIGHT)


def test_a_session_that_comes_weeks_late_has_its_own_period_and_the_tariff_of_its_time(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await add_transaction(store)
        await bill(store)
        dear = {**DAY_NIGHT, "elements": [{"price_components": [{"type": "ENERGY", "price": 5, "vat": 19}]}]}
        text = canonical(dear)
        row = {"id": version_id(text), "operator_id": "acme", "tariff_id": dear["id"], "body": text}
        await add(store, rt.tariff_version, **row, valid_from=datetime(2026, 11, 1, tzinfo=UTC))
        cheap = await store.read(
            lambda unit: unit.scalar(select(rt.tariff_version.c.id).order_by(rt.tariff_version.c.valid_from).limit(1))
        )
        day = EVENING + timedelta(days=2)
        await add_transaction(store, SMALL, start=day, tariff_version_id=cheap)
        await add_transaction(store, SMALL, start=EVENING + timedelta(days=25), tariff_version_id=row["id"])
        _, late, current = await bill(store, EVENING + timedelta(days=60))
        assert (late.period_start, late.period_end) == (day.date(), day.date())
        assert late.due == Decimal("2.95")
        assert current.due == Decimal("25.00")
        assert late.number == "RE-2026-000002"

    with_store(tmp_path, check)


def test_a_draft_issued_again_gives_the_number_that_it_has(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await add_transaction(store)
        await rate_ended(store, ManualClock(NEXT_MONTH), Policy())
        ((due, _),) = (await issue_due(store, NEXT_MONTH, SETTINGS, dry=True)).ready
        first = await issue_one(store, due, NEXT_MONTH)
        again = await issue_one(store, due, NEXT_MONTH)
        assert first
        assert again
        assert (first.number, first.again) == ("RE-2026-000001", False)
        assert (again.number, again.again) == ("RE-2026-000001", True)
        await add_transaction(store, start=EVENING + timedelta(days=1))
        await rate_ended(store, ManualClock(NEXT_MONTH), Policy())
        ((late, _),) = (await issue_due(store, NEXT_MONTH, SETTINGS, dry=True)).ready
        assert (late.key.slot, late.key.generation) == (due.key.slot, 2)

    with_store(tmp_path, check)


def test_two_runs_at_once_with_different_drafts_of_one_slot_leave_no_gap(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await add_transaction(store)
        await rate_ended(store, ManualClock(NEXT_MONTH), Policy())
        async with open_store(tmp_path / "emops.db") as other:
            ((early, _),) = (await issue_due(other, NEXT_MONTH, SETTINGS, dry=True)).ready
            await add_transaction(store, start=EVENING + timedelta(days=1))
            await rate_ended(store, ManualClock(NEXT_MONTH), Policy())
            ((both, _),) = (await issue_due(store, NEXT_MONTH, SETTINGS, dry=True)).ready
            done = await asyncio.gather(issue_one(other, early, NEXT_MONTH), issue_one(store, both, NEXT_MONTH))
        assert [one.number for one in done if one] == ["RE-2026-000001"]
        documents = await bill(store)
        billed = sorted(one.transaction_id for document in documents for one in document.sessions)
        assert billed == [1, 2]
        assert [one.number for one in documents][-1] == f"RE-2026-00000{len(documents)}"

    with_store(tmp_path, check)


def test_by_hand_nothing_is_issued_until_a_person_does(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await add_transaction(store)
        by_hand = BillingSettings(automatic=False)
        assert await bill(store, settings=by_hand) == []
        outcome = await issue_due(store, NEXT_MONTH, by_hand)
        assert [(customer, one.number) for customer, one in outcome.issued] == [(BUYER.id, "RE-2026-000001")]

    with_store(tmp_path, check)


def test_a_case_without_evidence_is_taxed_as_usual(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await add_transaction(store)
        await rate_ended(store, ManualClock(NEXT_MONTH), Policy())
        ((due, _),) = (await issue_due(store, NEXT_MONTH, SETTINGS, dry=True)).ready
        assert due.notes == (
            "the USt 1 TH of the customer is missing; the USt 1 TH of the operator is missing: 19 % VAT is charged",
        )
        assert due.debtor.account.tax_case is TaxCase.STANDARD

    with_store(tmp_path, check, customer=RESELLER, tariff=DAY_NIGHT_NET)
