"""The outbox takes letters of any purpose; PDFs of invoices move beside their invoices.

Revision 0009
"""

import json
import secrets
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_STATES = {"sent": "sent", "failed": "failed"}


def upgrade() -> None:
    """Make the tables, and move what was in the outbox. Message-IDs stay: a mail that waits is no new one."""
    op.create_table(
        "invoice_pdf",
        sa.Column("invoice_id", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary()),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_invoice_pdf_invoice_id")),
        sa.PrimaryKeyConstraint("invoice_id", name=op.f("pk_invoice_pdf")),
    )
    op.create_index(
        "ix_invoice_pdf_waiting", "invoice_pdf", ["next_at"], sqlite_where=sa.text("content IS NULL")
    )
    op.create_table(
        "letter",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("purpose", sa.String(20), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("recipients", sa.Text(), nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("template", sa.String(40), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger()),
        sa.Column("last_code", sa.Integer(), nullable=False),
        sa.Column("last_text", sa.Text(), nullable=False),
        sa.Column("settled", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("token", sa.String(16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger()),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_letter_operator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letter")),
        sa.UniqueConstraint("key", name=op.f("uq_letter_key")),
        sa.UniqueConstraint("token", name=op.f("uq_letter_token")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_letter_operator_id_purpose_document"), "letter", ["operator_id", "purpose", "document"])
    op.create_index(op.f("ix_letter_message_id"), "letter", ["message_id"])
    op.create_index(
        "ix_letter_open",
        "letter",
        ["state", "next_at"],
        sqlite_where=sa.text("state IN ('queued', 'retry', 'sending')"),
    )
    op.create_table(
        "letter_file",
        sa.Column("letter_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("invoice_id", sa.Integer()),
        sa.Column("kind", sa.String(3), server_default="", nullable=False),
        sa.Column("content", sa.LargeBinary()),
        sa.ForeignKeyConstraint(["letter_id"], ["letter.id"], name=op.f("fk_letter_file_letter_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_letter_file_invoice_id")),
        sa.PrimaryKeyConstraint("letter_id", "position", name=op.f("pk_letter_file")),
    )
    op.create_index(op.f("ix_letter_file_invoice_id"), "letter_file", ["invoice_id"])
    op.create_table(
        "bad_address",
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("letter_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_bad_address_operator_id")),
        sa.ForeignKeyConstraint(["letter_id"], ["letter.id"], name=op.f("fk_bad_address_letter_id")),
        sa.PrimaryKeyConstraint("operator_id", "address", name=op.f("pk_bad_address")),
    )
    _move()
    op.drop_table("mail_outbox")


def _move() -> None:
    op.execute(
        "INSERT INTO invoice_pdf (invoice_id, content, next_at, last_error) "
        "SELECT i.id, m.attachment, coalesce(m.next_try_at, i.issued_at), '' "
        "FROM invoice i LEFT JOIN mail_outbox m ON m.invoice_id = i.id"
    )
    connection = op.get_bind()
    columns = "id, invoice_id, message_id, recipient, state, attempts, next_try_at, sent_at, last_error"
    for old in connection.execute(sa.text(f"SELECT {columns} FROM mail_outbox ORDER BY id")).all():
        given = sa.text("SELECT operator_id, number, issued_at, body FROM invoice WHERE id = :id")
        issued = connection.execute(given, {"id": old.invoice_id}).one()
        document = json.loads(issued.body)
        connection.execute(_LETTER, _letter(old, issued, document))
        kind = "xml" if document.get("output") == "xrechnung" else "pdf"
        file = {"id": old.id, "name": f"{issued.number}.{kind}", "kind": kind, "invoice": old.invoice_id}
        connection.execute(_FILE, file)


_COLUMNS = (
    "id, key, operator_id, purpose, document, generation, recipients, language, template, body, state, tries, next_at, "
    "last_code, last_text, settled, message_id, token, created_at, sent_at"
)
_LETTER = sa.text(
    f"INSERT INTO letter ({_COLUMNS}) VALUES ({', '.join(':' + name for name in _COLUMNS.split(', '))})"
)
_FILE = sa.text(
    "INSERT INTO letter_file (letter_id, position, name, media_type, invoice_id, kind) "
    "VALUES (:id, 0, :name, 'application/' || :kind, :invoice, :kind)"
)


def _letter(old: "sa.Row[Any]", issued: "sa.Row[Any]", document: dict[str, Any]) -> dict[str, object]:
    """Make the row of a letter with the words of then."""
    buyer = document.get("buyer") or {}
    key = [issued.operator_id, "invoice", issued.number, [old.recipient, "cc"], 1]
    body = {
        "number": issued.number,
        "customer": buyer.get("name", ""),
        "credit": document.get("type_code") == "381",
        "sessions": bool(document.get("sessions")),
        "preceding": [one["number"] for one in document.get("preceding", ())],
        "amount": document.get("due", "0"),
        "currency": document.get("currency", "EUR"),
        "start": document.get("period_start", ""),
        "end": document.get("period_end", ""),
        "due": document.get("due_on", ""),
        "sample": bool(document.get("sample")),
    }
    return {
        "id": old.id,
        "key": json.dumps(key, ensure_ascii=False, separators=(",", ":")),
        "operator_id": issued.operator_id,
        "purpose": "invoice",
        "document": issued.number,
        "generation": 1,
        "recipients": json.dumps(
            {"to": [old.recipient] if old.recipient else [], "cc": [], "name": buyer.get("name", "")},
            ensure_ascii=False,
        ),
        "language": document.get("language", "de"),
        "template": "invoice",
        "body": json.dumps(body, ensure_ascii=False),
        "state": _STATES.get(old.state, "retry" if old.attempts else "queued"),
        "tries": old.attempts,
        "next_at": old.next_try_at,
        "last_code": 250 if old.state == "sent" else 0,
        "last_text": old.last_error,
        "settled": "{}",
        "message_id": old.message_id,
        "token": secrets.token_hex(8),
        "created_at": issued.issued_at,
        "sent_at": old.sent_at,
    }


def downgrade() -> None:
    """Refuse: going back would lose letters. Restore the backup made before the update."""
    raise NotImplementedError("restore the backup made before the update instead")
