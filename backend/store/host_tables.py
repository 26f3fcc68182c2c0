"""The tables of hosts: owners of sites, what was agreed with them, what statements have told, and what was paid out.

They belong to the schema of `backend.store.tables`, of which this is a part.
"""

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, text

from backend.store.payment_tables import Cents, Day
from backend.store.tables import Exact, Instant, metadata

# A customer that we owe: name, address, language and time to pay are the customer's.
host = Table(
    "host",
    metadata,
    Column("customer_id", ForeignKey("customer.id"), primary_key=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("tax", String(12), nullable=False),  # see backend.core.invoices.host.HostTax
    Column("tax_number", Text, nullable=False),
    Column("phone", Text, nullable=False),
    Column("iban", Text, nullable=False),
    Column("bic", Text, nullable=False),
    Column("agreed_on", Day, nullable=False),  # that we bill in the host's name
    Column("evidence", Text, nullable=False),
)

host_agreement = Table(
    "host_agreement",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("customer_id", ForeignKey("host.customer_id"), nullable=False),
    Column("first_month", String(7), nullable=False),  # 2026-10
    Column("last_month", String(7), nullable=False),  # empty: no end
    Column("places", Text, nullable=False),  # JSON: list of [scope, target]: location, charge_point or evse
    Column("terms", Text, nullable=False),  # JSON of backend.core.invoices.host.Terms
    Index(None, "customer_id"),
)

# What a document has stated for a month by a term of an agreement, by its place in `terms`.
host_share = Table(
    "host_share",
    metadata,
    Column("invoice_id", ForeignKey("invoice.id"), primary_key=True),
    Column("agreement_id", ForeignKey("host_agreement.id"), primary_key=True),
    Column("month", String(7), primary_key=True),
    Column("term", Integer, primary_key=True),
    Column("amount", Exact, nullable=False),  # a difference to what was stated before
    Index(None, "agreement_id", "month"),
)

# The sessions that it rests on: as they counted, and what changed by it.
host_session = Table(
    "host_session",
    metadata,
    Column("invoice_id", ForeignKey("invoice.id"), primary_key=True),
    Column("agreement_id", ForeignKey("host_agreement.id"), primary_key=True),
    Column("cdr_id", ForeignKey("cdr.id"), primary_key=True),
    Column("rating_id", ForeignKey("rating.id"), nullable=False),
    Column("month", String(7), nullable=False),
    Column("energy_wh", Integer, nullable=False),
    Column("energy_net", Exact, nullable=False),
    Column("total_net", Exact, nullable=False),
    Index(None, "agreement_id", "cdr_id"),
    Index(None, "agreement_id", "month"),
)

# A statement that its host objected to. Nothing more is issued to the host until a person has settled it.
host_objection = Table(
    "host_objection",
    metadata,
    Column("invoice_id", ForeignKey("invoice.id"), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("reason", Text, nullable=False),
    Column("settled_at", Instant),
    Column("outcome", Text, nullable=False),
)

# Files of transfers to hosts.
payout_batch = Table(
    "payout_batch",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("message_id", String(35), nullable=False, unique=True),
    Column("pay_on", Day, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("state", String(10), nullable=False),  # ready | withdrawn
    Column("count", Integer, nullable=False),
    Column("total", Cents, nullable=False),
    Column("xml", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

payout = Table(
    "payout",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("batch_id", ForeignKey("payout_batch.id"), nullable=False),
    Column("invoice_id", ForeignKey("open_item.invoice_id"), nullable=False),
    Column("amount", Cents, nullable=False),
    Column("booking_id", ForeignKey("booking.id"), nullable=False),
    Column("state", String(10), nullable=False),  # live | withdrawn
    Index(None, "batch_id"),
    # No document is paid out twice, whoever makes files at once.
    Index("uq_payout_live", "invoice_id", unique=True, sqlite_where=text("state = 'live'")),
    sqlite_autoincrement=True,
)
