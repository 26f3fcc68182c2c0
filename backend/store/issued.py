"""Issued invoices with their e-invoices and entries of the chain: written as one, and read again to prove them."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Integer, LargeBinary, String, func, insert, select, text, type_coerce
from sqlalchemy import cast as sql_cast

from backend.core.invoices.audit import Issued, Kept
from backend.core.invoices.chain import COVERED, ChainKind, row_content
from backend.core.invoices.einvoice import WRITER, write_einvoice
from backend.core.invoices.invoice import Invoice
from backend.store.chain import append, purged_digest
from backend.store.invoice_tables import chain, invoice, invoice_document, invoice_pdf, invoice_series
from backend.store.people_tables import audit_entry, purge
from backend.store.rating_tables import tariff_version
from backend.store.tables import APPEND_ONLY, ONCE, Exact, Instant

_ROWS = (ChainKind.INVOICE.value, ChainKind.LINK.value)


def store_document(connection: Connection, invoice_id: int, row: Mapping[str, Any], document: Invoice) -> None:
    """Write the e-invoice of an invoice that was just stored, and chain both. Part of the unit of work that issues.

    A small invoice has none.

    Args:
        connection: of the unit of work.
        invoice_id: of the row.
        row: what was stored in it.
        document: the invoice.
    """
    operator_id, at = row["operator_id"], row["issued_at"]
    kept = {name: _as_kept(name, row[name]) for name in COVERED}
    append(connection, operator_id, ChainKind.INVOICE, document.number, row_content(kept), at)
    if document.small:
        return
    xml = write_einvoice(document)
    connection.execute(insert(invoice_document).values(invoice_id=invoice_id, writer=WRITER, xml=xml))
    append(connection, operator_id, ChainKind.XML, document.number, xml, at)


# Any: each column has its own type.
def _as_kept(name: str, value: Any) -> str | int:
    """Give a value as the database keeps it."""
    kind = invoice.c[name].type
    return cast(str | int, kind.process_bind_param(value, None) if isinstance(kind, Instant | Exact) else value)


def read_xml(connection: Connection, invoice_id: int) -> bytes | None:
    """Give an invoice's e-invoice; None for invoices from before there were any."""
    query = select(invoice_document.c.xml).where(invoice_document.c.invoice_id == invoice_id)
    xml: bytes | None = connection.scalar(query)
    return xml


def read_issued(connection: Connection, operator_id: str) -> Iterator[Issued]:
    """Read an operator's invoices in the order of the chain, those that are not in it last."""
    of_row, of_xml = chain.alias(), chain.alias()
    gone = [purged_digest(operator_id, ChainKind(kind), invoice.c.number) for kind in _ROWS]
    query = (
        select(invoice_document.c.xml, invoice_document.c.writer, *covered_columns())
        .add_columns(of_row.c.kind, of_row.c.sha256, of_xml.c.sha256.label("xml_sha256"))
        .add_columns(func.coalesce(*gone).label("purged"))
        .select_from(invoice)
        .outerjoin(invoice_document, invoice_document.c.invoice_id == invoice.c.id)
        .outerjoin(of_row, _entry_of(of_row, *_ROWS))
        .outerjoin(of_xml, _entry_of(of_xml, ChainKind.XML.value))
        .where(invoice.c.operator_id == operator_id)
        .order_by(of_row.c.seq.is_(None), of_row.c.seq, invoice.c.id)
    )
    with connection.execute(query.execution_options(yield_per=100)) as rows:
        for row in rows:
            covered = {name: getattr(row, name) for name in COVERED}
            yield Issued(covered, row.xml or b"", row.writer, row.kind, row.sha256, row.xml_sha256, row.purged)


# Any: an alias of `chain`, whose columns the type checker can't know.
def _entry_of(entry: Any, *kinds: str) -> ColumnElement[bool]:
    mine = (entry.c.operator_id == invoice.c.operator_id) & (entry.c.ref == invoice.c.number)
    return cast(ColumnElement[bool], mine & entry.c.kind.in_(kinds))


