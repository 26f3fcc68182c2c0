"""Open items and the bookings on them.

A booking is never changed; `undo` books its opposite. All functions that write run inside one unit of work of
`Store.write`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from backend.core.invoices.audit import Kept
from backend.core.invoices.chain import ChainKind
from backend.core.invoices.invoice_model import Invoice
from backend.core.payments.open_item import ZERO, BookingError, BookingKind, OpenItem, check_booking
from backend.core.record import to_json
from backend.store.chain import append
from backend.store.invoice_tables import chain, invoice
from backend.store.payment_tables import Cents, booking, debit, open_item, open_item_mark
from backend.store.tables import customer, operator

_B = booking.c
_I = open_item.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """A booking to be made.

    Args:
        kind: why.
        amount: signed, positive raises what the customer owes.
        booked_on: date of value.
        note: a key of the texts `match.*`, or a person's words.
        entry_id: bank entry that it rests on.
        debit_id: debit that it is the money of.
        pair_id: the booking that it is the other half of.
    """

    kind: BookingKind
    amount: Decimal
    booked_on: date
    note: str = ""
    entry_id: int | None = None
    debit_id: int | None = None
    pair_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBooking:
    """A booking as it stands; what the chain covers."""

    id: int
    operator_id: str
    customer_id: str
    number: str
    kind: str
    amount: Decimal
    currency: str
    booked_on: date
    at: datetime
    entry_id: int | None
    debit_id: int | None
    pair_id: int | None
    undoes: int | None
    note: str


@dataclass(frozen=True, slots=True)
class Target:
    """Where a booking goes: a document, or the customer's account if `invoice_id` is None."""

    operator_id: str
    customer_id: str
    currency: str
    invoice_id: int | None = None


def add_item(connection: Connection, invoice_id: int, target: Target, document: Invoice) -> None:
    """Open the item of a document that was just stored."""
    debited = document.direct_debit
    values = {
        "invoice_id": invoice_id,
        "operator_id": target.operator_id,
        "customer_id": target.customer_id,
        "due_on": document.due_on,
        "amount": document.owed,
        "currency": document.currency,
        "mandate": debited.mandate if debited else "",
    }
    connection.execute(insert(open_item).values(values))


def settle_credit(connection: Connection, invoice_id: int, numbers: Sequence[str], now: datetime, today: date) -> None:
    """Let a credit note count against the documents that it corrects, as far as they are open.

    Args:
        connection: of the unit of work.
        invoice_id: of the credit note.
        numbers: of the documents.
        now: world time.
        today: local date.
    """
    credit = _one(connection, _I.invoice_id == invoice_id)
    for number in numbers if credit and credit.open < 0 else ():
        item = find_item(connection, number, credit.operator_id) if credit else None
        if item and credit and item.customer_id == credit.customer_id and item.open > 0 > credit.open:
            amount = min(item.open, -credit.open)
            allocate(connection, target_of(credit), target_of(item), amount, day=today, now=now, note="credit_note")
            credit = _one(connection, _I.invoice_id == invoice_id)


def settle_cancelled(
    connection: Connection, invoice_id: int, numbers: Sequence[str], now: datetime, today: date
) -> None:
    """Let the Storno of what we owed count against it, as far as that was not paid out. For the arguments see above."""
    storno = item_of(connection, invoice_id)
    for number in numbers:
        item = find_item(connection, number, storno.operator_id)
        if item and item.customer_id == storno.customer_id and item.open < 0 < storno.open:
            amount = min(-item.open, storno.open)
            allocate(connection, target_of(item), target_of(storno), amount, day=today, now=now, note="cancelled")
            storno = item_of(connection, invoice_id)


def list_items(
    connection: Connection, *, operator_id: str = "", customer_id: str = "", only_open: bool = True
) -> list[OpenItem]:
    """List items, the one due first first.

    Args:
        connection: to read from.
        operator_id: only of this operator.
        customer_id: only of this customer.
        only_open: leave out what is settled.
    """
    wanted = _I.invoice_id > 0
    if operator_id:
        wanted &= _I.operator_id == operator_id
    if customer_id:
        wanted &= _I.customer_id == customer_id
    items = _items(connection, wanted)
    return [item for item in items if item.open != 0 or not only_open]


