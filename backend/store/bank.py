"""What banks told, and what was booked of it.

An entry is stored once, whatever files tell it. What is left of it is its amount and all bookings that rest on it, so
that undoing a booking gives the entry back by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, exists, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from backend.core.payments.bank_entry import BankEntry, entry_keys, is_twin
from backend.core.payments.matching import Books, Collection, Part
from backend.core.payments.open_item import ZERO, BookingError, BookingKind
from backend.core.payments.return_reasons import stops_mandate
from backend.core.payments.sepa_ids import plain
from backend.core.people.access import EVERYTHING, View
from backend.core.record import from_json, to_json
from backend.store.debits import StoredDebit, batch_debits, debits_of, list_batches, pay_debit
from backend.store.invoice_tables import invoice
from backend.store.mandates import find_mandate, pause_mandate
from backend.store.open_items import (
    Posting,
    Target,
    account_of,
    book,
    customer_credit,
    find_item,
    item_of,
    list_items,
    pay,
    target_of,
)
from backend.store.payment_tables import (
    bank_entry,
    bank_entry_mark,
    bank_file,
    booking,
    debit,
    debit_batch,
    mandate,
    open_item,
)
from backend.store.scope import of_operator
from backend.store.tables import customer

_E = bank_entry.c
_SETTLED_DAYS = 400
"""How far back a payment may name a document that was settled before."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that was imported: how many entries it had, and how many of them were new."""

    id: int
    name: str
    imported_at: datetime
    entries: int
    new: int


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """A bank entry as it stands.

    Args:
        id: of its row.
        operator_id: whose account.
        entry: what the bank told.
        left: what is not booked of it, with the sign of its amount.
        mark: `ignored`, `suspect` (may be another one told twice) or empty.
        reason: of the mark.
    """

    id: int
    operator_id: str
    entry: BankEntry
    left: Decimal
    mark: str
    reason: str


def add_file(
    connection: Connection, operator_id: str, name: str, digest: str, entries: Sequence[BankEntry], *, now: datetime
) -> StoredFile:
    """Store a file and those of its entries that are not known, all or nothing.

    The very same file gives what it gave before.

    Args:
        connection: of the unit of work.
        operator_id: whose account it is about.
        name: of the file.
        digest: SHA-256 of its content.
        entries: of the file; `account` is filled in.
        now: world time.
    """
    f = bank_file.c
    known = connection.execute(select(bank_file).where(f.operator_id == operator_id, f.sha256 == digest)).one_or_none()
    if known:
        return StoredFile(known.id, known.name, known.imported_at, known.entries, 0)
    keys = entry_keys(entries)
    fresh = [
        (key, entry)
        for key, entry in zip(keys, entries, strict=True)
        if not connection.scalar(
            select(func.count()).where(_E.operator_id == operator_id, _E.account == entry.account, _E.key == key)
        )
    ]
    row = {
        "operator_id": operator_id,
        "name": name,
        "sha256": digest,
        "imported_at": now,
        "entries": len(entries),
        "new": len(fresh),
    }
    number = connection.execute(insert(bank_file).values(row).returning(f.id)).scalar_one()
    for key, entry in fresh:
        _add_entry(connection, operator_id, number, key, entry, now=now)
    return StoredFile(number, name, now, len(entries), len(fresh))


def _add_entry(
    connection: Connection, operator_id: str, file_id: int, key: str, entry: BankEntry, *, now: datetime
) -> None:
    twin = _find_twin(connection, operator_id, file_id, entry)
    row = {
        "file_id": file_id,
        "operator_id": operator_id,
        "account": entry.account,
        "key": key,
        "booked_on": entry.booked_on,
        "amount": entry.amount,
        "iban": entry.iban,
        "body": to_json(entry),
    }
    number = connection.execute(insert(bank_entry).values(row).returning(_E.id)).scalar_one()
    if twin is None:
        return
    if twin.entry.reference != entry.reference:
        mark_entry(connection, number, "suspect", "twin", now)
    elif entry.part and twin.left == twin.entry.amount:  # the parts say more than their sum, which nobody used yet
        mark_entry(connection, twin.id, "ignored", "twin", now)
    else:
        mark_entry(connection, number, "ignored", "twin", now)


