"""The tables of security: our certificate authority, what it signed for stations, and who was refused. See `tables`."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from backend.store.tables import Instant, metadata

# Our own certificate authority; of several the last one signs, and all are trusted.
certificate_authority = Table(
    "certificate_authority",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False),
    Column("certificate", Text, nullable=False),  # PEM
    Column("sealed_key", Text, nullable=False),  # see backend.people.vault
    Column("created_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    sqlite_autoincrement=True,
)

# What it signed. A row with `revoked_at` is our revocation list.
station_certificate = Table(
    "station_certificate",
    metadata,
    Column("serial", String(40), primary_key=True),  # hexadecimal, upper case
    Column("charge_point_id", ForeignKey("charge_point.id"), nullable=False),
    Column("authority_id", ForeignKey("certificate_authority.id"), nullable=False),
    Column("request_digest", String(64), nullable=False),  # SHA-256: a request that comes again gets the same
    Column("certificate", Text, nullable=False),  # PEM
    Column("issued_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("used_at", Instant),  # first came by it
    Column("revoked_at", Instant),
    Column("revoked_by", Text, nullable=False, server_default=""),
    Index(None, "charge_point_id", "issued_at"),
)

# Connections of known stations that were refused, one row for each reason.
connection_refusal = Table(
    "connection_refusal",
    metadata,
    Column("charge_point_id", ForeignKey("charge_point.id"), primary_key=True),
    Column("reason", String(80), primary_key=True),
    Column("address", Text, nullable=False),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("count", Integer, nullable=False),
)
