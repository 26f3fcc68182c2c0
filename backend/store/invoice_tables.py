"""Tables of invoices, what they bear, their series, files and hash chain. See `tables`."""

from sqlalchemy import (
    CheckConstraint,
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

from backend.store.tables import Exact, Instant, metadata

# Who paid a session at the charge point and wants an invoice in their name, see core.invoices.small_invoice.Payer.
ad_hoc_payer = Table(
    "ad_hoc_payer",
    metadata,
    Column("transaction_id", ForeignKey("charging_transaction.id"), primary_key=True),
    Column("name", Text, nullable=False),
    Column("street", Text, nullable=False),
    Column("postcode", Text, nullable=False),
    Column("city", Text, nullable=False),
    Column("country", String(2), nullable=False),
    Column("email", Text, nullable=False),
    Column("vat_id", Text, nullable=False),
    Column("card", Text, nullable=False),
)

invoice_series = Table(
    "invoice_series",
    metadata,
    Column("operator_id", ForeignKey("operator.id"), primary_key=True),
    Column("kind", String(10), primary_key=True),
    Column("year", Integer, primary_key=True),
    Column("last_number", Integer, nullable=False),
    CheckConstraint("last_number >= 0", name="last_number"),
)

invoice = Table(
    "invoice",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("customer_id", ForeignKey("customer.id"), nullable=False),
    Column("number", Text, nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("period_start", Instant, nullable=False),
    Column("period_end", Instant, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("total_net", Exact, nullable=False),
    Column("total_gross", Exact, nullable=False),  # what the customer owes by it; negative in a credit note
    Column("body", Text, nullable=False),  # JSON: the frozen document that PDF and XML are made from
    Column("type_code", String(3), nullable=False, server_default="380"),  # UNTDID 1001: 380 invoice, 381 credit note
    UniqueConstraint("operator_id", "number"),
    sqlite_autoincrement=True,
)

invoice_cdr = Table(
    "invoice_cdr",
    metadata,
    Column("cdr_id", ForeignKey("cdr.id"), primary_key=True),  # on one invoice that is not cancelled, see `ONCE`
    Column("invoice_id", ForeignKey("invoice.id"), primary_key=True),
    Column("rating_id", ForeignKey("rating.id")),  # that was billed; empty in rows of old: the CDR's
)

# An invoice that takes back what another one charged for a session, and charges what was rated since. No rating can be
# taken back twice or charged twice by documents that stand (`ONCE`); `invoice_cdr` charges the first one of a session.
invoice_correction = Table(
    "invoice_correction",
    metadata,
    Column("credited_rating_id", ForeignKey("rating.id"), primary_key=True),
    Column("rating_id", ForeignKey("rating.id"), nullable=False),
    Column("cdr_id", ForeignKey("cdr.id"), nullable=False),
    Column("invoice_id", ForeignKey("invoice.id"), primary_key=True),
    CheckConstraint("rating_id > credited_rating_id", name="order"),
    Index(None, "cdr_id"),
    Index(None, "invoice_id"),
    Index(None, "rating_id"),
)

invoice_fee = Table(
    "invoice_fee",
    metadata,
    Column("fee_id", ForeignKey("fee.id"), primary_key=True),  # on one invoice that is not cancelled, see `ONCE`
    Column("invoice_id", ForeignKey("invoice.id"), primary_key=True),
)

# Which document was cancelled by which: a Storno, which can't be cancelled itself (`ONCE`).
invoice_cancellation = Table(
    "invoice_cancellation",
    metadata,
    Column("invoice_id", ForeignKey("invoice.id"), primary_key=True),
    Column("by_invoice_id", ForeignKey("invoice.id"), nullable=False, unique=True),
)

# What a credit note by hand gives back, by its line and that of the invoice.
invoice_credit = Table(
    "invoice_credit",
    metadata,
    Column("invoice_id", ForeignKey("invoice.id"), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("of_invoice_id", ForeignKey("invoice.id"), nullable=False),
    Column("of_line", Integer, nullable=False),
    Column("amount", Exact, nullable=False),  # in the invoice's price basis
    Index(None, "of_invoice_id"),
)

# The e-invoice, written with its invoice. Invoices from before revision 0006 have none.
invoice_document = Table(
    "invoice_document",
    metadata,
    Column("invoice_id", ForeignKey("invoice.id"), primary_key=True),
    Column("writer", Integer, nullable=False),  # see backend.core.invoices.einvoice.WRITER
    Column("xml", LargeBinary, nullable=False),
)

# Each entry covers a piece of content and the entry before it, see `backend.core.invoices.chain`.
chain = Table(
    "chain",
    metadata,
    Column("operator_id", ForeignKey("operator.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),  # 1, 2, ... without a gap
    Column("kind", String(20), nullable=False),  # see backend.core.invoices.chain.ChainKind
    Column("ref", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Index(None, "operator_id", "kind", "ref"),
)

# Which draft became an invoice: issuing a draft again gives the number that it has.
invoice_draft = Table(
    "invoice_draft",
    metadata,
    Column("invoice_id", ForeignKey("invoice.id"), primary_key=True),
    Column("slot", String(32), nullable=False),  # see backend.core.invoices.invoice_run.slot_of
    Column("generation", Integer, nullable=False),  # 1, 2, ... of one slot
    UniqueConstraint("slot", "generation"),
)

# Drafts that the last run found and did not issue, with the reasons.
draft_waiting = Table(
    "draft_waiting",
    metadata,
    Column("key", String(44), primary_key=True),  # see backend.core.invoices.invoice_run.DraftKey
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("customer_id", ForeignKey("customer.id"), nullable=False),
    Column("state", String(10), nullable=False),  # blocked | carried
    Column("period_start", String(10), nullable=False),  # local days, ISO 8601
    Column("period_end", String(10), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("total", Exact, nullable=False),
    Column("reasons", Text, nullable=False),  # JSON: list of sentences
    Column("since", Instant, nullable=False),
)

# CDRs whose price is on no invoice, or not as it is now: a row comes with the rating and goes with the invoice, so that
# billing never reads through what was billed long ago. What costs nothing is not in it.
unbilled_cdr = Table(
    "unbilled_cdr",
    metadata,
    Column("cdr_id", ForeignKey("cdr.id"), primary_key=True),
)

unbilled_fee = Table(
    "unbilled_fee",
    metadata,
    Column("fee_id", ForeignKey("fee.id"), primary_key=True),
)

# What an invoice looks like on paper: made from its document, so it may be made again; mailed as it was made first.
# The row comes with its invoice, and waits to be rendered while `content` is empty.
invoice_pdf = Table(
    "invoice_pdf",
    metadata,
    Column("invoice_id", ForeignKey("invoice.id"), primary_key=True),
    Column("content", LargeBinary),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("next_at", Instant, nullable=False),
    Column("last_error", Text, nullable=False, server_default=""),
    Index("ix_invoice_pdf_waiting", "next_at", sqlite_where=text("content IS NULL")),
)
