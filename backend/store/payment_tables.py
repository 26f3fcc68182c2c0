"""The tables of payments: mandates, open items, bookings, debits and what banks tell. Amounts in whole cents.

They belong to the schema of `backend.store.tables`, of which this is a part.
"""

from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

from backend.store.tables import Instant, metadata


class Cents(TypeDecorator[Decimal]):
    """A Decimal with two decimals, kept as a whole number so that the database sums it exactly."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: object) -> int | None:  # noqa: ARG002, D102
        return None if value is None else int((value * 100).to_integral_exact())

    def process_result_value(self, value: Any | None, dialect: object) -> Decimal | None:  # noqa: ARG002, D102
        # Any: what the database driver gives; the column makes it an integer.
        return None if value is None else Decimal(value).scaleb(-2).quantize(Decimal("0.01"))


class Day(TypeDecorator[date]):
    """A date, kept as ISO 8601 text."""

    impl = String(10)
    cache_ok = True

    def process_bind_param(self, value: date | None, dialect: object) -> str | None:  # noqa: ARG002, D102
        return None if value is None else value.isoformat()

    def process_result_value(self, value: Any | None, dialect: object) -> date | None:  # noqa: ARG002, D102
        return None if value is None else date.fromisoformat(value)  # Any: as above


# A mandate's account, scheme and signature are never edited once it was used: other ones are another mandate.
mandate = Table(
    "mandate",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("customer_id", ForeignKey("customer.id"), nullable=False),
    Column("reference", String(35), nullable=False),
    Column("scheme", String(4), nullable=False),  # see backend.core.payments.direct_debit.Scheme
    Column("recurrent", Boolean, nullable=False),
    Column("signed_on", Day, nullable=False),
    Column("iban", String(34), nullable=False),
    Column("bic", String(11), nullable=False),
    Column("holder", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("used_before", Day),  # last debit by a program before this one
    Column("revoked_on", Day),
    Column("paused", Text, nullable=False, server_default=""),  # why it must rest: a reason code, or a person's words
    UniqueConstraint("operator_id", "reference"),
    Index(None, "customer_id"),
    Index(None, "iban"),
    sqlite_autoincrement=True,
)

# One for each document, written with it.
open_item = Table(
    "open_item",
    metadata,
    Column("invoice_id", ForeignKey("invoice.id"), primary_key=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("customer_id", ForeignKey("customer.id"), nullable=False),
    Column("due_on", Day, nullable=False),
    Column("amount", Cents, nullable=False),  # what the customer owes by it; negative of a credit note
    Column("currency", String(3), nullable=False),
    Column("mandate", String(35), nullable=False),  # that the document announced a debit on its due day by; empty: none
    Index(None, "customer_id"),
)

# What people and dunning know of an item beside its bookings. No row: nothing.
open_item_mark = Table(
    "open_item_mark",
    metadata,
    Column("invoice_id", ForeignKey("open_item.invoice_id"), primary_key=True),
    Column("disputed", Text, nullable=False, server_default=""),
    Column("dunning_level", Integer, nullable=False, server_default="0"),  # see core.payments.open_item.OpenItem
    CheckConstraint("dunning_level BETWEEN 0 AND 4", name="dunning_level"),
)

bank_file = Table(
    "bank_file",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("imported_at", Instant, nullable=False),
    Column("entries", Integer, nullable=False),
    Column("new", Integer, nullable=False),
    UniqueConstraint("operator_id", "sha256"),
    sqlite_autoincrement=True,
)

# What banks told, once each. What was done about it are bookings.
bank_entry = Table(
    "bank_entry",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("file_id", ForeignKey("bank_file.id"), nullable=False),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("account", String(34), nullable=False),
    Column("key", Text, nullable=False),  # see backend.core.payments.bank_entry.entry_keys
    Column("booked_on", Day, nullable=False),
    Column("amount", Cents, nullable=False),
    Column("iban", String(34), nullable=False),
    Column("body", Text, nullable=False),  # JSON of backend.core.payments.bank_entry.BankEntry
    UniqueConstraint("operator_id", "account", "key"),
    Index(None, "account", "booked_on", "amount"),
    sqlite_autoincrement=True,
)

bank_entry_mark = Table(
    "bank_entry_mark",
    metadata,
    Column("entry_id", ForeignKey("bank_entry.id"), primary_key=True),
    Column("state", String(10), nullable=False),  # ignored | suspect (may be another entry told twice)
    Column("reason", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

debit_batch = Table(
    "debit_batch",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("scheme", String(4), nullable=False),
    Column("collect_on", Day, nullable=False),
    Column("message_id", String(35), nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
    Column("state", String(10), nullable=False),  # ready | uploaded | withdrawn
    Column("count", Integer, nullable=False),
    Column("total", Cents, nullable=False),
    Column("xml", LargeBinary, nullable=False),
    Column("changed_at", Instant),  # when it was uploaded or withdrawn
    sqlite_autoincrement=True,
)

debit = Table(
    "debit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("batch_id", ForeignKey("debit_batch.id"), nullable=False),
    Column("invoice_id", ForeignKey("open_item.invoice_id"), nullable=False),
    Column("mandate_id", ForeignKey("mandate.id"), nullable=False),
    Column("amount", Cents, nullable=False),
    Column("state", String(10), nullable=False),  # live (on its way) | paid | returned | withdrawn
    Column("reason", Text, nullable=False, server_default=""),  # of the return
    Index(None, "batch_id"),
    Index(None, "mandate_id"),
    # No item is debited twice at a time, whoever makes batches at once.
    Index("uq_debit_live", "invoice_id", unique=True, sqlite_where=text("state = 'live'")),
    Index(None, "invoice_id"),
    sqlite_autoincrement=True,
)

booking = Table(
    "booking",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("customer_id", ForeignKey("customer.id"), nullable=False),
    Column("invoice_id", ForeignKey("open_item.invoice_id")),  # empty: on the customer's account
    Column("kind", String(10), nullable=False),  # see core.payments.open_item.BookingKind
    Column("amount", Cents, nullable=False),  # signed: positive raises what the customer owes
    Column("currency", String(3), nullable=False),
    Column("booked_on", Day, nullable=False),
    Column("at", Instant, nullable=False),
    Column("entry_id", ForeignKey("bank_entry.id")),
    Column("debit_id", ForeignKey("debit.id")),
    Column("pair_id", ForeignKey("booking.id")),  # the other half of an allocation, which came first
    Column("undoes", ForeignKey("booking.id"), unique=True),
    Column("note", Text, nullable=False),
    CheckConstraint("amount <> 0", name="amount"),
    Index(None, "invoice_id"),
    Index(None, "customer_id"),
    Index(None, "entry_id"),
    Index(None, "debit_id"),
    Index(None, "pair_id"),
    sqlite_autoincrement=True,
)
