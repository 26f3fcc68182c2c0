"""The table of orders to stations. See `tables`."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from backend.store.tables import Instant, metadata

# A request to a station, see backend.core.order. `order` alone is a reserved word.
station_order = Table(
    "station_order",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("charge_point_id", ForeignKey("charge_point.id"), nullable=False),
    Column("batch", String(64), nullable=False),
    Column("action", String(50), nullable=False),
    Column("payload", Text, nullable=False),  # JSON
    Column("checked", Boolean, nullable=False),
    Column("ordered_by", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Column("ended_at", Instant),
    Column("answer", Text, nullable=False),  # JSON
    Column("reason", Text, nullable=False),
    Index(None, "charge_point_id", "id"),
    Index(None, "batch"),
    Index(None, "state", "charge_point_id"),
    sqlite_autoincrement=True,
)