def read_kept(connection: Connection, operator_id: str) -> Iterator[Kept]:
    """Read what else of an operator is in the chain and kept here: tariff versions and rendered PDFs."""
    v = tariff_version.c
    tariffs = select(
        (v.tariff_id + "@" + v.id).label("ref"), sql_cast(v.body, LargeBinary).label("content"), v.operator_id
    ).where(v.operator_id == operator_id)
    pdfs = (
        select(invoice.c.number.label("ref"), invoice_pdf.c.content.label("content"), invoice.c.operator_id)
        .join(invoice_pdf, invoice_pdf.c.invoice_id == invoice.c.id)
        .where(invoice.c.operator_id == operator_id, invoice_pdf.c.content.is_not(None))
    )
    for kind, contents in ((ChainKind.TARIFF_VERSION, tariffs.subquery()), (ChainKind.PDF, pdfs.subquery())):
        c, mine = contents.c, (chain.c.operator_id == contents.c.operator_id) & (chain.c.kind == kind.value)
        query = select(c.ref, c.content, chain.c.sha256).outerjoin(chain, mine & (chain.c.ref == c.ref))
        with connection.execute(query.execution_options(yield_per=100)) as rows:
            for row in rows:
                yield Kept(kind, row.ref, row.content, row.sha256)


def lost_invoices(connection: Connection, operator_id: str) -> list[str]:
    """Name the invoices that the chain has and the database has not."""
    known = select(invoice.c.number).where(invoice.c.operator_id == operator_id)
    lost = select(chain.c.ref).where(chain.c.operator_id == operator_id, chain.c.kind.in_(_ROWS))
    return list(connection.scalars(lost.where(chain.c.ref.not_in(known)).order_by(chain.c.seq)))


def lost_pdfs(connection: Connection, operator_id: str) -> list[str]:
    """Name the invoices whose PDF the chain has, and neither the database nor a purge."""
    kept = select(invoice.c.number).join(invoice_pdf, invoice_pdf.c.invoice_id == invoice.c.id)
    known = kept.where(invoice.c.operator_id == operator_id, invoice_pdf.c.content.is_not(None))
    lost = select(chain.c.ref).where(chain.c.operator_id == operator_id, chain.c.kind == ChainKind.PDF.value)
    gone = purged_digest(operator_id, ChainKind.PDF, chain.c.ref)
    return list(connection.scalars(lost.where(chain.c.ref.not_in(known), gone.is_(None)).order_by(chain.c.seq)))


def purge_problems(connection: Connection) -> Iterator[str]:
    """Tell what is wrong about what was deleted of the log of actions, and which purge was left open."""
    for subject in connection.scalars(select(purge.c.subject).where(purge.c.open)):
        yield f"a purge of {subject} was left open: its rows can be changed"
    drawn = connection.scalar(text("SELECT seq FROM sqlite_sequence WHERE name = 'audit_entry'")) or 0
    there = connection.scalar(select(func.count()).select_from(audit_entry)) or 0
    purged = connection.scalar(select(func.sum(purge.c.count)).where(purge.c.subject == audit_entry.name)) or 0
    if drawn != there + purged:
        yield f"of {drawn} actions {there} are there and {purged} were purged: {drawn - there - purged} are gone"


def read_operators(connection: Connection) -> list[str]:
    """List who has issued invoices or has anything in a chain."""
    parts = [select(invoice_series.c.operator_id), select(invoice.c.operator_id), select(chain.c.operator_id)]
    return sorted(connection.scalars(parts[0].union(*parts[1:])))


def read_series(connection: Connection, operator_id: str) -> dict[tuple[str, int], int]:
    """Give the last number drawn by kind and year."""
    s = invoice_series.c
    rows = connection.execute(select(s.kind, s.year, s.last_number).where(s.operator_id == operator_id))
    return {(row.kind, row.year): row.last_number for row in rows}


def missing_triggers(connection: Connection) -> list[str]:
    """Name the triggers that keep issued rows as they are and are not there."""
    found = set(connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")))
    wanted = [f"{table}_refuses_{verb}" for table in APPEND_ONLY for verb in ("update", "delete")]
    wanted += ONCE
    return [name for name in wanted if name not in found]


def covered_columns() -> "list[ColumnElement[Any]]":  # Any: texts and numbers
    """Give the columns that an entry covers as the database keeps them."""
    times = ("issued_at", "period_start", "period_end")
    return [type_coerce(invoice.c[name], Integer if name in times else String).label(name) for name in COVERED]
