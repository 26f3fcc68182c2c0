"""Ad-hoc payers: a customer that stands for all who pay at the charge point, and who of them told their name.

Revision 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the flag and the table."""
    op.add_column("customer", sa.Column("ad_hoc", sa.Boolean(), server_default="0", nullable=False))
    op.create_table(
        "ad_hoc_payer",
        sa.Column("transaction_id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("name", "street", "postcode", "city")),
        sa.Column("country", sa.String(2), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("email", "vat_id", "card")),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["charging_transaction.id"], name=op.f("fk_ad_hoc_payer_transaction_id")
        ),
        sa.PrimaryKeyConstraint("transaction_id", name=op.f("pk_ad_hoc_payer")),
    )


def downgrade() -> None:
    """Take both away."""
    op.drop_table("ad_hoc_payer")
    op.drop_column("customer", "ad_hoc")
