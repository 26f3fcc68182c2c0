"""What was paid by card before its document was issued."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, select

from backend.core.invoices.document_kind import CANCELLATION
from backend.core.invoices.invoice_model import Invoice
from backend.core.payments.open_item import BookingKind
from backend.core.record import from_json
from backend.store.invoice_tables import invoice
from backend.store.open_items import Posting, Target, allocate, book, list_credits, target_of


def settle_prepaid(connection: Connection, invoice_id: int, target: Target, document: Invoice, now: datetime) -> None:
    """Book what a card has paid. What was paid for a document that a Storno took back is not paid once more.

    Args:
        connection: of the unit of work that issues it.
        invoice_id: of the document; its item is open.
        target: the account of the customer.
        document: as it was stored.
        now: world time.
    """
    left, item = document.prepaid, replace(target, invoice_id=invoice_id)
    sessions = {session.transaction_id for session in document.sessions}
    for credit in list_credits(connection, target) if left > 0 else ():
        if left > 0 and _sessions_of_storno(connection, credit.invoice_id) & sessions:
            amount = min(left, -credit.open)
            allocate(connection, target_of(credit), item, amount, day=document.issued_on, now=now, note="credit_note")
            left -= amount
    if left > Decimal(0):
        paid = Posting(kind=BookingKind.PAYMENT, amount=-left, booked_on=document.issued_on, note="prepaid")
        book(connection, item, paid, now)


def _sessions_of_storno(connection: Connection, invoice_id: int) -> set[int]:
    query = select(invoice.c.body).where(invoice.c.id == invoice_id, invoice.c.type_code == CANCELLATION)
    body = connection.scalar(query)
    return {session.transaction_id for session in from_json(Invoice, body).sessions} if body else set()
