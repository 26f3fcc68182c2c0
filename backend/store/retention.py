"""What has had its time, and how it goes: a step for each kind of data, a batch at a time.

A step gives how many it let go; each runs inside one unit of work of `Store.write`, so that a run that was cut off goes
on where it was.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    String,
    and_,
    delete,
    func,
    or_,
    select,
    type_coerce,
    update,
)

from backend.core.invoices.chain import ChainKind
from backend.core.invoices.invoice_model import Invoice
from backend.core.invoices.letter import State as LetterState
from backend.core.invoices.purged_invoice import without_persons
from backend.core.people.retention import Periods, add_months, due_before, vouchers_due_before
from backend.core.record import from_json, to_json
from backend.core.transaction import State
from backend.store import outbox
from backend.store.chain import purged_digest
from backend.store.invoice_tables import (
    chain,
    invoice,
    invoice_cdr,
    invoice_correction,
    invoice_document,
    invoice_pdf,
    unbilled_cdr,
)
from backend.store.letter_tables import letter
from backend.store.payment_tables import booking, debit, debit_batch, mandate, open_item
from backend.store.people_tables import audit_entry, restriction
from backend.store.personal import zone_of
from backend.store.purging import chain_purge, forget_who_charged, is_billed, purging
from backend.store.rating_tables import cdr
from backend.store.tables import charging_transaction, contract, id_token

_T, _I, _L, _M, _K = charging_transaction.c, invoice.c, letter.c, mandate.c, id_token.c
_ROWS = (ChainKind.INVOICE, ChainKind.LINK)
_FINAL = (LetterState.SENT, LetterState.BOUNCED, LetterState.FAILED)


@dataclass(frozen=True, slots=True)
class Due:
    """Whose data, how long they are kept, at what time, and how much of them goes at once."""

    operator_id: str
    periods: Periods
    now: datetime
    limit: int = 100


def purge_letters(connection: Connection, due: Due) -> int:
    """Delete what stood in mails."""
    before = due.now - timedelta(days=due.periods.letter_days)
    old = and_(_L.operator_id == due.operator_id, _L.state.in_(_FINAL), _L.created_at < before)
    query = select(_L.id).where(old, _L.recipients != outbox.GONE, func.coalesce(_L.sent_at, _L.created_at) < before)
    found = list(connection.scalars(query.limit(due.limit)))
    outbox.forget(connection, found)
    return len(found)


def purge_audit(connection: Connection, due: Due) -> int:
    """Delete who did what."""
    e, before = audit_entry.c, due_before(due.now, zone_of(connection, due.operator_id), due.periods.audit_months)
    old = select(e.id).where(e.operator_id.in_((due.operator_id, "")), e.at < before).limit(due.limit)
    found = list(connection.scalars(old))
    with purging(connection, audit_entry, before, due.now) as under_way:
        under_way.count = connection.execute(delete(audit_entry).where(e.id.in_(found))).rowcount if found else 0
    return len(found)


def purge_free_sessions(connection: Connection, due: Due) -> int:
    """Forget who charged in sessions that no document needs and that wait for none."""
    before = due_before(due.now, zone_of(connection, due.operator_id), due.periods.session_months)
    waits = _T.id.in_(select(cdr.c.transaction_id).join(unbilled_cdr, unbilled_cdr.c.cdr_id == cdr.c.id))
    return _forget_sessions(connection, due, and_(_T.ended_at < before, ~is_billed(), ~waits))


def purge_billed_sessions(connection: Connection, due: Due) -> int:
    """Forget who charged in sessions whose documents have all had their time."""
    before = _vouchers_before(connection, due)
    kept = [
        _T.id.in_(
            select(cdr.c.transaction_id)
            .join(link, link.c.cdr_id == cdr.c.id)
            .join(invoice, _I.id == link.c.invoice_id)
            .where(or_(_I.issued_at >= before, ~_is_purged(due.operator_id)))
        )
        for link in (invoice_cdr, invoice_correction)
    ]
    return _forget_sessions(connection, due, and_(_T.ended_at < before, is_billed(), ~or_(*kept)))


def purge_invoices(connection: Connection, due: Due) -> int:
    """Take the persons out of documents that are settled, and delete their e-invoices and PDFs."""
    before = _vouchers_before(connection, due)
    cents = func.sum(type_coerce(booking.c.amount, Integer))
    paid = select(func.coalesce(cents, 0)).where(booking.c.invoice_id == _I.id).scalar_subquery()
    owed = type_coerce(open_item.c.amount, Integer) + paid != 0
    unsettled = select(open_item.c.invoice_id).where(open_item.c.invoice_id == _I.id, owed).exists()
    entry = and_(chain.c.operator_id == _I.operator_id, chain.c.ref == _I.number, chain.c.kind.in_(_ROWS))
    query = (
        select(_I.id, _I.number, _I.body, chain.c.kind)
        .join(chain, entry)
        .where(_I.operator_id == due.operator_id, _I.issued_at < before, ~unsettled, ~_is_purged(due.operator_id))
        .limit(due.limit)
    )
    found = connection.execute(query).all()
    ids = [row.id for row in found]
    d, p = invoice_document.c, invoice_pdf.c
    for row in found:
        for kind in (ChainKind(row.kind), ChainKind.XML, ChainKind.PDF):
            chain_purge(connection, due.operator_id, kind, row.number, due.now)
    with purging(connection, invoice_document, before, due.now) as under_way:
        under_way.count = connection.execute(
            update(invoice_document).where(d.invoice_id.in_(ids)).values(xml=b"")
        ).rowcount
    connection.execute(delete(invoice_pdf).where(p.invoice_id.in_(ids)))
    with purging(connection, invoice, before, due.now) as under_way:
        for row in found:
            body = to_json(without_persons(from_json(Invoice, row.body)))
            connection.execute(update(invoice).where(_I.id == row.id).values(body=body))
            under_way.count += 1
    return len(found)


def purge_mandates(connection: Connection, due: Due) -> int:
    """Delete the bank data of mandates that were revoked, when nobody can object to their debits any more."""
    today = due.now.astimezone(zone_of(connection, due.operator_id)).date()
    before = add_months(today, -due.periods.mandate_months)
    used = (
        select(func.max(type_coerce(debit_batch.c.collect_on, String)))
        .join(debit, debit.c.batch_id == debit_batch.c.id)
        .where(debit.c.mandate_id == _M.id)
        .scalar_subquery()
    )
    told = [type_coerce(day, String) for day in (_M.used_before, _M.revoked_on)]
    last = func.max(func.coalesce(used, ""), *(func.coalesce(day, "") for day in told))
    query = select(_M.id).where(_M.operator_id == due.operator_id, _M.revoked_on.is_not(None), _M.iban != "")
    found = list(connection.scalars(query.where(last < before.isoformat()).limit(due.limit)))
    blank = {"iban": "", "bic": "", "holder": "", "evidence": ""}
    connection.execute(update(mandate).where(_M.id.in_(found)).values(blank))
    return len(found)


def purge_tokens(connection: Connection, due: Due) -> int:
    """Delete tokens whose contract ended long ago, and those of erased persons, once no session has them."""
    zone = zone_of(connection, due.operator_id)
    before = vouchers_due_before(due.now, zone, due.periods.person_years)
    ended = _K.contract_id.in_(select(contract.c.id).where(contract.c.valid_to < before))
    erased = and_(_K.blocked, _K.customer_id.in_(select(restriction.c.customer_id)))
    used = _K.token.in_(select(_T.id_token))
    query = select(_K.token).where(_K.operator_id == due.operator_id, or_(ended, _K.expires_at < before, erased), ~used)
    found = list(connection.scalars(query.limit(due.limit)))
    connection.execute(delete(id_token).where(_K.token.in_(found)))
    return len(found)


STEPS: tuple[tuple[str, Callable[[Connection, Due], int]], ...] = (
    ("letters", purge_letters),
    ("audit_entries", purge_audit),
    ("free_sessions", purge_free_sessions),
    ("invoices", purge_invoices),
    ("billed_sessions", purge_billed_sessions),
    ("mandates", purge_mandates),
    ("tokens", purge_tokens),
)
"""In this order: sessions lose their tokens before these go."""


def _vouchers_before(connection: Connection, due: Due) -> datetime:
    return vouchers_due_before(due.now, zone_of(connection, due.operator_id), due.periods.voucher_years)


def _is_purged(operator_id: str) -> "ColumnElement[bool]":
    return or_(*(purged_digest(operator_id, kind, _I.number).is_not(None) for kind in _ROWS))


def _forget_sessions(connection: Connection, due: Due, wanted: "ColumnElement[bool]") -> int:
    final = and_(_T.state.in_((State.RATED, State.WAIVED)), _T.rerate_reason == "", _T.id_token.not_like("erased-%"))
    query: Select[Any] = select(_T.id).where(_T.operator_id == due.operator_id, final, wanted)  # Any: one number
    found = list(connection.scalars(query.order_by(_T.id).limit(due.limit)))
    forget_who_charged(connection, due.operator_id, found, due.now)
    return len(found)