def list_credits(connection: Connection, target: Target) -> list[OpenItem]:
    """List what a customer has to get in a currency, by document, the oldest first."""
    mine = (_I.customer_id == target.customer_id) & (_I.currency == target.currency) & (_I.amount < ZERO)
    return sorted((item for item in _items(connection, mine) if item.open < 0), key=lambda item: item.invoice_id)


def find_item(connection: Connection, number: str, operator_id: str = "") -> OpenItem | None:
    """Find an item by the number of its document; of several operators' the newest."""
    wanted = invoice.c.number == number
    if operator_id:
        wanted &= _I.operator_id == operator_id
    found = _items(connection, wanted)
    return max(found, key=lambda one: one.invoice_id, default=None)


def item_of(connection: Connection, invoice_id: int) -> OpenItem:
    """Give the item of a document that exists."""
    item = _one(connection, _I.invoice_id == invoice_id)
    if item is None:
        raise BookingError(f"there is no open item {invoice_id}")
    return item


def _one(connection: Connection, wanted: "ColumnElement[bool]") -> OpenItem | None:
    return next(iter(_items(connection, wanted)), None)


def _items(connection: Connection, wanted: "ColumnElement[bool]") -> list[OpenItem]:
    booked = select(func.sum(_B.amount)).where(_B.invoice_id == _I.invoice_id).correlate(open_item).scalar_subquery()
    live = (
        select(func.count())
        .where(debit.c.invoice_id == _I.invoice_id, debit.c.state == "live")
        .correlate(open_item)
        .scalar_subquery()
    )
    query = (
        select(open_item, invoice.c.number, customer.c.name, open_item_mark.c.disputed, open_item_mark.c.dunning_level)
        .add_columns(booked.label("booked"), live.label("live"))
        .join(invoice, invoice.c.id == _I.invoice_id)
        .join(customer, customer.c.id == _I.customer_id)
        .outerjoin(open_item_mark, open_item_mark.c.invoice_id == _I.invoice_id)
        .where(wanted)
        .order_by(_I.due_on, _I.invoice_id)
    )
    return [_item(row) for row in connection.execute(query)]


# Any: rows have the columns of their query.
def _item(row: "Row[Any]") -> OpenItem:
    return OpenItem(
        invoice_id=row.invoice_id,
        number=row.number,
        operator_id=row.operator_id,
        customer_id=row.customer_id,
        customer=row.name,
        due_on=row.due_on,
        currency=row.currency,
        amount=row.amount,
        booked=row.booked or ZERO,
        disputed=row.disputed or "",
        dunning_level=row.dunning_level or 0,
        debited=bool(row.live),
        mandate=row.mandate,
    )


def issue_days(connection: Connection, customer_id: str) -> dict[int, date]:
    """Give the local days of issue of a customer's documents, by the ids of their rows."""
    query = select(invoice.c.id, invoice.c.issued_at, operator.c.timezone).join(
        operator, operator.c.id == invoice.c.operator_id
    )
    rows = connection.execute(query.where(invoice.c.customer_id == customer_id))
    return {row.id: row.issued_at.astimezone(ZoneInfo(row.timezone)).date() for row in rows}


def customer_credit(connection: Connection, customer_id: str, currency: str = "") -> Decimal:
    """Give what a customer has on account, booked on no document: positive is theirs."""
    wanted = (_B.customer_id == customer_id) & _B.invoice_id.is_(None)
    if currency:
        wanted &= _B.currency == currency
    return -(connection.scalar(select(func.sum(_B.amount)).where(wanted)) or ZERO)


def credits_by_customer(connection: Connection, operator_id: str = "") -> dict[str, Decimal]:
    """Give what customers (of an operator) have on account, without those who have nothing."""
    total = func.sum(_B.amount, type_=Cents)
    query = select(_B.customer_id, total.label("total")).where(_B.invoice_id.is_(None)).group_by(_B.customer_id)
    if operator_id:
        query = query.where(_B.operator_id == operator_id)
    return {row.customer_id: -row.total for row in connection.execute(query) if row.total}


