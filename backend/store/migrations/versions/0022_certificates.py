"""Security: certificates of stations, refused connections, the least security profile of an operator.

Revision 0022
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables and the column."""
    op.add_column("operator", sa.Column("minimum_profile", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "certificate_authority",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("sealed_key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificate_authority")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "station_certificate",
        sa.Column("serial", sa.String(40), nullable=False),
        sa.Column("charge_point_id", sa.String(48), nullable=False),
        sa.Column("authority_id", sa.Integer(), nullable=False),
        sa.Column("request_digest", sa.String(64), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_by", sa.Text(), nullable=False, server_default=""),
        sa.ForeignKeyConstraint(
            ["charge_point_id"], ["charge_point.id"], name=op.f("fk_station_certificate_charge_point_id")
        ),
        sa.ForeignKeyConstraint(
            ["authority_id"], ["certificate_authority.id"], name=op.f("fk_station_certificate_authority_id")
        ),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_station_certificate")),
    )
    op.create_index(
        op.f("ix_station_certificate_charge_point_id_issued_at"),
        "station_certificate",
        ["charge_point_id", "issued_at"],
    )
    op.create_table(
        "connection_refusal",
        sa.Column("charge_point_id", sa.String(48), nullable=False),
        sa.Column("reason", sa.String(80), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["charge_point_id"], ["charge_point.id"], name=op.f("fk_connection_refusal_charge_point_id")
        ),
        sa.PrimaryKeyConstraint("charge_point_id", "reason", name=op.f("pk_connection_refusal")),
    )


def downgrade() -> None:
    """Refuse: going back would lose certificates. Restore the backup made before the update."""
    raise NotImplementedError("restore the backup made before the update instead")
