"""Billing of base fees and corrections, what is unbilled as a list of its own, price series of one operator.

Revision 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_APPEND_ONLY = ("fee", "invoice_correction", "invoice_fee")

_FREE = "('0', '0.00', '0.000')"


def upgrade() -> None:
    """Add tables and columns. What is on no invoice, or was rated again since, is listed to be billed."""
    _create_fees()
    _create_links()
    op.add_column("invoice", sa.Column("type_code", sa.String(3), server_default="380", nullable=False))
    op.add_column("price_point", sa.Column("operator_id", sa.String(20), server_default="", nullable=False))
    op.drop_index(op.f("ix_price_point_series_start"), "price_point")
    op.create_index(
        op.f("ix_price_point_operator_id_series_start"), "price_point", ["operator_id", "series", "start"], unique=False
    )
    op.create_index(
        "ix_charging_transaction_rerate",
        "charging_transaction",
        ["state", "ended_at", "id"],
        unique=False,
        sqlite_where=sa.text("rerate_reason > ''"),
    )
    _list_unbilled()
    for table in _APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_refuses_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def _create_fees() -> None:
    op.create_table(
        "fee",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("customer_id", sa.String(36), nullable=False),
        sa.Column("scope", sa.String(10), nullable=False),
        sa.Column("target", sa.String(36), nullable=False),
        sa.Column("span_start", sa.BigInteger(), nullable=False),
        sa.Column("span_end", sa.BigInteger(), nullable=False),
        sa.Column("tariff_id", sa.String(36), nullable=False),
        sa.Column("tariff_version_id", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_fee_operator_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_fee_customer_id")),
        sa.ForeignKeyConstraint(["tariff_version_id"], ["tariff_version.id"], name=op.f("fk_fee_tariff_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fee")),
        sa.UniqueConstraint(
            "operator_id",
            "scope",
            "target",
            "span_start",
            "tariff_id",
            name=op.f("uq_fee_operator_id_scope_target_span_start_tariff_id"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "fee_mark",
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("span", sa.String(20), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_fee_mark_operator_id")),
        sa.PrimaryKeyConstraint("operator_id", "span", name=op.f("pk_fee_mark")),
    )


def _create_links() -> None:
    op.create_table(
        "invoice_correction",
        sa.Column("credited_rating_id", sa.Integer(), nullable=False),
        sa.Column("rating_id", sa.Integer(), nullable=False),
        sa.Column("cdr_id", sa.Integer(), nullable=False),
        sa.Column("invoice_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("rating_id > credited_rating_id", name=op.f("ck_invoice_correction_order")),
        sa.ForeignKeyConstraint(
            ["credited_rating_id"], ["rating.id"], name=op.f("fk_invoice_correction_credited_rating_id")
        ),
        sa.ForeignKeyConstraint(["rating_id"], ["rating.id"], name=op.f("fk_invoice_correction_rating_id")),
        sa.ForeignKeyConstraint(["cdr_id"], ["cdr.id"], name=op.f("fk_invoice_correction_cdr_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_invoice_correction_invoice_id")),
        sa.PrimaryKeyConstraint("credited_rating_id", name=op.f("pk_invoice_correction")),
        sa.UniqueConstraint("rating_id", name=op.f("uq_invoice_correction_rating_id")),
    )
    for column in ("cdr_id", "invoice_id"):
        op.create_index(op.f(f"ix_invoice_correction_{column}"), "invoice_correction", [column], unique=False)
    op.create_table(
        "invoice_fee",
        sa.Column("fee_id", sa.Integer(), nullable=False),
        sa.Column("invoice_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["fee_id"], ["fee.id"], name=op.f("fk_invoice_fee_fee_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_invoice_fee_invoice_id")),
        sa.PrimaryKeyConstraint("fee_id", name=op.f("pk_invoice_fee")),
    )
    for table, target in (("unbilled_cdr", "cdr"), ("unbilled_fee", "fee")):
        column = f"{target}_id"
        op.create_table(
            table,
            sa.Column(column, sa.Integer(), nullable=False),
            sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}")),
            sa.PrimaryKeyConstraint(column, name=op.f(f"pk_{table}")),
        )


def _list_unbilled() -> None:
    """List the CDRs without an invoice that cost something, and those whose invoice bears another price."""
    current = (
        "coalesce((SELECT rating_id FROM cdr_correction WHERE cdr_id = cdr.id ORDER BY number DESC LIMIT 1), "
        "cdr.rating_id)"
    )
    op.execute(
        "INSERT INTO unbilled_cdr (cdr_id) SELECT cdr.id FROM cdr "
        f"JOIN rating AS now ON now.id = {current} "
        "LEFT JOIN invoice_cdr AS billed ON billed.cdr_id = cdr.id "
        "LEFT JOIN rating AS old ON old.id = coalesce(billed.rating_id, cdr.rating_id) "
        f"WHERE (billed.cdr_id IS NULL AND now.total_gross NOT IN {_FREE}) OR (billed.cdr_id IS NOT NULL "
        "AND (now.total_gross <> old.total_gross OR now.total_net <> old.total_net))"
    )
    # The difference stood beside such a session as something for a person to look at; now it is billed by itself.
    begin = "instr(held_reason, 'rated again (')"
    op.execute(
        f"UPDATE charging_transaction SET held_reason = rtrim(substr(held_reason, 1, {begin} - 1), '; ') "
        f"WHERE state = 'rated' AND {begin} > 0 AND held_reason LIKE '%is on no invoice yet'"
    )


def downgrade() -> None:
    """Refuse: going back would lose fees and corrections. Restore the backup made before the update."""
    raise NotImplementedError("restore the backup made before the update instead")
