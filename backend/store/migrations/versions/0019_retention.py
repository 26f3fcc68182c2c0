"""Retention: who was erased, and content that may go when its time is over.

Rows that may lose their content keep all else of it, and only while a `purge` of their table is open, whose `until` is
later than they are.

Revision 0019
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_INVOICE = "(SELECT issued_at FROM invoice WHERE id = OLD.invoice_id)"
_CONTENT = {
    "invoice": ("body", "OLD.issued_at"),
    "invoice_document": ("xml", _INVOICE),
    "transaction_event": ("payload", "OLD.received_at"),
    "signed_record": ("raw", "OLD.received_at"),
    "cdr": ("body", "OLD.ended_at"),
}


def upgrade() -> None:
    """Add the table, and let content go by a purge only."""
    op.create_table(
        "restriction",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("customer_id", sa.String(36), nullable=False),
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.String(10), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_restriction_operator_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_restriction_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restriction")),
        sa.UniqueConstraint(
            "operator_id", "customer_id", "user_id", name=op.f("uq_restriction_operator_id_customer_id_user_id")
        ),
        sqlite_autoincrement=True,
    )
    for table, (content, at) in _CONTENT.items():
        columns = [row[1] for row in op.get_bind().exec_driver_sql(f"PRAGMA table_info({table})")]
        changed = " OR ".join(f'NEW."{name}" IS NOT OLD."{name}"' for name in columns if name != content)
        opened = f"SELECT 1 FROM purge WHERE open AND subject = '{table}' AND {at} < until"
        op.execute(f"DROP TRIGGER {table}_refuses_update")
        op.execute(
            f"CREATE TRIGGER {table}_refuses_update BEFORE UPDATE ON {table} WHEN {changed} OR NOT EXISTS ({opened}) "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )


def downgrade() -> None:
    """Refuse: going back would lose who was erased. Restore the backup made before the update."""
    raise NotImplementedError("restore the backup made before the update instead")
