"""The first schema.

Revision 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_APPEND_ONLY = ("transaction_event", "rating", "cdr", "invoice", "invoice_cdr")


def upgrade() -> None:
    """Create all tables, and the triggers that keep some of them append-only."""
    op.create_table(
        "operator",
        sa.Column("id", sa.String(20), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("street", sa.Text(), nullable=False),
        sa.Column("postcode", sa.Text(), nullable=False),
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("vat_id", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("iban", sa.Text(), nullable=False),
        sa.Column("bic", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("invoice_prefix", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator")),
    )
    op.create_table(
        "charge_point",
        sa.Column("id", sa.String(48), nullable=False),
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("street", sa.Text(), nullable=False),
        sa.Column("postcode", sa.Text(), nullable=False),
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("firmware", sa.Text(), nullable=False),
        sa.Column("booted_at", sa.BigInteger(), nullable=True),
        sa.Column("seen_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_charge_point_operator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charge_point")),
    )
    op.create_table(
        "customer",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("street", sa.Text(), nullable=False),
        sa.Column("postcode", sa.Text(), nullable=False),
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("vat_id", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("cycle", sa.String(10), nullable=False),
        sa.Column("payment_days", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_customer_operator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer")),
    )
    op.create_table(
        "invoice_series",
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("last_number", sa.Integer(), nullable=False),
        sa.CheckConstraint("last_number >= 0", name=op.f("ck_invoice_series_last_number")),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_invoice_series_operator_id")),
        sa.PrimaryKeyConstraint("operator_id", "kind", "year", name=op.f("pk_invoice_series")),
    )
    op.create_table(
        "tariff_assignment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("scope", sa.String(12), nullable=False),
        sa.Column("target", sa.String(48), nullable=False),
        sa.Column("tariff_id", sa.String(36), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_tariff_assignment_operator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tariff_assignment")),
        sa.UniqueConstraint(
            "operator_id", "scope", "target", name=op.f("uq_tariff_assignment_operator_id_scope_target")
        ),
    )
    op.create_table(
        "tariff_version",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("tariff_id", sa.String(36), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_tariff_version_operator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tariff_version")),
        sa.UniqueConstraint(
            "operator_id", "tariff_id", "valid_from", name=op.f("uq_tariff_version_operator_id_tariff_id_valid_from")
        ),
    )
    op.create_table(
        "charging_transaction",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("charge_point_id", sa.String(48), nullable=False),
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("id_token", sa.String(36), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("meter_start", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("meter_stop", sa.Integer(), nullable=True),
        sa.Column("stop_reason", sa.String(20), nullable=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("held_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("tariff_version_id", sa.String(64), nullable=True),
        sa.Column("tariff_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("foreign_id", sa.String(20), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["charge_point_id"], ["charge_point.id"], name=op.f("fk_charging_transaction_charge_point_id")
        ),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_charging_transaction_operator_id")),
        sa.ForeignKeyConstraint(
            ["tariff_version_id"], ["tariff_version.id"], name=op.f("fk_charging_transaction_tariff_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charging_transaction")),
        sa.UniqueConstraint(
            "charge_point_id",
            "evse_id",
            "id_token",
            "started_at",
            "meter_start",
            "foreign_id",
            name=op.f("uq_charging_transaction_charge_point_id_evse_id_id_token_started_at_meter_start_foreign_id"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_charging_transaction_state"), "charging_transaction", ["state"], unique=False)
    op.create_index(op.f("ix_charging_transaction_ended_at"), "charging_transaction", ["ended_at"], unique=False)
    op.create_table(
        "evse",
        sa.Column("charge_point_id", sa.String(48), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=False),
        sa.Column("status_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["charge_point_id"], ["charge_point.id"], name=op.f("fk_evse_charge_point_id")),
        sa.PrimaryKeyConstraint("charge_point_id", "evse_id", name=op.f("pk_evse")),
    )
    op.create_table(
        "id_token",
        sa.Column("token", sa.String(36), nullable=False),
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("customer_id", sa.String(36), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("blocked", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_id_token_customer_id")),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_id_token_operator_id")),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_id_token")),
    )
    op.create_table(
        "invoice",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("customer_id", sa.String(36), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("period_start", sa.BigInteger(), nullable=False),
        sa.Column("period_end", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("total_net", sa.String(40), nullable=False),
        sa.Column("total_gross", sa.String(40), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_invoice_customer_id")),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_invoice_operator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice")),
        sa.UniqueConstraint("operator_id", "number", name=op.f("uq_invoice_operator_id_number")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "mail_outbox",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("invoice_id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("attachment", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_mail_outbox_invoice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_outbox")),
        sa.UniqueConstraint("invoice_id", name=op.f("uq_mail_outbox_invoice_id")),
        sa.UniqueConstraint("message_id", name=op.f("uq_mail_outbox_message_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "meter_value",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("transaction_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("context", sa.String(20), nullable=False),
        sa.Column("energy_wh", sa.Integer(), nullable=False),
        sa.Column("power_w", sa.Integer(), nullable=True),
        sa.Column("current_l1_ma", sa.Integer(), nullable=True),
        sa.Column("current_l2_ma", sa.Integer(), nullable=True),
        sa.Column("current_l3_ma", sa.Integer(), nullable=True),
        sa.Column("voltage_l1_mv", sa.Integer(), nullable=True),
        sa.Column("voltage_l2_mv", sa.Integer(), nullable=True),
        sa.Column("voltage_l3_mv", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["charging_transaction.id"], name=op.f("fk_meter_value_transaction_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meter_value")),
        sa.UniqueConstraint(
            "transaction_id",
            "at",
            "context",
            "energy_wh",
            name=op.f("uq_meter_value_transaction_id_at_context_energy_wh"),
        ),
    )
    op.create_table(
        "rating",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("transaction_id", sa.Integer(), nullable=False),
        sa.Column("tariff_version_id", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("total_net", sa.String(40), nullable=False),
        sa.Column("total_gross", sa.String(40), nullable=False),
        sa.ForeignKeyConstraint(["tariff_version_id"], ["tariff_version.id"], name=op.f("fk_rating_tariff_version_id")),
        sa.ForeignKeyConstraint(["transaction_id"], ["charging_transaction.id"], name=op.f("fk_rating_transaction_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rating")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "transaction_event",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("transaction_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("message_id", sa.String(36), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["charging_transaction.id"], name=op.f("fk_transaction_event_transaction_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transaction_event")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_transaction_event_transaction_id"), "transaction_event", ["transaction_id"], unique=False)
    op.create_table(
        "cdr",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("transaction_id", sa.Integer(), nullable=False),
        sa.Column("rating_id", sa.Integer(), nullable=False),
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("customer_id", sa.String(36), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_cdr_customer_id")),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_cdr_operator_id")),
        sa.ForeignKeyConstraint(["rating_id"], ["rating.id"], name=op.f("fk_cdr_rating_id")),
        sa.ForeignKeyConstraint(["transaction_id"], ["charging_transaction.id"], name=op.f("fk_cdr_transaction_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cdr")),
        sa.UniqueConstraint("transaction_id", name=op.f("uq_cdr_transaction_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "invoice_cdr",
        sa.Column("cdr_id", sa.Integer(), nullable=False),
        sa.Column("invoice_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["cdr_id"], ["cdr.id"], name=op.f("fk_invoice_cdr_cdr_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_invoice_cdr_invoice_id")),
        sa.PrimaryKeyConstraint("cdr_id", name=op.f("pk_invoice_cdr")),
    )

    for table in _APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_refuses_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def downgrade() -> None:
    """Refuse: going back would lose sessions and invoices. Restore the backup made before the update."""
    raise NotImplementedError("restore the backup made before the update instead")
