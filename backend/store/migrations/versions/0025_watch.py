"""What stations do and lack, and alerts.

Revision 0025
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables, and the way to a station's last session."""
    op.create_table(
        "connector",
        sa.Column("charge_point_id", sa.String(48), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("connector_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=False),
        sa.Column("status_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["charge_point_id"], ["charge_point.id"], name=op.f("fk_connector_charge_point_id")),
        sa.PrimaryKeyConstraint("charge_point_id", "evse_id", "connector_id", name=op.f("pk_connector")),
    )
    op.create_table(
        "status_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("charge_point_id", sa.String(48), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("connector_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["charge_point_id"], ["charge_point.id"], name=op.f("fk_status_change_charge_point_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_status_change")),
    )
    op.create_index(op.f("ix_status_change_charge_point_id_at"), "status_change", ["charge_point_id", "at"], unique=False)
    op.create_table(
        "fault",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("charge_point_id", sa.String(48), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("connector_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(6), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("vendor_code", sa.Text(), nullable=False),
        sa.Column("info", sa.Text(), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["charge_point_id"], ["charge_point.id"], name=op.f("fk_fault_charge_point_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fault")),
    )
    op.create_index(op.f("ix_fault_charge_point_id_began_at"), "fault", ["charge_point_id", "began_at"], unique=False)
    op.create_index(op.f("ix_fault_open"), "fault", ["charge_point_id"], unique=False, sqlite_where=sa.text("ended_at IS NULL"))
    op.create_table(
        "backend_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backend_run")),
    )
    op.create_table(
        "link_interval",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("charge_point_id", sa.String(48), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["charge_point_id"], ["charge_point.id"], name=op.f("fk_link_interval_charge_point_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_interval")),
    )
    op.create_index(op.f("ix_link_interval_charge_point_id_until"), "link_interval", ["charge_point_id", "until"], unique=False)
    op.create_index(op.f("ix_link_interval_open"), "link_interval", ["charge_point_id"], unique=False, sqlite_where=sa.text("open"))
    op.create_table(
        "station_link",
        sa.Column("charge_point_id", sa.String(48), nullable=False),
        sa.Column("heard_at", sa.BigInteger(), nullable=True),
        sa.Column("heartbeat_at", sa.BigInteger(), nullable=True),
        sa.Column("ping_ms", sa.Integer(), nullable=True),
        sa.Column("drift_ms", sa.Integer(), nullable=True),
        sa.Column("certificate_until", sa.BigInteger(), nullable=True),
        sa.Column("backlog_at", sa.BigInteger(), nullable=True),
        sa.Column("pending", sa.Integer(), nullable=True),
        sa.Column("oldest_s", sa.Integer(), nullable=True),
        sa.Column("clears_s", sa.Integer(), nullable=True),
        sa.Column("parked", sa.Integer(), nullable=True),
        sa.Column("parked_sessions", sa.Integer(), nullable=True),
        sa.Column("uncertain_times", sa.Integer(), nullable=True),
        sa.Column("alarm", sa.Text(), nullable=True),
        sa.Column("modem_at", sa.BigInteger(), nullable=True),
        sa.Column("signal_dbm", sa.Integer(), nullable=True),
        sa.Column("network", sa.Text(), nullable=True),
        sa.Column("sim", sa.Text(), nullable=True),
        sa.Column("sent_bytes", sa.Integer(), nullable=True),
        sa.Column("received_bytes", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["charge_point_id"], ["charge_point.id"], name=op.f("fk_station_link_charge_point_id")),
        sa.PrimaryKeyConstraint("charge_point_id", name=op.f("pk_station_link")),
    )
    op.create_table(
        "alert_plan",
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("webhook_secret", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_alert_plan_operator_id")),
        sa.PrimaryKeyConstraint("operator_id", name=op.f("pk_alert_plan")),
    )
    op.create_table(
        "alert",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=True),
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("charge_point_id", sa.String(48), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_at", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=False, server_default=""),
        sa.Column("told", sa.String(10), nullable=False, server_default=""),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_alert_operator_id")),
        sa.ForeignKeyConstraint(["charge_point_id"], ["charge_point.id"], name=op.f("fk_alert_charge_point_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_alert_open"), "alert", ["kind", "charge_point_id", "subject"], unique=True, sqlite_where=sa.text("ended_at IS NULL"))
    op.create_index(op.f("ix_alert_operator_id_id"), "alert", ["operator_id", "id"], unique=False)
    op.create_table(
        "alert_notice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("alert_id", sa.Integer(), nullable=False),
        sa.Column("phase", sa.String(10), nullable=False),
        sa.Column("channel", sa.String(10), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name=op.f("fk_alert_notice_alert_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_notice")),
        sa.UniqueConstraint("alert_id", "phase", "channel", name=op.f("uq_alert_notice_alert_id_phase_channel")),
    )
    op.create_index(op.f("ix_alert_notice_waiting"), "alert_notice", ["next_at"], unique=False, sqlite_where=sa.text("state = 'waiting'"))
    op.create_index(
        op.f("ix_charging_transaction_charge_point_id_started_at"),
        "charging_transaction",
        ["charge_point_id", "started_at"],
    )


def downgrade() -> None:
    """Refuse: going back would lose what is known of faults. Restore the backup made before the update."""
    raise NotImplementedError("restore the backup made before the update instead")
