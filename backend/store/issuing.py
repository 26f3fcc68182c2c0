"""Issuing a document: number, row, e-invoice and entries of the chain, in one unit of work."""

import json
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from backend.core.invoices.document_kind import CANCELLATION, format_number, prefixes_of
from backend.core.invoices.invoice import Invoice, InvoiceDraft, with_number
from backend.core.record import to_json
from backend.store.invoice_tables import invoice, invoice_series
from backend.store.issued import store_document
from backend.store.open_items import Target, add_item, settle_cancelled, settle_credit
from backend.store.prepaid import settle_prepaid
from backend.store.tables import operator

_TICK = timedelta(milliseconds=1)


def issue_document(
    connection: Connection, operator_id: str, customer_id: str, draft: InvoiceDraft, now: datetime
) -> tuple[int, Invoice]:
    """Draw the number, freeze the document, write and chain its e-invoice, and open its item.

    Part of one unit of work of `Store.write`, with what the document charges and its delivery
    (`backend.store.invoice_mail`): all of it or nothing, so that no
    number is left out.

    Args:
        connection: of the unit of work.
        operator_id: whose series it is.
        customer_id: who gets it.
        draft: checked (`backend.core.invoices.invoice_check`).
        now: world time.

    Returns:
        the id of its row and the document.
    """
    year = draft.issued_on.year
    count = _draw(connection, operator_id, draft.kind.name, year)
    document = with_number(draft, format_number(_prefix(connection, operator_id, draft.kind.name), year, count))
    row = _row(operator_id, customer_id, document, now)
    invoice_id = int(connection.execute(insert(invoice).values(row).returning(invoice.c.id)).scalar_one())
    store_document(connection, invoice_id, row, document)
    target = Target(operator_id, customer_id, document.currency)
    add_item(connection, invoice_id, target, document)
    settle_prepaid(connection, invoice_id, target, document, now)
    if document.owed < 0:
        settle_credit(connection, invoice_id, [one.number for one in document.preceding], now, document.issued_on)
    elif document.type_code == CANCELLATION:
        settle_cancelled(connection, invoice_id, [one.number for one in document.preceding], now, document.issued_on)
    return invoice_id, document


def _prefix(connection: Connection, operator_id: str, kind: str) -> str:
    query = select(operator.c.invoice_prefix, operator.c.series_prefixes).where(operator.c.id == operator_id)
    row = connection.execute(query).one()
    return prefixes_of(row.invoice_prefix, json.loads(row.series_prefixes))[kind]


def _row(operator_id: str, customer_id: str, document: Invoice, now: datetime) -> dict[str, object]:
    start, end = _extent(document)
    return {
        "operator_id": operator_id,
        "customer_id": customer_id,
        "number": document.number,
        "type_code": document.type_code,
        "issued_at": now,
        "period_start": start,
        "period_end": end,
        "currency": document.currency,
        "total_net": document.kind.sign * document.total_net,
        "total_gross": document.owed,
        "body": to_json(document),
    }


def _extent(document: Invoice) -> tuple[datetime, datetime]:
    """Give when the first of what is charged began and the last one ended; a correction counts only if all are."""
    lines = [line for line in document.lines if line.fee is not None]
    sessions = [session for session in document.sessions if session.preceding is None]
    if not (lines or sessions):
        sessions = list(document.sessions)
    begins = [*(line.start for line in lines), *(session.started_at for session in sessions)]
    return min(begins), max([*(line.end - _TICK for line in lines), *(session.ended_at for session in sessions)])


def _draw(connection: Connection, operator_id: str, kind: str, year: int) -> int:
    """Count a series up. A counter row, because a database sequence leaves gaps when work is undone."""
    s = invoice_series.c
    drawn = connection.execute(
        update(invoice_series)
        .where(s.operator_id == operator_id, s.kind == kind, s.year == year)
        .values(last_number=s.last_number + 1)
        .returning(s.last_number)
    )
    number = drawn.scalar_one_or_none()
    if number is not None:
        return int(number)
    values = {"operator_id": operator_id, "kind": kind, "year": year, "last_number": 1}
    connection.execute(insert(invoice_series).values(values))
    return 1
