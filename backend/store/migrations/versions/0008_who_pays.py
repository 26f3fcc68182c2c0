"""Who pays for what: persons, places, meters, billing profiles, evidence of tax cases; and the drafts of invoice runs.

Revision 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add tables, and columns whose defaults mean what their rows meant before."""
    for name, kind, default in (
        ("grouping", sa.Text(), "customer"),
        ("recipients", sa.Text(), "[]"),
        ("cc_user", sa.Boolean(), "0"),
        ("payment", sa.Text(), "transfer"),
        ("card", sa.Text(), ""),
        ("threshold", sa.String(40), "0"),
        ("cost_centre", sa.Text(), ""),
        ("cost_centre_rule", sa.Text(), "none"),
    ):
        op.add_column("customer", sa.Column(name, kind, server_default=default, nullable=False))
    for name in ("valid_from", "valid_to"):
        op.add_column("contract", sa.Column(name, sa.BigInteger()))
    op.add_column("charge_point", sa.Column("cost_centre", sa.Text(), server_default="", nullable=False))
    _add_people_and_places()
    _add_drafts()


def _add_people_and_places() -> None:
    op.create_table(
        "person",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("customer_id", sa.String(36), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("name", "email", "cost_centre")),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_person_operator_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_person_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
    )
    op.create_table(
        "tax_evidence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("customer_id", sa.String(36)),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("kind", "reference")),
        *(sa.Column(name, sa.String(10), nullable=False) for name in ("valid_from", "valid_to")),
        sa.Column("reminded_at", sa.BigInteger()),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_tax_evidence_operator_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_tax_evidence_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tax_evidence")),
    )
    op.create_index(op.f("ix_tax_evidence_operator_id_customer_id"), "tax_evidence", ["operator_id", "customer_id"])
    op.create_table(
        "location",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("operator_id", sa.String(20), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("name", "street", "postcode", "city")),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("cost_centre", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_location_operator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_location")),
    )
    op.create_table(
        "evse_name",
        sa.Column("charge_point_id", sa.String(48), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("emi3_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["charge_point_id"], ["charge_point.id"], name=op.f("fk_evse_name_charge_point_id")),
        sa.PrimaryKeyConstraint("charge_point_id", "evse_id", name=op.f("pk_evse_name")),
    )
    op.create_table(
        "meter",
        sa.Column("charge_point_id", sa.String(48), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("serial", sa.String(60), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("installed_at", sa.BigInteger()),
        sa.ForeignKeyConstraint(["charge_point_id"], ["charge_point.id"], name=op.f("fk_meter_charge_point_id")),
        sa.PrimaryKeyConstraint("charge_point_id", "evse_id", "serial", name=op.f("pk_meter")),
    )


def _add_drafts() -> None:
    op.create_table(
        "invoice_draft",
        sa.Column("invoice_id", sa.Integer(), nullable=False),
        sa.Column("slot", sa.String(32), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_invoice_draft_invoice_id")),
        sa.PrimaryKeyConstraint("invoice_id", name=op.f("pk_invoice_draft")),
        sa.UniqueConstraint("slot", "generation", name=op.f("uq_invoice_draft_slot_generation")),
    )
    op.create_table(
        "draft_waiting",
        sa.Column("key", sa.String(44), nullable=False),
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("customer_id", sa.String(36), nullable=False),
        *(sa.Column(name, sa.String(10), nullable=False) for name in ("state", "period_start", "period_end")),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("total", sa.String(40), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_draft_waiting_operator_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_draft_waiting_customer_id")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_draft_waiting")),
    )
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER invoice_draft_refuses_{verb.lower()} BEFORE {verb} ON invoice_draft "
            f"BEGIN SELECT RAISE(ABORT, 'invoice_draft is append-only'); END"
        )


def downgrade() -> None:
    """Refuse: going back would lose who pays for what. Restore the backup made before the update."""
    raise NotImplementedError("restore the backup made before the update instead")
