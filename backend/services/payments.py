"""Payments: collect by direct debit, take in what banks tell, and book what is sure. What people and programs call.

Files are written and read outside of the store's writer, which stations wait for.
"""

import asyncio
import tomllib
from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from functools import partial
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from backend.core.payments.bank_csv import Columns, parse_csv
from backend.core.payments.bank_entry import BankEntry, BankFileError
from backend.core.payments.camt import parse_camt
from backend.core.payments.direct_debit import collection_problem
from backend.core.payments.matching import Books, Proposal, propose
from backend.core.payments.open_item import BookingError
from backend.core.people.access import EVERYTHING, View
from backend.core.people.masking import mask_iban
from backend.documents.sepa import write_batch
from backend.errors import PaymentError
from backend.store.bank import (
    StoredEntry,
    add_file,
    book_entry,
    book_refund,
    book_return,
    load_books,
    mark_entry,
    open_entries,
    refund_for,
)
from backend.store.debits import DebitPlan, Skipped, StoredBatch, find_batch, plan_debits, store_batch
from backend.store.tables import operator
from backend.store.writer import Store
from shared.log import Log

log = Log(__name__)

_TRIES = 3
"""Plans of a collection, when others book at the same time."""


@dataclass(frozen=True, slots=True)
class Collected:
    """Batches that were made, and the items that were left out with the reason."""

    batches: tuple[StoredBatch, ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True)
