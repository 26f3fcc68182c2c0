"""Who paid at the charge point and told who they are. Writing runs inside one unit of work of `Store.write`."""

from dataclasses import asdict

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from backend.core.invoices.small_invoice import Payer
from backend.errors import InvoiceError
from backend.store.invoice_tables import ad_hoc_payer, invoice, invoice_cdr
from backend.store.rating_tables import cdr
from backend.store.ratings import stands
from backend.store.tables import charging_transaction, customer, id_token

_P = ad_hoc_payer.c


def find_payer(connection: Connection, transaction_id: int) -> Payer | None:
    """Give who paid a session, None if nobody told."""
    names = [column for column in ad_hoc_payer.columns if column is not _P.transaction_id]
    row = connection.execute(select(*names).where(_P.transaction_id == transaction_id)).one_or_none()
    return Payer(*row) if row else None


def keep_payer(connection: Connection, transaction_id: int, payer: Payer) -> str:
    """Remember who paid a session: its next document is an invoice to them.

    Returns:
        the number of the small invoice that has been issued before, which must be cancelled first; else empty.

    Raises:
        InvoiceError: there is no such session of an ad-hoc payer.
    """
    query = (
        select(customer.c.ad_hoc)
        .join(id_token, id_token.c.customer_id == customer.c.id)
        .join(charging_transaction, charging_transaction.c.id_token == id_token.c.token)
        .where(charging_transaction.c.id == transaction_id)
    )
    if not connection.scalar(query):
        raise InvoiceError(f"session {transaction_id} is none of an ad-hoc payer (customer with ad_hoc = true)")
    values = asdict(payer)
    added = insert(ad_hoc_payer).values(transaction_id=transaction_id, **values)
    connection.execute(added.on_conflict_do_update(index_elements=[_P.transaction_id], set_=values))
    return _standing(connection, transaction_id)


def _standing(connection: Connection, transaction_id: int) -> str:
    number = connection.scalar(
        select(invoice.c.number)
        .join(invoice_cdr, invoice_cdr.c.invoice_id == invoice.c.id)
        .join(cdr, cdr.c.id == invoice_cdr.c.cdr_id)
        .where(cdr.c.transaction_id == transaction_id, stands(invoice_cdr))
    )
    return str(number or "")
