"""Storno and credit notes by hand: a session may come on another invoice when the one that bore it was cancelled.

Revision 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_STANDS = "NOT EXISTS (SELECT 1 FROM invoice_cancellation AS c WHERE c.invoice_id = o.invoice_id)"
_ONCE = (
    (
        "invoice_cdr",
        f"EXISTS (SELECT 1 FROM invoice_cdr AS o WHERE o.cdr_id = NEW.cdr_id AND {_STANDS})",
        "the session is on an invoice that is not cancelled",
    ),
    (
        "invoice_correction",
        "EXISTS (SELECT 1 FROM invoice_correction AS o WHERE (o.credited_rating_id = NEW.credited_rating_id "
        f"OR o.rating_id = NEW.rating_id) AND {_STANDS})",
        "the rating was taken back or charged by a document that is not cancelled",
    ),
    (
        "invoice_fee",
        f"EXISTS (SELECT 1 FROM invoice_fee AS o WHERE o.fee_id = NEW.fee_id AND {_STANDS})",
        "the fee is on an invoice that is not cancelled",
    ),
    (
        "invoice_cancellation",
        "EXISTS (SELECT 1 FROM invoice AS i WHERE i.id = NEW.invoice_id AND i.type_code = '384')",
        "a Storno is not cancelled",
    ),
)
_REFUSING = ("invoice_cdr", "invoice_correction", "invoice_fee", "invoice_cancellation", "invoice_credit")


def upgrade() -> None:
    """Add the tables, widen the keys of what is billed, and guard by triggers what the keys guarded."""
    op.add_column("operator", sa.Column("series_prefixes", sa.Text(), server_default="{}", nullable=False))
    op.create_table(
        "invoice_cancellation",
        sa.Column("invoice_id", sa.Integer(), nullable=False),
        sa.Column("by_invoice_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_invoice_cancellation_invoice_id")),
        sa.ForeignKeyConstraint(["by_invoice_id"], ["invoice.id"], name=op.f("fk_invoice_cancellation_by_invoice_id")),
        sa.PrimaryKeyConstraint("invoice_id", name=op.f("pk_invoice_cancellation")),
        sa.UniqueConstraint("by_invoice_id", name=op.f("uq_invoice_cancellation_by_invoice_id")),
    )
    op.create_table(
        "invoice_credit",
        sa.Column("invoice_id", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("of_invoice_id", sa.Integer(), nullable=False),
        sa.Column("of_line", sa.Integer(), nullable=False),
        sa.Column("amount", sa.String(40), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_invoice_credit_invoice_id")),
        sa.ForeignKeyConstraint(["of_invoice_id"], ["invoice.id"], name=op.f("fk_invoice_credit_of_invoice_id")),
        sa.PrimaryKeyConstraint("invoice_id", "line", name=op.f("pk_invoice_credit")),
    )
    op.create_index(op.f("ix_invoice_credit_of_invoice_id"), "invoice_credit", ["of_invoice_id"])
    _widen_keys()
    for table, condition, reason in _ONCE:
        op.execute(
            f"CREATE TRIGGER {table}_once BEFORE INSERT ON {table} WHEN {condition} "
            f"BEGIN SELECT RAISE(ABORT, '{reason}'); END"
        )
    for table in _REFUSING:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_refuses_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def _widen_keys() -> None:
    """Make the three tables anew: SQLite can't change a key. Their triggers go with the old ones."""
    for table, columns in (
        ("invoice_cdr", (("cdr_id", "cdr", True), ("invoice_id", "invoice", True), ("rating_id", "rating", False))),
        ("invoice_fee", (("fee_id", "fee", True), ("invoice_id", "invoice", True))),
        (
            "invoice_correction",
            (
                ("credited_rating_id", "rating", True),
                ("rating_id", "rating", True),
                ("cdr_id", "cdr", True),
                ("invoice_id", "invoice", True),
            ),
        ),
    ):
        names = ", ".join(name for name, _, _ in columns)
        rows = op.get_bind().execute(sa.text(f"SELECT {names} FROM {table}")).mappings().all()  # noqa: S608  our names
        op.drop_table(table)
        op.create_table(
            table,
            *(sa.Column(name, sa.Integer(), nullable=not needed) for name, _, needed in columns),
            *(
                sa.ForeignKeyConstraint([name], [f"{other}.id"], name=op.f(f"fk_{table}_{name}"))
                for name, other, _ in columns
            ),
            sa.PrimaryKeyConstraint(columns[0][0], "invoice_id", name=op.f(f"pk_{table}")),
            *(
                [sa.CheckConstraint("rating_id > credited_rating_id", name=op.f("ck_invoice_correction_order"))]
                if table == "invoice_correction"
                else []
            ),
        )
        if rows:
            marks = ", ".join(f":{name}" for name, _, _ in columns)
            insert = sa.text(f"INSERT INTO {table} ({names}) VALUES ({marks})")  # noqa: S608  our names
            op.get_bind().execute(insert, [dict(row) for row in rows])
    for name in ("cdr_id", "invoice_id", "rating_id"):
        op.create_index(op.f(f"ix_invoice_correction_{name}"), "invoice_correction", [name])


def downgrade() -> None:
    """Refuse: going back would lose what was cancelled. Restore the backup made before the update."""
    raise NotImplementedError("restore the backup made before the update instead")
