"""OCPP 2.x: transactions that the station names and whose messages it numbers; signed values of every version.

Revision 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns and a table. All sessions of before are OCPP 1.6; what was signed in them stays in their events."""
    for column, kind, default in (
        ("ocpp", sa.String(5), "1.6"),
        ("station_key", sa.String(36), ""),
        ("notes", sa.Text(), ""),
    ):
        op.add_column("charging_transaction", sa.Column(column, kind, server_default=default, nullable=False))
    op.add_column("transaction_event", sa.Column("seq_no", sa.Integer(), nullable=True))
    for table, columns in (
        ("charging_transaction", ["charge_point_id", "station_key"]),
        ("transaction_event", ["transaction_id", "seq_no"]),
    ):
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns, unique=False)
    op.create_table(
        "signed_value",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("transaction_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("context", sa.String(20), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("signing_method", sa.Text(), nullable=False),
        sa.Column("encoding_method", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["charging_transaction.id"], name=op.f("fk_signed_value_transaction_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signed_value")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_signed_value_transaction_id"), "signed_value", ["transaction_id"], unique=False)
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER signed_value_refuses_{verb.lower()} BEFORE {verb} ON signed_value "
            "BEGIN SELECT RAISE(ABORT, 'signed_value is append-only'); END"
        )


def downgrade() -> None:
    """Refuse: going back would lose sessions and what was signed. Restore the backup made before the update."""
    raise NotImplementedError("restore the backup made before the update instead")
