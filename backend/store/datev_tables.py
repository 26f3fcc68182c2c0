"""The tables of DATEV exports: how books are kept, personal accounts, and the files that were handed out.

They belong to the schema of `backend.store.tables`, of which this is a part.
"""

from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from backend.store.tables import Instant, metadata

ledger = Table(
    "ledger",
    metadata,
    Column("operator_id", ForeignKey("operator.id"), primary_key=True),
    Column("body", Text, nullable=False),  # JSON of backend.core.payments.datev_accounts.Ledger
)

# Assigned once, and the same for ever.
ledger_account = Table(
    "ledger_account",
    metadata,
    Column("operator_id", ForeignKey("operator.id"), primary_key=True),
    Column("customer_id", ForeignKey("customer.id"), primary_key=True),
    Column("kind", String(8), primary_key=True),  # debtor | creditor
    Column("account", Integer, nullable=False),
    UniqueConstraint("operator_id", "account"),
)

ledger_export = Table(
    "ledger_export",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("month", String(7), nullable=False),  # 2026-10
    Column("generation", Integer, nullable=False),  # 2, 3 ...: what was booked into the month since
    Column("at", Instant, nullable=False),
    Column("count", Integer, nullable=False),
    Column("replaced", Integer, nullable=False),  # characters that Windows-1252 lacks
    Column("bookings", LargeBinary, nullable=False),
    Column("debtors", LargeBinary, nullable=False),
    UniqueConstraint("operator_id", "month", "generation"),
    sqlite_autoincrement=True,
)
