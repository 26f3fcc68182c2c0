"""Links to the proof of one session, for drivers without login: random tokens that run out, kept as hashes."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256

from sqlalchemy import Connection, func, insert, select

from backend.core.invoices.invoice_model import Output
from backend.store.invoice_files import read_content
from backend.store.invoice_tables import invoice, invoice_cdr
from backend.store.rating_tables import cdr
from backend.store.ratings import StoredRating, current_rating, stands
from backend.store.signed import StoredVerdict, last_verdict
from backend.store.signed_tables import proof_link
from backend.store.tables import charging_transaction

_BYTES = 16
"""128 bits: guessing is hopeless, so nothing else has to slow it down."""


@dataclass(frozen=True, slots=True)
class SessionReceipt:
    """What a driver may see of a session: times, registers, price and proof; nobody's name or token."""

    transaction_id: int
    started_at: datetime
    ended_at: datetime | None
    energy_wh: Decimal | None
    rating: StoredRating | None
    verdict: StoredVerdict | None
    paper: bytes | None
    """PDF of the small invoice, where it is one and is rendered."""


def make_link(connection: Connection, transaction_id: int, now: datetime, days: int) -> str | None:
    """Make a link and give its token, which is told this once; None if there is no such session."""
    t = charging_transaction.c
    if connection.scalar(select(t.id).where(t.id == transaction_id)) is None:
        return None
    token = secrets.token_urlsafe(_BYTES)
    connection.execute(
        insert(proof_link).values(
            token_hash=_hash(token),
            transaction_id=transaction_id,
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
    )
    return token


def follow_link(connection: Connection, token: str, now: datetime) -> SessionReceipt | None:
    """Give the session of a token; None if there is none, or it has run out."""
    link, t = proof_link.c, charging_transaction.c
    found = select(link.transaction_id).where(link.token_hash == _hash(token), link.expires_at > now)
    number = connection.scalar(found)
    if number is None:
        return None
    row = connection.execute(select(t.id, t.started_at, t.ended_at, t.meter_start, t.meter_stop).where(t.id == number))
    session, rating = row.one(), current_rating(connection, number)
    told = None if session.meter_stop is None else Decimal(session.meter_stop - session.meter_start)
    verdict = last_verdict(connection, number)
    signed = verdict.judged.energy_wh if verdict and rating and verdict.judged.status == "verified" else None
    return SessionReceipt(
        number,
        session.started_at,
        session.ended_at,
        told if signed is None else Decimal(signed),
        rating,
        verdict,
        _paper(connection, number),
    )


def _paper(connection: Connection, transaction_id: int) -> bytes | None:
    """Give the PDF of a session's small invoice; one that names a person is nothing for whoever has the link."""
    newest = (
        select(invoice.c.id)
        .join(invoice_cdr, invoice_cdr.c.invoice_id == invoice.c.id)
        .join(cdr, cdr.c.id == invoice_cdr.c.cdr_id)
        .where(cdr.c.transaction_id == transaction_id, stands(invoice_cdr))
        .where(func.json_extract(invoice.c.body, "$.output") == Output.RECEIPT.value)
        .order_by(invoice.c.id.desc())
        .limit(1)
    )
    invoice_id = connection.scalar(newest)
    return None if invoice_id is None else read_content(connection, invoice_id, "pdf")


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()
