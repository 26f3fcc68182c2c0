"""Journals of a month: every document and booking, and sums that agree with the books."""

import asyncio
import zipfile
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from backend.__main__ import main
from backend.core.invoices.invoice import Invoice
from backend.core.record import from_json
from backend.errors import ReportError
from backend.services.journals import journal
from backend.store.open_items import list_bookings
from tests.unit.backend.billing_store import billing_store, invoices
from tests.unit.backend.services.test_ledger import NOW, fill

SPAN = (NOW.date() - timedelta(days=10), NOW.date() + timedelta(days=10))


def test_sums_agree_with_the_books(tmp_path: Path) -> None:
    async def run() -> None:
        async with billing_store(tmp_path / "db", "day") as store:
            await fill(store)
            owed = sum((from_json(Invoice, row.body).owed for row in await invoices(store)), Decimal(0))
            booked = sum(await store.read(lambda unit: [one.amount for one in list_bookings(unit)]))
            documents = list((await store.read(lambda unit: journal(unit, "acme", "invoices", SPAN))).rows)
            assert (len(documents), documents[-1][0], documents[-1][10]) == (4, "Summe", owed)
            payments = list((await store.read(lambda unit: journal(unit, "acme", "bookings", SPAN))).rows)
            assert payments[-1][5] == booked
            items = list((await store.read(lambda unit: journal(unit, "acme", "open_items", SPAN))).rows)
            assert items[-1][5] == owed + booked
            nothing = (date(2020, 1, 1), date(2020, 1, 31))
            assert len(list((await store.read(lambda unit: journal(unit, "acme", "invoices", nothing))).rows)) == 1
            with pytest.raises(ReportError, match="the first day first"):
                await store.read(lambda unit: journal(unit, "acme", "invoices", (SPAN[1], SPAN[0])))
            with pytest.raises(ReportError, match="no journal 'cash'"):
                await store.read(lambda unit: journal(unit, "acme", "cash", SPAN))

    asyncio.run(run())


def test_by_command(tmp_path: Path) -> None:
    async def run() -> None:
        async with billing_store(tmp_path / "db", "day") as store:
            await fill(store)

    asyncio.run(run())
    (tmp_path / "backend.toml").write_text(f'[store]\npath = "{tmp_path}/db"\n')
    days = ["--from", SPAN[0].isoformat(), "--to", SPAN[1].isoformat()]
    command = ["journal", "--config", str(tmp_path / "backend.toml"), "--out", str(tmp_path / "out"), *days]
    assert main([*command, "--format", "csv"]) == 0
    assert main(command) == 0
    names = sorted(path.name.partition("_2")[0] for path in (tmp_path / "out").iterdir())
    assert names == ["bookings", "invoices", "journal", "open_items"]
    (text,) = [path.read_bytes() for path in (tmp_path / "out").glob("invoices*")]
    assert text.startswith("\ufeffBeleg;Art;Datum;".encode())
    assert zipfile.is_zipfile(next((tmp_path / "out").glob("*.xlsx")))
    assert main([*command[:-1], "yesterday"]) == 1
