"""Statements of hosts on a real database: each session once, differences later, Storno and what comes after it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from backend.core.invoices.invoice import Invoice, Output
from backend.core.rates.rating import Policy
from backend.errors import ApplyError, InvoiceError
from backend.jobs.issue_invoices import BillingSettings, InvoiceIssuer
from backend.jobs.issue_statements import HostSettings, StatementIssuer, StatementOutcome, issue_statements
from backend.jobs.rate_ended import rate_ended
from backend.services.audit import verify
from backend.services.reports import rate_again
from backend.store.hosts import draft_due, issue_statement, list_statements, load_hosts, object_to, settle
from backend.store.issued import read_xml
from backend.store.letter_tables import letter
from backend.store.open_items import list_items
from backend.store.reversals import ByHand, credit
from backend.store.tables import charging_transaction
from backend.store.writer import Store
from shared.clock import ManualClock
from tests.unit.backend.billing_example import DAY_NIGHT_NET, EVENING
from tests.unit.backend.billing_store import add_transaction, billing_store
from tests.unit.backend.einvoice_rules import official_findings
from tests.unit.backend.host_example import HOST, REFUND, SHARE, add_host

NOVEMBER = datetime(2026, 11, 10, 8, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 10, 8, tzinfo=UTC)
VAT = Decimal(19)
LATE = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)  # 1 November, 00:30 in Berlin


def with_host(tmp_path: Path, test: Callable[[Store], Awaitable[None]], tax: str = "host_ust", **changes: Any) -> None:
    """Run a test on a store with a host and one session of October; whatever it does, the audit finds nothing."""

    async def run() -> None:
        async with billing_store(tmp_path / "db", "at_once", tariff=DAY_NIGHT_NET) as store:
            await store.write(lambda unit: add_host(unit, tax, **changes))
            await add_transaction(store)
            await rate(store)
            await test(store)
            findings = await store.read(lambda unit: list(verify(unit)))
            assert [line for good, line in findings if not good] == []

    asyncio.run(run())


async def rate(store: Store, now: datetime = NOVEMBER) -> None:
    await rate_ended(store, ManualClock(now), Policy())


async def issue(store: Store, now: datetime = NOVEMBER, **changes: Any) -> StatementOutcome:
    return await issue_statements(store, now, HostSettings(), VAT, **changes)


async def issued(store: Store, now: datetime = NOVEMBER) -> Invoice:
    outcome = await issue(store, now)
    assert outcome.blocked == []
    (document,) = outcome.issued
    return document


def amounts(document: Invoice) -> list[tuple[str, str]]:
    return [(line.text.partition(",")[0], str(line.net)) for line in document.lines]


def test_a_statement_pays_share_energy_and_base(tmp_path: Path) -> None:
    """27.5 kWh, of which 9.167 at 0.59 and 18.333 at 0.39: 12.56 net, of which 10 % are 1.26; 27.5 x 0.3175 = 8.73."""

    async def test(store: Store) -> None:
        document = await issued(store)
        assert document.number == "GS-2026-000001"
        assert amounts(document) == [
            ("Umsatzbeteiligung 10/2026", "1.26"),
            ("Stromkostenerstattung 10/2026", "8.73"),
            ("Grundvergütung 10/2026", "25.00"),
        ]
        assert (document.total_net, document.total_vat, document.due) == (
            Decimal("34.99"),
            Decimal("6.65"),
            Decimal("41.64"),
        )
        assert document.seller.name == "Rathausgarage Potsdam GmbH"
        assert document.buyer.id == "acme"
        assert document.fees[0].details == ("15.10.2026 21:10, Parkhaus Mitte/1: 27,500 kWh, 12,56 €",)
        assert not any("04A1" in text for fee in document.fees for text in (fee.reason, *fee.details))
        xml = await store.read(lambda unit: read_xml(unit, 1))
        assert xml is not None
        assert official_findings(xml) == []
        (row,) = await store.read(lambda unit: unit.execute(select(letter)).all())
        assert (row.purpose, row.document) == ("statement", "GS-2026-000001")
        assert "garage@example.com" in row.recipients
        (item,) = await store.read(list_items)
        assert item.open == Decimal("-41.64")
        assert (await issue(store)).issued == []

    with_host(tmp_path, test)


def test_a_session_counts_in_the_month_of_its_begin_at_the_wall(tmp_path: Path) -> None:
    async def test(store: Store) -> None:
        await add_transaction(store, start=LATE)
        await rate(store)
        assert "1 Ladevorgänge" in (await issued(store)).fees[0].reason
        assert "1 Ladevorgänge" in (await issued(store, DECEMBER)).fees[0].reason

    with_host(tmp_path, test, terms=SHARE.format(minimum="", maximum=""))


def test_a_late_session_comes_with_the_next_statement_and_its_own_month(tmp_path: Path) -> None:
    async def test(store: Store) -> None:
        await issued(store)
        await add_transaction(store, start=EVENING + timedelta(days=2))
        await rate(store, DECEMBER)
        document = await issued(store, DECEMBER)
        assert amounts(document) == [
            ("Umsatzbeteiligung 10/2026", "1.25"),
            ("Stromkostenerstattung 10/2026", "8.73"),
            ("Grundvergütung 11/2026", "25.00"),
        ]
        # 10 % of 25.12 is 2.51, of which 1.26 was stated: the month is exact, not the sum of rounded parts.
        assert "davon bisher abgerechnet 1,26 €" in document.fees[0].reason
        assert (document.period_start.month, document.period_end.month) == (10, 11)

    with_host(tmp_path, test)


def test_a_session_rated_again_comes_as_a_difference(tmp_path: Path) -> None:
    async def test(store: Store) -> None:
        await issued(store)
        t = charging_transaction
        await store.write(lambda unit: unit.execute(t.update().where(t.c.id == 1).values(meter_stop=1_037_500)))
        await store.write(lambda unit: rate_again(unit, 1, "meter was read again"))
        await rate(store, DECEMBER)
        document = await issued(store, DECEMBER)
        assert amounts(document)[:2] == [
            ("Umsatzbeteiligung 10/2026", "0.39"),
            ("Stromkostenerstattung 10/2026", "3.18"),
        ]
        assert "jetzt 37,500 kWh" in document.fees[0].details[0]

    with_host(tmp_path, test)


def test_what_a_credit_note_gave_back_is_no_revenue(tmp_path: Path) -> None:
    async def test(store: Store) -> None:
        await InvoiceIssuer(store, ManualClock(NOVEMBER), BillingSettings(grace_s=0)).run()
        wanted = ByHand("RE-2026-000001", "gestört")
        await store.write(lambda unit: credit(unit, wanted, {1: Decimal("5.00")}, NOVEMBER))
        document = await issued(store)
        assert amounts(document) == [("Umsatzbeteiligung 10/2026", "0.76")]  # of 7.56

    with_host(tmp_path, test, terms=SHARE.format(minimum="", maximum=""))


@pytest.mark.parametrize(
    ("minimum", "maximum", "first", "second"),
    [("2.00", "", "2.00", "0.51"), ("", "1.00", "1.00", None), ("5.00", "9.00", "5.00", None)],
)
def test_limits_of_a_month_hold_over_all_of_its_statements(
    tmp_path: Path, minimum: str, maximum: str, first: str, second: str | None
) -> None:
    """One session shares 1.26, two 2.51."""

    async def test(store: Store) -> None:
        assert [amount for _, amount in amounts(await issued(store))] == [first]
        await add_transaction(store, start=EVENING + timedelta(days=2))
        await rate(store)
        later = (await issue(store)).issued
        assert [amount for one in later for _, amount in amounts(one)] == ([] if second is None else [second])

    with_host(tmp_path, test, terms=SHARE.format(minimum=minimum, maximum=maximum))


@pytest.mark.parametrize(
    ("tax", "category", "vat", "output"),
    [
        ("host_ust", "S", "6.65", Output.HYBRID),
        ("host_klein", "E", "0.00", Output.HYBRID),
        ("host_private", "O", "0.00", Output.PDF),
    ],
)
def test_vat_follows_what_the_host_is(tmp_path: Path, tax: str, category: str, vat: str, output: Output) -> None:
    async def test(store: Store) -> None:
        document = await issued(store)
        (sums,) = document.tax_lines
        assert (sums.category, sums.vat, document.output) == (category, Decimal(vat), output)
        assert bool(sums.reason) is (tax != "host_ust")
        xml = await store.read(lambda unit: read_xml(unit, 1))
        assert xml is not None
        assert official_findings(xml) == []
        assert official_findings(xml.replace(b"<ram:TypeCode>VAT</ram:TypeCode>", b"")) != []

    with_host(tmp_path, test, tax)


def test_an_objection_cancels_and_keeps_back_until_it_is_settled(tmp_path: Path) -> None:
    async def test(store: Store) -> None:
        await issued(store)
        with pytest.raises(InvoiceError, match="reason"):
            await store.write(lambda unit: object_to(unit, "GS-2026-000001", " ", NOVEMBER))
        storno = await store.write(lambda unit: object_to(unit, "GS-2026-000001", "Zähler falsch", NOVEMBER))
        assert (storno.number, storno.type_code, storno.due) == ("GS-ST-2026-000001", "384", Decimal("-41.64"))
        assert storno.preceding[0].number == "GS-2026-000001"
        xml = await store.read(lambda unit: read_xml(unit, 2))
        assert xml is not None
        assert official_findings(xml) == []
        assert await store.read(list_items) == []  # one counts against the other
        kept = await issue(store)
        assert kept.issued == []
        assert "GS-2026-000001 (Zähler falsch)" in kept.blocked[0].problems[0]
        await store.write(lambda unit: settle(unit, "GS-2026-000001", "Register berichtigt", NOVEMBER))
        again = await issued(store)
        assert (again.number, again.due) == ("GS-2026-000002", Decimal("41.64"))
        with pytest.raises(InvoiceError, match="cancelled by GS-ST"):
            await store.write(lambda unit: object_to(unit, "GS-2026-000001", "noch einmal", NOVEMBER))
        rows = await store.read(list_statements)
        assert [(row.number, row.state) for row in rows] == [
            ("GS-2026-000002", "issued"),
            ("GS-2026-000001", "settled"),
        ]

    with_host(tmp_path, test)


def test_a_draft_that_somebody_else_issued_is_not_issued_again(tmp_path: Path) -> None:
    async def test(store: Store) -> None:
        (host,) = await store.read(load_hosts)
        due = await store.read(lambda unit: draft_due(unit, host, NOVEMBER, grace=timedelta(), standard_vat=VAT))
        assert due is not None
        assert await store.write(lambda unit: issue_statement(unit, due, NOVEMBER)) is not None
        assert await store.write(lambda unit: issue_statement(unit, due, NOVEMBER)) is None

    with_host(tmp_path, test)


def test_the_job_issues_when_the_month_is_over_and_the_grace_has_passed(tmp_path: Path) -> None:
    async def test(store: Store) -> None:
        clock = ManualClock(datetime(2026, 11, 5, 12, tzinfo=UTC))
        issuer = StatementIssuer(store, clock, HostSettings(automatic=True, grace_days=5), VAT)
        assert await issuer.run() == datetime(2026, 11, 5, 23, tzinfo=UTC)
        assert await store.read(list_statements) == []
        clock.advance(86400)
        assert await issuer.run() == datetime(2026, 12, 5, 23, tzinfo=UTC)
        assert len(await store.read(list_statements)) == 1
        assert await StatementIssuer(store, clock, HostSettings(), VAT).run() is None

    with_host(tmp_path, test)


def test_terms_that_were_stated_stay_as_they_are(tmp_path: Path) -> None:
    async def test(store: Store) -> None:
        await store.write(lambda unit: add_host(unit, terms=REFUND))
        await issued(store)
        with pytest.raises(ApplyError, match="terms can't change"):
            await store.write(lambda unit: add_host(unit, terms=SHARE.format(minimum="", maximum="")))

    with_host(tmp_path, test)


def test_an_entrepreneur_without_a_tax_number_is_named(tmp_path: Path) -> None:
    async def test(store: Store) -> None:
        with pytest.raises(ApplyError, match=f"host {HOST}: an entrepreneur needs tax_number"):
            await store.write(lambda unit: add_host(unit, tax_number=""))

    with_host(tmp_path, test)
