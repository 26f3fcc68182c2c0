"""What an export for auditors reads, row by row: the memory it takes does not grow with the rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, Select, and_, func, or_, select, type_coerce, union

from backend.core.invoices.chain import COVERED, FIRST, ChainKind, Entry, row_content
from backend.core.invoices.invoice_model import Invoice
from backend.core.record import RecordError, from_json
from backend.errors import ReportError
from backend.store.invoice_tables import (
    chain,
    invoice,
    invoice_cancellation,
    invoice_cdr,
    invoice_correction,
    invoice_document,
    invoice_pdf,
)
from backend.store.issued import covered_columns
from backend.store.rating_tables import cdr, tariff_version
from backend.store.tables import charging_transaction, operator
from shared.ids import IdToken
from shared.units import Wh, kwh

_C = chain.c
_T = charging_transaction.c
_ROWS = (ChainKind.INVOICE.value, ChainKind.LINK.value)


@dataclass(frozen=True, slots=True)
class Span:
    """The times of an export; `end` is exclusive."""

    operator_id: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Issue:
    """A document with its files. `content` is what the chain covers of its row."""

    document: Invoice
    issued_at: datetime
    customer_id: str
    cancelled_by: str
    content: bytes
    xml: bytes | None
    pdf: bytes | None


@dataclass(frozen=True, slots=True)
class Operator:
    """Who is audited."""

    name: str
    place: str
    timezone: str


def read_operator(connection: Connection, operator_id: str) -> Operator:
    """Give an operator.

    Raises:
        ReportError: there is none.
    """
    o = operator.c
    row = connection.execute(select(o.name, o.city, o.country, o.timezone).where(o.id == operator_id)).one_or_none()
    if row is None:
        raise ReportError(f"there is no operator {operator_id!r}")
    return Operator(row.name, f"{row.city}, {row.country}", row.timezone)


def count_issues(connection: Connection, span: Span) -> int:
    """Tell how many documents were issued in the span."""
    return int(connection.execute(select(func.count()).where(_issued_in(span))).scalar_one())


def read_issues(connection: Connection, span: Span) -> Iterator[Issue]:
    """Read the documents that were issued in the span, in the order of the chain."""
    mine = and_(_C.operator_id == invoice.c.operator_id, _C.ref == invoice.c.number, _C.kind.in_(_ROWS))
    ids = select(invoice.c.id).outerjoin(chain, mine).where(_issued_in(span)).order_by(_C.seq, invoice.c.id)
    with connection.execute(ids.execution_options(yield_per=1000)) as rows:
        for (invoice_id,) in rows:
            yield _issue(connection, invoice_id)


def _issue(connection: Connection, invoice_id: int) -> Issue:
    by = invoice.alias()
    query = (
        select(*covered_columns(), invoice.c.issued_at.label("at"), by.c.number.label("by_number"))
        .add_columns(invoice_document.c.xml, invoice_pdf.c.content)
        .select_from(invoice)
        .outerjoin(invoice_cancellation, invoice_cancellation.c.invoice_id == invoice.c.id)
        .outerjoin(by, by.c.id == invoice_cancellation.c.by_invoice_id)
        .outerjoin(invoice_document, invoice_document.c.invoice_id == invoice.c.id)
        .outerjoin(invoice_pdf, invoice_pdf.c.invoice_id == invoice.c.id)
        .where(invoice.c.id == invoice_id)
    )
    row = connection.execute(query).mappings().one()
    try:
        document = from_json(Invoice, row["body"])
    except RecordError as error:
        raise ReportError(f"{row['number']} can't be read: {error}; audit verify tells more") from error
    return Issue(
        document=document,
        issued_at=row["at"],
        customer_id=row["customer_id"],
        cancelled_by=row["by_number"] or "",
        content=row_content({name: row[name] for name in COVERED}),
        xml=row["xml"] or None,  # empty: purged
        pdf=row["content"],
    )


def _issued_in(span: Span) -> Any:  # Any: a condition
    i = invoice.c
    return and_(i.operator_id == span.operator_id, i.issued_at >= span.start, i.issued_at < span.end)


def entry_range(connection: Connection, span: Span) -> tuple[int, int]:
    """Give the first and last entry of the chain that an export needs, (0, -1) for none.

    These are all of the span, and up to the PDFs of its documents, which may have been rendered after it.
    """
    mine = _C.operator_id == span.operator_id
    inside = and_(mine, _C.at >= span.start, _C.at < span.end)
    numbers = select(invoice.c.number).where(_issued_in(span))
    pdfs = and_(mine, _C.kind == ChainKind.PDF.value, _C.ref.in_(numbers))
    first, last = connection.execute(select(func.min(_C.seq), func.max(_C.seq)).where(or_(inside, pdfs))).one()
    return (first, last) if first is not None else (0, -1)


def read_entries(connection: Connection, operator_id: str, first: int, last: int) -> Iterator[Entry]:
    """Read a part of the chain, as the database keeps it."""
    columns = [type_coerce(c, Integer).label(c.name) if c.name == "at" else c for c in _C]
    query = select(*columns).where(_C.operator_id == operator_id, _C.seq.between(first, last)).order_by(_C.seq)
    with connection.execute(query.execution_options(yield_per=1000)) as rows:
        for row in rows:
            yield Entry(*row)


def last_link(connection: Connection, operator_id: str, before: int) -> str:
    """Give the hash of the last `invoice.link` before an entry, which the next one rests on."""
    query = select(_C.sha256).where(_C.operator_id == operator_id, _C.kind == ChainKind.LINK.value, _C.seq < before)
    return connection.scalar(query.order_by(_C.seq.desc()).limit(1)) or FIRST


def read_sessions(connection: Connection, span: Span) -> Iterator[tuple[object, ...]]:
    """Read the sessions that ended in the span or stand on one of its documents, as rows of the journal."""
    on = union(
        *(
            select(cdr.c.transaction_id, invoice.c.number)
            .join(link, link.c.cdr_id == cdr.c.id)
            .join(invoice, invoice.c.id == link.c.invoice_id)
            for link in (invoice_cdr, invoice_correction)
        )
    ).subquery()
    numbers = (
        select(func.group_concat(on.c.number, " ")).where(on.c.transaction_id == _T.id).correlate(charging_transaction)
    ).scalar_subquery()
    v = tariff_version.c
    query: Select[Any] = (
        select(charging_transaction, cdr.c.customer_id, (v.tariff_id + "@" + v.id).label("tariff"))
        .add_columns(numbers.label("documents"))
        .outerjoin(cdr, cdr.c.transaction_id == _T.id)
        .outerjoin(tariff_version, v.id == _T.tariff_version_id)
        .where(_T.operator_id == span.operator_id)
        .where(
            or_(
                and_(_T.ended_at >= span.start, _T.ended_at < span.end),
                _T.id.in_(_billed_in(span)),
            )
        )
        .order_by(_T.id)
    )
    with connection.execute(query.execution_options(yield_per=500)) as rows:
        for row in rows:
            yield _session(row)


def _billed_in(span: Span) -> Any:  # Any: a query of one column
    return union(
        *(
            select(cdr.c.transaction_id)
            .join(link, link.c.cdr_id == cdr.c.id)
            .join(invoice, invoice.c.id == link.c.invoice_id)
            .where(_issued_in(span))
            for link in (invoice_cdr, invoice_correction)
        )
    )


def _session(row: Any) -> tuple[object, ...]:  # Any: a row of the query above
    from_wh, to_wh = (None if wh is None else kwh(Wh(wh)) for wh in (row.meter_start, row.meter_stop))
    return (
        row.id,
        row.charge_point_id,
        row.evse_id,
        row.started_at,
        row.ended_at,
        from_wh,
        to_wh,
        str(IdToken(row.id_token)),
        row.customer_id,
        row.state,
        row.held_reason,
        row.tariff,
        row.documents,
    )
