"""Why a reading was taken becomes a letter: it stands in every reading, and again in an index.

Revision 0023
"""

from alembic import op

from shared.log import Log

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

log = Log(__name__)

_WORDS = (
    ("B", "Transaction.Begin"),
    ("E", "Transaction.End"),
    ("P", "Sample.Periodic"),
    ("C", "Sample.Clock"),
    ("T", "Trigger"),
    ("O", "Other"),
)
_BATCH = 100_000
"""Rows of one statement, after each of which progress is told."""


def upgrade() -> None:
    """Write letters for words."""
    connection = op.get_bind()
    cases = " ".join(f"WHEN '{word}' THEN '{letter}'" for letter, word in _WORDS)
    last = connection.exec_driver_sql("SELECT coalesce(max(id), 0) FROM meter_value").scalar_one()
    for first in range(0, last, _BATCH):
        connection.exec_driver_sql(
            f"UPDATE meter_value SET context = CASE context {cases} ELSE 'O' END WHERE id > ? AND id <= ?",
            (first, first + _BATCH),
        )
        if last > _BATCH:
            log.info("shortening readings", done=min(first + _BATCH, last), of=last)


def downgrade() -> None:
    """Refuse: the program before can't read it. Restore the backup made before the update."""
    raise NotImplementedError("restore the backup made before the update instead")
