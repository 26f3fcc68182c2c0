"""What journals list: documents, bookings and what is open, of an operator and a span of days."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select

from backend.core.invoices.invoice_model import Invoice
from backend.core.record import from_json
from backend.store.invoice_tables import invoice
from backend.store.open_items import StoredBooking, booked_between
from backend.store.payment_tables import booking, open_item
from backend.store.tables import customer, operator


@dataclass(frozen=True, slots=True)
class JournalDocument:
    """A document as it was issued; amounts as they are owed, negative where the customer gets something."""

    number: str
    type_code: str
    issued_on: date
    due_on: date
    first: date
    last: date
    customer_id: str
    customer: str
    net: Decimal
    vat: Decimal
    gross: Decimal
    currency: str
    payment: str


@dataclass(frozen=True, slots=True)
class JournalItem:
    """What is open of a document by the end of a day; an empty number is the customer's account."""

    number: str
    customer_id: str
    customer: str
    due_on: date | None
    amount: Decimal
    open: Decimal
    currency: str
    days_overdue: int


def journal_documents(connection: Connection, operator_id: str, first: date, last: date) -> Iterator[JournalDocument]:
    """Read the documents issued from one local day to another, in their order."""
    zone = ZoneInfo(connection.execute(select(operator.c.timezone).where(operator.c.id == operator_id)).scalar_one())
    start, end = (datetime.combine(day, time(), zone) for day in (first, last + timedelta(days=1)))
    c = invoice.c
    query = select(c.customer_id, c.body).where(c.operator_id == operator_id, c.issued_at >= start, c.issued_at < end)
    for row in connection.execute(query.order_by(c.id).execution_options(yield_per=100)):
        one = from_json(Invoice, row.body)
        if one.sample:
            continue
        net = one.kind.sign * one.total_net
        yield JournalDocument(
            number=one.number,
            type_code=one.type_code,
            issued_on=one.issued_on,
            due_on=one.due_on,
            first=one.period_start,
            last=one.period_end,
            customer_id=row.customer_id,
            customer=one.recipient.name,
            net=net,
            vat=one.owed - net,
            gross=one.owed,
            currency=one.currency,
            payment=one.payment.value,
        )


def journal_bookings(connection: Connection, operator_id: str, first: date, last: date) -> list[StoredBooking]:
    """Read the bookings with a date of value from one day to another, in the order they were made in."""
    return booked_between(connection, operator_id, first, last)


def journal_items(connection: Connection, operator_id: str, day: date) -> list[JournalItem]:
    """Tell what was open by the end of a local day, by customer and document."""
    documents = {one.number: one for one in journal_documents(connection, operator_id, date(2000, 1, 1), day)}
    names = {row.id: row.name for row in connection.execute(select(customer.c.id, customer.c.name))}
    b, booked = booking.c, func.sum(booking.c.amount, type_=booking.c.amount.type)
    until = (b.operator_id == operator_id) & (b.booked_on <= day)
    sums = select(invoice.c.number, booked.label("sum")).join(invoice, invoice.c.id == b.invoice_id).where(until)
    moved = {row.number: row.sum for row in connection.execute(sums.group_by(invoice.c.number))}
    amounts = select(invoice.c.number, open_item.c.amount).join(invoice, invoice.c.id == open_item.c.invoice_id)
    found = []
    for row in connection.execute(amounts.where(open_item.c.operator_id == operator_id).order_by(invoice.c.id)):
        one = documents.get(row.number)
        left = row.amount + moved.get(row.number, Decimal("0.00"))
        if one and left:
            days = max(0, (day - one.due_on).days) if left > 0 else 0
            who = (one.customer_id, names.get(one.customer_id, ""))
            found.append(JournalItem(row.number, *who, one.due_on, row.amount, left, one.currency, days))
    account = select(b.customer_id, b.currency, booked.label("sum")).where(until, b.invoice_id.is_(None))
    for rest in connection.execute(account.group_by(b.customer_id, b.currency)):
        if rest.sum:
            name = names.get(rest.customer_id, "")
            found.append(JournalItem("", rest.customer_id, name, None, rest.sum, rest.sum, rest.currency, 0))
    return sorted(found, key=lambda one: (one.customer_id, one.due_on or day, one.number))
