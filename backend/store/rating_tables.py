"""Tables of tariffs, ratings, CDRs and base fees. See `tables`."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from backend.store.tables import Exact, Instant, metadata

tariff_version = Table(
    "tariff_version",
    metadata,
    Column("id", String(64), primary_key=True),  # SHA-256 of the tariff's canonical JSON
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("tariff_id", String(36), nullable=False),
    Column("valid_from", Instant, nullable=False),
    Column("body", Text, nullable=False),  # JSON, OCPI 2.2.1 shape with extensions
    UniqueConstraint("operator_id", "tariff_id", "valid_from"),
)

tariff_assignment = Table(
    "tariff_assignment",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("scope", String(20), nullable=False),  # see backend.core.tariffs.assignment.Scope
    Column("target", String(60), nullable=False),
    Column("tariff_id", String(36), nullable=False),
    Column("valid_from", Instant, nullable=False),
    Column("valid_to", Instant),
    Column("profiles", Text, nullable=False, server_default="{}"),  # JSON: further tariffs by profile
    Column("version_switch", String(20), nullable=False, server_default="lock_at_start"),
    UniqueConstraint("operator_id", "scope", "target", "valid_from"),
)

# Versions that may price parts of a session, beside its `tariff_version_id`: those of profiles, and later ones of a
# tariff whose versions take over.
session_tariff = Table(
    "session_tariff",
    metadata,
    Column("transaction_id", ForeignKey("charging_transaction.id"), primary_key=True),
    Column("profile", String(20), primary_key=True),  # OCPI TariffType
    Column("tariff_version_id", ForeignKey("tariff_version.id"), primary_key=True),
    Index(None, "tariff_version_id"),
)

# From when on which profile is in force at a place. Of several for one time the one that came last counts; the others
# stay as evidence.
profile_switch = Table(
    "profile_switch",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("scope", String(20), nullable=False),  # location | charge_point | evse
    Column("target", String(60), nullable=False),
    Column("at", Instant, nullable=False),
    Column("profile", String(20), nullable=False),  # OCPI TariffType
    Column("source", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Index(None, "operator_id", "scope", "target", "at"),
    sqlite_autoincrement=True,
)

# Of several prices for one interval the one that came last counts; the others stay as evidence.
price_point = Table(
    "price_point",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("series", String(40), nullable=False),
    Column("start", Instant, nullable=False),
    Column("price", Exact, nullable=False),
    Column("source", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("operator_id", String(20), nullable=False, server_default=""),  # whose; empty: a market's, for all of them
    Index(None, "operator_id", "series", "start"),
    sqlite_autoincrement=True,
)

rating = Table(
    "rating",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("transaction_id", ForeignKey("charging_transaction.id"), nullable=False),
    Column("tariff_version_id", ForeignKey("tariff_version.id"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("reason", Text, nullable=False),
    Column("body", Text, nullable=False),  # JSON: lines, totals, tax lines, notes
    Column("total_net", Exact, nullable=False),
    Column("total_gross", Exact, nullable=False),
    Column("inputs", Text, nullable=False, server_default=""),  # JSON: all that was rated besides the tariff version
    Column("meter_start", Integer),  # registers that were billed; empty in rows of old: the transaction's
    Column("meter_stop", Integer),
    Column("verdict_id", ForeignKey("signed_verdict.id")),  # on the signed values, where there are any
    Index(None, "transaction_id"),
    sqlite_autoincrement=True,
)

# What a rating used of something that counts over several sessions: kWh of quotas and volumes, money of caps.
rating_use = Table(
    "rating_use",
    metadata,
    Column("rating_id", ForeignKey("rating.id"), primary_key=True),
    Column("key", String(120), primary_key=True),  # see backend.core.rates.rating_model.Context
    Column("amount", Exact, nullable=False),
)

cdr = Table(
    "cdr",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("transaction_id", ForeignKey("charging_transaction.id"), nullable=False, unique=True),
    Column("rating_id", ForeignKey("rating.id"), nullable=False),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("customer_id", ForeignKey("customer.id"), nullable=False),
    Column("ended_at", Instant, nullable=False),
    Column("body", Text, nullable=False),  # JSON, OCPI 2.2.1 CDR shape
    sqlite_autoincrement=True,
)

# What follows a CDR whose session was rated again: a credit of what was valid before, and the CDR that replaces it.
cdr_correction = Table(
    "cdr_correction",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("cdr_id", ForeignKey("cdr.id"), nullable=False),
    Column("number", Integer, nullable=False),  # 1, 2, ... along the chain
    Column("rating_id", ForeignKey("rating.id"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("credit_body", Text, nullable=False),  # JSON, OCPI 2.2.1 credit CDR
    Column("body", Text, nullable=False),  # JSON, OCPI 2.2.1 CDR
    UniqueConstraint("cdr_id", "number"),
    sqlite_autoincrement=True,
)

# The base fee of a tariff for one span, owed by a contract or a group: once, whoever finds it owed.
fee = Table(
    "fee",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("customer_id", ForeignKey("customer.id"), nullable=False),
    Column("scope", String(10), nullable=False),  # contract | group
    Column("target", String(36), nullable=False),  # id of the contract or the group
    Column("span_start", Instant, nullable=False),
    Column("span_end", Instant, nullable=False),  # exclusive
    Column("tariff_id", String(36), nullable=False),
    Column("tariff_version_id", ForeignKey("tariff_version.id"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("body", Text, nullable=False),  # JSON: a rating with one line
    UniqueConstraint("operator_id", "scope", "target", "span_start", "tariff_id"),
    sqlite_autoincrement=True,
)

# Up to when an operator's base fees were looked for, by kind of span: what ended before is not looked at again.
fee_mark = Table(
    "fee_mark",
    metadata,
    Column("operator_id", ForeignKey("operator.id"), primary_key=True),
    Column("span", String(20), primary_key=True),  # see backend.core.tariffs.tariff_model.Span
    Column("until", Instant, nullable=False),
)

# What the nightly proof found, the newest counts.
recompute_run = Table(
    "recompute_run",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("checked", Integer, nullable=False),
    Column("differences", Text, nullable=False),  # JSON
    sqlite_autoincrement=True,
)
