"""Tables of what stations do and lack, and of alerts. See `tables`."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint, text

from backend.store.tables import Instant, metadata

# What each connector told last. OCPP 1.6 has one connector per EVSE; 0.0 is the station itself.
connector = Table(
    "connector",
    metadata,
    Column("charge_point_id", ForeignKey("charge_point.id"), primary_key=True),
    Column("evse_id", Integer, primary_key=True),
    Column("connector_id", Integer, primary_key=True),
    Column("status", Text, nullable=False),
    Column("error_code", Text, nullable=False),
    Column("status_at", Instant, nullable=False),
)

status_change = Table(
    "status_change",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("charge_point_id", ForeignKey("charge_point.id"), nullable=False),
    Column("evse_id", Integer, nullable=False),
    Column("connector_id", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("status", Text, nullable=False),
    Index(None, "charge_point_id", "at"),
)

fault = Table(
    "fault",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("charge_point_id", ForeignKey("charge_point.id"), nullable=False),
    Column("evse_id", Integer, nullable=False),
    Column("connector_id", Integer, nullable=False),
    Column("source", String(6), nullable=False),  # status | event
    Column("code", Text, nullable=False),
    Column("vendor_code", Text, nullable=False),
    Column("info", Text, nullable=False),
    Column("began_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Index(None, "charge_point_id", "began_at"),
    Index("ix_fault_open", "charge_point_id", sqlite_where=text("ended_at IS NULL")),
)

# When this program ran: what happened between is not known.
backend_run = Table(
    "backend_run",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("began_at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
)

# When a station was connected. An open one was seen last at `until`.
link_interval = Table(
    "link_interval",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("charge_point_id", ForeignKey("charge_point.id"), nullable=False),
    Column("began_at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("open", Boolean, nullable=False),
    Index(None, "charge_point_id", "until"),
    Index("ix_link_interval_open", "charge_point_id", sqlite_where=text("open")),
)

# How a station's link, clock and ledger were when last looked at; empty = not known.
station_link = Table(
    "station_link",
    metadata,
    Column("charge_point_id", ForeignKey("charge_point.id"), primary_key=True),
    Column("heard_at", Instant),
    Column("heartbeat_at", Instant),
    Column("ping_ms", Integer),
    Column("drift_ms", Integer),
    Column("certificate_until", Instant),
    Column("backlog_at", Instant),
    Column("pending", Integer),
    Column("oldest_s", Integer),
    Column("clears_s", Integer),
    Column("parked", Integer),
    Column("parked_sessions", Integer),
    Column("uncertain_times", Integer),
    Column("alarm", Text),
    Column("modem_at", Instant),
    Column("signal_dbm", Integer),
    Column("network", Text),
    Column("sim", Text),
    Column("sent_bytes", Integer),
    Column("received_bytes", Integer),
)

alert_plan = Table(
    "alert_plan",
    metadata,
    Column("operator_id", ForeignKey("operator.id"), primary_key=True),
    Column("body", Text, nullable=False),  # JSON of backend.core.watch.alert.Plan
    Column("webhook_secret", Text, nullable=False),  # sealed
)

alert = Table(
    "alert",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("charge_point_id", ForeignKey("charge_point.id"), nullable=False),
    Column("subject", Text, nullable=False),
    Column("details", Text, nullable=False),  # JSON
    Column("since", Instant, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("acknowledged_at", Instant),
    Column("acknowledged_by", Text, nullable=False, server_default=""),
    Column("told", String(10), nullable=False, server_default=""),  # "" | raised | recovered: what was sent last
    Index(None, "operator_id", "id"),
    Index("ix_alert_open", "kind", "charge_point_id", "subject", unique=True, sqlite_where=text("ended_at IS NULL")),
    sqlite_autoincrement=True,
)

# What is to be sent of an alert but by mail, which the outbox has.
alert_notice = Table(
    "alert_notice",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("alert_id", ForeignKey("alert.id"), nullable=False),
    Column("phase", String(10), nullable=False),
    Column("channel", String(10), nullable=False),  # webhook | mqtt
    Column("target", Text, nullable=False),  # the address, or the topic
    Column("body", Text, nullable=False),
    Column("state", String(10), nullable=False),  # waiting | sent | failed
    Column("tries", Integer, nullable=False),
    Column("next_at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("reason", Text, nullable=False),  # why it was not taken
    UniqueConstraint("alert_id", "phase", "channel"),
    Index("ix_alert_notice_waiting", "next_at", sqlite_where=text("state = 'waiting'")),
)
