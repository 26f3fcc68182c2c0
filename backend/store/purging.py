"""Content that goes: from append-only tables only between `open` and `close` of a purge, in one unit of work.

What the chain covers is told to the chain: an entry `retention.purge` with the hash that the content had.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Table, delete, insert, or_, select, update

from backend.core.invoices.chain import ChainKind
from backend.core.people.retention import forget_token, pseudonym
from backend.store.chain import append_digest
from backend.store.invoice_tables import ad_hoc_payer, chain, invoice_cdr, invoice_correction
from backend.store.order_tables import station_order
from backend.store.payloads import SHAPE, packed, text_of
from backend.store.people_tables import purge
from backend.store.rating_tables import cdr
from backend.store.signed_tables import proof_link, signed_record, signed_verdict
from backend.store.tables import charging_transaction, transaction_event

_T, _C = charging_transaction.c, chain.c
_LATER = timedelta(milliseconds=1)
"""So that what came in this very millisecond is taken in."""


class Purge:
    """A purge under way; counts the rows that lost something."""

    def __init__(self) -> None:
        self.count = 0


@contextmanager
def purging(connection: Connection, table: Table, until: datetime, now: datetime) -> Iterator[Purge]:
    """Let content of a table go that is older than `until`; a unit of work that fails leaves nothing of it.

    Args:
        connection: of the unit of work.
        table: append-only.
        until: exclusive.
        now: world time.
    """
    opened = insert(purge).values(at=now, subject=table.name, until=until, count=0, open=True).returning(purge.c.id)
    number, under_way = connection.execute(opened).scalar_one(), Purge()
    yield under_way
    this = purge.c.id == number
    if under_way.count:
        connection.execute(update(purge).where(this).values(open=False, count=under_way.count))
    else:
        connection.execute(delete(purge).where(this))


def chain_purge(connection: Connection, operator_id: str, kind: ChainKind, ref: str, now: datetime) -> None:
    """Tell the chain that what an entry covers is gone; nothing if it covers no such thing, or was told so."""
    mine = (_C.operator_id == operator_id) & (_C.kind == kind.value) & (_C.ref == ref)
    digest = connection.scalar(select(_C.sha256).where(mine))
    name = purge_ref(kind, ref)
    told = (_C.operator_id == operator_id) & (_C.kind == ChainKind.RETENTION_PURGE.value) & (_C.ref == name)
    if digest is not None and connection.scalar(select(_C.seq).where(told)) is None:
        append_digest(connection, operator_id, ChainKind.RETENTION_PURGE, name, digest, now)


def purge_ref(kind: str, ref: str) -> str:
    """Give what the entry of a purge is found by."""
    return f"{kind} {ref}"


def is_billed() -> "ColumnElement[bool]":
    """Give the condition that a session stands on a document."""
    links = (invoice_cdr, invoice_correction)
    parts = [_T.id.in_(select(cdr.c.transaction_id).join(link, link.c.cdr_id == cdr.c.id)) for link in links]
    return or_(*parts)


def forget_who_charged(connection: Connection, operator_id: str, sessions: Sequence[int], now: datetime) -> None:
    """Take out of sessions who charged: their tokens wherever they stand, and what meters signed about them.

    Args:
        connection: of the unit of work.
        operator_id: whose sessions.
        sessions: that ended before now.
        now: world time.
    """
    if not sessions:
        return
    tokens = set(connection.scalars(select(_T.id_token).where(_T.id.in_(sessions))))
    _forget_in_messages(connection, sessions, now)
    _forget_in_cdrs(connection, sessions, now)
    _forget_signed(connection, operator_id, sessions, now)
    connection.execute(delete(proof_link).where(proof_link.c.transaction_id.in_(sessions)))
    connection.execute(delete(ad_hoc_payer).where(ad_hoc_payer.c.transaction_id.in_(sessions)))
    for number in sessions:
        connection.execute(update(charging_transaction).where(_T.id == number).values(id_token=pseudonym(number)))
    _forget_in_orders(connection, operator_id, tokens)


def _forget_in_messages(connection: Connection, sessions: Sequence[int], now: datetime) -> None:
    e = transaction_event.c
    query = select(e.id, e.transaction_id, e.payload, SHAPE).where(e.transaction_id.in_(sessions))
    with purging(connection, transaction_event, now + _LATER, now) as under_way:
        for row in connection.execute(query).all():
            text = forget_token(text_of(row), pseudonym(row.transaction_id))
            connection.execute(update(transaction_event).where(e.id == row.id).values(packed(connection, text)))
            under_way.count += 1


def _forget_in_cdrs(connection: Connection, sessions: Sequence[int], now: datetime) -> None:
    query = select(cdr.c.id, cdr.c.transaction_id, cdr.c.body).where(cdr.c.transaction_id.in_(sessions))
    with purging(connection, cdr, now + _LATER, now) as under_way:
        for row in connection.execute(query).all():
            text = forget_token(row.body, pseudonym(row.transaction_id))
            connection.execute(update(cdr).where(cdr.c.id == row.id).values(body=text))
            under_way.count += 1


def _forget_signed(connection: Connection, operator_id: str, sessions: Sequence[int], now: datetime) -> None:
    r, v = signed_record.c, signed_verdict.c
    for row in connection.execute(select(v.id, v.transaction_id).where(v.transaction_id.in_(sessions))).all():
        chain_purge(connection, operator_id, ChainKind.SIGNED_VALUES, f"{row.transaction_id}/{row.id}", now)
    with purging(connection, signed_record, now + _LATER, now) as under_way:
        cleared = update(signed_record).where(r.transaction_id.in_(sessions), r.raw != b"")
        under_way.count = connection.execute(cleared.values(raw=b"")).rowcount


def _forget_in_orders(connection: Connection, operator_id: str, tokens: Iterable[str]) -> None:
    o = station_order.c
    for token in tokens:
        named = select(o.id, o.payload).where(o.operator_id == operator_id, o.payload.contains(f'"{token}"'))
        for row in connection.execute(named).all():
            forgotten = forget_token(row.payload, "erased")
            connection.execute(update(station_order).where(o.id == row.id).values(payload=forgotten))
