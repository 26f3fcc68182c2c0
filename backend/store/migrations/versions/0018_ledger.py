"""How books are kept, personal accounts, and exports for DATEV.

Revision 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table("ledger",
    sa.Column("operator_id", sa.String(length=20), nullable=False),
    sa.Column("body", sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_ledger_operator_id")),
    sa.PrimaryKeyConstraint("operator_id", name=op.f("pk_ledger")),
    )
    op.create_table("ledger_account",
    sa.Column("operator_id", sa.String(length=20), nullable=False),
    sa.Column("customer_id", sa.String(length=36), nullable=False),
    sa.Column("kind", sa.String(length=8), nullable=False),
    sa.Column("account", sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_ledger_account_customer_id")),
    sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_ledger_account_operator_id")),
    sa.PrimaryKeyConstraint("operator_id", "customer_id", "kind", name=op.f("pk_ledger_account")),
    sa.UniqueConstraint("operator_id", "account", name=op.f("uq_ledger_account_operator_id_account")),
    )
    op.create_table("ledger_export",
    sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
    sa.Column("operator_id", sa.String(length=20), nullable=False),
    sa.Column("month", sa.String(length=7), nullable=False),
    sa.Column("generation", sa.Integer(), nullable=False),
    sa.Column("at", sa.BigInteger(), nullable=False),
    sa.Column("count", sa.Integer(), nullable=False),
    sa.Column("replaced", sa.Integer(), nullable=False),
    sa.Column("bookings", sa.LargeBinary(), nullable=False),
    sa.Column("debtors", sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_ledger_export_operator_id")),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_export")),
    sa.UniqueConstraint(
        "operator_id", "month", "generation", name=op.f("uq_ledger_export_operator_id_month_generation")
    ),
    sqlite_autoincrement=True,
    )
    for table in ("ledger_account", "ledger_export"):
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_refuses_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def downgrade() -> None:
    """Refuse: going back would lose what was exported. Restore the backup made before the update."""
    raise NotImplementedError("restore the backup made before the update instead")