def _find_twin(connection: Connection, operator_id: str, file_id: int, entry: BankEntry) -> StoredEntry | None:
    same = (_E.booked_on == entry.booked_on) & (_E.amount == entry.amount)
    if entry.has_reference:
        prefix = f"ref:{entry.reference}/"
        same |= func.substr(_E.key, 1, len(prefix)) == prefix
    wanted = (_E.operator_id == operator_id) & (_E.account == entry.account) & (_E.file_id != file_id) & same
    return next((one for one in _entries(connection, wanted) if is_twin(one.entry, entry)), None)


def mark_entry(connection: Connection, entry_id: int, state: str, reason: str, now: datetime) -> None:
    """Mark an entry as `ignored` or `suspect`; with an empty state it is looked at as any other."""
    row = {"entry_id": entry_id, "state": state, "reason": reason, "at": now}
    statement = upsert(bank_entry_mark).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=["entry_id"], set_=row))


def list_files(connection: Connection, limit: int = 20, view: View = EVERYTHING) -> list[StoredFile]:
    """List imported files, the newest first."""
    query = select(bank_file).where(of_operator(view, bank_file.c.operator_id))
    rows = connection.execute(query.order_by(bank_file.c.id.desc()).limit(limit))
    return [StoredFile(row.id, row.name, row.imported_at, row.entries, row.new) for row in rows]


def open_entries(connection: Connection, view: View = EVERYTHING) -> list[StoredEntry]:
    """List entries of which something is left and that nobody ignores, the oldest first."""
    return [
        one for one in _entries(connection, of_operator(view, _E.operator_id)) if one.left and one.mark != "ignored"
    ]


def find_entry(connection: Connection, entry_id: int) -> StoredEntry:
    """Give an entry.

    Raises:
        BookingError: there is none.
    """
    found = _entries(connection, _E.id == entry_id)
    if not found:
        raise BookingError(f"there is no bank entry {entry_id}")
    return found[0]


def file_entries(connection: Connection, file_id: int) -> list[StoredEntry]:
    """List the entries that a file brought."""
    return _entries(connection, _E.file_id == file_id)


def _entries(connection: Connection, wanted: "ColumnElement[bool]") -> list[StoredEntry]:
    booked = (
        select(func.sum(booking.c.amount)).where(booking.c.entry_id == _E.id).correlate(bank_entry).scalar_subquery()
    )
    query = (
        select(_E.id, _E.operator_id, _E.amount, _E.body, bank_entry_mark.c.state, bank_entry_mark.c.reason)
        .add_columns(booked.label("booked"))
        .outerjoin(bank_entry_mark, bank_entry_mark.c.entry_id == _E.id)
        .where(wanted)
        .order_by(_E.booked_on, _E.id)
    )
    return [_entry(row) for row in connection.execute(query)]


# Any: rows have the columns of their query.
def _entry(row: "Row[Any]") -> StoredEntry:
    left = row.amount + (row.booked or ZERO)
    entry = from_json(BankEntry, row.body)
    return StoredEntry(row.id, row.operator_id, entry, left, row.state or "", row.reason or "")


def load_books(connection: Connection, operator_id: str, today: date) -> Books:
    """Read what payments are matched with."""
    holders: dict[str, set[str]] = {}
    later = booking.alias()
    pairs = select(mandate.c.iban, mandate.c.customer_id).where(mandate.c.operator_id == operator_id)
    paid = (
        select(_E.iban, booking.c.customer_id)
        .join(booking, booking.c.entry_id == _E.id)
        .where(
            _E.operator_id == operator_id,
            _E.iban != "",
            booking.c.undoes.is_(None),
            ~exists().where(later.c.undoes == booking.c.id),
        )
    )
    for iban, customer_id in connection.execute(pairs.union(paid)):
        holders.setdefault(iban, set()).add(customer_id)
    items = list_items(connection, operator_id=operator_id)
    live = {item.number for item in items}
    since = today - timedelta(days=_SETTLED_DAYS)
    settled = connection.execute(
        select(invoice.c.number, open_item.c.customer_id)
        .join(open_item, open_item.c.invoice_id == invoice.c.id)
        .where(open_item.c.operator_id == operator_id, open_item.c.due_on >= since, open_item.c.amount > ZERO)
    )
    names = connection.execute(select(customer.c.id, customer.c.name).where(customer.c.operator_id == operator_id))
    return Books(
        items=tuple(items),
        holders={iban: frozenset(found) for iban, found in holders.items()},
        collections=tuple(_collections(connection, operator_id)),
        settled={row.number: row.customer_id for row in settled if row.number not in live},
        names={row.id: row.name for row in names},
    )


