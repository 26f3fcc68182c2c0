"""Journals of documents, bookings and open items, as tables with their totals: CSV or XLSX.

CSV is what a German or English spreadsheet opens by itself: UTF-8 with its mark, and in German `;` and decimal commas.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection

from backend.documents.workbook import Cell, Column, Page, write_csv, write_workbook
from backend.errors import ReportError
from backend.store.journals import journal_bookings, journal_documents, journal_items

KINDS = ("invoices", "bookings", "open_items")
FORMATS = ("csv", "xlsx")

_TITLES = {
    "invoices": ("Rechnungsausgang", "Invoices"),
    "bookings": ("Zahlungen", "Payments"),
    "open_items": ("Offene Posten", "Open items"),
    "number": ("Beleg", "Document"),
    "type": ("Art", "Type"),
    "issued": ("Datum", "Date"),
    "due": ("Fällig", "Due"),
    "first": ("Leistung von", "Supply from"),
    "last": ("Leistung bis", "Supply to"),
    "customer_id": ("Kundennummer", "Customer number"),
    "customer": ("Kunde", "Customer"),
    "net": ("Netto", "Net"),
    "vat": ("Umsatzsteuer", "VAT"),
    "gross": ("Brutto", "Gross"),
    "currency": ("Währung", "Currency"),
    "payment": ("Zahlungsart", "Payment"),
    "booked": ("Wertstellung", "Value date"),
    "kind": ("Vorgang", "Kind"),
    "amount": ("Betrag", "Amount"),
    "open": ("Offen", "Open"),
    "days": ("Tage überfällig", "Days overdue"),
    "note": ("Grund", "Note"),
    "id": ("Nummer", "Number"),
    "total": ("Summe", "Total"),
}
_COLUMNS = {
    "invoices": [
        "number",
        "type",
        "issued",
        "due",
        "first",
        "last",
        "customer_id",
        "customer",
        "net",
        "vat",
        "gross",
        "currency",
        "payment",
    ],
    "bookings": ["id", "booked", "kind", "customer_id", "number", "amount", "currency", "note"],
    "open_items": ["customer_id", "customer", "number", "due", "amount", "open", "currency", "days"],
}
_MONEY = ("net", "vat", "gross", "amount", "open")


def journal(
    connection: Connection, operator_id: str, kind: str, span: tuple[date, date], *, language: str = "de"
) -> Page:
    """Make a journal; its last row has the totals.

    Args:
        connection: to read from.
        operator_id: whose.
        kind: of `KINDS`.
        span: first and last local day; open items are those at the end of the last one.
        language: `de` or `en`, of the titles.

    Raises:
        ReportError: there is no such journal, or the days are the wrong way round.
    """
    if kind not in KINDS:
        raise ReportError(f"there is no journal {kind!r}; there are {', '.join(KINDS)}")
    if span[0] > span[1]:
        raise ReportError(f"{span[0]} is after {span[1]}: give the first day first")
    rows = list(_rows(connection, operator_id, kind, span))
    names = _COLUMNS[kind]
    sums: list[Cell] = [_sum(row[i] for row in rows) if name in _MONEY else None for i, name in enumerate(names)]
    sums[0] = _title("total", language)
    columns = [Column(_title(name, language), 2 if name in _MONEY else 0) for name in names]
    return Page(_title(kind, language), columns, [*rows, sums])


def _sum(cells: Iterable[Cell]) -> Decimal:
    return sum((cell for cell in cells if isinstance(cell, Decimal)), Decimal("0.00"))


def _rows(connection: Connection, operator_id: str, kind: str, span: tuple[date, date]) -> Iterable[Sequence[Cell]]:
    if kind == "invoices":
        for one in journal_documents(connection, operator_id, *span):
            yield (
                one.number,
                one.type_code,
                one.issued_on,
                one.due_on,
                one.first,
                one.last,
                one.customer_id,
                one.customer,
                one.net,
                one.vat,
                one.gross,
                one.currency,
                one.payment,
            )
    elif kind == "bookings":
        for b in journal_bookings(connection, operator_id, *span):
            yield str(b.id), b.booked_on, b.kind, b.customer_id, b.number, b.amount, b.currency, b.note
    else:
        for i in journal_items(connection, operator_id, span[1]):
            yield i.customer_id, i.customer, i.number, i.due_on, i.amount, i.open, i.currency, i.days_overdue


def write_journal(pages: Sequence[Page], form: str, language: str = "de") -> bytes:
    """Write journals: XLSX with a sheet for each, or the first one as CSV."""
    if form == "xlsx":
        return write_workbook(pages)
    return write_csv(pages[0].columns, pages[0].rows, language)


def _title(name: str, language: str) -> str:
    return _TITLES[name][language != "de"]
