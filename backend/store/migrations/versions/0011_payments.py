"""Payments: mandates, open items, bookings, debits and what banks tell.

Revision 0011
"""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_APPEND_ONLY = ("open_item", "bank_entry", "booking")


def upgrade() -> None:
    """Add the tables, and an open item for every document that was issued."""
    op.create_table("bank_file",
    sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
    sa.Column("operator_id", sa.String(length=20), nullable=False),
    sa.Column("name", sa.Text(), nullable=False),
    sa.Column("sha256", sa.String(length=64), nullable=False),
    sa.Column("imported_at", sa.BigInteger(), nullable=False),
    sa.Column("entries", sa.Integer(), nullable=False),
    sa.Column("new", sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_bank_file_operator_id")),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_file")),
    sa.UniqueConstraint("operator_id", "sha256", name=op.f("uq_bank_file_operator_id_sha256")),
    sqlite_autoincrement=True
    )
    op.create_table("debit_batch",
    sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
    sa.Column("operator_id", sa.String(length=20), nullable=False),
    sa.Column("scheme", sa.String(length=4), nullable=False),
    sa.Column("collect_on", sa.String(10), nullable=False),
    sa.Column("message_id", sa.String(length=35), nullable=False),
    sa.Column("created_at", sa.BigInteger(), nullable=False),
    sa.Column("state", sa.String(length=10), nullable=False),
    sa.Column("count", sa.Integer(), nullable=False),
    sa.Column("total", sa.BigInteger(), nullable=False),
    sa.Column("xml", sa.LargeBinary(), nullable=False),
    sa.Column("changed_at", sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_debit_batch_operator_id")),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_debit_batch")),
    sa.UniqueConstraint("message_id", name=op.f("uq_debit_batch_message_id")),
    sqlite_autoincrement=True
    )
    op.create_table("bank_entry",
    sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
    sa.Column("file_id", sa.Integer(), nullable=False),
    sa.Column("operator_id", sa.String(length=20), nullable=False),
    sa.Column("account", sa.String(length=34), nullable=False),
    sa.Column("key", sa.Text(), nullable=False),
    sa.Column("booked_on", sa.String(10), nullable=False),
    sa.Column("amount", sa.BigInteger(), nullable=False),
    sa.Column("iban", sa.String(length=34), nullable=False),
    sa.Column("body", sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(["file_id"], ["bank_file.id"], name=op.f("fk_bank_entry_file_id")),
    sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_bank_entry_operator_id")),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_entry")),
    sa.UniqueConstraint("operator_id", "account", "key", name=op.f("uq_bank_entry_operator_id_account_key")),
    sqlite_autoincrement=True
    )
    op.create_index(op.f("ix_bank_entry_account_booked_on_amount"), "bank_entry", ["account", "booked_on", "amount"], unique=False)
    op.create_table("bank_entry_mark",
    sa.Column("entry_id", sa.Integer(), nullable=False),
    sa.Column("state", sa.String(length=10), nullable=False),
    sa.Column("reason", sa.Text(), nullable=False),
    sa.Column("at", sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(["entry_id"], ["bank_entry.id"], name=op.f("fk_bank_entry_mark_entry_id")),
    sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_bank_entry_mark"))
    )
    op.create_table("mandate",
    sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
    sa.Column("operator_id", sa.String(length=20), nullable=False),
    sa.Column("customer_id", sa.String(length=36), nullable=False),
    sa.Column("reference", sa.String(length=35), nullable=False),
    sa.Column("scheme", sa.String(length=4), nullable=False),
    sa.Column("recurrent", sa.Boolean(), nullable=False),
    sa.Column("signed_on", sa.String(10), nullable=False),
    sa.Column("iban", sa.String(length=34), nullable=False),
    sa.Column("bic", sa.String(length=11), nullable=False),
    sa.Column("holder", sa.Text(), nullable=False),
    sa.Column("evidence", sa.Text(), nullable=False),
    sa.Column("used_before", sa.String(10), nullable=True),
    sa.Column("revoked_on", sa.String(10), nullable=True),
    sa.Column("paused", sa.Text(), server_default="", nullable=False),
    sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_mandate_customer_id")),
    sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_mandate_operator_id")),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_mandate")),
    sa.UniqueConstraint("operator_id", "reference", name=op.f("uq_mandate_operator_id_reference")),
    sqlite_autoincrement=True
    )
    op.create_index(op.f("ix_mandate_customer_id"), "mandate", ["customer_id"], unique=False)
    op.create_index(op.f("ix_mandate_iban"), "mandate", ["iban"], unique=False)
    op.create_table("open_item",
    sa.Column("invoice_id", sa.Integer(), nullable=False),
    sa.Column("operator_id", sa.String(length=20), nullable=False),
    sa.Column("customer_id", sa.String(length=36), nullable=False),
    sa.Column("due_on", sa.String(10), nullable=False),
    sa.Column("amount", sa.BigInteger(), nullable=False),
    sa.Column("currency", sa.String(length=3), nullable=False),
    sa.Column("mandate", sa.String(length=35), nullable=False),
    sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_open_item_customer_id")),
    sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_open_item_invoice_id")),
    sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_open_item_operator_id")),
    sa.PrimaryKeyConstraint("invoice_id", name=op.f("pk_open_item"))
    )
    op.create_index(op.f("ix_open_item_customer_id"), "open_item", ["customer_id"], unique=False)
    op.create_table("debit",
    sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
    sa.Column("batch_id", sa.Integer(), nullable=False),
    sa.Column("invoice_id", sa.Integer(), nullable=False),
    sa.Column("mandate_id", sa.Integer(), nullable=False),
    sa.Column("amount", sa.BigInteger(), nullable=False),
    sa.Column("state", sa.String(length=10), nullable=False),
    sa.Column("reason", sa.Text(), server_default="", nullable=False),
    sa.ForeignKeyConstraint(["batch_id"], ["debit_batch.id"], name=op.f("fk_debit_batch_id")),
    sa.ForeignKeyConstraint(["invoice_id"], ["open_item.invoice_id"], name=op.f("fk_debit_invoice_id")),
    sa.ForeignKeyConstraint(["mandate_id"], ["mandate.id"], name=op.f("fk_debit_mandate_id")),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_debit")),
    sqlite_autoincrement=True
    )
    op.create_index(op.f("ix_debit_batch_id"), "debit", ["batch_id"], unique=False)
    op.create_index(op.f("ix_debit_invoice_id"), "debit", ["invoice_id"], unique=False)
    op.create_index(op.f("ix_debit_mandate_id"), "debit", ["mandate_id"], unique=False)
    op.create_index("uq_debit_live", "debit", ["invoice_id"], unique=True, sqlite_where=sa.text("state = 'live'"))
    op.create_table("open_item_mark",
    sa.Column("invoice_id", sa.Integer(), nullable=False),
    sa.Column("disputed", sa.Text(), server_default="", nullable=False),
    sa.Column("dunning_level", sa.Integer(), server_default="0", nullable=False),
    sa.CheckConstraint("dunning_level BETWEEN 0 AND 4", name=op.f("ck_open_item_mark_dunning_level")),
    sa.ForeignKeyConstraint(["invoice_id"], ["open_item.invoice_id"], name=op.f("fk_open_item_mark_invoice_id")),
    sa.PrimaryKeyConstraint("invoice_id", name=op.f("pk_open_item_mark"))
    )
    op.create_table("booking",
    sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
    sa.Column("operator_id", sa.String(length=20), nullable=False),
    sa.Column("customer_id", sa.String(length=36), nullable=False),
    sa.Column("invoice_id", sa.Integer(), nullable=True),
    sa.Column("kind", sa.String(length=10), nullable=False),
    sa.Column("amount", sa.BigInteger(), nullable=False),
    sa.Column("currency", sa.String(length=3), nullable=False),
    sa.Column("booked_on", sa.String(10), nullable=False),
    sa.Column("at", sa.BigInteger(), nullable=False),
    sa.Column("entry_id", sa.Integer(), nullable=True),
    sa.Column("debit_id", sa.Integer(), nullable=True),
    sa.Column("pair_id", sa.Integer(), nullable=True),
    sa.Column("undoes", sa.Integer(), nullable=True),
    sa.Column("note", sa.Text(), nullable=False),
    sa.CheckConstraint("amount <> 0", name=op.f("ck_booking_amount")),
    sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_booking_customer_id")),
    sa.ForeignKeyConstraint(["debit_id"], ["debit.id"], name=op.f("fk_booking_debit_id")),
    sa.ForeignKeyConstraint(["entry_id"], ["bank_entry.id"], name=op.f("fk_booking_entry_id")),
    sa.ForeignKeyConstraint(["invoice_id"], ["open_item.invoice_id"], name=op.f("fk_booking_invoice_id")),
    sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_booking_operator_id")),
    sa.ForeignKeyConstraint(["pair_id"], ["booking.id"], name=op.f("fk_booking_pair_id")),
    sa.ForeignKeyConstraint(["undoes"], ["booking.id"], name=op.f("fk_booking_undoes")),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_booking")),
    sa.UniqueConstraint("undoes", name=op.f("uq_booking_undoes")),
    sqlite_autoincrement=True
    )
    op.create_index(op.f("ix_booking_customer_id"), "booking", ["customer_id"], unique=False)
    op.create_index(op.f("ix_booking_debit_id"), "booking", ["debit_id"], unique=False)
    op.create_index(op.f("ix_booking_entry_id"), "booking", ["entry_id"], unique=False)
    op.create_index(op.f("ix_booking_invoice_id"), "booking", ["invoice_id"], unique=False)
    op.create_index(op.f("ix_booking_pair_id"), "booking", ["pair_id"], unique=False)
    op.add_column("operator", sa.Column("creditor_id", sa.Text(), server_default="", nullable=False))
    _open_what_is_there()
    for table in _APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_refuses_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def _open_what_is_there() -> None:
    """Open each document that was issued: what was paid so far this program does not know."""
    connection = op.get_bind()
    rows = connection.execute(
        sa.text("SELECT id, operator_id, customer_id, issued_at, total_gross, currency, body FROM invoice ORDER BY id")
    ).all()
    for row in rows:
        issued = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=row.issued_at)
        due_on = json.loads(row.body).get("due_on") or issued.date().isoformat()
        connection.execute(
            sa.text("INSERT INTO open_item VALUES (:id, :operator, :customer, :due_on, :amount, :currency, '')"),
            {
                "id": row.id,
                "operator": row.operator_id,
                "customer": row.customer_id,
                "due_on": due_on,
                "amount": int(Decimal(row.total_gross) * 100),
                "currency": row.currency,
            },
        )


def downgrade() -> None:
    """Refuse: going back would lose payments. Restore the backup made before the update."""
    raise NotImplementedError("restore the backup made before the update instead")
