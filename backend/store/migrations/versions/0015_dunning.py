"""Dunning: policies, base rates, letters, steps, stops and suspensions.

Revision 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table("dunning_policy",
    sa.Column("operator_id", sa.String(length=20), nullable=False),
    sa.Column("customer_id", sa.String(length=36), nullable=False),
    sa.Column("body", sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_dunning_policy_operator_id")),
    sa.PrimaryKeyConstraint("operator_id", "customer_id", name=op.f("pk_dunning_policy")),
    )
    op.create_table("base_rate",
    sa.Column("valid_from", sa.String(10), nullable=False),
    sa.Column("rate", sa.String(length=40), nullable=False),
    sa.PrimaryKeyConstraint("valid_from", name=op.f("pk_base_rate")),
    )
    op.create_table("dunning_letter",
    sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
    sa.Column("operator_id", sa.String(length=20), nullable=False),
    sa.Column("customer_id", sa.String(length=36), nullable=False),
    sa.Column("number", sa.String(length=60), nullable=False),
    sa.Column("day", sa.String(10), nullable=False),
    sa.Column("level", sa.Integer(), nullable=False),
    sa.Column("suspend_on", sa.String(10), nullable=True),
    sa.Column("total", sa.BigInteger(), nullable=False),
    sa.Column("at", sa.BigInteger(), nullable=False),
    sa.Column("letter_id", sa.Integer(), nullable=False),
    sa.Column("body", sa.Text(), nullable=False),
    sa.Column("pdf", sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_dunning_letter_customer_id")),
    sa.ForeignKeyConstraint(["letter_id"], ["letter.id"], name=op.f("fk_dunning_letter_letter_id")),
    sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_dunning_letter_operator_id")),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_dunning_letter")),
    sa.UniqueConstraint("operator_id", "number", name=op.f("uq_dunning_letter_operator_id_number")),
    sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_dunning_letter_customer_id"), "dunning_letter", ["customer_id"])
    op.create_table("dunning_step",
    sa.Column("dunning_id", sa.Integer(), nullable=False),
    sa.Column("invoice_id", sa.Integer(), nullable=False),
    sa.Column("level", sa.Integer(), nullable=False),
    sa.Column("raised", sa.Boolean(), nullable=False),
    sa.Column("interest", sa.BigInteger(), nullable=False),
    sa.Column("interest_until", sa.String(10), nullable=True),
    sa.Column("lump_sum", sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(["dunning_id"], ["dunning_letter.id"], name=op.f("fk_dunning_step_dunning_id")),
    sa.ForeignKeyConstraint(["invoice_id"], ["open_item.invoice_id"], name=op.f("fk_dunning_step_invoice_id")),
    sa.PrimaryKeyConstraint("dunning_id", "invoice_id", name=op.f("pk_dunning_step")),
    )
    op.create_index(op.f("ix_dunning_step_invoice_id"), "dunning_step", ["invoice_id"])
    op.create_index(
        "uq_dunning_step_raised", "dunning_step", ["invoice_id", "level"], unique=True, sqlite_where=sa.text("raised")
    )
    op.create_table("dunning_stop",
    sa.Column("customer_id", sa.String(length=36), nullable=False),
    sa.Column("reason", sa.String(length=20), nullable=False),
    sa.Column("note", sa.Text(), nullable=False),
    sa.Column("until", sa.String(10), nullable=True),
    sa.Column("at", sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_dunning_stop_customer_id")),
    sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_dunning_stop")),
    )
    op.create_table("suspension",
    sa.Column("dunning_id", sa.Integer(), nullable=False),
    sa.Column("customer_id", sa.String(length=36), nullable=False),
    sa.Column("since", sa.BigInteger(), nullable=True),
    sa.Column("lifted_at", sa.BigInteger(), nullable=True),
    sa.Column("lifted_why", sa.Text(), server_default="", nullable=False),
    sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_suspension_customer_id")),
    sa.ForeignKeyConstraint(["dunning_id"], ["dunning_letter.id"], name=op.f("fk_suspension_dunning_id")),
    sa.PrimaryKeyConstraint("dunning_id", name=op.f("pk_suspension")),
    )
    op.create_index(op.f("ix_suspension_customer_id"), "suspension", ["customer_id"])
    op.create_table("dunning_run",
    sa.Column("operator_id", sa.String(length=20), nullable=False),
    sa.Column("day", sa.String(10), nullable=False),
    sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_dunning_run_operator_id")),
    sa.PrimaryKeyConstraint("operator_id", "day", name=op.f("pk_dunning_run")),
    )
    for table in ("dunning_letter", "dunning_step"):
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_refuses_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def downgrade() -> None:
    """Refuse: going back would lose what was claimed. Restore the backup made before the update."""
    raise NotImplementedError("restore the backup made before the update instead")
