"""E-invoices beside their invoices, the hash chain, and what e-invoices need of operators and customers.

Revision 0006
"""

import json
from hashlib import sha256

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_COVERED = (
    "operator_id, customer_id, number, type_code, issued_at, period_start, period_end, currency, total_net, "
    "total_gross, body"
)


def upgrade() -> None:
    """Add tables and columns, and chain the invoices that are there; they have no e-invoice."""
    for name in ("tax_number", "register_id", "contact", "legal_note"):
        op.add_column("operator", sa.Column(name, sa.Text(), server_default="", nullable=False))
    for name, default in (
        ("output", "hybrid"),
        ("buyer_reference", ""),
        ("order_number", ""),
        ("tax_case", "standard"),
        ("tax_reason", ""),
    ):
        op.add_column("customer", sa.Column(name, sa.Text(), server_default=default, nullable=False))
    op.create_table(
        "invoice_document",
        sa.Column("invoice_id", sa.Integer(), nullable=False),
        sa.Column("writer", sa.Integer(), nullable=False),
        sa.Column("xml", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_invoice_document_invoice_id")),
        sa.PrimaryKeyConstraint("invoice_id", name=op.f("pk_invoice_document")),
    )
    op.create_table(
        "invoice_chain",
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("invoice_id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_invoice_chain_operator_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_invoice_chain_invoice_id")),
        sa.PrimaryKeyConstraint("operator_id", "seq", name=op.f("pk_invoice_chain")),
        sa.UniqueConstraint("invoice_id", name=op.f("uq_invoice_chain_invoice_id")),
    )
    _chain_what_is_there()
    for table in ("invoice_document", "invoice_chain"):
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_refuses_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def _chain_what_is_there() -> None:
    """Link invoices in the order they were issued in: with the formula of then, whatever becomes of the code's."""
    connection = op.get_bind()
    heads: dict[str, tuple[int, str]] = {}
    ids = connection.execute(sa.text("SELECT id FROM invoice ORDER BY id")).scalars().all()
    for invoice_id in ids:
        row = connection.execute(sa.text(f"SELECT {_COVERED} FROM invoice WHERE id = :id"), {"id": invoice_id}).one()
        seq, previous = heads.get(row.operator_id, (0, ""))
        content = [previous, *row, sha256(b"").hexdigest()]
        link = sha256(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()
        heads[row.operator_id] = (seq + 1, link)
        connection.execute(
            sa.text("INSERT INTO invoice_chain VALUES (:operator, :seq, :invoice, :hash)"),
            {"operator": row.operator_id, "seq": seq + 1, "invoice": invoice_id, "hash": link},
        )


def downgrade() -> None:
    """Refuse: going back would lose e-invoices and their proof. Restore the backup made before the update."""
    raise NotImplementedError("restore the backup made before the update instead")
