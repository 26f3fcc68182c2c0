"""Tables of signed meter values and the keys of meters. See `tables`."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from backend.store.tables import Exact, Instant, metadata

# Signed originals of meters, byte for byte: evidence for the driver (Eichrecht). Some are of no charge.
signed_record = Table(
    "signed_record",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("transaction_id", ForeignKey("charging_transaction.id")),
    Column("charge_point_id", ForeignKey("charge_point.id"), nullable=False),
    Column("evse_id", Integer, nullable=False),
    Column("message_id", String(36), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("at", Instant, nullable=False),
    Column("context", String(20), nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("sha256", String(64), nullable=False),  # of `raw`
    Column("public_key", Text, nullable=False),
    Column("signing_method", Text, nullable=False),
    Column("encoding_method", Text, nullable=False),
    Index(None, "transaction_id"),
    Index(None, "charge_point_id", "sha256"),
    sqlite_autoincrement=True,
)

# What checking a record gave, once for each time it was checked: the last one counts.
signed_check = Table(
    "signed_check",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("record_id", ForeignKey("signed_record.id"), nullable=False),
    Column("part", Integer, nullable=False),  # a record may hold several originals: 0, 1, ...
    Column("transaction_id", ForeignKey("charging_transaction.id")),
    Column("charge_point_id", ForeignKey("charge_point.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("format", String(50), nullable=False),  # empty: not known
    Column("digest", String(64), nullable=False),  # SHA-256 of the original itself
    Column("gateway", String(60), nullable=False),
    Column("serial", String(60), nullable=False),
    Column("pagination", String(20), nullable=False),  # PG, as told
    Column("counter", String(1), nullable=False),  # T | F, empty: no pages
    Column("page", BigInteger),
    Column("page_at", Instant),
    Column("kinds", String(40), nullable=False),  # TX of its readings
    Column("key", Text, nullable=False),
    Column("key_source", String(10), nullable=False),  # see backend.core.proofs.signed_pair.KeySource
    Column("result", String(12), nullable=False),  # see backend.core.proofs.signed_pair.Result
    Column("reason", Text, nullable=False),
    Column("software", String(40), nullable=False),
    Index(None, "record_id"),
    Index(None, "transaction_id"),
    Index(None, "digest"),
    Index(None, "charge_point_id", "gateway", "counter", "page"),
    sqlite_autoincrement=True,
)

# What all records of a session prove together: the last one counts.
signed_verdict = Table(
    "signed_verdict",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("transaction_id", ForeignKey("charging_transaction.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("status", String(12), nullable=False),  # see backend.core.proofs.signed_pair.Status
    Column("reason", Text, nullable=False),
    Column("begin_at", Instant),
    Column("begin_wh", Exact),
    Column("end_at", Instant),
    Column("end_wh", Exact),
    Column("register", String(40), nullable=False),
    Column("serial", String(60), nullable=False),
    Column("key", Text, nullable=False),
    Column("findings", Text, nullable=False),  # JSON: sentences
    Column("checks", Text, nullable=False),  # JSON: ids of the checks that it rests on
    Column("session", Text, nullable=False),  # JSON: what of the session it was judged by
    Column("software", String(40), nullable=False),
    Index(None, "transaction_id"),
    sqlite_autoincrement=True,
)

# What of it is to be checked: a row comes with the record and goes with its check. transaction_id 0: outside of any.
signed_due = Table(
    "signed_due",
    metadata,
    Column("charge_point_id", ForeignKey("charge_point.id"), primary_key=True),
    Column("transaction_id", Integer, primary_key=True),
    Column("asked", Integer, nullable=False),  # how often, so that what comes meanwhile is not forgotten
)

# What a person decided on a session whose energy may not be billed; the last one counts.
signed_decision = Table(
    "signed_decision",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("transaction_id", ForeignKey("charging_transaction.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("kind", String(10), nullable=False),  # see backend.core.proofs.signed_gate.Decision
    Column("reason", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    Index(None, "transaction_id"),
    sqlite_autoincrement=True,
)

# What is odd about signed records and keys: pages that don't follow each other, keys that changed.
signed_finding = Table(
    "signed_finding",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("charge_point_id", ForeignKey("charge_point.id"), nullable=False),
    Column("evse_id", Integer, nullable=False),
    Column("transaction_id", ForeignKey("charging_transaction.id")),
    Column("kind", String(20), nullable=False),
    Column("text", Text, nullable=False),
    Index(None, "charge_point_id", "kind"),
    sqlite_autoincrement=True,
)

# Keys of meters: pinned by a person, or seen and to be compared with the meter.
meter_key = Table(
    "meter_key",
    metadata,
    Column("charge_point_id", ForeignKey("charge_point.id"), primary_key=True),
    Column("evse_id", Integer, primary_key=True),
    Column("serial", String(60), primary_key=True),
    Column("public_key", Text, nullable=False, server_default=""),  # pinned; DER in hexadecimal, empty: none
    Column("seen_key", Text, nullable=False, server_default=""),  # the first that came by OCPP
    Column("calibrated_until", String(10), nullable=False, server_default=""),  # ISO 8601 day
    Column("registered_on", String(10), nullable=False, server_default=""),  # with the authority that keeps the keys
)

meter_key_event = Table(
    "meter_key_event",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("charge_point_id", ForeignKey("charge_point.id"), nullable=False),
    Column("evse_id", Integer, nullable=False),
    Column("serial", String(60), nullable=False),
    Column("at", Instant, nullable=False),
    Column("kind", String(10), nullable=False),  # seen | pinned | withdrawn
    Column("public_key", Text, nullable=False),
    Column("told_by", Text, nullable=False),
    Index(None, "charge_point_id", "evse_id"),
    sqlite_autoincrement=True,
)

# Links to the proof of one session, for drivers who have no login. Only the token's hash is kept.
proof_link = Table(
    "proof_link",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("transaction_id", ForeignKey("charging_transaction.id"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
)
