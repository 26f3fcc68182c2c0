"""Tables of the outbox. See `tables`."""

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, text

from backend.store.tables import Instant, metadata

# The outbox, see backend.store.outbox.
letter = Table(
    "letter",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("key", Text, nullable=False, unique=True),  # see backend.core.invoices.letter.letter_key
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("purpose", String(20), nullable=False),
    Column("document", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("recipients", Text, nullable=False),  # JSON: to, cc, name
    Column("language", String(2), nullable=False),
    Column("template", String(40), nullable=False),
    Column("body", Text, nullable=False),  # JSON: what the template is filled with
    Column("state", String(10), nullable=False),  # see backend.core.invoices.letter.State
    Column("tries", Integer, nullable=False),
    Column("next_at", Instant, nullable=False),
    Column("lease_until", Instant),  # of one that is being sent
    Column("last_code", Integer, nullable=False),  # of SMTP, 0 = the server said nothing
    Column("last_text", Text, nullable=False),
    Column("settled", Text, nullable=False),  # JSON: final answers by address
    Column("message_id", Text, nullable=False),
    Column("token", String(16), nullable=False, unique=True),  # of its return path
    Column("created_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Index(None, "operator_id", "purpose", "document"),
    Index(None, "message_id"),
    Index("ix_letter_open", "state", "next_at", sqlite_where=text("state IN ('queued', 'retry', 'sending')")),
    sqlite_autoincrement=True,
)

letter_file = Table(
    "letter_file",
    metadata,
    Column("letter_id", ForeignKey("letter.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("invoice_id", ForeignKey("invoice.id")),  # a file of that invoice: `kind` pdf or xml
    Column("kind", String(3), nullable=False, server_default=""),
    Column("content", LargeBinary),  # else
    Index(None, "invoice_id"),
)

# Where nobody is: letters to it are not tried until a person sends one again.
bad_address = Table(
    "bad_address",
    metadata,
    Column("operator_id", ForeignKey("operator.id"), primary_key=True),
    Column("address", Text, primary_key=True),  # in lower case
    Column("since", Instant, nullable=False),
    Column("reason", Text, nullable=False),
    Column("letter_id", ForeignKey("letter.id"), nullable=False),
)