class Matched:
    """What matching did, in entries. `waiting` are for a person to look at."""

    booked: int
    returned: int
    refunded: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file brought."""

    file_id: int
    name: str
    entries: int
    new: int
    matched: Matched


@dataclass(frozen=True, slots=True)
class Waiting:
    """An entry that a person must look at, with what it may be for; `hint` is a key of the texts `hint.*`."""

    stored: StoredEntry
    proposals: tuple[Proposal, ...]
    hint: str


def the_operator(connection: Connection, wanted: str, iban: str = "") -> tuple[str, str, ZoneInfo]:
    """Find the operator that is meant: by id, by account, or because there is only one. Gives id, IBAN and time zone.

    Raises:
        PaymentError: there is none, or several of which none is named.
    """
    o = operator.c
    rows = connection.execute(select(o.id, o.iban, o.timezone).order_by(o.id)).all()
    found = [row for row in rows if row.id == wanted] if wanted else [row for row in rows if row.iban == iban] or rows
    if len(found) != 1:
        known = ", ".join(row.id for row in rows) or "none is set up"
        raise PaymentError(f"which operator is meant? {wanted or 'None was named'}; known: {known}")
    row = found[0]
    if iban and row.iban != iban:
        raise PaymentError(f"the file is of account {mask_iban(iban)}; operator {row.id} has {mask_iban(row.iban)}")
    return row.id, row.iban, ZoneInfo(row.timezone)


async def collect(
    store: Store, operator_id: str, collect_on: date, now: datetime, again: Collection[str] = ()
) -> Collected:
    """Make the batches of all that was announced to be collected until a day. Run twice at once, nothing is in two.

    Args:
        store: the database.
        operator_id: who collects; empty for the only one.
        collect_on: a banking day after today.
        now: world time.
        again: see `backend.store.debits.plan_debits`.

    Raises:
        PaymentError: the day can't be one, or the operator has no creditor identifier.
        SepaFileError: a file could not be written; nothing of it was stored.
    """
    made: list[StoredBatch] = []
    for _ in range(_TRIES):
        plan = await store.read(lambda connection: _plan(connection, operator_id, collect_on, now, again))
        changed = False
        for batch in plan.batches:
            xml = await asyncio.to_thread(write_batch, batch, now)
            number = await store.write(partial(store_batch, batch=batch, xml=xml, now=now))
            if number is None:
                changed = True
                continue
            made.append(await store.read(partial(find_batch, batch_id=number)))
            log.info("debits_batched", batch=number, debits=len(batch.debits), total=batch.total, on=collect_on)
        if not changed:
            return Collected(tuple(made), plan.skipped)
    raise PaymentError("others book at the same time: try again")


def _plan(
    connection: Connection, operator_id: str, collect_on: date, now: datetime, again: Collection[str]
) -> DebitPlan:
    chosen, _, zone = the_operator(connection, operator_id)
    if problem := collection_problem(collect_on, now.astimezone(zone).date()):
        raise PaymentError(problem)
    try:
        return plan_debits(connection, chosen, collect_on, now, again)
    except BookingError as error:
        raise PaymentError(str(error)) from error


def read_file(content: bytes, name: str, mapping: Columns | None = None) -> list[BankEntry]:
    """Read a file of a bank: XML is camt, all else CSV.

    Raises:
        PaymentError: it can't be used.
    """
    start = content.lstrip(b"\xef\xbb\xbf \r\n\t")
    try:
        if mapping is None and (start.startswith(b"<") or content[:2] in (b"\xff\xfe", b"\xfe\xff")):
            return parse_camt(content, name)
        return parse_csv(content, name, mapping)
    except BankFileError as error:
        raise PaymentError(str(error)) from error


def read_mapping(text: str, source: str) -> Columns:
    """Read which columns a CSV has, from TOML: `date = "Buchungstag"` and so on, see `Columns`.

    Raises:
        PaymentError: it is no TOML, or names what is no column.
    """
    try:
        values: dict[str, Any] = tomllib.loads(text)  # Any: TOML values; checked below
    except tomllib.TOMLDecodeError as error:
        raise PaymentError(f"{source} is not valid TOML: {error}") from error
    known = {field.name for field in fields(Columns)}
    wrong = next((name for name in values if name not in known), "")
    if wrong or not {"date", "amount"} <= values.keys():
        raise PaymentError(f"{source}: {wrong or 'date or amount'} must be of {', '.join(sorted(known))}")
    purpose = values.get("purpose", ())
    values["purpose"] = (purpose,) if isinstance(purpose, str) else tuple(purpose)
    texts = [text for name, text in values.items() if name != "purpose"]
    if not all(isinstance(text, str) for text in (*texts, *values["purpose"])):
        raise PaymentError(f"{source}: each column is the text of its heading")
    return Columns(**values)


async def import_file(
    store: Store, operator_id: str, name: str, content: bytes, *, now: datetime, mapping: Columns | None = None
) -> Imported:
    """Take in a file of a bank and book what is sure. The same file again, or one that overlaps, books nothing twice.

    Args:
        store: the database.
        operator_id: whose account; empty finds it by the account in the file.
        name: of the file.
        content: of the file.
        now: world time.
        mapping: of a CSV that is none of those known.

    Raises:
        PaymentError: it can't be used; nothing of it was stored.
    """
    entries = await asyncio.to_thread(read_file, content, name, mapping)
    account = next((entry.account for entry in entries if entry.account), "")
    chosen, iban, _ = await store.read(lambda connection: the_operator(connection, operator_id, account))
    own = [_with_account(entry, iban) for entry in entries]
    digest = sha256(content).hexdigest()
    file = await store.write(lambda unit: add_file(unit, chosen, name, digest, own, now=now))
    matched = await match_entries(store, now)
    log.info("bank_file_imported", file=file.id, entries=file.entries, new=file.new, booked=matched.booked)
    return Imported(file.id, file.name, file.entries, file.new, matched)


def _with_account(entry: BankEntry, iban: str) -> BankEntry:
    return entry if entry.account else replace(entry, account=iban)


async def match_entries(store: Store, now: datetime) -> Matched:
    """Book all open entries that are sure; each is a unit of work of its own. Run again, it does what was left.

    Payments come first: a debit that came back can only be booked after its money was.
    """
    booked = returned = refunded = 0
    while done := await _book_sure(store, now):  # what is booked may make others sure
        booked += done
    entries = await store.read(open_entries)
    for stored in entries:
        if stored.entry.amount > 0 or stored.mark:
            continue
        if stored.entry.returned:
            returned += await store.write(partial(book_return, entry_id=stored.id, now=now)) == "booked"
        else:
            refunded += await store.write(partial(_settle_outgoing, stored=stored, now=now))
    return Matched(booked, returned, refunded, len(await store.read(open_entries)))


async def _book_sure(store: Store, now: datetime) -> int:
    """Book what is sure as the books are now, the surest first, and count it. What changed meanwhile is left out."""
    booked = 0
    for stored, best in await store.read(lambda connection: _sure(connection, now)):

        def work(unit: Connection, stored: StoredEntry = stored, best: Proposal = best) -> None:
            book_entry(unit, stored.id, best.parts, now, note=best.reason, batch_id=best.batch_id, strict=True)

        try:
            await store.write(work)
            booked += 1
        except BookingError as error:
            log.info("payment_not_booked", entry=stored.id, reason=str(error))
    return booked


def _sure(connection: Connection, now: datetime) -> list[tuple[StoredEntry, Proposal]]:
    found = [
        (one.stored, one.proposals[0])
        for one in waiting(connection, now)
        if one.proposals and one.proposals[0].sure and not one.stored.mark
        if one.stored.left == one.stored.entry.amount
    ]
    return sorted(found, key=lambda pair: -pair[1].score)


def _settle_outgoing(connection: Connection, stored: StoredEntry, now: datetime) -> bool:
    """Book a refund of ours; other money that goes out is none of the customers'."""
    target = refund_for(connection, stored)
    if target is None:
        mark_entry(connection, stored.id, "ignored", "outgoing", now)
        return False
    book_refund(connection, stored, target, now)
    return True


def waiting(connection: Connection, now: datetime, view: View = EVERYTHING) -> list[Waiting]:
    """List what a person must look at, with proposals."""
    found = []
    books: dict[str, Books] = {}
    for stored in open_entries(connection, view):
        if stored.operator_id not in books:
            books[stored.operator_id] = load_books(connection, stored.operator_id, now.date())
        proposals: tuple[Proposal, ...] = ()
        hint = "suspect" if stored.mark == "suspect" else ""
        if stored.left > 0:
            proposals = propose(stored.entry, stored.left, books[stored.operator_id])[:4]
            hint = hint or ("unsure" if proposals else "unknown")
        elif stored.entry.returned:
            hint = "return_waits"
        found.append(Waiting(stored, proposals, hint))
    return found
