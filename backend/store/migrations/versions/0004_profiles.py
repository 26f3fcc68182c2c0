"""Profiles: several tariffs of one session that take turns, and versions that take over while it runs.

Revision 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_APPEND_ONLY = ("session_tariff", "profile_switch")


def upgrade() -> None:
    """Add tables and columns. Sessions and assignments of before have one tariff, in the version of the start."""
    op.add_column("tariff_assignment", sa.Column("profiles", sa.Text(), server_default="{}", nullable=False))
    for table in ("tariff_assignment", "charging_transaction"):
        column = sa.Column("version_switch", sa.String(20), server_default="lock_at_start", nullable=False)
        op.add_column(table, column)
    column = sa.Column("location_id", sa.String(36), server_default="", nullable=False)
    op.add_column("charging_transaction", column)
    _create_session_tariff()
    _create_profile_switch()
    for table in _APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_refuses_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def _create_session_tariff() -> None:
    op.create_table(
        "session_tariff",
        sa.Column("transaction_id", sa.Integer(), nullable=False),
        sa.Column("profile", sa.String(20), nullable=False),
        sa.Column("tariff_version_id", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["charging_transaction.id"], name=op.f("fk_session_tariff_transaction_id")
        ),
        sa.ForeignKeyConstraint(
            ["tariff_version_id"], ["tariff_version.id"], name=op.f("fk_session_tariff_tariff_version_id")
        ),
        sa.PrimaryKeyConstraint("transaction_id", "profile", "tariff_version_id", name=op.f("pk_session_tariff")),
    )
    name = op.f("ix_session_tariff_tariff_version_id")
    op.create_index(name, "session_tariff", ["tariff_version_id"], unique=False)


def _create_profile_switch() -> None:
    op.create_table(
        "profile_switch",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("scope", sa.String(20), nullable=False),
        sa.Column("target", sa.String(60), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("profile", sa.String(20), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_profile_switch_operator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profile_switch")),
        sqlite_autoincrement=True,
    )
    name = op.f("ix_profile_switch_operator_id_scope_target_at")
    op.create_index(name, "profile_switch", ["operator_id", "scope", "target", "at"], unique=False)


def downgrade() -> None:
    """Refuse: going back would lose sessions and invoices. Restore the backup made before the update."""
    raise NotImplementedError("restore the backup made before the update instead")
