"""What persons decided on sessions that could not be billed.

Revision 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "clarification",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("transaction_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("undoes", sa.Integer()),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["charging_transaction.id"], name=op.f("fk_clarification_transaction_id")
        ),
        sa.ForeignKeyConstraint(["undoes"], ["clarification.id"], name=op.f("fk_clarification_undoes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clarification")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_clarification_transaction_id"), "clarification", ["transaction_id"])
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER clarification_refuses_{verb.lower()} BEFORE {verb} ON clarification "
            "BEGIN SELECT RAISE(ABORT, 'clarification is append-only'); END"
        )


def downgrade() -> None:
    """Refuse: going back would lose who decided what. Restore the backup made before the update."""
    raise NotImplementedError("restore the backup made before the update instead")
