"""The tables of load management. See `tables`."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from backend.store.tables import Instant, metadata

load_site = Table(
    "load_site",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("body", Text, nullable=False),  # JSON, see backend.core.load.site_json
    Column("updated_at", Instant, nullable=False),
)

# What an EVSE of a site was told, and what its station said to it.
load_evse = Table(
    "load_evse",
    metadata,
    Column("charge_point_id", ForeignKey("charge_point.id"), primary_key=True),
    Column("evse_id", Integer, primary_key=True),
    Column("site_id", ForeignKey("load_site.id"), nullable=False),
    Column("memory", Text, nullable=False),  # JSON of backend.core.load.control.Memory
    Column("target_ma", Integer, nullable=False),  # -1: it is not steered now
    Column("bound_ma", Integer, nullable=False),  # it may draw so much until it is told otherwise
    Column("batch", String(64), nullable=False),  # of the order under way; empty: none
    Column("default_batch", String(64), nullable=False),
    Column("answer", Text, nullable=False),  # what the station said last
    Index(None, "site_id"),
)

# What the grid operator asked for, and when it was done: proof, kept for two years.
load_dimming = Table(
    "load_dimming",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("site_id", String(36), nullable=False),
    Column("at", Instant, nullable=False),
    Column("kind", String(10), nullable=False),  # asked | followed
    Column("limit_w", Integer),  # empty: it no longer dims
    Column("effective_w", Integer),  # never less than has to be left
    Column("until", Instant),
    Column("source", Text, nullable=False),
    Index(None, "site_id", "at"),
    sqlite_autoincrement=True,
)

# What the building draws besides.
load_reading = Table(
    "load_reading",
    metadata,
    Column("site_id", ForeignKey("load_site.id"), primary_key=True),
    Column("at", Instant, primary_key=True),
    Column("l1_ma", Integer, nullable=False),
    Column("l2_ma", Integer, nullable=False),
    Column("l3_ma", Integer, nullable=False),
)

# The site minute by minute: currents of all EVSEs on the fullest phase.
load_sample = Table(
    "load_sample",
    metadata,
    Column("site_id", ForeignKey("load_site.id"), primary_key=True),
    Column("at", Instant, primary_key=True),
    Column("allotted_ma", Integer, nullable=False),
    Column("measured_ma", Integer, nullable=False),
    Column("limit_ma", Integer, nullable=False),
)