def _collections(connection: Connection, operator_id: str) -> list[Collection]:
    found = []
    for batch in list_batches(connection, 1000):
        if batch.operator_id == operator_id and batch.state != "withdrawn" and batch.open:
            live = [one for one in batch_debits(connection, batch.id) if one.state == "live"]
            parts = tuple(Part(one.invoice_id, one.number, one.customer_id, one.amount) for one in live)
            found.append(Collection(batch.id, batch.message_id, batch.collect_on, parts))
    return found


def book_entry(
    connection: Connection,
    entry_id: int,
    parts: Sequence[Part],
    now: datetime,
    *,
    note: str,
    batch_id: int | None = None,
    strict: bool = False,
) -> None:
    """Book what a payment that came in is for.

    Args:
        connection: of the unit of work.
        entry_id: of the payment.
        parts: documents and shares; what is more than open goes on the customer's account.
        now: world time.
        note: see `Posting`.
        batch_id: it is the money of the debits of this batch.
        strict: refuse if anything of the entry was booked meanwhile, or a document has less open than its share.

    Raises:
        BookingError: the parts are more than what is left, or it is no payment that came in.
    """
    stored = find_entry(connection, entry_id)
    entry, total = stored.entry, sum((part.amount for part in parts), ZERO)
    if stored.mark == "ignored" or entry.amount < 0:
        raise BookingError(f"bank entry {entry_id} is no payment to be booked")
    if total > stored.left or not parts or any(part.amount <= 0 for part in parts):
        raise BookingError(f"of bank entry {entry_id} {stored.left} is left: {total} can't be booked")
    if strict and (stored.left != entry.amount or stored.mark):
        raise BookingError(f"bank entry {entry_id} was looked at meanwhile")
    for part in parts:
        one = _debit_of(connection, part, entry, batch_id)
        if one and part.amount == one.amount:
            pay_debit(connection, one, entry.booked_on, now, note=note, entry_id=entry_id)
            continue
        if strict and part.invoice_id and item_of(connection, part.invoice_id).open < part.amount:
            raise BookingError(f"{part.number} has less open than {part.amount} by now")
        posting = Posting(
            kind=BookingKind.PAYMENT, amount=-part.amount, booked_on=entry.booked_on, note=note, entry_id=entry_id
        )
        pay(connection, _target(connection, stored.operator_id, part, entry.currency), posting, now)
    if stored.mark:
        mark_entry(connection, entry_id, "", "", now)


def _debit_of(connection: Connection, part: Part, entry: BankEntry, batch_id: int | None) -> StoredDebit | None:
    """Find the live debit that a part is the money of: a transfer of the customer leaves it on its way."""
    live = [one for one in debits_of(connection, part.invoice_id or 0) if one.state == "live"]
    if batch_id is not None:
        live = [one for one in live if one.batch_id == batch_id]
    elif plain(entry.end_to_end) != plain(part.number) or not part.number:
        live = []
    return live[-1] if live else None


def _target(connection: Connection, operator_id: str, part: Part, currency: str) -> Target:
    if part.invoice_id is None:
        target = account_of(connection, part.customer_id)
    else:
        target = target_of(item_of(connection, part.invoice_id))
    if target.operator_id != operator_id or target.currency != currency:
        raise BookingError(f"{part.number or part.customer_id} is of another operator or currency")
    return target


def book_return(connection: Connection, entry_id: int, now: datetime) -> str:
    """Book a debit that came back: re-open its document, add the bank's fee, let the mandate rest where it must.

    Returns:
        `booked`, `waits` (the money of the debit is not booked yet) or `unknown` (there is no such debit).
    """
    stored = find_entry(connection, entry_id)
    entry = stored.entry
    found = _returned_debit(connection, stored.operator_id, entry)
    if found is None:
        return "unknown"
    mandate_row = find_mandate(connection, found.mandate_id)
    if mandate_row and stops_mandate(entry.reason) and not mandate_row.paused:
        pause_mandate(connection, found.mandate_id, entry.reason or "returned")
    if found.state == "live":
        return "waits"
    done = update(debit).where(debit.c.id == found.id, debit.c.state == "paid")
    if not connection.execute(done.values(state="returned", reason=entry.reason)).rowcount:
        return "unknown"
    posting = Posting(
        kind=BookingKind.RETURN,
        amount=found.amount,
        booked_on=entry.booked_on,
        note=entry.reason,
        entry_id=entry_id,
        debit_id=found.id,
    )
    item = item_of(connection, found.invoice_id)
    for where, amount in _paid_by(connection, found.id):
        book(connection, replace(target_of(item), invoice_id=where), replace(posting, amount=amount), now)
    fee = -entry.amount - found.amount
    if fee > 0:
        charged = replace(posting, kind=BookingKind.FEE, amount=fee, debit_id=None)
        book(connection, target_of(item), charged, now)
    return "booked"


