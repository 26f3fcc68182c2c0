"""A month for DATEV on a real database: the sum of its bookings is that of documents and payments; again, the same."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from backend.__main__ import main
from backend.core.invoices.invoice import Invoice
from backend.core.payments.open_item import BookingKind
from backend.core.rates.rating import Policy
from backend.core.record import from_json
from backend.errors import ApplyError, ReportError
from backend.jobs.issue_invoices import BillingSettings, InvoiceIssuer
from backend.jobs.rate_ended import rate_ended
from backend.services.apply import apply
from backend.services.audit import verify
from backend.services.ledger import export_month
from backend.services.master_data import parse_master_data
from backend.store.datev import list_exports
from backend.store.open_items import Posting, account_of, book, find_item, list_bookings, pay, target_of, undo
from backend.store.reversals import ByHand, cancel
from backend.store.writer import Store
from shared.clock import ManualClock
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.billing_store import add_transaction, billing_store, invoices

BOOKS = '[[ledger]]\noperator = "acme"\nconsultant = 1001\nclient = 7\n'
NOW = EVENING + timedelta(days=2)
MONTH = f"{NOW:%Y-%m}"
LATER = NOW + timedelta(days=40)


async def fill(store: Store) -> None:
    """Two invoices, one of which is cancelled; a payment with costs, a fee, and a booking that was undone."""
    await store.write(lambda unit: apply(unit, parse_master_data(BOOKS), NOW))
    await add_transaction(store)
    await add_transaction(store, start=EVENING + timedelta(hours=4))
    await rate_ended(store, ManualClock(NOW), Policy())
    await InvoiceIssuer(store, ManualClock(NOW), BillingSettings(grace_s=0)).run()
    numbers = [row.number for row in await invoices(store)]
    await store.write(lambda unit: cancel(unit, ByHand(numbers[-1], "wrong"), NOW))

    def work(unit: object) -> None:
        item = find_item(unit, numbers[0])  # type: ignore[arg-type]  # a connection
        assert item
        if item.open > 1:
            posting = Posting(kind=BookingKind.PAYMENT, amount=-item.open - 3, booked_on=NOW.date())
            pay(unit, target_of(item), posting, NOW)  # type: ignore[arg-type]
        account = account_of(unit, item.customer_id)  # type: ignore[arg-type]
        fee = Posting(kind=BookingKind.FEE, amount=Decimal("2.50"), booked_on=NOW.date(), note="dunning_fee")
        book(unit, account, fee, NOW)  # type: ignore[arg-type]
        wrong = book(unit, account, fee, NOW)  # type: ignore[arg-type]
        undo(unit, wrong, NOW.date(), NOW, "wrong")  # type: ignore[arg-type]

    await store.write(work)


def effects(content: bytes) -> dict[str, Decimal]:
    """Give the balance of each personal account."""
    found: dict[str, Decimal] = {}
    for line in content.decode("cp1252").split("\r\n")[2:-1]:
        fields = line.split(";")
        amount = Decimal(fields[0].replace(",", "."))
        side = 1 if (fields[1] == '"S"') != (fields[117] == '"1"') else -1
        found[fields[6]] = found.get(fields[6], Decimal(0)) + side * amount
    return found


def test_a_month(tmp_path: Path) -> None:
    async def run() -> None:
        async with billing_store(tmp_path / "db", "day") as store:
            await fill(store)
            made = await export_month(store, "acme", MONTH, LATER)
            owed = sum((from_json(Invoice, row.body).owed for row in await invoices(store)), Decimal(0))
            booked = await store.read(lambda unit: [one.amount for one in list_bookings(unit)])
            assert effects(made.bookings) == {"10000": owed + sum(booked)}
            text = made.bookings.decode("cp1252")
            assert ";10000;8400;" in text
            assert ";10000;1200;" in text
            assert ";10000;2709;" in text
            assert text.count('"1";;"";"";;"";;') == 2  # the Storno, and the booking that was undone
            assert '"CP-1"' in text
            assert made.debtors.decode("cp1252").count("\r\n") == 3
            again = await export_month(store, "acme", MONTH, LATER + timedelta(days=1))
            assert (again.again, again.bookings, again.debtors) == (True, made.bookings, made.debtors)
            fee = Posting(kind=BookingKind.FEE, amount=Decimal("1.00"), booked_on=NOW.date())
            await store.write(lambda unit: book(unit, account_of(unit, "C-1001"), fee, LATER))
            with pytest.raises(ReportError, match="has changed since"):
                await export_month(store, "acme", MONTH, LATER)
            renewed = await export_month(store, "acme", MONTH, LATER, renew=True)
            assert (renewed.generation, renewed.count) == (2, made.count + 1)
            assert len(await store.read(list_exports)) == 2
            problems = [line for good, line in await store.read(lambda unit: list(verify(unit))) if not good]
            assert not [line for line in problems if "datev" in line]

    asyncio.run(run())


def test_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def run() -> None:
        async with billing_store(tmp_path / "db", "day") as store:
            await fill(store)

    asyncio.run(run())
    (tmp_path / "backend.toml").write_text(f'[store]\npath = "{tmp_path}/db"\n')
    command = ["datev", "export", "--config", str(tmp_path / "backend.toml"), "--out", str(tmp_path / "out"), "--month"]
    assert main([*command, MONTH]) == 0
    first = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    stem = MONTH.replace("-", "")
    assert first.keys() == {f"EXTF_Buchungsstapel_{stem}.csv", f"EXTF_DebitorenKreditoren_{stem}.csv"}
    assert main([*command, MONTH]) == 0
    assert "the same as before" in capsys.readouterr().out
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == first
    assert main([*command, "2099-01"]) == 1
    assert main([*command, "October"]) == 1
    assert "is no month" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ('own = ["revenue=8400"]', "ledger[0].own[0]"),
        ('own = ["revenue_s=84"]', "4 digits"),
        ("first_debtor = 100000", "must have 5 digits"),
        ("consultant = 1", "consultant"),
    ],
)
def test_wrong_books_are_named(line: str, text: str) -> None:
    books = BOOKS.replace("consultant = 1001\n", "") if "consultant" in line else BOOKS
    with pytest.raises(ApplyError) as raised:
        parse_master_data(books + line + "\n")
    assert text in str(raised.value)
