"""Order what follows an invoice: its rendering, and the letter that brings it."""

import json
from datetime import datetime

from sqlalchemy import Connection, insert, select

from backend.core.invoices.invoice import Invoice
from backend.core.invoices.letter import invoice_letter, statement_letter
from backend.store import outbox
from backend.store.invoice_tables import invoice_cdr, invoice_pdf
from backend.store.rating_tables import cdr
from backend.store.tables import charging_transaction, customer, id_token, person


def order_delivery(
    connection: Connection, invoice_id: int, document: Invoice, *, operator_id: str, customer_id: str, now: datetime
) -> None:
    """Have an invoice rendered, and mailed if it has a recipient. Part of the unit of work that issues it.

    Args:
        connection: of the unit of work.
        invoice_id: of its row; what it bills is stored.
        document: the invoice.
        operator_id: who issued it.
        customer_id: the debtor, whose billing profile names who gets it.
        now: world time.
    """
    connection.execute(insert(invoice_pdf).values(invoice_id=invoice_id, next_at=now))
    named, cc_user, ad_hoc = connection.execute(
        select(customer.c.recipients, customer.c.cc_user, customer.c.ad_hoc).where(customer.c.id == customer_id)
    ).one()
    to = () if ad_hoc else tuple(json.loads(named))
    to = to or ((document.recipient.email,) if document.recipient.email else ())
    if document.kind.self_billed:
        outbox.queue(connection, statement_letter(operator_id, invoice_id, document, to), now)
    if document.kind.self_billed or (ad_hoc and not to):
        return
    cc = tuple(one for one in _user(connection, invoice_id) if one not in to) if cc_user else ()
    outbox.queue(connection, invoice_letter(operator_id, invoice_id, document, to, cc), now)


def _user(connection: Connection, invoice_id: int) -> list[str]:
    """Give the address of whoever charged all of it; nothing if that were several."""
    tokens = (
        select(id_token.c.user_id, id_token.c.customer_id)
        .distinct()
        .join(charging_transaction, charging_transaction.c.id_token == id_token.c.token)
        .join(cdr, cdr.c.transaction_id == charging_transaction.c.id)
        .join(invoice_cdr, invoice_cdr.c.cdr_id == cdr.c.id)
        .where(invoice_cdr.c.invoice_id == invoice_id)
    )
    users = connection.execute(tokens).all()
    if len(users) != 1 or not users[0].user_id:
        return []
    mine = (person.c.id == users[0].user_id) & (person.c.customer_id == users[0].customer_id)
    return [email for email in connection.scalars(select(person.c.email).where(mine)) if email]