def _paid_by(connection: Connection, debit_id: int) -> list[tuple[int | None, Decimal]]:
    """Tell where the money of a debit was booked, with what is to be taken back there."""
    total = func.sum(booking.c.amount)
    query = (
        select(booking.c.invoice_id, total.label("total"))
        .where(booking.c.debit_id == debit_id)
        .group_by(booking.c.invoice_id)
    )
    return [(row.invoice_id, -row.total) for row in connection.execute(query) if row.total < 0]


def _returned_debit(connection: Connection, operator_id: str, entry: BankEntry) -> StoredDebit | None:
    """Find the debit that came back: by its end-to-end id or its number in the text, else by mandate and amount."""
    amount = entry.original or -entry.amount
    columns = select(debit.c.id, debit.c.invoice_id, debit.c.amount, invoice.c.number).join(
        invoice, invoice.c.id == debit.c.invoice_id
    )
    query = (
        columns.join(debit_batch, debit_batch.c.id == debit.c.batch_id)
        .join(mandate, mandate.c.id == debit.c.mandate_id)
        .where(debit_batch.c.operator_id == operator_id, debit.c.state.in_(("live", "paid")))
        .add_columns(mandate.c.reference, mandate.c.iban)
        .order_by(debit.c.id)
    )
    rows = [row for row in connection.execute(query) if row.amount <= -entry.amount]
    text = plain(f"{entry.end_to_end} {entry.purpose}")
    named = [row for row in rows if entry.end_to_end and plain(entry.end_to_end) == plain(row.number)]
    named = named or [row for row in rows if plain(row.number) in text]
    known = [
        row
        for row in rows
        if row.amount == amount and (row.reference == entry.mandate or (entry.iban and row.iban == entry.iban))
    ]
    chosen = named or (known if len(known) == 1 else [])
    if not chosen:
        return None
    return next(one for one in debits_of(connection, chosen[-1].invoice_id) if one.id == chosen[-1].id)


def refund_for(connection: Connection, stored: StoredEntry) -> Target | None:
    """Find the credit that money which we paid back is for: a credit note named, or the account of who got it."""
    entry = stored.entry
    text = plain(f"{entry.end_to_end} {entry.purpose}")
    for item in list_items(connection, operator_id=stored.operator_id):
        if item.open == entry.amount and plain(item.number) in text:
            return target_of(item)
    customers = (
        set(connection.scalars(select(mandate.c.customer_id).where(mandate.c.iban == entry.iban)))
        if entry.iban
        else set()
    )
    if len(customers) == 1:
        customer_id = customers.pop()
        if customer_credit(connection, customer_id, entry.currency) == -entry.amount:
            return account_of(connection, customer_id)
    return None


def book_refund(connection: Connection, stored: StoredEntry, target: Target, now: datetime) -> None:
    """Book money that we paid back."""
    posting = Posting(
        kind=BookingKind.REFUND,
        amount=-stored.entry.amount,
        booked_on=stored.entry.booked_on,
        note="refund",
        entry_id=stored.id,
    )
    book(connection, target, posting, now)


def part_named(connection: Connection, operator_id: str, name: str, amount: Decimal) -> Part:
    """Make a part of what a person names: a document by its number, or a customer by their id.

    Raises:
        BookingError: there is neither.
    """
    item = find_item(connection, name, operator_id)
    if item:
        return Part(item.invoice_id, item.number, item.customer_id, amount)
    try:
        return Part(None, "", account_of(connection, name).customer_id, amount)
    except BookingError:
        raise BookingError(f"there is neither a document nor a customer {name!r}") from None
