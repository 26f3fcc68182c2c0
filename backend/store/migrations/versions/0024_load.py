"""Load management: sites, what their EVSEs were told, dimming, readings and samples.

Revision 0024
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "load_site",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_load_site_operator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_load_site")),
    )
    op.create_table(
        "load_evse",
        sa.Column("charge_point_id", sa.String(48), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.String(36), nullable=False),
        sa.Column("memory", sa.Text(), nullable=False),
        sa.Column("target_ma", sa.Integer(), nullable=False),
        sa.Column("bound_ma", sa.Integer(), nullable=False),
        sa.Column("batch", sa.String(64), nullable=False),
        sa.Column("default_batch", sa.String(64), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["charge_point_id"], ["charge_point.id"], name=op.f("fk_load_evse_charge_point_id")),
        sa.ForeignKeyConstraint(["site_id"], ["load_site.id"], name=op.f("fk_load_evse_site_id")),
        sa.PrimaryKeyConstraint("charge_point_id", "evse_id", name=op.f("pk_load_evse")),
    )
    op.create_index(op.f("ix_load_evse_site_id"), "load_evse", ["site_id"])
    op.create_table(
        "load_dimming",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("site_id", sa.String(36), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("limit_w", sa.Integer()),
        sa.Column("effective_w", sa.Integer()),
        sa.Column("until", sa.BigInteger()),
        sa.Column("source", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_load_dimming_operator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_load_dimming")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_load_dimming_site_id_at"), "load_dimming", ["site_id", "at"])
    for table, columns in (
        ("load_reading", ("l1_ma", "l2_ma", "l3_ma")),
        ("load_sample", ("allotted_ma", "measured_ma", "limit_ma")),
    ):
        op.create_table(
            table,
            sa.Column("site_id", sa.String(36), nullable=False),
            sa.Column("at", sa.BigInteger(), nullable=False),
            *(sa.Column(name, sa.Integer(), nullable=False) for name in columns),
            sa.ForeignKeyConstraint(["site_id"], ["load_site.id"], name=op.f(f"fk_{table}_site_id")),
            sa.PrimaryKeyConstraint("site_id", "at", name=op.f(f"pk_{table}")),
        )


def downgrade() -> None:
    """Refuse: going back would lose the proof of dimming. Restore the backup made before the update."""
    raise NotImplementedError("restore the backup made before the update instead")
