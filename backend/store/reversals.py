"""Storno and credit notes by hand: what they rest on is read, and they are stored, in one unit of work."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, insert, select

from backend.core.invoices.document_kind import CANCELLATION, INVOICE
from backend.core.invoices.invoice import Invoice, InvoiceDraft
from backend.core.invoices.invoice_check import problems
from backend.core.invoices.reversal import credit_problems, draft_cancellation, draft_credit
from backend.core.record import from_json
from backend.errors import InvoiceError
from backend.store.invoice_mail import order_delivery
from backend.store.invoice_tables import (
    invoice,
    invoice_cancellation,
    invoice_cdr,
    invoice_correction,
    invoice_credit,
    invoice_fee,
    unbilled_fee,
)
from backend.store.issuing import issue_document
from backend.store.rating_tables import cdr
from backend.store.ratings import list_unbilled, stands
from backend.store.tables import operator


@dataclass(frozen=True, slots=True)
class ByHand:
    """What a person asks for: the document, and why. An empty `operator` is the only one that issued such a number."""

    number: str
    reason: str
    operator: str = ""


@dataclass(frozen=True, slots=True)
class _Original:
    """A document that is to be taken back."""

    id: int
    operator_id: str
    customer_id: str
    today: date
    document: Invoice


def cancel(connection: Connection, wanted: ByHand, now: datetime) -> Invoice:
    """Issue the Storno of a document, and let what it charged be billed again.

    Raises:
        InvoiceError: it can't be; the text says what to do instead. Nothing was changed.
    """
    original = _find(connection, wanted, now)
    if original.document.type_code == CANCELLATION:
        raise InvoiceError(f"{wanted.number} is a Storno itself: what it took back is billed again by the next run")
    _refuse_followed(connection, original, wanted.number)
    draft = draft_cancellation(original.document, wanted.reason.strip(), original.today)
    invoice_id, document = _issue(connection, original, draft, now)
    row = {"invoice_id": original.id, "by_invoice_id": invoice_id}
    connection.execute(insert(invoice_cancellation).values(row))
    _order(connection, original, invoice_id, document, now)
    _let_be_billed(connection, original.id)
    return document


def credit(
    connection: Connection, wanted: ByHand, amounts: Mapping[int, Decimal], now: datetime, after: int | None = None
) -> Invoice:
    """Issue a credit note of a part of an invoice.

    Args:
        connection: of the unit of work.
        wanted: the invoice and the reason.
        amounts: by line, counted from 1: what is given back, in the invoice's price basis.
        now: world time.
        after: how many credit notes there were when it was asked for, so that asking twice credits once; None: any.

    Raises:
        InvoiceError: it can't be; the text says what to do instead. Nothing was changed.
    """
    original = _find(connection, wanted, now)
    if original.document.type_code != INVOICE:
        raise InvoiceError(f"{wanted.number} is no invoice: only what an invoice charged can be given back in part")
    if after not in (None, len(_credit_notes(connection, original.id))):
        raise InvoiceError(f"{wanted.number} was credited meanwhile: look at what is left")
    found = credit_problems(original.document, amounts, _given(connection, original.id))
    later = _corrected_lines(connection, original.id, original.document, sorted(amounts))
    found += [f"line {i}: {other} has put it right since; give it back there" for i, other in later.items()]
    if found:
        raise InvoiceError(f"{wanted.number}: {'; '.join(found)}")
    draft = draft_credit(original.document, amounts, wanted.reason.strip(), original.today)
    invoice_id, document = _issue(connection, original, draft, now)
    for i, (of_line, amount) in enumerate(sorted(amounts.items()), 1):
        row = {"invoice_id": invoice_id, "line": i, "of_invoice_id": original.id, "of_line": of_line, "amount": amount}
        connection.execute(insert(invoice_credit).values(row))
    _order(connection, original, invoice_id, document, now)
    return document


@dataclass(frozen=True, slots=True)
class Standing:
    """What became of a document, and what a person may still do.

    Args:
        operator_id: who issued it.
        cancelled_by: number of its Storno, empty if it stands.
        corrected_by: numbers of the documents that stand and put it right or give back a part of it.
        credits: how many credit notes by hand there are.
        left: by line, what may still be given back; empty where nothing can be.
        may_cancel: a Storno of it can be issued now.
    """

    operator_id: str
    cancelled_by: str
    corrected_by: tuple[str, ...]
    credits: int
    left: Mapping[int, Decimal]
    may_cancel: bool


def read_standing(connection: Connection, invoice_id: int, document: Invoice | None) -> Standing:
    """Tell what became of a document; without its content (of another version) nothing can be done with it."""
    operator_id = connection.execute(select(invoice.c.operator_id).where(invoice.c.id == invoice_id)).scalar_one()
    by = cancelled_by(connection, invoice_id)
    notes = _credit_notes(connection, invoice_id)
    followers = {**_followers(connection, invoice_id), **notes}
    stands_yet = document is not None and not by
    given = _given(connection, invoice_id)
    left = {}
    if document is not None and stands_yet and document.type_code == INVOICE:
        later = _corrected_lines(connection, invoice_id, document, range(1, len(document.lines) + 1))
        for i, line in enumerate(document.lines, 1):
            amount = (line.net if line.gross is None else line.gross) - given[i]
            if amount > 0 and not line.credited and i not in later:
                left[i] = amount
    may_cancel = stands_yet and not followers and document is not None and document.type_code != CANCELLATION
    corrected = tuple(name for _, name in sorted(followers.items()))
    return Standing(operator_id, by, corrected, len(notes), left, may_cancel)


def cancelled_by(connection: Connection, invoice_id: int) -> str:
    """Give the number of the Storno of a document, empty if it stands."""
    c = invoice_cancellation.c
    query = select(invoice.c.number).join(invoice_cancellation, c.by_invoice_id == invoice.c.id)
    return str(connection.scalar(query.where(c.invoice_id == invoice_id)) or "")


def _find(connection: Connection, wanted: ByHand, now: datetime) -> _Original:
    if not wanted.reason.strip():
        raise InvoiceError("give the reason: it stands on the document")
    query = (
        select(invoice.c.id, invoice.c.operator_id, invoice.c.customer_id, invoice.c.body, operator.c.timezone)
        .join(operator, operator.c.id == invoice.c.operator_id)
        .where(invoice.c.number == wanted.number)
    )
    if wanted.operator:
        query = query.where(invoice.c.operator_id == wanted.operator)
    rows = connection.execute(query).all()
    if not rows:
        raise InvoiceError(f"there is no document {wanted.number!r}")
    if len(rows) > 1:
        whose = ", ".join(sorted(row.operator_id for row in rows))
        raise InvoiceError(f"name the operator of {wanted.number}: {whose}")
    (row,) = rows
    _refuse_cancelled(connection, row.id, wanted.number)
    today = now.astimezone(ZoneInfo(row.timezone)).date()
    return _Original(row.id, row.operator_id, row.customer_id, today, from_json(Invoice, row.body))


def _refuse_cancelled(connection: Connection, invoice_id: int, number: str) -> None:
    if known := cancelled_by(connection, invoice_id):
        raise InvoiceError(f"{number} was cancelled by {known} already")


def _refuse_followed(connection: Connection, original: _Original, number: str) -> None:
    """Refuse to cancel what a later document has put right or given back: that would be given back twice."""
    followers = {**_followers(connection, original.id), **_credit_notes(connection, original.id)}
    if followers:
        names = ", ".join(name for _, name in sorted(followers.items()))
        raise InvoiceError(
            f"{number} was corrected by {names}: that would be given back twice; cancel {names} first, the latest first"
        )


def _followers(connection: Connection, invoice_id: int) -> dict[int, str]:
    """Give the documents that stand and take back what this one charged for a session."""
    later = _taken_back(invoice_id).subquery()
    rows = connection.execute(
        select(invoice.c.id, invoice.c.number).where(invoice.c.id.in_(select(later.c.invoice_id)))
    )
    return {row.id: row.number for row in rows}


def _taken_back(invoice_id: int) -> Any:  # Any: a query with two columns
    """Ask for CDR and document of each correction that stands and takes back a rating that an invoice charged."""
    k = invoice_correction.c
    first = (
        select(func.coalesce(invoice_cdr.c.rating_id, cdr.c.rating_id))
        .join(cdr, cdr.c.id == invoice_cdr.c.cdr_id)
        .where(invoice_cdr.c.invoice_id == invoice_id)
    )
    again = select(k.rating_id).where(k.invoice_id == invoice_id)
    return select(k.cdr_id, k.invoice_id).where(
        k.credited_rating_id.in_(first.union(again)), stands(invoice_correction)
    )


def _credit_notes(connection: Connection, invoice_id: int) -> dict[int, str]:
    """Give the credit notes by hand that stand and give back a part of an invoice."""
    query = (
        select(invoice.c.id, invoice.c.number)
        .join(invoice_credit, invoice_credit.c.invoice_id == invoice.c.id)
        .where(invoice_credit.c.of_invoice_id == invoice_id, stands(invoice_credit))
    )
    return {row.id: row.number for row in connection.execute(query)}


def _given(connection: Connection, invoice_id: int) -> dict[int, Decimal]:
    """Give what was given back by hand, by line."""
    g = invoice_credit.c
    given: dict[int, Decimal] = defaultdict(lambda: Decimal("0.00"))
    query = select(g.of_line, g.amount).where(g.of_invoice_id == invoice_id, stands(invoice_credit))
    for row in connection.execute(query):
        given[row.of_line] += row.amount
    return given


def _corrected_lines(
    connection: Connection, invoice_id: int, document: Invoice, lines: Sequence[int]
) -> dict[int, str]:
    """Give the lines whose session was put right by a later document, and its number: the charge is on that one now."""
    rows = connection.execute(
        _taken_back(invoice_id)
        .add_columns(invoice.c.number, cdr.c.transaction_id)
        .join(invoice, invoice.c.id == invoice_correction.c.invoice_id)
        .join(cdr, cdr.c.id == invoice_correction.c.cdr_id)
    )
    later = {row.transaction_id: row.number for row in rows}
    found = {}
    for i in lines:
        line = document.lines[i - 1] if 1 <= i <= len(document.lines) else None
        session = document.sessions[line.session] if line and line.session is not None else None
        if session and session.transaction_id in later:
            found[i] = later[session.transaction_id]
    return found


def _issue(connection: Connection, original: _Original, draft: InvoiceDraft, now: datetime) -> tuple[int, Invoice]:
    found = problems(draft)
    if found:
        raise InvoiceError(f"{original.document.number}: {'; '.join(found)}")
    return issue_document(connection, original.operator_id, original.customer_id, draft, now)


def _order(connection: Connection, original: _Original, invoice_id: int, document: Invoice, now: datetime) -> None:
    who = {"operator_id": original.operator_id, "customer_id": original.customer_id}
    order_delivery(connection, invoice_id, document, **who, now=now)


def _let_be_billed(connection: Connection, invoice_id: int) -> None:
    """List what a cancelled document charged: the next run bills it."""
    for link in (invoice_cdr, invoice_correction):
        charged = select(cdr.c.transaction_id).join(link, link.c.cdr_id == cdr.c.id)
        for transaction_id in connection.scalars(charged.where(link.c.invoice_id == invoice_id)).all():
            list_unbilled(connection, transaction_id)
    fees = select(invoice_fee.c.fee_id).where(invoice_fee.c.invoice_id == invoice_id)
    connection.execute(insert(unbilled_fee).from_select(["fee_id"], fees))
