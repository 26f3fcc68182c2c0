"""Messages of transactions become small: their shape is kept once, and only what differs with each.

Revision 0020
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from backend.core.packed_readings import deflate, pack
from shared.log import Log

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

log = Log(__name__)

_BATCH = 2000
"""Rows in memory at a time."""

_TOLD_EVERY = 100_000
"""Rows after which progress is told."""

_KEPT = ("id", "transaction_id", "kind", "message_id", "received_at", "seq_no")


def upgrade() -> None:
    """Add the shapes, pack what is there, and let message and shape go by a purge only."""
    op.create_table(
        "payload_shape",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payload_shape")),
        sa.UniqueConstraint("text", name=op.f("uq_payload_shape_text")),
    )
    op.add_column("transaction_event", sa.Column("shape_id", sa.Integer(), nullable=True))
    op.drop_index(op.f("ix_transaction_event_transaction_id"), "transaction_event")
    op.execute("DROP TRIGGER transaction_event_refuses_update")
    _pack_all(op.get_bind())
    changed = " OR ".join(f'NEW."{name}" IS NOT OLD."{name}"' for name in _KEPT)
    opened = "SELECT 1 FROM purge WHERE open AND subject = 'transaction_event' AND OLD.received_at < until"
    op.execute(
        "CREATE TRIGGER transaction_event_refuses_update BEFORE UPDATE ON transaction_event "
        f"WHEN {changed} OR NOT EXISTS ({opened}) "
        "BEGIN SELECT RAISE(ABORT, 'transaction_event is append-only'); END"
    )
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER payload_shape_refuses_{verb.lower()} BEFORE {verb} ON payload_shape "
            "BEGIN SELECT RAISE(ABORT, 'payload_shape is append-only'); END"
        )


def _pack_all(connection: sa.Connection) -> None:
    shapes: dict[str, int] = {}
    last = done = 0
    page = "SELECT id, payload FROM transaction_event WHERE id > ? ORDER BY id LIMIT ?"
    while rows := connection.exec_driver_sql(page, (last, _BATCH)).all():
        changes = [(*_packed(connection, shapes, row.payload), row.id) for row in rows]
        connection.exec_driver_sql("UPDATE transaction_event SET payload = ?, shape_id = ? WHERE id = ?", changes)
        last = rows[-1].id
        done += len(rows)
        if done % _TOLD_EVERY < len(rows):
            log.info("packing messages", done=done)


# Any: what a driver takes, bytes or text.
def _packed(connection: sa.Connection, shapes: dict[str, int], text: str) -> tuple[Any, int | None]:
    if found := pack(text):
        shape, values = found
        if shape not in shapes and len(shapes) < 10_000:
            shapes[shape] = len(shapes) + 1
            connection.exec_driver_sql("INSERT INTO payload_shape VALUES (?, ?)", (shapes[shape], shape))
        if shape in shapes:
            return values, shapes[shape]
    small = deflate(text)
    return (small if len(small) < len(text) else text), None


def downgrade() -> None:
    """Refuse: going back would need the program that wrote it. Restore the backup made before the update."""
    raise NotImplementedError("restore the backup made before the update instead")
