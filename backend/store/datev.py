"""DATEV exports on the database: accounts assigned once, months read, files kept and chained."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select

from backend.core.invoices.audit import Kept
from backend.core.invoices.chain import ChainKind
from backend.core.invoices.invoice_model import Invoice
from backend.core.payments.datev import Head, LedgerBooking, LedgerDebtor, write_bookings, write_debtors
from backend.core.payments.datev_accounts import Ledger
from backend.core.payments.datev_bookings import Centres, LedgerError, Movement, document_bookings, movement_booking
from backend.core.payments.open_item import BookingKind
from backend.core.record import from_json
from backend.errors import ReportError
from backend.store.chain import append
from backend.store.datev_tables import ledger, ledger_account, ledger_export
from backend.store.invoice_tables import chain, invoice
from backend.store.payment_tables import booking
from backend.store.tables import charge_point, charging_transaction, customer, location, operator

_E, _A, _B = ledger_export.c, ledger_account.c, booking.c
_HEAD_LINE = b"\r\n"


@dataclass(frozen=True, slots=True)
class Export:
    """Files of a month. `again`: they are those that were handed out before, byte for byte."""

    operator_id: str
    month: str
    generation: int
    at: datetime
    count: int
    replaced: int
    bookings: bytes
    debtors: bytes
    again: bool = False

    @property
    def names(self) -> tuple[str, str]:
        """Names of the files."""
        stem = self.month.replace("-", "") + (f"_{self.generation}" if self.generation > 1 else "")
        return f"EXTF_Buchungsstapel_{stem}.csv", f"EXTF_DebitorenKreditoren_{stem}.csv"


def load_ledger(connection: Connection, operator_id: str) -> Ledger:
    """Tell how an operator's books are kept.

    Raises:
        ReportError: nobody has said.
    """
    body = connection.scalar(select(ledger.c.body).where(ledger.c.operator_id == operator_id))
    if body is None:
        raise ReportError(f"operator {operator_id} has no books: apply a [[ledger]] with consultant and client number")
    return from_json(Ledger, body)


def assign_accounts(connection: Connection, operator_id: str, month: str, now: datetime) -> None:
    """Give a personal account to all whom a month is about and who have none. Part of a unit of work.

    Raises:
        ReportError: the month is not over, or there are no books.
    """
    rules, span = load_ledger(connection, operator_id), _span(connection, operator_id, month, now)
    rows = connection.execute(select(ledger_account).where(_A.operator_id == operator_id)).all()
    known = {(row.customer_id, row.kind): row.account for row in rows}
    c = invoice.c
    issued = select(c.customer_id, c.type_code, c.body).where(*_issued(operator_id, span)).order_by(c.id)
    wanted = [(row.customer_id, _kind(from_json(Invoice, row.body))) for row in connection.execute(issued)]
    for moved in _movements(connection, operator_id, span):
        wanted.append((moved.customer_id, _kind(from_json(Invoice, moved.body)) if moved.body else "debtor"))
    for customer_id, kind in dict.fromkeys(wanted):
        if (customer_id, kind) not in known:
            lowest = rules.first_creditor if kind == "creditor" else rules.first_debtor
            account = max([lowest - 1, *(number for (_, one), number in known.items() if one == kind)]) + 1
            row_of = {"operator_id": operator_id, "customer_id": customer_id, "kind": kind, "account": account}
            connection.execute(insert(ledger_account).values(row_of))
            known[customer_id, kind] = account


def make_export(connection: Connection, operator_id: str, month: str, now: datetime) -> Export:
    """Make the files of a month, or give those that were handed out if nothing has changed.

    Raises:
        ReportError: as `assign_accounts`, or a document can't be booked.
    """
    rules, span = load_ledger(connection, operator_id), _span(connection, operator_id, month, now)
    try:
        bookings = list(_bookings(connection, operator_id, rules, span))
    except LedgerError as error:
        raise ReportError(str(error)) from error
    newest = _newest(connection, operator_id, month)
    head = _head(connection, operator_id, rules, span, now)
    batch, accounts = write_bookings(head, bookings), write_debtors(head, _debtors(connection, operator_id))
    if newest and _body(newest.bookings) == _body(batch.content):
        return _export(newest, again=True)
    return Export(
        operator_id,
        month,
        newest.generation + 1 if newest else 1,
        now,
        len(bookings),
        batch.replaced + accounts.replaced,
        batch.content,
        accounts.content,
    )


def keep_export(connection: Connection, export: Export) -> None:
    """Keep files that are handed out, and chain them. Part of a unit of work."""
    names = ("operator_id", "month", "generation", "at", "count", "replaced", "bookings", "debtors")
    connection.execute(insert(ledger_export).values({name: getattr(export, name) for name in names}))
    content = export.bookings + export.debtors
    append(connection, export.operator_id, ChainKind.EXPORT, _ref(export.month, export.generation), content, export.at)


def _ref(month: str, generation: int) -> str:
    return f"datev/{month}/{generation}"


def _kind(document: Invoice) -> str:
    return "creditor" if document.kind.self_billed else "debtor"


@dataclass(frozen=True, slots=True)
class _Span:
    first: date
    last: date
    start: datetime
    end: datetime


def _span(connection: Connection, operator_id: str, month: str, now: datetime) -> _Span:
    zone = ZoneInfo(connection.execute(select(operator.c.timezone).where(operator.c.id == operator_id)).scalar_one())
    first, last = _days(month, now.astimezone(zone).date())
    start, end = (datetime.combine(day, time(), zone) for day in (first, last + timedelta(days=1)))
    return _Span(first, last, start, end)


def _issued(operator_id: str, span: _Span) -> "tuple[ColumnElement[bool], ...]":
    c, sample = invoice.c, func.coalesce(func.json_extract(invoice.c.body, "$.sample"), 0) == 0
    return c.operator_id == operator_id, c.issued_at >= span.start, c.issued_at < span.end, sample


def _days(month: str, today: date) -> tuple[date, date]:
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError as error:
        raise ReportError(f"{month!r} is no month such as 2026-10") from error
    last = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    if today <= last:
        raise ReportError(f"{month} is not over: it can be exported from {last + timedelta(days=1)} on")
    return first, last


def _body(content: bytes) -> bytes:
    """Give a file without its first line, which tells when it was made."""
    return content.partition(_HEAD_LINE)[2]


def _head(connection: Connection, operator_id: str, rules: Ledger, span: _Span, now: datetime) -> Head:
    currency = connection.execute(select(operator.c.currency).where(operator.c.id == operator_id)).scalar_one()
    year = span.first.year if span.first.month >= rules.fiscal_month else span.first.year - 1
    return Head(
        consultant=rules.consultant,
        client=rules.client,
        year_start=date(year, rules.fiscal_month, 1),
        account_length=rules.account_length,
        first=span.first,
        last=span.last,
        created_at=now,
        name=f"emops {span.first:%Y-%m}",
        currency=currency,
        chart=rules.chart[-2:],
        locked=rules.locked,
    )


def _bookings(connection: Connection, operator_id: str, rules: Ledger, span: _Span) -> Iterator[LedgerBooking]:
    """Book the documents of a month in the order they were issued in, then what was paid."""
    rows = connection.execute(select(ledger_account).where(_A.operator_id == operator_id))
    numbers = {(row.customer_id, row.kind): int(row.account) for row in rows}
    c = invoice.c
    issued = select(c.customer_id, c.body).where(*_issued(operator_id, span)).order_by(c.id)
    for row in connection.execute(issued.execution_options(yield_per=100)):
        document = from_json(Invoice, row.body)
        account = numbers[row.customer_id, _kind(document)]
        yield from document_bookings(document, account, rules, lambda number: _centres(connection, number))
    for moved in _movements(connection, operator_id, span):
        kind = _kind(from_json(Invoice, moved.body)) if moved.body else "debtor"
        movement = Movement(
            id=moved.id,
            account=numbers[moved.customer_id, kind],
            kind=BookingKind(moved.kind),
            amount=moved.amount,
            day=moved.booked_on,
            number=moved.number or "",
            note=moved.note,
            by_debit=moved.debit_id is not None,
            undoes=moved.undoes is not None,
        )
        found = movement_booking(movement, rules)
        if found:
            yield found


def _movements(connection: Connection, operator_id: str, span: _Span) -> "list[Row[Any]]":
    query = (
        select(booking, invoice.c.number, invoice.c.body)
        .outerjoin(invoice, invoice.c.id == _B.invoice_id)
        .where(_B.operator_id == operator_id, _B.booked_on >= span.first, _B.booked_on <= span.last)
        .where(func.coalesce(func.json_extract(invoice.c.body, "$.sample"), 0) == 0)
    )
    return list(connection.execute(query.order_by(_B.id)))


def _centres(connection: Connection, transaction_id: int) -> Centres:
    point, place = charge_point.c, location.c
    query = (
        select(point.id, point.cost_centre, point.location_id, place.cost_centre.label("site"))
        .join(charging_transaction, charging_transaction.c.charge_point_id == point.id)
        .outerjoin(location, place.id == point.location_id)
        .where(charging_transaction.c.id == transaction_id)
    )
    row = connection.execute(query).one_or_none()
    return (row.site or row.location_id, row.cost_centre or row.id) if row else ("", "")


def _debtors(connection: Connection, operator_id: str) -> list[LedgerDebtor]:
    c = customer.c
    query = select(_A.account, customer).join(customer, c.id == _A.customer_id).where(_A.operator_id == operator_id)
    return [
        LedgerDebtor(
            account=row.account,
            name=row.name,
            business=bool(row.vat_id),
            street=row.street,
            postcode=row.postcode,
            city=row.city,
            country=row.country,
            vat_id=row.vat_id,
            email=row.email,
            customer_id=row.id,
        )
        for row in connection.execute(query.order_by(_A.account))
    ]


def _newest(connection: Connection, operator_id: str, month: str) -> "Row[Any] | None":
    mine = (_E.operator_id == operator_id) & (_E.month == month)
    return connection.execute(select(ledger_export).where(mine).order_by(_E.generation.desc()).limit(1)).one_or_none()


def _export(row: "Row[Any]", *, again: bool = False) -> Export:
    names = ("operator_id", "month", "generation", "at", "count", "replaced", "bookings", "debtors")
    return Export(**{name: getattr(row, name) for name in names}, again=again)


def list_exports(connection: Connection) -> list[tuple[int, Export]]:
    """List what was handed out, the newest first, each with its id."""
    rows = connection.execute(select(ledger_export).order_by(_E.id.desc()))
    return [(row.id, _export(row)) for row in rows]


def find_export(connection: Connection, export_id: int) -> Export | None:
    """Give what was handed out."""
    row = connection.execute(select(ledger_export).where(_E.id == export_id)).one_or_none()
    return _export(row, again=True) if row else None


def read_chained(connection: Connection, operator_id: str) -> Iterator[Kept]:
    """Read an operator's exports with what the chain has of them."""
    mine = (chain.c.operator_id == operator_id) & (chain.c.kind == ChainKind.EXPORT)
    known = {row.ref: row.sha256 for row in connection.execute(select(chain.c.ref, chain.c.sha256).where(mine))}
    for row in connection.execute(select(ledger_export).where(_E.operator_id == operator_id).order_by(_E.id)):
        ref = _ref(row.month, row.generation)
        yield Kept(ChainKind.EXPORT, ref, row.bookings + row.debtors, known.get(ref))
