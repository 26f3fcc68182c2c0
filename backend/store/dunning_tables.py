"""The tables of dunning: policies, base rates, letters, what they raised, and suspended customers.

They belong to the schema of `backend.store.tables`, of which this is a part.
"""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from backend.store.payment_tables import Cents, Day
from backend.store.tables import Exact, Instant, metadata

# How an operator duns; with a customer, what applies to that one instead.
dunning_policy = Table(
    "dunning_policy",
    metadata,
    Column("operator_id", ForeignKey("operator.id"), primary_key=True),
    Column("customer_id", String(36), primary_key=True),  # empty: all others
    Column("body", Text, nullable=False),  # JSON of backend.core.payments.dunning.Policy
)

# Base rates beside those that the program knows, per cent a year.
base_rate = Table(
    "base_rate",
    metadata,
    Column("valid_from", Day, primary_key=True),  # first day of a half-year
    Column("rate", Exact, nullable=False),
)

dunning_letter = Table(
    "dunning_letter",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("customer_id", ForeignKey("customer.id"), nullable=False),
    Column("number", String(60), nullable=False),
    Column("day", Day, nullable=False),
    Column("level", Integer, nullable=False),
    Column("suspend_on", Day),
    Column("total", Cents, nullable=False),
    Column("at", Instant, nullable=False),
    Column("letter_id", ForeignKey("letter.id"), nullable=False),
    Column("body", Text, nullable=False),  # JSON of backend.core.payments.dunning_letter.DunningLetter
    Column("pdf", LargeBinary, nullable=False),
    UniqueConstraint("operator_id", "number"),
    Index(None, "customer_id"),
    sqlite_autoincrement=True,
)

dunning_step = Table(
    "dunning_step",
    metadata,
    Column("dunning_id", ForeignKey("dunning_letter.id"), primary_key=True),
    Column("invoice_id", ForeignKey("open_item.invoice_id"), primary_key=True),
    Column("level", Integer, nullable=False),
    Column("raised", Boolean, nullable=False),  # to this level, by this letter
    Column("interest", Cents, nullable=False),
    Column("interest_until", Day),
    Column("lump_sum", Cents, nullable=False),
    Index(None, "invoice_id"),
    # Nobody is dunned twice at a level, whoever runs at once.
    Index("uq_dunning_step_raised", "invoice_id", "level", unique=True, sqlite_where=text("raised")),
)

# Why a customer is not dunned for a while.
dunning_stop = Table(
    "dunning_stop",
    metadata,
    Column("customer_id", ForeignKey("customer.id"), primary_key=True),
    Column("reason", String(20), nullable=False),  # see backend.store.dunning.STOPS
    Column("note", Text, nullable=False),
    Column("until", Day),  # the last day; empty: until somebody ends it
    Column("at", Instant, nullable=False),
)

# Tokens of the customer are refused from `since` until `lifted_at`.
suspension = Table(
    "suspension",
    metadata,
    Column("dunning_id", ForeignKey("dunning_letter.id"), primary_key=True),
    Column("customer_id", ForeignKey("customer.id"), nullable=False),
    Column("since", Instant),  # empty: lifted before it began
    Column("lifted_at", Instant),
    Column("lifted_why", Text, nullable=False, server_default=""),  # paid, or a person's words
    Index(None, "customer_id"),
)

# The days on which dunning was done by itself.
dunning_run = Table(
    "dunning_run",
    metadata,
    Column("operator_id", ForeignKey("operator.id"), primary_key=True),
    Column("day", Day, primary_key=True),
)
