"""What people do with payments: say what a bank entry is for, settle items, read a customer's account."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Connection

from backend.core.payments.matching import propose
from backend.core.payments.open_item import ZERO, BookingError, BookingKind, OpenItem
from backend.store.bank import book_entry, find_entry, load_books, mark_entry, part_named
from backend.store.mandates import list_mandates, pause_mandate
from backend.store.open_items import (
    Posting,
    account_of,
    allocate,
    book,
    find_item,
    issue_days,
    item_of,
    list_bookings,
    list_items,
    mark_disputed,
    target_of,
)
from backend.store.writer import Store
from shared.log import Log

log = Log(__name__)


async def assign(store: Store, entry_id: int, shares: Sequence[tuple[str, Decimal]], now: datetime) -> None:
    """Book a bank entry as a person says: on documents by their number, or on the account of a customer by their id.

    Raises:
        BookingError: the shares are more than what is left of it, or something of that name does not exist.
    """

    def work(unit: Connection) -> None:
        stored = find_entry(unit, entry_id)
        parts = [part_named(unit, stored.operator_id, name, amount) for name, amount in shares]
        for part in parts:
            if part.invoice_id and item_of(unit, part.invoice_id).open < part.amount:
                raise BookingError(f"{part.number} has less open than {part.amount}: put the rest on the customer")
        book_entry(unit, entry_id, parts, now, note="by_hand")

    await store.write(work)
    log.info("payment_assigned", entry=entry_id)


async def accept(store: Store, entry_id: int, rank: int, total: Decimal, now: datetime) -> None:
    """Book a bank entry by one of its proposals, if it is still the one that was shown.

    Args:
        store: the database.
        entry_id: of the entry.
        rank: 0 for the first proposal.
        total: what was left when it was shown.
        now: world time.

    Raises:
        BookingError: the books have changed since.
    """

    def work(unit: Connection) -> None:
        stored = find_entry(unit, entry_id)
        books = load_books(unit, stored.operator_id, now.date())
        proposals = propose(stored.entry, stored.left, books) if stored.left == total else ()
        if rank >= len(proposals):
            raise BookingError("the books have changed meanwhile: look again")
        best = proposals[rank]
        book_entry(unit, entry_id, best.parts, now, note=best.reason, batch_id=best.batch_id)

    await store.write(work)
    log.info("payment_assigned", entry=entry_id)


async def ignore(store: Store, entry_id: int, reason: str, now: datetime) -> None:
    """Note that a bank entry is no customer's payment. What is booked of it stays.

    Raises:
        BookingError: there is no such entry.
    """

    def work(unit: Connection) -> None:
        find_entry(unit, entry_id)
        mark_entry(unit, entry_id, "ignored", reason, now)

    await store.write(work)


def write_off(
    unit: Connection, number: str, amount: Decimal, now: datetime, note: str, *, operator_id: str = ""
) -> None:
    """Give up a claim, or a part of it.

    Raises:
        BookingError: there is no such document, or less is open.
    """
    item = named_item(unit, number, operator_id)
    posting = Posting(kind=BookingKind.WRITE_OFF, amount=-amount, booked_on=now.date(), note=note)
    book(unit, target_of(item), posting, now)


def use_credit(
    unit: Connection, number: str, amount: Decimal, now: datetime, note: str, *, operator_id: str = ""
) -> None:
    """Use what a customer has on account for a document.

    Raises:
        BookingError: there is no such document, less is open, or less is on account.
    """
    item = named_item(unit, number, operator_id)
    account = replace(target_of(item), invoice_id=None)
    allocate(unit, account, target_of(item), amount, day=now.date(), now=now, note=note)


def dispute(unit: Connection, number: str, reason: str, operator_id: str = "") -> None:
    """Note what a customer objects: the document is neither debited nor dunned until then. Empty: no more.

    Raises:
        BookingError: there is no such document.
    """
    mark_disputed(unit, named_item(unit, number, operator_id).invoice_id, reason)


def named_item(unit: Connection, number: str, operator_id: str = "") -> OpenItem:
    """Give the open item of a document (of an operator: they may have the same numbers).

    Raises:
        BookingError: there is none.
    """
    item = find_item(unit, number, operator_id)
    if item is None:
        raise BookingError(f"there is no document {number!r}")
    return item


def rest_mandate(unit: Connection, reference: str, reason: str, operator_id: str = "") -> None:
    """Let a mandate rest for a reason; with an empty one let it be used again.

    Raises:
        BookingError: there is no such mandate.
    """
    found = [one for one in list_mandates(unit, operator_id) if one.reference == reference]
    if not found:
        raise BookingError(f"there is no mandate {reference!r}")
    for one in found:
        pause_mandate(unit, one.id, reason)


@dataclass(frozen=True, slots=True)
class StatementLine:
    """A document or a booking of a customer's account, with the balance after it: positive is what they owe."""

    day: date
    kind: str
    number: str
    amount: Decimal
    balance: Decimal
    note: str
    booking_id: int | None
    undone: bool


def statement(connection: Connection, customer_id: str) -> list[StatementLine]:
    """Tell all documents and bookings of a customer by day, with the running balance.

    Raises:
        BookingError: there is no such customer.
    """
    account_of(connection, customer_id)
    bookings = list_bookings(connection, customer_id=customer_id)
    undone = {one.undoes for one in bookings if one.undoes is not None}
    issued = issue_days(connection, customer_id)
    lines = [
        (issued[item.invoice_id], 0, item.invoice_id, "document", item.number, item.amount, "", None)
        for item in list_items(connection, customer_id=customer_id, only_open=False)
    ]
    rows: list[tuple[date, int, int, str, str, Decimal, str, int | None]] = [
        *lines,
        *((one.booked_on, 1, one.id, one.kind, one.number, one.amount, one.note, one.id) for one in bookings),
    ]
    found, balance = [], ZERO
    for day, _, _, kind, number, amount, note, booking_id in sorted(rows, key=lambda row: row[:3]):
        balance += amount
        found.append(StatementLine(day, kind, number, amount, balance, note, booking_id, booking_id in undone))
    return found
