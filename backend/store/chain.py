"""The hash chain of each operator. `append` runs inside the unit of work of `Store.write` that stores the content."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    ScalarSelect,
    bindparam,
    insert,
    literal,
    select,
    type_coerce,
)

from backend.core.invoices.chain import FIRST, ChainKind, Entry, entry_hash
from backend.store.invoice_tables import chain
from backend.store.sql import Statement

_C = chain.c
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HEAD = Statement(
    select(_C.seq, _C.hash).where(_C.operator_id == bindparam("operator")).order_by(_C.seq.desc()).limit(1)
)
_AT = type_coerce(bindparam("at"), Integer)
_ADD = Statement(insert(chain).values({c.name: _AT if c is _C.at else bindparam(c.name) for c in chain.columns}))


def append(  # noqa: PLR0917  one argument for each column
    connection: Connection, operator_id: str, kind: ChainKind, ref: str, content: bytes, at: datetime
) -> None:
    """Append an entry to an operator's chain.

    Args:
        connection: of the unit of work that stores the content, so that there is never one without the other.
        operator_id: whose chain.
        kind: of the content.
        ref: what the content is found by, see `ChainKind`.
        content: its SHA-256 is kept, not the bytes.
        at: world time.
    """
    append_digest(connection, operator_id, kind, ref, sha256(content).hexdigest(), at)


def append_digest(  # noqa: PLR0917  as above
    connection: Connection, operator_id: str, kind: ChainKind, ref: str, digest: str, at: datetime
) -> None:
    """As `append`, by the SHA-256 of a content that is too large to be held in memory."""
    seq, previous = read_head(connection, operator_id)
    moment = (at - _EPOCH) // timedelta(milliseconds=1)
    entry = Entry(operator_id, seq + 1, kind.value, ref, digest, previous, "", moment)
    _ADD.run(connection, **asdict(replace(entry, hash=entry_hash(entry))))


def read_chain(connection: Connection, operator_id: str) -> Iterator[Entry]:
    """Read an operator's chain from its begin, as the database keeps it."""
    columns = [type_coerce(c, Integer).label(c.name) if c.name == "at" else c for c in _C]
    query = select(*columns).where(_C.operator_id == operator_id).order_by(_C.seq)
    with connection.execute(query.execution_options(yield_per=1000)) as rows:
        for row in rows:
            yield Entry(*row)


def read_head(connection: Connection, operator_id: str) -> tuple[int, str]:
    """Give number and hash of the newest entry; 0 and `FIRST` where there is none."""
    head = _HEAD.first(connection, operator=operator_id)
    return (head.seq, head.hash) if head else (0, FIRST)


# Any: a column of texts, or an expression of them.
def purged_digest(operator_id: str, kind: ChainKind, ref: "ColumnElement[Any]") -> "ScalarSelect[str]":
    """Select the hash that the chain was told of something that went; NULL of what is kept."""
    told = chain.alias()
    mine = (told.c.operator_id == operator_id) & (told.c.kind == ChainKind.RETENTION_PURGE.value)
    return select(told.c.sha256).where(mine, told.c.ref == literal(f"{kind.value} ") + ref).scalar_subquery()
