"""The outbox of mails: orders written with their invoices, claimed by whoever sends them.

Functions that change something run inside one unit of work of `Store.write`.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from backend.core.chain import ChainKind
from backend.core.invoice import Invoice
from backend.core.record import from_json
from backend.store.chain import append
from backend.store.tables import invoice, invoice_document, mail_outbox

_M = mail_outbox.c


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that waits.

    `pdf` is None until it was rendered, `xml` for invoices without e-invoice; `attempts` counts the tries begun.
    """

    id: int
    invoice: Invoice
    message_id: str
    recipient: str
    attempts: int
    pdf: bytes | None
    xml: bytes | None


def waiting(connection: Connection, now: datetime) -> list[Mail]:
    """List the mails whose next try is due, in the order of their invoices."""
    rows = connection.execute(
        select(mail_outbox, invoice.c.body, invoice_document.c.xml)
        .join(invoice, invoice.c.id == _M.invoice_id)
        .outerjoin(invoice_document, invoice_document.c.invoice_id == _M.invoice_id)
        .where(_M.state == "pending", _M.next_try_at <= now)
        .order_by(_M.id)
        .limit(100)
    )
    return [
        Mail(
            row.id,
            from_json(Invoice, row.body),
            row.message_id,
            row.recipient,
            row.attempts,
            row.attachment,
            row.xml,
        )
        for row in rows
    ]


def next_try(connection: Connection, *, rendered: bool) -> datetime | None:
    """Tell when the next mail falls due; with `rendered` False only of those that lack their PDF."""
    query = select(_M.next_try_at).where(_M.state == "pending").order_by(_M.next_try_at).limit(1)
    if not rendered:
        query = query.where(_M.attachment.is_(None))
    return connection.execute(query).scalar_one_or_none()


def store_pdf(connection: Connection, mail: Mail, pdf: bytes, now: datetime) -> bytes:
    """Keep and chain the PDF, and give the one that counts: of two renderings the first."""
    mine = _M.id == mail.id
    first = connection.execute(update(mail_outbox).where(mine, _M.attachment.is_(None)).values(attachment=pdf))
    if first.rowcount:
        owner = select(invoice.c.operator_id).join(mail_outbox, _M.invoice_id == invoice.c.id).where(mine)
        operator_id: str = connection.execute(owner).scalar_one()
        append(connection, operator_id, ChainKind.PDF, mail.invoice.number, pdf, now)
    kept = connection.execute(select(_M.attachment).where(mine)).scalar_one()
    return bytes(kept or pdf)


def claim(connection: Connection, mail: Mail, until: datetime) -> bool:
    """Begin a try; False if somebody else has. Should we end before it is told, the next try comes at `until`."""
    result = connection.execute(
        update(mail_outbox)
        .where(_M.id == mail.id, _M.state == "pending", _M.attempts == mail.attempts)
        .values(attempts=mail.attempts + 1, next_try_at=until)
    )
    return result.rowcount == 1


def mark_sent(connection: Connection, mail: Mail, at: datetime) -> None:
    """Note that the mail server took it."""
    values = {"state": "sent", "sent_at": at, "last_error": ""}
    connection.execute(update(mail_outbox).where(_M.id == mail.id).values(values))


def mark_failed(connection: Connection, mail: Mail, error: str) -> None:
    """Note that it will never be taken; a person must act."""
    values = {"state": "failed", "last_error": error}
    connection.execute(update(mail_outbox).where(_M.id == mail.id).values(values))


def postpone(connection: Connection, mail: Mail, until: datetime, error: str) -> None:
    """Note why a try failed and when the next one is due."""
    values = {"next_try_at": until, "last_error": error}
    connection.execute(update(mail_outbox).where(_M.id == mail.id, _M.state == "pending").values(values))
