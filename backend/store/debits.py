"""Batches of direct debits: which items are due for one, and that each is in one live batch only."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from backend.core.payments.direct_debit import Batch, Creditor, Debit, Mandate, Scheme, unusable
from backend.core.payments.open_item import BookingError, BookingKind, OpenItem
from backend.core.people.access import EVERYTHING, View
from backend.store.invoice_tables import invoice
from backend.store.mandates import mandates_by_reference
from backend.store.open_items import Posting, item_of, list_items, pay, target_of
from backend.store.payment_tables import debit, debit_batch
from backend.store.scope import of_operator
from backend.store.tables import operator

_D = debit.c
_F = debit_batch.c


@dataclass(frozen=True, slots=True)
class Skipped:
    """An item that is due to be debited and is not, with a key of the texts `left_out.*` and its detail."""

    number: str
    customer: str
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class DebitPlan:
    """What can be collected on a day."""

    batches: tuple[Batch, ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """A batch as it stands; `open` are its debits whose money is on its way."""

    id: int
    operator_id: str
    scheme: str
    collect_on: date
    message_id: str
    created_at: datetime
    state: str
    count: int
    total: Decimal
    changed_at: datetime | None
    open: int
    returned: int


@dataclass(frozen=True, slots=True)
class StoredDebit:
    """A debit of a batch."""

    id: int
    batch_id: int
    invoice_id: int
    number: str
    customer_id: str
    mandate_id: int
    amount: Decimal
    state: str
    reason: str


def plan_debits(
    connection: Connection, operator_id: str, collect_on: date, now: datetime, again: Collection[str] = ()
) -> DebitPlan:
    """Put together what was announced to be collected until a day, one batch for each scheme.

    Nothing is collected that was not announced on its invoice, nor before the day that was.

    Args:
        connection: to read from.
        operator_id: who collects.
        collect_on: the day.
        now: world time; makes the names of files unique.
        again: numbers of documents whose debit came back and may be tried again.

    Raises:
        BookingError: the operator has no creditor identifier.
    """
    creditor = _creditor(connection, operator_id)
    mandates = mandates_by_reference(connection, operator_id)
    returned = set(connection.scalars(select(_D.invoice_id).where(_D.state == "returned", _D.invoice_id.is_not(None))))
    samples = _samples(connection, operator_id)
    made = connection.scalar(select(func.count()).select_from(debit_batch)) or 0
    debits: dict[Scheme, list[Debit]] = {scheme: [] for scheme in Scheme}
    skipped = []
    used_up: set[int] = set()
    for item in list_items(connection, operator_id=operator_id):
        if item.open <= 0 or item.debited or not item.mandate or item.due_on > collect_on:
            continue
        mandate = mandates.get(item.mandate)
        reason, detail = _why_not(item, mandate, collect_on)
        if item.invoice_id in samples:
            reason = "sample"
        elif not reason and item.invoice_id in returned and item.number not in again:
            reason = "returned"
        elif mandate and mandate.id in used_up:
            reason = "used_up"
        if reason or mandate is None:
            skipped.append(Skipped(item.number, item.customer, reason, detail))
            continue
        if not mandate.recurrent:
            used_up.add(mandate.id)
        debits[mandate.scheme].append(_debit(item, mandate, creditor))
    batches = [
        Batch(
            creditor=creditor,
            scheme=scheme,
            collect_on=collect_on,
            message_id=_message_id(creditor, scheme, f"{made}|{now.isoformat()}", found),
            debits=tuple(found),
        )
        for scheme, found in debits.items()
        if found
    ]
    return DebitPlan(tuple(batches), tuple(skipped))


def _debit(item: OpenItem, mandate: Mandate, creditor: Creditor) -> Debit:
    # Fees that came later were never announced.
    amount = min(item.open, item.amount)
    text = f"{item.number} {creditor.name}"
    return Debit(invoice_id=item.invoice_id, end_to_end=item.number, amount=amount, mandate=mandate, text=text)


def _why_not(item: OpenItem, mandate: Mandate | None, collect_on: date) -> tuple[str, str]:
    if item.currency != "EUR":
        return "currency", item.currency
    if item.disputed:
        return "disputed", item.disputed
    if mandate is None:
        return "no_mandate", item.mandate
    reason = unusable(mandate, collect_on)
    return (reason.value, mandate.paused or mandate.reference) if reason else ("", "")


def _samples(connection: Connection, operator_id: str) -> set[int]:
    """Name the documents of demonstrations, which nobody has to pay."""
    sample = func.json_extract(invoice.c.body, "$.sample")
    return set(connection.scalars(select(invoice.c.id).where(invoice.c.operator_id == operator_id, sample == 1)))


def _creditor(connection: Connection, operator_id: str) -> Creditor:
    row = connection.execute(select(operator).where(operator.c.id == operator_id)).one_or_none()
    if row is None:
        raise BookingError(f"there is no operator {operator_id!r}")
    if not row.creditor_id:
        raise BookingError(f"operator {operator_id} has no creditor_id: the central bank issues it, apply it first")
    return Creditor(operator_id=row.id, name=row.name, iban=row.iban, bic=row.bic, creditor_id=row.creditor_id)


def _message_id(creditor: Creditor, scheme: Scheme, made: str, debits: Sequence[Debit]) -> str:
    """Name a file: new for each, and the same for the same, at most 35 characters."""
    content = [creditor.operator_id, scheme.value, made, *(f"{d.end_to_end}={d.amount}" for d in debits)]
    digest = sha256("|".join(content).encode()).hexdigest()
    return f"DD-{scheme.value}-{digest[:16]}"


def store_batch(connection: Connection, batch: Batch, xml: bytes, now: datetime) -> int | None:
    """Store a batch with its file and give its id; None if anything of it is no more as it was planned."""
    mandates = mandates_by_reference(connection, batch.creditor.operator_id)
    for one in batch.debits:
        item = item_of(connection, one.invoice_id)
        mandate = mandates.get(one.mandate.reference)
        if item.debited or min(item.open, item.amount) != one.amount or _why_not(item, mandate, batch.collect_on)[0]:
            return None
    values = {
        "operator_id": batch.creditor.operator_id,
        "scheme": batch.scheme.value,
        "collect_on": batch.collect_on,
        "message_id": batch.message_id,
        "created_at": now,
        "state": "ready",
        "count": len(batch.debits),
        "total": batch.total,
        "xml": xml,
    }
    number = connection.execute(insert(debit_batch).values(values).returning(_F.id)).scalar_one()
    rows = [
        {
            "batch_id": number,
            "invoice_id": one.invoice_id,
            "mandate_id": one.mandate.id,
            "amount": one.amount,
            "state": "live",
        }
        for one in batch.debits
    ]
    connection.execute(insert(debit), rows)
    return int(number)


def list_batches(connection: Connection, limit: int = 100, view: View = EVERYTHING) -> list[StoredBatch]:
    """List batches, the newest first."""
    query = _batches().where(of_operator(view, _F.operator_id)).order_by(_F.id.desc()).limit(limit)
    return [_batch(row) for row in connection.execute(query)]


def find_batch(connection: Connection, batch_id: int) -> StoredBatch:
    """Give a batch.

    Raises:
        BookingError: there is none.
    """
    row = connection.execute(_batches().where(_F.id == batch_id)).one_or_none()
    if row is None:
        raise BookingError(f"there is no batch {batch_id}")
    return _batch(row)


def _batches() -> Any:  # Any: a query, whose rows `_batch` reads
    def counted(state: str) -> Any:
        return (
            select(func.count()).where(_D.batch_id == _F.id, _D.state == state).correlate(debit_batch).scalar_subquery()
        )

    columns = [column for column in _F if column.name != "xml"]
    return select(*columns, counted("live").label("open"), counted("returned").label("returned"))


def _batch(row: "Row[Any]") -> StoredBatch:
    return StoredBatch(**{name: getattr(row, name) for name in StoredBatch.__dataclass_fields__})


def batch_xml(connection: Connection, batch_id: int) -> bytes:
    """Give the file of a batch: the same bytes each time.

    Raises:
        BookingError: there is no such batch, or it was withdrawn.
    """
    batch = find_batch(connection, batch_id)
    if batch.state == "withdrawn":
        raise BookingError(f"batch {batch_id} was withdrawn: its file must not be given to a bank")
    return bytes(connection.execute(select(_F.xml).where(_F.id == batch_id)).scalar_one())


def batch_debits(connection: Connection, batch_id: int) -> list[StoredDebit]:
    """List the debits of a batch."""
    return _debits(connection, _D.batch_id == batch_id)


def debits_of(connection: Connection, invoice_id: int) -> list[StoredDebit]:
    """List the debits of a document that were not withdrawn, the oldest first."""
    return _debits(connection, (_D.invoice_id == invoice_id) & (_D.state != "withdrawn"))


def _debits(connection: Connection, wanted: Any) -> list[StoredDebit]:  # Any: a condition
    query = (
        select(debit, invoice.c.number, invoice.c.customer_id)
        .join(invoice, invoice.c.id == _D.invoice_id)
        .where(wanted)
        .order_by(_D.id)
    )
    names = StoredDebit.__dataclass_fields__
    return [StoredDebit(**{name: getattr(row, name) for name in names}) for row in connection.execute(query)]


def report_uploaded(connection: Connection, batch_id: int, now: datetime) -> None:
    """Note that the bank has the file. Telling it again changes nothing.

    Raises:
        BookingError: there is no such batch, or it was withdrawn.
    """
    if find_batch(connection, batch_id).state == "withdrawn":
        raise BookingError(f"batch {batch_id} was withdrawn and can't be uploaded")
    change = update(debit_batch).where(_F.id == batch_id, _F.state == "ready")
    connection.execute(change.values(state="uploaded", changed_at=now))


def withdraw_batch(connection: Connection, batch_id: int, now: datetime) -> None:
    """Take a batch back that the bank does not have: its items can be collected by another one.

    Raises:
        BookingError: there is no such batch, or the bank has it.
    """
    batch = find_batch(connection, batch_id)
    if batch.state == "withdrawn":
        return
    if batch.state != "ready" or batch.open != batch.count:
        raise BookingError(f"batch {batch_id} was given to the bank: only the bank can recall it")
    connection.execute(update(debit_batch).where(_F.id == batch_id).values(state="withdrawn", changed_at=now))
    connection.execute(update(debit).where(_D.batch_id == batch_id).values(state="withdrawn"))


def book_batch(connection: Connection, batch_id: int, booked_on: date, now: datetime) -> int:
    """Book the money of a batch without the bank's word of its parts; gives how many debits it was.

    Raises:
        BookingError: there is no such batch, or the bank does not have it.
    """
    if find_batch(connection, batch_id).state != "uploaded":
        raise BookingError(f"batch {batch_id} was not reported as uploaded")
    live = [one for one in batch_debits(connection, batch_id) if one.state == "live"]
    for one in live:
        pay_debit(connection, one, booked_on, now, note="batch_booked")
    return len(live)


def pay_debit(
    connection: Connection, one: StoredDebit, booked_on: date, now: datetime, *, note: str, entry_id: int | None = None
) -> bool:
    """Book the money of a debit, once; False if it was booked before."""
    paid = connection.execute(update(debit).where(_D.id == one.id, _D.state == "live").values(state="paid"))
    if not paid.rowcount:
        return False
    posting = Posting(
        kind=BookingKind.PAYMENT,
        amount=-one.amount,
        booked_on=booked_on,
        note=note,
        entry_id=entry_id,
        debit_id=one.id,
    )
    pay(connection, target_of(item_of(connection, one.invoice_id)), posting, now)
    return True