def book(connection: Connection, target: Target, posting: Posting, now: datetime) -> int:
    """Book on a document or a customer's account and give the booking's id.

    Raises:
        BookingError: it would carry a document past zero, or its sign does not fit.
    """
    if target.invoice_id is None:
        if posting.amount == 0:
            raise BookingError("nothing can't be booked")
        if posting.kind in (BookingKind.REFUND, BookingKind.ALLOCATION) and posting.amount > 0:
            credit = customer_credit(connection, target.customer_id, target.currency)
            if posting.amount > credit:
                raise BookingError(f"customer {target.customer_id} has {credit} on account: {posting.amount} is more")
    else:
        item = item_of(connection, target.invoice_id)
        check_booking(item.number, item.open, posting.kind, posting.amount)
    return _store(connection, target, posting, None, now)


def pay(connection: Connection, target: Target, posting: Posting, now: datetime) -> list[int]:
    """Book a payment on a document as far as it is open, and what is left on the customer's account.

    Args:
        connection: of the unit of work.
        target: the document.
        posting: its amount is negative.
        now: world time.
    """
    open_amount = max(item_of(connection, target.invoice_id).open, ZERO) if target.invoice_id else ZERO
    share = min(-posting.amount, open_amount)
    rest = -posting.amount - share
    made = []
    if share:
        made.append(book(connection, target, replace(posting, amount=-share), now))
    if rest:
        made.append(book(connection, replace(target, invoice_id=None), replace(posting, amount=-rest), now))
    return made


def allocate(
    connection: Connection, source: Target, to: Target, amount: Decimal, *, day: date, now: datetime, note: str = ""
) -> int:
    """Move credit: from a customer's account or a credit note to a document. Gives the id of the first half.

    Args:
        connection: of the unit of work.
        source: whose credit is used.
        to: what it is used for.
        amount: positive.
        day: date of value.
        now: world time.
        note: see `Posting`.

    Raises:
        BookingError: there is less credit, less is open, or they are of two customers or currencies.
    """
    if (source.customer_id, source.currency) != (to.customer_id, to.currency):
        raise BookingError("credit can only be used for documents of the same customer in the same currency")
    if amount <= 0:
        raise BookingError(f"{amount} can't be allocated: give a positive amount")
    half = Posting(kind=BookingKind.ALLOCATION, amount=amount, booked_on=day, note=note)
    first = book(connection, source, half, now)
    book(connection, to, replace(half, amount=-amount, pair_id=first), now)
    return first


def undo(connection: Connection, booking_id: int, day: date, now: datetime, note: str) -> list[int]:
    """Book the opposite of a booking; of an allocation, of both its halves. Gives the new bookings.

    Raises:
        BookingError: there is no such booking, it was undone before, or is itself the undoing of one.
    """
    row = connection.execute(select(booking).where(_B.id == booking_id)).one_or_none()
    if row is None:
        raise BookingError(f"there is no booking {booking_id}")
    first = row.pair_id or row.id
    rows = connection.execute(
        select(booking).where((_B.id == first) | (_B.pair_id == first), _B.undoes.is_(None)).order_by(_B.id)
    ).all()
    undone = set(connection.scalars(select(_B.undoes).where(_B.undoes.in_([one.id for one in rows]))))
    if row.undoes is not None or undone:
        raise BookingError(f"booking {booking_id} was undone already, or is the undoing of another one")
    made = []
    for one in rows:
        posting = Posting(
            kind=BookingKind(one.kind),
            amount=-one.amount,
            booked_on=day,
            note=note,
            entry_id=one.entry_id,
            debit_id=one.debit_id,
        )
        target = Target(one.operator_id, one.customer_id, one.currency, one.invoice_id)
        made.append(_store(connection, target, posting, one.id, now))
    if row.debit_id is not None and row.kind in (BookingKind.PAYMENT, BookingKind.RETURN):
        # Its money is on its way again, or came after all.
        state = "live" if row.kind == BookingKind.PAYMENT else "paid"
        connection.execute(update(debit).where(debit.c.id == row.debit_id).values(state=state))
    return made


def _store(connection: Connection, target: Target, posting: Posting, undoes: int | None, now: datetime) -> int:
    values = {
        "operator_id": target.operator_id,
        "customer_id": target.customer_id,
        "invoice_id": target.invoice_id,
        "kind": posting.kind.value,
        "amount": posting.amount,
        "currency": target.currency,
        "booked_on": posting.booked_on,
        "at": now,
        "entry_id": posting.entry_id,
        "debit_id": posting.debit_id,
        "pair_id": posting.pair_id,
        "undoes": undoes,
        "note": posting.note,
    }
    number = int(connection.execute(insert(booking).values(values).returning(_B.id)).scalar_one())
    (stored,) = _bookings(connection, _B.id == number)
    append(connection, target.operator_id, ChainKind.PAYMENT, str(number), booking_content(stored), now)
    return number


