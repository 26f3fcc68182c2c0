"""The table of what persons decided on sessions. See `tables`."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from backend.store.tables import Instant, metadata

# See backend.core.clarification.inbox.Ruling.
clarification = Table(
    "clarification",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("transaction_id", ForeignKey("charging_transaction.id"), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("value", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("undoes", ForeignKey("clarification.id")),
    Index(None, "transaction_id"),
    sqlite_autoincrement=True,
)
