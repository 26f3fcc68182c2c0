"""Transfers to hosts: what is open of their statements, and the files that pay it."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Connection, func, insert, select, update

from backend.core.invoices.document_kind import SELF_BILLED
from backend.core.invoices.invoice import Invoice
from backend.core.invoices.payout import Payout, PayoutBatch
from backend.core.payments.open_item import BookingError, BookingKind
from backend.core.record import from_json
from backend.store.host_tables import payout, payout_batch
from backend.store.invoice_tables import invoice
from backend.store.open_items import Posting, book, item_of, list_items, target_of, undo
from backend.store.tables import operator


@dataclass(frozen=True, slots=True)
class StoredPayouts:
    """A file of transfers. `state`: ready or withdrawn."""

    id: int
    operator_id: str
    message_id: str
    pay_on: date
    created_at: datetime
    state: str
    count: int
    total: Decimal


def plan_payouts(connection: Connection, operator_id: str, pay_on: date, now: datetime) -> PayoutBatch:
    """List what is open of an operator's statements and not disputed. Changes nothing."""
    o = operator.c
    us = connection.execute(select(o.name, o.iban, o.bic).where(o.id == operator_id)).one()
    bodies = dict(
        connection.execute(
            select(invoice.c.id, invoice.c.body).where(
                invoice.c.type_code == SELF_BILLED, invoice.c.operator_id == operator_id
            )
        ).all()
    )
    found = []
    for item in list_items(connection, operator_id=operator_id):
        if item.invoice_id not in bodies or item.open >= 0 or item.disputed or item.currency != "EUR":
            continue
        document = from_json(Invoice, bodies[item.invoice_id])
        iban = document.iban.replace(" ", "")
        found.append(Payout(item.invoice_id, item.number, document.seller.name, iban, document.bic, -item.open))
    number = (connection.scalar(select(func.max(payout_batch.c.id))) or 0) + 1
    message_id = f"HOSTS-{now:%Y%m%d}-{number}"
    return PayoutBatch(operator_id, us.name, us.iban, us.bic, message_id, pay_on, tuple(found))


def store_payouts(connection: Connection, batch: PayoutBatch, xml: bytes, now: datetime) -> int | None:
    """Keep a file and book what it pays; None if something was booked since it was planned."""
    open_now = {one.invoice_id: -item_of(connection, one.invoice_id).open for one in batch.payouts}
    taken = select(payout_batch.c.id).where(payout_batch.c.message_id == batch.message_id)
    if open_now != {one.invoice_id: one.amount for one in batch.payouts} or connection.execute(taken).first():
        return None
    row = {
        "operator_id": batch.operator_id,
        "message_id": batch.message_id,
        "pay_on": batch.pay_on,
        "created_at": now,
        "state": "ready",
        "count": len(batch.payouts),
        "total": batch.total,
        "xml": xml,
    }
    number = int(connection.execute(insert(payout_batch).values(row).returning(payout_batch.c.id)).scalar_one())
    for one in batch.payouts:
        posting = Posting(kind=BookingKind.REFUND, amount=one.amount, booked_on=batch.pay_on, note="payout")
        booking = book(connection, target_of(item_of(connection, one.invoice_id)), posting, now)
        paid = {"batch_id": number, "invoice_id": one.invoice_id, "amount": one.amount, "booking_id": booking}
        connection.execute(insert(payout).values(**paid, state="live"))
    return number


def withdraw_payouts(connection: Connection, batch_id: int, today: date, now: datetime) -> None:
    """Take back a file that was not given to the bank: what it paid is open again.

    Raises:
        BookingError: there is no such file, or it was withdrawn before.
    """
    mine = payout_batch.c.id == batch_id
    if connection.scalar(select(payout_batch.c.state).where(mine)) != "ready":
        raise BookingError(f"there is no file of transfers {batch_id} that could be withdrawn")
    for number in connection.scalars(select(payout.c.booking_id).where(payout.c.batch_id == batch_id)).all():
        undo(connection, number, today, now, "withdrawn")
    connection.execute(update(payout).where(payout.c.batch_id == batch_id).values(state="withdrawn"))
    connection.execute(update(payout_batch).where(mine).values(state="withdrawn"))


def list_payouts(connection: Connection) -> list[StoredPayouts]:
    """List the files, the newest first."""
    names = ("id", "operator_id", "message_id", "pay_on", "created_at", "state", "count", "total")
    rows = connection.execute(select(*(payout_batch.c[name] for name in names)).order_by(payout_batch.c.id.desc()))
    return [StoredPayouts(*row) for row in rows]


def payouts_xml(connection: Connection, batch_id: int) -> bytes | None:
    """Give a file; None if there is none, or it was withdrawn."""
    query = select(payout_batch.c.xml).where(payout_batch.c.id == batch_id, payout_batch.c.state == "ready")
    xml: bytes | None = connection.scalar(query)
    return xml
