"""The proof of Storno and credit notes: what they say of other documents is so."""

from collections.abc import Iterator

from sqlalchemy import Connection, exists, func, select

from backend.core.invoices.document_kind import CANCELLATION, CREDIT_NOTE
from backend.core.invoices.invoice_model import Invoice
from backend.core.invoices.reversal import cancellation_problems
from backend.core.record import RecordError, from_json
from backend.store.invoice_tables import (
    invoice,
    invoice_cancellation,
    invoice_cdr,
    invoice_correction,
    invoice_credit,
    invoice_fee,
)
from backend.store.ratings import stands

_ONCE = (
    ("session (CDR)", invoice_cdr, invoice_cdr.c.cdr_id),
    ("rating", invoice_correction, invoice_correction.c.rating_id),
    ("rating taken back", invoice_correction, invoice_correction.c.credited_rating_id),
    ("base fee", invoice_fee, invoice_fee.c.fee_id),
)
"""What one document that stands may charge, or take back, at most."""


def reversal_problems(connection: Connection, operator_id: str) -> Iterator[str]:
    """Tell what is wrong with an operator's Storno, credit notes by hand, and what stands on documents."""
    yield from _unnamed(connection, operator_id)
    c, by = invoice_cancellation.c, invoice.alias()
    pairs = (
        select(invoice.c.number, invoice.c.body, by.c.number.label("by_number"), by.c.body.label("by_body"))
        .join(invoice_cancellation, c.invoice_id == invoice.c.id)
        .join(by, by.c.id == c.by_invoice_id)
        .where(invoice.c.operator_id == operator_id)
        .order_by(by.c.id)
    )
    with connection.execute(pairs.execution_options(yield_per=100)) as rows:
        for row in rows:
            try:
                storno, original = from_json(Invoice, row.by_body), from_json(Invoice, row.body)
            except RecordError:
                continue  # told where each document is looked at
            for problem in cancellation_problems(original, storno):
                yield f"{row.by_number}: {problem}"
    yield from _on_two(connection, operator_id)


def _unnamed(connection: Connection, operator_id: str) -> Iterator[str]:
    """Name Storno that cancel nothing, and credit notes by hand that say of no line what they give back."""
    of_storno = exists().where(invoice_cancellation.c.by_invoice_id == invoice.c.id)
    of_credit = exists().where(invoice_credit.c.invoice_id == invoice.c.id)
    by_hand = func.json_extract(invoice.c.body, "$.reason") > ""
    mine = select(invoice.c.number).where(invoice.c.operator_id == operator_id).order_by(invoice.c.id)
    for number in connection.scalars(mine.where(invoice.c.type_code == CANCELLATION, ~of_storno)):
        yield f"{number}: it is a Storno, but the database knows no document that it cancels"
    for number in connection.scalars(mine.where(invoice.c.type_code == CREDIT_NOTE, by_hand, ~of_credit)):
        yield f"{number}: it is a credit note by hand, but the database knows no line that it gives back"


def _on_two(connection: Connection, operator_id: str) -> Iterator[str]:
    for name, link, column in _ONCE:
        query = (
            select(column, func.group_concat(invoice.c.number, ", "))
            .join(invoice, invoice.c.id == link.c.invoice_id)
            .where(invoice.c.operator_id == operator_id, stands(link))
            .group_by(column)
            .having(func.count() > 1)
        )
        for number, documents in connection.execute(query):
            yield f"{name} {number} stands on {documents}, none of which is cancelled"
