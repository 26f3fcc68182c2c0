"""Reports sum to exactly what ratings and invoices say, whatever their rows stand for."""

import asyncio
import io
import zipfile
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from backend.core.rates.rating import Policy
from backend.core.report import By, Subject, Tally
from backend.documents.workbook import Column, Page, write_csv, write_workbook
from backend.errors import ReportError
from backend.jobs.issue_invoices import BillingSettings, InvoiceIssuer
from backend.jobs.rate_ended import rate_ended
from backend.services.energy_reports import Report, Wanted, make_report, measure, parse_wanted, report_json, table
from backend.store.invoice_tables import invoice
from backend.store.rating_tables import rating
from backend.store.reversals import ByHand, cancel, credit
from backend.store.writer import Store
from shared.clock import ManualClock
from tests.unit.backend.billing_example import DAY_NIGHT, DAY_NIGHT_NET
from tests.unit.backend.billing_store import add_transaction, billing_store
from tests.unit.backend.einvoice_documents import PARTS

NOW = datetime(2026, 10, 20, 8, tzinfo=UTC)
OCTOBER = (date(2026, 10, 1), date(2026, 10, 31))
NIGHT = datetime(2026, 9, 30, 22, 30, tzinfo=UTC)  # 1 October, 00:30 in Berlin


def with_sessions(tmp_path: Path, test: Callable[[Store], Awaitable[None]], tariff: dict[str, Any]) -> None:
    """Run a test on a store with a dozen odd sessions, of which one is free and one held, and their invoices."""

    async def run() -> None:
        async with billing_store(tmp_path / "db", "at_once", tariff=tariff) as store:
            for i in range(12):
                registers = (
                    (0, 1_000),
                    (50 + i, 2_167 + 131 * i),
                    (150 + i, 9_500 + 97 * i),
                    (200, 9_500 + 97 * i),
                )
                await add_transaction(store, registers, start=NIGHT + timedelta(hours=7 * i), evse_id=1 + i % 2)
            await add_transaction(store, ((0, 5_000), (10, 5_000)), start=NIGHT + timedelta(days=5))
            await add_transaction(store, start=NIGHT + timedelta(days=6), id_token="04FFFF")  # nobody's
            clock = ManualClock(NOW)
            await rate_ended(store, clock, Policy())
            await InvoiceIssuer(store, clock, BillingSettings(grace_s=0)).run()
            await test(store)

    asyncio.run(run())


async def report(store: Store, subject: Subject, by: By, span: tuple[date, date] = OCTOBER) -> Report:
    return await store.read(lambda unit: make_report(unit, Wanted(subject, by, *span)))


def total(found: Report) -> Tally:
    (row,) = found.totals
    return row.tally


@pytest.mark.parametrize("tariff", [DAY_NIGHT, DAY_NIGHT_NET, PARTS])
def test_energy_sums_to_the_ratings_whatever_its_rows(tmp_path: Path, tariff: dict[str, Any]) -> None:
    async def test(store: Store) -> None:
        rows = await store.read(lambda unit: unit.execute(select(rating.c.total_net, rating.c.total_gross)).all())
        for by in By:
            found = await report(store, Subject.ENERGY, by)
            sums = total(found)
            assert sums.net == sum(row.total_net for row in rows)
            assert sums.gross == sum(row.total_gross for row in rows)
            assert sums.vat == sums.gross - sums.net
            assert sums.energy_net + sums.time_net + sums.fees_net == sums.net
            assert sum(row.tally.net for row in found.rows) == sums.net
            assert sum(row.tally.energy_wh for row in found.rows) == sums.energy_wh
            assert (sums.sessions, sums.held) == (13, 1)
            assert sums.held_wh == 27_500

    with_sessions(tmp_path, test, tariff)


