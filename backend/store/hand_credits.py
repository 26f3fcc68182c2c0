"""What credit notes by hand gave back of sessions."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy import Connection, select

from backend.core.invoices.invoice_model import Invoice
from backend.core.record import from_json
from backend.store.invoice_tables import invoice, invoice_cdr, invoice_correction, invoice_credit
from backend.store.rating_tables import cdr
from backend.store.ratings import stands

_G = invoice_credit.c


def hand_credits(connection: Connection, cdr_ids: Sequence[int]) -> dict[int, dict[str, Decimal]]:
    """Tell how much the credit notes that stand gave back of sessions.

    Args:
        connection: to read from.
        cdr_ids: of the sessions.

    Returns:
        by CDR, and by number of the credit note: amounts in the price basis of the invoice.
    """
    found: dict[int, dict[str, Decimal]] = defaultdict(dict)
    note = invoice.alias()
    for link in (invoice_cdr, invoice_correction):
        query = (
            select(link.c.cdr_id, cdr.c.transaction_id, invoice.c.body, note.c.number, _G.of_line, _G.amount)
            .join(cdr, cdr.c.id == link.c.cdr_id)
            .join(invoice, invoice.c.id == link.c.invoice_id)
            .join(invoice_credit, _G.of_invoice_id == link.c.invoice_id)
            .join(note, note.c.id == _G.invoice_id)
            .where(link.c.cdr_id.in_(cdr_ids), stands(link), stands(invoice_credit))
        )
        for row in connection.execute(query):
            document = from_json(Invoice, row.body)
            session = document.lines[row.of_line - 1].session
            if session is not None and document.sessions[session].transaction_id == row.transaction_id:
                given = found[row.cdr_id]
                given[row.number] = given.get(row.number, Decimal("0.00")) + row.amount
    return found
