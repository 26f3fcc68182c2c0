"""E-invoices and the hash chain: a link is written with its invoice, and read again to prove it.

`append` runs inside the unit of work of `Store.write` that issues the invoice.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Integer, String, func, insert, select, text, type_coerce

from backend.core.einvoice import WRITER, write_einvoice
from backend.core.invoice import Invoice
from backend.core.invoice_chain import COVERED, FIRST, Link, link_hash
from backend.store.tables import APPEND_ONLY, Exact, Instant, invoice, invoice_chain, invoice_document, invoice_series

_C = invoice_chain.c


def append(connection: Connection, invoice_id: int, row: Mapping[str, object], document: Invoice) -> None:
    """Write the e-invoice of an invoice that was just stored, and chain both to the operator's last one.

    Args:
        connection: of the unit of work.
        invoice_id: of the row.
        row: what was stored in it.
        document: the invoice.
    """
    xml, operator_id = write_einvoice(document), row["operator_id"]
    connection.execute(insert(invoice_document).values(invoice_id=invoice_id, writer=WRITER, xml=xml))
    last = select(_C.seq, _C.hash).where(_C.operator_id == operator_id).order_by(_C.seq.desc()).limit(1)
    found = connection.execute(last).one_or_none()
    seq, previous = (found.seq, found.hash) if found else (0, FIRST)
    values = {"operator_id": operator_id, "seq": seq + 1, "invoice_id": invoice_id}
    link = link_hash(previous, {name: _as_kept(name, row[name]) for name in COVERED}, xml)
    connection.execute(insert(invoice_chain).values(**values, hash=link))


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


def read_links(connection: Connection, operator_id: str) -> Iterator[Link]:
    """Read an operator's invoices in the order of the chain, those without a link last."""
    query = (
        select(_C.seq, _C.hash, invoice_document.c.xml, invoice_document.c.writer, *_covered())
        .select_from(invoice)
        .outerjoin(invoice_chain, _C.invoice_id == invoice.c.id)
        .outerjoin(invoice_document, invoice_document.c.invoice_id == invoice.c.id)
        .where(func.coalesce(_C.operator_id, invoice.c.operator_id) == operator_id)
        .order_by(_C.seq.is_(None), _C.seq, invoice.c.id)
    )
    with connection.execute(query.execution_options(yield_per=100)) as rows:
        for row in rows:
            covered = {name: getattr(row, name) for name in COVERED}
            yield Link(row.seq, row.hash or "", covered, row.xml or b"", row.writer)


def read_operators(connection: Connection) -> list[str]:
    """List who has issued invoices."""
    rows = connection.scalars(
        select(invoice_series.c.operator_id).union(select(invoice.c.operator_id), select(_C.operator_id))
    )
    return sorted(rows)


def read_series(connection: Connection, operator_id: str) -> dict[tuple[str, int], int]:
    """Give the last number drawn by kind and year."""
    s = invoice_series.c
    rows = connection.execute(select(s.kind, s.year, s.last_number).where(s.operator_id == operator_id))
    return {(row.kind, row.year): row.last_number for row in rows}


def missing_triggers(connection: Connection) -> list[str]:
    """Name the triggers that keep issued rows as they are and are not there."""
    found = set(connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")))
    wanted = [f"{table}_refuses_{verb}" for table in APPEND_ONLY for verb in ("update", "delete")]
    return [name for name in wanted if name not in found]


def _covered() -> "list[ColumnElement[Any]]":  # Any: texts and numbers
    """Give the columns of a link as the database keeps them."""
    times = ("issued_at", "period_start", "period_end")
    return [type_coerce(invoice.c[name], Integer if name in times else String).label(name) for name in COVERED]
