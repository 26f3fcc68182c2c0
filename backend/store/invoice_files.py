"""The files of an invoice, as they are downloaded."""

from dataclasses import dataclass
from urllib.parse import quote

from sqlalchemy import Connection, select

from backend.store.tables import invoice, invoice_document, mail_outbox

_COLUMNS = {"pdf": mail_outbox.c.attachment, "xml": invoice_document.c.xml}


@dataclass(frozen=True, slots=True)
class InvoiceFile:
    """A file and what a browser must know of it."""

    media_type: str
    disposition: str
    content: bytes


def invoice_file(connection: Connection, number: str, kind: str) -> InvoiceFile | None:
    """Give a file of the newest invoice of that number.

    None if there is no such invoice, its PDF is not rendered yet, or it was issued before there were e-invoices.

    Args:
        connection: to read from.
        number: of the invoice.
        kind: `pdf`, or `xml` for the e-invoice.
    """
    i = invoice.c
    query = (
        select(_COLUMNS[kind])
        .select_from(
            invoice.outerjoin(mail_outbox, mail_outbox.c.invoice_id == i.id).outerjoin(
                invoice_document, invoice_document.c.invoice_id == i.id
            )
        )
        .where(i.number == number)
        .order_by(i.id.desc())
        .limit(1)
    )
    content = connection.scalar(query)
    if content is None:
        return None
    name = quote(f"{number}.{kind}", safe="")
    return InvoiceFile(f"application/{kind}", f"attachment; filename*=UTF-8''{name}", content)
