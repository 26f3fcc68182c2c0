"""The files of an invoice: its PDF, which is rendered once, and its e-invoice; as they are mailed and downloaded."""

import json
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from sqlalchemy import Connection, func, select, update

from backend.core.invoices.chain import ChainKind
from backend.core.invoices.letter import SIGNED
from backend.core.people.access import EVERYTHING, View
from backend.core.proofs.transparency import MEDIA_TYPE, transparency_xml
from backend.store.chain import append
from backend.store.invoice_tables import invoice, invoice_document, invoice_pdf
from backend.store.scope import invoices_in
from backend.store.signed import read_originals

_P = invoice_pdf.c
_COLUMNS = {"pdf": _P.content, "xml": invoice_document.c.xml}


@dataclass(frozen=True, slots=True)
class InvoiceFile:
    """A file and what a browser must know of it."""

    media_type: str
    disposition: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Rendering:
    """An invoice that waits to be rendered, with its e-invoice and its signed values if it has any.

    `body` is the frozen document as it is stored, `tries` counts the renderings that failed.
    """

    invoice_id: int
    operator_id: str
    number: str
    body: str
    xml: bytes | None
    tries: int
    signed: bytes | None = None


def invoice_file(connection: Connection, number: str, kind: str, view: View = EVERYTHING) -> InvoiceFile | None:
    """Give a file of the newest invoice of that number.

    None if there is no such invoice, its PDF is not rendered yet, or it was issued before there were e-invoices.

    Args:
        connection: to read from.
        number: of the invoice.
        kind: `pdf`, `xml` for the e-invoice, or `SIGNED`.
        view: operators may have the same numbers.
    """
    newest = select(func.max(invoice.c.id)).where(invoice.c.number == number, invoices_in(view))
    invoice_id = connection.scalar(newest)
    content = None if invoice_id is None else read_content(connection, invoice_id, kind)
    if content is None:
        return None
    ending, media_type = ("messdaten.xml", MEDIA_TYPE) if kind == SIGNED else (kind, f"application/{kind}")
    name = quote(f"{number}.{ending}", safe="")
    return InvoiceFile(media_type, f"attachment; filename*=UTF-8''{name}", content)


def read_content(connection: Connection, invoice_id: int, kind: str) -> bytes | None:
    """Read a file of an invoice, `pdf`, `xml` or `SIGNED`; None if it is not there, or not yet."""
    if kind == SIGNED:
        body = connection.scalar(select(invoice.c.body).where(invoice.c.id == invoice_id))
        return _signed_xml(connection, body) if body else None
    column = _COLUMNS[kind]
    content: bytes | None = connection.scalar(select(column).where(column.table.c.invoice_id == invoice_id))
    return content or None  # empty: its time was over


def unrendered(connection: Connection, now: datetime, limit: int = 20) -> list[Rendering]:
    """List the invoices whose rendering is due, in the order in which they were issued."""
    query = (
        select(_P.invoice_id, _P.tries, invoice.c.operator_id, invoice.c.number, invoice.c.body, invoice_document.c.xml)
        .join(invoice, invoice.c.id == _P.invoice_id)
        .outerjoin(invoice_document, invoice_document.c.invoice_id == _P.invoice_id)
        .where(_P.content.is_(None), _P.next_at <= now)
        .order_by(_P.invoice_id)
        .limit(limit)
    )
    return [
        Rendering(
            row.invoice_id,
            row.operator_id,
            row.number,
            row.body,
            row.xml,
            row.tries,
            _signed_xml(connection, row.body),
        )
        for row in connection.execute(query)
    ]


def _signed_xml(connection: Connection, body: str) -> bytes | None:
    """Write the signed values that the sessions of an invoice rest on, as of when it was issued; None without any."""
    # Only this is read of it: building the whole document takes a hundred times as long.
    proofs = [session.get("signature") for session in json.loads(body).get("sessions", ())]
    found = read_originals(connection, [proof["verdict_id"] for proof in proofs if proof])
    return transparency_xml(found) if found else None


def next_rendering(connection: Connection) -> datetime | None:
    """Tell when the next rendering falls due, None if there is none."""
    return connection.execute(select(func.min(_P.next_at)).where(_P.content.is_(None))).scalar()


def keep_pdf(connection: Connection, invoice_id: int, pdf: bytes, now: datetime) -> bool:
    """Keep and chain a PDF; False if there was one already: of two renderings the first one counts."""
    waits = update(invoice_pdf).where(_P.invoice_id == invoice_id, _P.content.is_(None))
    if connection.execute(waits.values(content=pdf, last_error="")).rowcount != 1:
        return False
    owner = select(invoice.c.operator_id, invoice.c.number).where(invoice.c.id == invoice_id)
    operator_id, number = connection.execute(owner).one()
    append(connection, operator_id, ChainKind.PDF, number, pdf, now)
    return True


def postpone_pdf(connection: Connection, invoice_id: int, until: datetime, reason: str) -> None:
    """Note why a rendering failed and when the next try is due."""
    values = {"tries": _P.tries + 1, "next_at": until, "last_error": reason}
    connection.execute(update(invoice_pdf).where(_P.invoice_id == invoice_id, _P.content.is_(None)).values(values))
