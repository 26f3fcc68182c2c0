"""The tables of the backend's users: who they are, how they came in, and what they did."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from backend.store.tables import Instant, metadata

account = Table(
    "account",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("operator_id", ForeignKey("operator.id")),  # empty: the platform
    Column("login", String(100), nullable=False, unique=True),  # in lower case
    Column("name", Text, nullable=False),
    Column("role", String(20), nullable=False),  # see backend.core.people.access.Role
    Column("customer_id", String(36), nullable=False),
    Column("user_id", String(36), nullable=False),  # as in `id_token`
    Column("locations", Text, nullable=False),  # JSON
    Column("password_hash", Text, nullable=False),
    Column("totp_secret", Text, nullable=False),  # empty: no second factor
    Column("totp_step", Integer, nullable=False),  # the last one used: a code works once
    Column("recovery", Text, nullable=False),  # JSON: hashes of codes that were not used yet
    Column("disabled", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index(None, "operator_id"),
)

# A browser that is logged in, or is asked for its second factor.
login_session = Table(
    "login_session",
    metadata,
    Column("key", String(64), primary_key=True),  # SHA-256 of the cookie
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("address", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Index(None, "account_id"),
)

# Failures by login name and by address, whether there is such an account or not.
login_failure = Table(
    "login_failure",
    metadata,
    Column("key", String(64), primary_key=True),  # SHA-256
    Column("count", Integer, nullable=False),
    Column("last", Instant, nullable=False),
)

# What lets a program in, as a user with fewer permissions.
api_token = Table(
    "api_token",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("key", String(64), nullable=False, unique=True),  # SHA-256 of the token
    Column("scopes", Text, nullable=False),  # JSON
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Index(None, "account_id"),
    sqlite_autoincrement=True,
)

# Who did what.
audit_entry = Table(
    "audit_entry",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("operator_id", String(20), nullable=False),  # empty: the platform's
    Column("account_id", String(32), nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", String(40), nullable=False),
    Column("object", Text, nullable=False),
    Column("address", Text, nullable=False),
    Index(None, "at"),
    Index(None, "operator_id", "id"),
    sqlite_autoincrement=True,
)

# What was deleted because its time was over: `open` in the one commit that deletes, and only then the triggers of
# append-only tables let go what is older than `until`.
purge = Table(
    "purge",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("subject", String(40), nullable=False),  # the table
    Column("until", Instant, nullable=False),
    Column("count", Integer, nullable=False),
    Column("open", Boolean, nullable=False),
    sqlite_autoincrement=True,
)

# Who was erased but for what the law keeps: shown to few, and gone from `until` on.
restriction = Table(
    "restriction",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("customer_id", ForeignKey("customer.id"), nullable=False),
    Column("user_id", String(36), nullable=False),  # empty: the customer as a whole
    Column("since", Instant, nullable=False),
    Column("until", String(10), nullable=False),  # local day, ISO 8601; empty: nothing was left
    UniqueConstraint("operator_id", "customer_id", "user_id"),
    sqlite_autoincrement=True,
)
