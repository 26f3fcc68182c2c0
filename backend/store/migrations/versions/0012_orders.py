"""Orders to stations.

Revision 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "station_order",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("charge_point_id", sa.String(48), nullable=False),
        sa.Column("batch", sa.String(64), nullable=False),
        sa.Column("action", sa.String(50), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("checked", sa.Boolean(), nullable=False),
        sa.Column("ordered_by", sa.Text(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_station_order_operator_id")),
        sa.ForeignKeyConstraint(["charge_point_id"], ["charge_point.id"], name=op.f("fk_station_order_charge_point_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station_order")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_station_order_charge_point_id_id"), "station_order", ["charge_point_id", "id"])
    op.create_index(op.f("ix_station_order_batch"), "station_order", ["batch"])
    op.create_index(op.f("ix_station_order_state_charge_point_id"), "station_order", ["state", "charge_point_id"])
