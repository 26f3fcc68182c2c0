"""Tariffs of any complexity: assignments with validity, contracts, groups, price series, re-rating and its proof.

Revision 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_APPEND_ONLY = ("tariff_version", "price_point", "rating_use", "cdr_correction")


def upgrade() -> None:
    """Add tables and columns. What was assigned keeps its scope, and is valid from ever to ever."""
    _create_groups()
    _add_columns()
    _widen_assignments()
    _create_series_and_corrections()
    # Sessions of before used up no quota, but those of the same month may count from now on.
    op.execute(
        "UPDATE charging_transaction SET contract_id = coalesce("
        "(SELECT customer_id FROM id_token WHERE token = charging_transaction.id_token), '')"
    )
    for table in _APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_refuses_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def _create_groups() -> None:
    op.create_table(
        "customer_group",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_customer_group_operator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_group")),
    )
    op.create_table(
        "contract",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("customer_id", sa.String(36), nullable=False),
        sa.Column("group_id", sa.String(36), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_contract_operator_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_contract_customer_id")),
        sa.ForeignKeyConstraint(["group_id"], ["customer_group.id"], name=op.f("fk_contract_group_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract")),
    )


def _add_columns() -> None:
    for table, column, type_name, target in (
        ("customer", "group_id", "VARCHAR(36)", "customer_group"),
        ("id_token", "group_id", "VARCHAR(36)", "customer_group"),
        ("id_token", "contract_id", "VARCHAR(36)", "contract"),
        ("invoice_cdr", "rating_id", "INTEGER", "rating"),
    ):
        # SQLite adds a foreign key only together with its column, which the schema tool can't say.
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN {column} {type_name} "
            f"CONSTRAINT fk_{table}_{column} REFERENCES {target} (id)"
        )
    for table, column, kind in (
        ("customer", "partner_id", sa.String(36)),
        ("customer", "relationship", sa.String(36)),
        ("id_token", "user_id", sa.String(36)),
        ("charge_point", "location_id", sa.String(36)),
        ("charging_transaction", "tariff_rule", sa.Text()),
        ("charging_transaction", "contract_id", sa.String(36)),
        ("charging_transaction", "group_id", sa.String(36)),
        ("charging_transaction", "rerate_reason", sa.Text()),
        ("rating", "inputs", sa.Text()),
    ):
        op.add_column(table, sa.Column(column, kind, server_default="", nullable=False))
    for table, columns in (
        ("charging_transaction", ["contract_id", "ended_at"]),
        ("charging_transaction", ["group_id", "ended_at"]),
        ("rating", ["transaction_id"]),
    ):
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns, unique=False)


def _widen_assignments() -> None:
    op.rename_table("tariff_assignment", "tariff_assignment_0001")
    op.create_table(
        "tariff_assignment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("scope", sa.String(20), nullable=False),
        sa.Column("target", sa.String(60), nullable=False),
        sa.Column("tariff_id", sa.String(36), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_to", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_tariff_assignment_operator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tariff_assignment")),
        sa.UniqueConstraint(
            "operator_id",
            "scope",
            "target",
            "valid_from",
            name=op.f("uq_tariff_assignment_operator_id_scope_target_valid_from"),
        ),
    )
    op.execute(
        "INSERT INTO tariff_assignment (id, operator_id, scope, target, tariff_id, valid_from) "
        "SELECT id, operator_id, scope, target, tariff_id, 0 FROM tariff_assignment_0001"
    )
    op.drop_table("tariff_assignment_0001")


def _create_series_and_corrections() -> None:
    op.create_table(
        "price_point",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("series", sa.String(40), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.String(40), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_point")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_price_point_series_start"), "price_point", ["series", "start"], unique=False)
    op.create_table(
        "rating_use",
        sa.Column("rating_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(120), nullable=False),
        sa.Column("amount", sa.String(40), nullable=False),
        sa.ForeignKeyConstraint(["rating_id"], ["rating.id"], name=op.f("fk_rating_use_rating_id")),
        sa.PrimaryKeyConstraint("rating_id", "key", name=op.f("pk_rating_use")),
    )
    op.create_table(
        "cdr_correction",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("cdr_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("rating_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("credit_body", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["cdr_id"], ["cdr.id"], name=op.f("fk_cdr_correction_cdr_id")),
        sa.ForeignKeyConstraint(["rating_id"], ["rating.id"], name=op.f("fk_cdr_correction_rating_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cdr_correction")),
        sa.UniqueConstraint("cdr_id", "number", name=op.f("uq_cdr_correction_cdr_id_number")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "recompute_run",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("checked", sa.Integer(), nullable=False),
        sa.Column("differences", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recompute_run")),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Refuse: going back would lose sessions and invoices. Restore the backup made before the update."""
    raise NotImplementedError("restore the backup made before the update instead")
