"""Hosts: what was agreed with them, what statements told, what was paid out; and home charging of company cars.

Revision 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables; what statements told is never edited."""
    op.create_table(
        "host",
        sa.Column("customer_id", sa.String(36), nullable=False),
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("tax", sa.String(12), nullable=False),
        sa.Column("tax_number", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("iban", sa.Text(), nullable=False),
        sa.Column("bic", sa.Text(), nullable=False),
        sa.Column("agreed_on", sa.String(10), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_host_customer_id")),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_host_operator_id")),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_host")),
    )
    op.create_table(
        "host_agreement",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("customer_id", sa.String(36), nullable=False),
        sa.Column("first_month", sa.String(7), nullable=False),
        sa.Column("last_month", sa.String(7), nullable=False),
        sa.Column("places", sa.Text(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["host.customer_id"], name=op.f("fk_host_agreement_customer_id")),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_host_agreement_operator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_host_agreement")),
    )
    op.create_index(op.f("ix_host_agreement_customer_id"), "host_agreement", ["customer_id"], unique=False)
    op.create_table(
        "host_share",
        sa.Column("invoice_id", sa.Integer(), nullable=False),
        sa.Column("agreement_id", sa.String(36), nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("term", sa.Integer(), nullable=False),
        sa.Column("amount", sa.String(40), nullable=False),
        sa.ForeignKeyConstraint(["agreement_id"], ["host_agreement.id"], name=op.f("fk_host_share_agreement_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_host_share_invoice_id")),
        sa.PrimaryKeyConstraint("invoice_id", "agreement_id", "month", "term", name=op.f("pk_host_share")),
    )
    op.create_index(op.f("ix_host_share_agreement_id_month"), "host_share", ["agreement_id", "month"], unique=False)
    op.create_table(
        "host_session",
        sa.Column("invoice_id", sa.Integer(), nullable=False),
        sa.Column("agreement_id", sa.String(36), nullable=False),
        sa.Column("cdr_id", sa.Integer(), nullable=False),
        sa.Column("rating_id", sa.Integer(), nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("energy_wh", sa.Integer(), nullable=False),
        sa.Column("energy_net", sa.String(40), nullable=False),
        sa.Column("total_net", sa.String(40), nullable=False),
        sa.ForeignKeyConstraint(["agreement_id"], ["host_agreement.id"], name=op.f("fk_host_session_agreement_id")),
        sa.ForeignKeyConstraint(["cdr_id"], ["cdr.id"], name=op.f("fk_host_session_cdr_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_host_session_invoice_id")),
        sa.ForeignKeyConstraint(["rating_id"], ["rating.id"], name=op.f("fk_host_session_rating_id")),
        sa.PrimaryKeyConstraint("invoice_id", "agreement_id", "cdr_id", name=op.f("pk_host_session")),
    )
    op.create_index(
        op.f("ix_host_session_agreement_id_cdr_id"), "host_session", ["agreement_id", "cdr_id"], unique=False
    )
    op.create_index(op.f("ix_host_session_agreement_id_month"), "host_session", ["agreement_id", "month"], unique=False)
    op.create_table(
        "host_objection",
        sa.Column("invoice_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_host_objection_invoice_id")),
        sa.PrimaryKeyConstraint("invoice_id", name=op.f("pk_host_objection")),
    )
    op.create_table(
        "payout_batch",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("message_id", sa.String(35), nullable=False),
        sa.Column("pay_on", sa.String(10), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("xml", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_payout_batch_operator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payout_batch")),
        sa.UniqueConstraint("message_id", name=op.f("uq_payout_batch_message_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "payout",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("invoice_id", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("booking_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["payout_batch.id"], name=op.f("fk_payout_batch_id")),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"], name=op.f("fk_payout_booking_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["open_item.invoice_id"], name=op.f("fk_payout_invoice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payout")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_payout_batch_id"), "payout", ["batch_id"], unique=False)
    op.create_index("uq_payout_live", "payout", ["invoice_id"], unique=True, sqlite_where=sa.text("state = 'live'"))
    op.create_table(
        "home_charging",
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("charge_point_id", sa.String(48), nullable=False),
        sa.Column("vehicle", sa.Text(), nullable=False),
        sa.Column("method", sa.String(10), nullable=False),
        sa.Column("price", sa.String(40), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("shows_times", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["charge_point_id"], ["charge_point.id"], name=op.f("fk_home_charging_charge_point_id")
        ),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_home_charging_operator_id")),
        sa.ForeignKeyConstraint(["user_id"], ["person.id"], name=op.f("fk_home_charging_user_id")),
        sa.PrimaryKeyConstraint("user_id", "year", name=op.f("pk_home_charging")),
    )
    for table in ("host_share", "host_session"):
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_refuses_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def downgrade() -> None:
    """Refuse: going back would lose what was stated. Restore the backup made before the update."""
    raise NotImplementedError("restore the backup made before the update instead")