def booking_content(row: StoredBooking) -> bytes:
    """Give what the chain covers of a booking: all of it, as JSON."""
    return to_json(row).encode()


def read_chained(connection: Connection, operator_id: str) -> Iterator[Kept]:
    """Read an operator's bookings with what the chain has of them."""
    mine = (chain.c.operator_id == operator_id) & (chain.c.kind == ChainKind.PAYMENT)
    known = dict(connection.execute(select(chain.c.ref, chain.c.sha256).where(mine)).all())
    for row in _bookings(connection, _B.operator_id == operator_id):
        yield Kept(ChainKind.PAYMENT, str(row.id), booking_content(row), known.get(str(row.id)))


def list_bookings(
    connection: Connection, *, customer_id: str = "", invoice_id: int | None = None, entry_id: int | None = None
) -> list[StoredBooking]:
    """List bookings in the order they were made in, of one customer, document or bank entry."""
    wanted = _B.id > 0
    if customer_id:
        wanted &= _B.customer_id == customer_id
    if invoice_id is not None:
        wanted &= _B.invoice_id == invoice_id
    if entry_id is not None:
        wanted &= _B.entry_id == entry_id
    return _bookings(connection, wanted)


def read_bookings(connection: Connection, operator_id: str, start: datetime, end: datetime) -> Iterator[StoredBooking]:
    """Read the bookings of a span, one by one, in the order they were made in; `end` is exclusive."""
    wanted = (_B.operator_id == operator_id) & (_B.at >= start) & (_B.at < end)
    query = select(booking, invoice.c.number).outerjoin(invoice, invoice.c.id == _B.invoice_id).where(wanted)
    with connection.execute(query.order_by(_B.id).execution_options(yield_per=500)) as rows:
        for row in rows:
            yield _booking(row)


def booked_between(connection: Connection, operator_id: str, first: date, last: date) -> list[StoredBooking]:
    """List an operator's bookings with a date of value from one day to another, in the order they were made in."""
    return _bookings(connection, (_B.operator_id == operator_id) & (_B.booked_on >= first) & (_B.booked_on <= last))


def _bookings(connection: Connection, wanted: "ColumnElement[bool]") -> list[StoredBooking]:
    query = select(booking, invoice.c.number).outerjoin(invoice, invoice.c.id == _B.invoice_id).where(wanted)
    return [_booking(row) for row in connection.execute(query.order_by(_B.id))]


def _booking(row: "Row[Any]") -> StoredBooking:
    names = ("id", "operator_id", "customer_id", "kind", "amount", "currency", "booked_on", "at")
    more = ("entry_id", "debit_id", "pair_id", "undoes", "note")
    return StoredBooking(number=row.number or "", **{name: getattr(row, name) for name in (*names, *more)})


def target_of(item: OpenItem) -> Target:
    """Give where bookings on an item go."""
    return Target(item.operator_id, item.customer_id, item.currency, item.invoice_id)


def account_of(connection: Connection, customer_id: str) -> Target:
    """Give the account of a customer, in the currency of their operator.

    Raises:
        BookingError: there is no such customer.
    """
    row = connection.execute(
        select(customer.c.operator_id, operator.c.currency)
        .join(operator, operator.c.id == customer.c.operator_id)
        .where(customer.c.id == customer_id)
    ).one_or_none()
    if row is None:
        raise BookingError(f"there is no customer {customer_id!r}")
    return Target(row.operator_id, customer_id, row.currency)


def mark_disputed(connection: Connection, invoice_id: int, reason: str) -> None:
    """Note what the customer objects; with an empty reason they object no more."""
    row = {"invoice_id": invoice_id, "disputed": reason}
    statement = upsert(open_item_mark).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=["invoice_id"], set_={"disputed": reason}))


def set_dunning_level(connection: Connection, invoice_id: int, level: int) -> None:
    """Note how far an item was dunned, see `backend.core.payments.open_item.OpenItem`."""
    row = {"invoice_id": invoice_id, "dunning_level": level}
    statement = upsert(open_item_mark).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=["invoice_id"], set_={"dunning_level": level}))