@pytest.mark.parametrize("tariff", [DAY_NIGHT, DAY_NIGHT_NET, PARTS])
def test_revenue_sums_to_the_documents_with_storno_and_credit(tmp_path: Path, tariff: dict[str, Any]) -> None:
    async def test(store: Store) -> None:
        wanted = ByHand("RE-2026-000001", "gestört")
        await store.write(lambda unit: credit(unit, wanted, {1: Decimal("0.10")}, NOW))
        first = await store.read(lambda unit: unit.execute(select(invoice)).all())
        await store.write(lambda unit: cancel(unit, ByHand("RE-K-2026-000001", "falsch"), NOW))
        rows = await store.read(lambda unit: unit.execute(select(invoice.c.total_net, invoice.c.total_gross)).all())
        assert len(rows) == len(first) + 1
        for by in By:
            found = await report(store, Subject.REVENUE, by)
            assert total(found).net == sum(row.total_net for row in rows)
            assert total(found).gross == sum(row.total_gross for row in rows)
            assert sum(row.tally.net for row in found.rows) == total(found).net

    with_sessions(tmp_path, test, tariff)


def test_times_and_free_sessions_are_told(tmp_path: Path) -> None:
    async def test(store: Store) -> None:
        found = await report(store, Subject.ENERGY, By.EVSE)
        assert [row.key for row in found.rows] == ["CP-1/1", "CP-1/2"]
        sums = total(found)
        assert sums.free == 1
        assert sums.plugged_s == 60 * (12 * 200 + 10 + 150)
        assert sums.charging_s == 60 * (sum(150 + i for i in range(12)) + 150)

    with_sessions(tmp_path, test, DAY_NIGHT)


def test_a_day_is_that_of_the_begin_at_the_wall(tmp_path: Path) -> None:
    async def test(store: Store) -> None:
        found = await report(store, Subject.ENERGY, By.DAY)
        assert found.rows[0].key == "2026-10-01"
        september = (date(2026, 9, 1), date(2026, 9, 30))
        assert (await report(store, Subject.ENERGY, By.DAY, september)).rows == ()

    with_sessions(tmp_path, test, DAY_NIGHT)


@pytest.mark.parametrize(
    ("subject", "by", "first", "last"),
    [
        ("money", "day", "2026-10-01", "2026-10-31"),
        ("energy", "week", "2026-10-01", "2026-10-31"),
        ("energy", "day", "October", "2026-10-31"),
        ("energy", "day", "2026-10-31", "2026-10-01"),
        ("energy", "day", "1926-10-31", "2026-10-01"),
    ],
)
def test_what_is_no_report_is_refused(subject: str, by: str, first: str, last: str) -> None:
    with pytest.raises(ReportError):
        parse_wanted(subject, by, first, last)


def test_files_and_json_tell_the_same_sums(tmp_path: Path) -> None:
    async def test(store: Store) -> None:
        found = await report(store, Subject.ENERGY, By.CUSTOMER)
        columns, rows = table(found, "de")
        gross = [column.title for column in columns].index("Brutto")
        assert rows[-1][gross] == total(found).gross == measure(total(found), "gross")
        text = write_csv(columns, rows, "de").decode("utf-8-sig")
        assert f"{total(found).gross}".replace(".", ",") in text.splitlines()[-1].split(";")
        told: Any = report_json(found)["totals"]
        assert told[0]["gross"] == str(total(found).gross)
        with zipfile.ZipFile(io.BytesIO(write_workbook([Page("Energie", columns, rows)]))) as book:
            sheet = book.read("xl/worksheets/sheet1.xml").decode()
        assert f"<v>{total(found).gross.normalize():f}</v>" in sheet

    with_sessions(tmp_path, test, DAY_NIGHT)


def test_a_name_is_never_a_formula() -> None:
    columns, rows = [Column("Name")], [["=1+1"], ["@sum"], ["Möbel; Muster"]]
    assert write_csv(columns, rows, "de").decode("utf-8-sig") == "Name\r\n'=1+1\r\n'@sum\r\n\"Möbel; Muster\"\r\n"
    with zipfile.ZipFile(io.BytesIO(write_workbook([Page("x", columns, rows)]))) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert "=1+1" in sheet


def test_an_unknown_operator_is_named(tmp_path: Path) -> None:
    async def test(store: Store) -> None:
        wanted = Wanted(Subject.ENERGY, By.DAY, *OCTOBER, operator="nobody")
        with pytest.raises(ReportError, match="nobody"):
            await store.read(lambda unit: make_report(unit, wanted))

    with_sessions(tmp_path, test, DAY_NIGHT)
