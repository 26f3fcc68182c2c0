"""The tables, as SQLAlchemy Core. The migrations under `migrations/` make them; a test compares the two.

Append-only tables (`APPEND_ONLY`) have triggers that refuse UPDATE and DELETE. All else is derived from them or is a
setting of the operator.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

APPEND_ONLY = (
    "transaction_event",
    "payload_shape",
    "signed_record",
    "signed_check",
    "signed_verdict",
    "signed_decision",
    "signed_finding",
    "meter_key_event",
    "tariff_version",
    "price_point",
    "profile_switch",
    "rating",
    "rating_use",
    "session_tariff",
    "cdr",
    "cdr_correction",
    "fee",
    "invoice",
    "invoice_cdr",
    "invoice_correction",
    "invoice_fee",
    "invoice_draft",
    "invoice_document",
    "invoice_cancellation",
    "invoice_credit",
    "chain",
    "open_item",
    "bank_entry",
    "booking",
    "dunning_letter",
    "dunning_step",
    "ledger_account",
    "ledger_export",
    "host_share",
    "host_session",
    "audit_entry",
    "clarification",
)


ONCE = ("invoice_cdr_once", "invoice_correction_once", "invoice_fee_once", "invoice_cancellation_once")
"""Triggers that refuse to charge anything on two documents that stand, and to cancel a Storno."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, kept as whole milliseconds since 1970 so that it sorts and compares in every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: object) -> int | None:  # noqa: ARG002, D102
        return None if value is None else (value - _EPOCH) // timedelta(milliseconds=1)

    def process_result_value(self, value: Any | None, dialect: object) -> datetime | None:  # noqa: ARG002, D102
        # Any: what the database driver gives; the column makes it an integer.
        return None if value is None else _EPOCH + timedelta(milliseconds=value)


class Exact(TypeDecorator[Decimal]):
    """A Decimal, kept as text with its own digits: never a floating point number."""

    impl = String(40)
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: object) -> str | None:  # noqa: ARG002, D102
        return None if value is None else str(value)

    def process_result_value(self, value: Any | None, dialect: object) -> Decimal | None:  # noqa: ARG002, D102
        return None if value is None else Decimal(value)


class Letter(TypeDecorator[str]):
    """A word of a closed list, kept as one letter: it stands in every reading, and again in an index.

    Args:
        words: letter and word.
    """

    impl = String(20)
    cache_ok = True

    def __init__(self, words: tuple[tuple[str, str], ...]) -> None:
        super().__init__()
        self.words = words
        self._letters = {word: letter for letter, word in words}
        self._by_letter = dict(words)

    def process_bind_param(self, value: str | None, dialect: object) -> str | None:  # noqa: ARG002, D102
        return None if value is None else self._letters[value]

    def process_result_value(self, value: Any | None, dialect: object) -> str | None:  # noqa: ARG002, D102
        # Any: what the database driver gives.
        return None if value is None else self._by_letter[value]


CONTEXTS = (
    ("B", "Transaction.Begin"),
    ("E", "Transaction.End"),
    ("P", "Sample.Periodic"),
    ("C", "Sample.Clock"),
    ("T", "Trigger"),
    ("O", "Other"),
)
"""Every `shared.metering.ReadingContext`."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

operator = Table(
    "operator",
    metadata,
    Column("id", String(20), primary_key=True),
    Column("name", Text, nullable=False),
    Column("street", Text, nullable=False),
    Column("postcode", Text, nullable=False),
    Column("city", Text, nullable=False),
    Column("country", String(2), nullable=False),
    Column("vat_id", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("phone", Text, nullable=False),
    Column("iban", Text, nullable=False),
    Column("bic", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("invoice_prefix", Text, nullable=False),
    Column("tax_number", Text, nullable=False, server_default=""),
    Column("register_id", Text, nullable=False, server_default=""),
    Column("contact", Text, nullable=False, server_default=""),
    Column("legal_note", Text, nullable=False, server_default=""),
    Column("eichrecht_required", Boolean, nullable=False, server_default="0"),  # bill no energy that is not proved
    Column("creditor_id", Text, nullable=False, server_default=""),  # of direct debits; empty: it collects none
    Column("series_prefixes", Text, nullable=False, server_default="{}"),  # JSON: by core.invoices.document_kind.KINDS
    Column("minimum_profile", Integer, nullable=False, server_default="0"),  # least security profile of its stations
)

# A group of contracts or users that shares a tariff and its quotas, for instance the employees of a company.
customer_group = Table(
    "customer_group",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("name", Text, nullable=False),
)

customer = Table(
    "customer",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("street", Text, nullable=False),
    Column("postcode", Text, nullable=False),
    Column("city", Text, nullable=False),
    Column("country", String(2), nullable=False),
    Column("vat_id", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("language", String(2), nullable=False),
    Column("cycle", String(10), nullable=False),  # see backend.core.invoices.billing_period.Cycle
    Column("payment_days", Integer, nullable=False),
    Column("group_id", ForeignKey("customer_group.id")),
    Column("partner_id", String(36), nullable=False, server_default=""),  # a roaming partner pays for its drivers
    Column("relationship", String(36), nullable=False, server_default=""),  # names the tax rule in tariffs' x_tax
    Column("output", Text, nullable=False, server_default="hybrid"),  # see backend.core.invoices.invoice_model.Output
    Column("buyer_reference", Text, nullable=False, server_default=""),
    Column("order_number", Text, nullable=False, server_default=""),
    Column("tax_case", Text, nullable=False, server_default="standard"),  # see core.invoices.tax_evidence.TaxStatus
    Column("tax_reason", Text, nullable=False, server_default=""),
    Column("grouping", Text, nullable=False, server_default="customer"),  # see core.invoices.billing_profile.Grouping
    Column("recipients", Text, nullable=False, server_default="[]"),  # JSON: where invoices go; empty: to `email`
    Column("cc_user", Boolean, nullable=False, server_default="0"),
    Column("payment", Text, nullable=False, server_default="transfer"),  # see core.invoices.billing_profile.Payment
    Column("card", Text, nullable=False, server_default=""),  # last digits of the card that pays
    Column("threshold", Exact, nullable=False, server_default="0"),  # less than this is carried forward
    Column("cost_centre", Text, nullable=False, server_default=""),
    Column(
        "cost_centre_rule", Text, nullable=False, server_default="none"
    ),  # see backend.core.invoices.billing_profile.CostCentre
    Column("ad_hoc", Boolean, nullable=False, server_default="0"),  # stands for all who pay at the charge point
)

# Who charges: a person of a customer. Tokens name it by `user_id`, also where there is no row.
person = Table(
    "person",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("customer_id", ForeignKey("customer.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("cost_centre", Text, nullable=False),
)

# What proves that a customer, or the operator itself, is taxed otherwise than usual.
tax_evidence = Table(
    "tax_evidence",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("customer_id", ForeignKey("customer.id")),  # empty: the operator's own
    Column("kind", Text, nullable=False),  # see backend.core.invoices.tax_evidence.Kind
    Column("reference", Text, nullable=False),
    Column("valid_from", String(10), nullable=False),  # local days, ISO 8601
    Column("valid_to", String(10), nullable=False),  # the last day; empty: no end
    Column("reminded_at", Instant),
    Index(None, "operator_id", "customer_id"),
)

# A customer without one of these has one contract, which bears the customer's id.
contract = Table(
    "contract",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("customer_id", ForeignKey("customer.id"), nullable=False),
    Column("group_id", ForeignKey("customer_group.id")),
    Column("name", Text, nullable=False),
    Column("valid_from", Instant),
    Column("valid_to", Instant),  # exclusive
)

id_token = Table(
    "id_token",
    metadata,
    Column("token", String(36), primary_key=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("customer_id", ForeignKey("customer.id"), nullable=False),
    Column("holder", Text, nullable=False),
    Column("blocked", Boolean, nullable=False),
    Column("expires_at", Instant),
    Column("user_id", String(36), nullable=False, server_default=""),  # one person's tokens share it
    Column("contract_id", ForeignKey("contract.id")),  # empty: the customer's own
    Column("group_id", ForeignKey("customer_group.id")),  # empty: the contract's, else the customer's
)

# A site. Charge points name it by `location_id`, also where there is no row.
location = Table(
    "location",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("street", Text, nullable=False),
    Column("postcode", Text, nullable=False),
    Column("city", Text, nullable=False),
    Column("country", String(2), nullable=False),
    Column("cost_centre", Text, nullable=False),
)

charge_point = Table(
    "charge_point",
    metadata,
    Column("id", String(48), primary_key=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("street", Text, nullable=False),
    Column("postcode", Text, nullable=False),
    Column("city", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("vendor", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("serial", Text, nullable=False),
    Column("firmware", Text, nullable=False),
    Column("booted_at", Instant),
    Column("seen_at", Instant),
    Column("location_id", String(36), nullable=False, server_default=""),  # stations of one site share it
    Column("cost_centre", Text, nullable=False, server_default=""),
    Column("eichrecht", String(12), nullable=False, server_default="operator"),  # operator | required | not_required
)

# What an EVSE is called outside; what it is doing stands in `evse`.
evse_name = Table(
    "evse_name",
    metadata,
    Column("charge_point_id", ForeignKey("charge_point.id"), primary_key=True),
    Column("evse_id", Integer, primary_key=True),
    Column("emi3_id", Text, nullable=False),  # for instance DE*EXA*E0001
)

# The meter of an EVSE: of several the one that was put in last before a session counts.
meter = Table(
    "meter",
    metadata,
    Column("charge_point_id", ForeignKey("charge_point.id"), primary_key=True),
    Column("evse_id", Integer, primary_key=True),
    Column("serial", String(60), primary_key=True),
    Column("type", Text, nullable=False),
    Column("installed_at", Instant),  # empty: since ever
)

evse = Table(
    "evse",
    metadata,
    Column("charge_point_id", ForeignKey("charge_point.id"), primary_key=True),
    Column("evse_id", Integer, primary_key=True),
    Column("status", Text, nullable=False),
    Column("error_code", Text, nullable=False),
    Column("status_at", Instant, nullable=False),
)

# `transaction` alone is a reserved word. The id is the transactionId that OCPP 1.6 stations are given.
charging_transaction = Table(
    "charging_transaction",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("charge_point_id", ForeignKey("charge_point.id"), nullable=False),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("evse_id", Integer, nullable=False),
    Column("id_token", String(36), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("meter_start", Integer, nullable=False),
    Column("ended_at", Instant),
    Column("meter_stop", Integer),
    Column("stop_reason", String(20)),
    # running | ended (all in, not rated) | rated | held (see held_reason)
    Column("state", String(10), nullable=False),
    Column("held_reason", Text, nullable=False, server_default=""),
    Column("tariff_version_id", ForeignKey("tariff_version.id")),
    Column("tariff_reason", Text, nullable=False, server_default=""),
    Column("tariff_rule", Text, nullable=False, server_default=""),  # JSON: the rule behind the reason
    # What a version that becomes valid meanwhile means to it, see backend.core.rates.rating_model.VersionSwitch.
    Column("version_switch", String(20), nullable=False, server_default="lock_at_start"),
    # Where it is, and of whom it uses up quotas, as it was when the tariff was chosen.
    Column("location_id", String(36), nullable=False, server_default=""),
    Column("contract_id", String(36), nullable=False, server_default=""),
    Column("group_id", String(36), nullable=False, server_default=""),
    Column("rerate_reason", Text, nullable=False, server_default=""),  # not empty: to be rated again, and why
    # OCPP 1.6: the transactionId that the station used where it is none of ours; empty for all whose start is known.
    # Such a row is always held, and its begin is that of the first thing known. OCPP 2.x: a digest of `station_key`.
    Column("foreign_id", String(20), nullable=False, server_default=""),
    Column("ocpp", String(5), nullable=False, server_default="1.6"),  # version that its first message came by
    Column("station_key", String(36), nullable=False, server_default=""),  # OCPP 2.x: the station's transactionId
    Column("notes", Text, nullable=False, server_default=""),  # what is odd and harmless: numbers that never came
    UniqueConstraint("charge_point_id", "evse_id", "id_token", "started_at", "meter_start", "foreign_id"),
    Index(None, "state"),
    Index(None, "ended_at"),
    Index(None, "contract_id", "ended_at"),
    Index(None, "group_id", "ended_at"),
    Index(None, "charge_point_id", "station_key"),
    Index(None, "charge_point_id", "started_at"),
    # Only what waits to be rated again stands in it, so that asking for it costs nothing.
    Index("ix_charging_transaction_rerate", "state", "ended_at", "id", sqlite_where=text("rerate_reason > ''")),
    sqlite_autoincrement=True,
)

# The form that many messages share, see backend.core.packed_readings.
payload_shape = Table(
    "payload_shape",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("text", Text, nullable=False),
    UniqueConstraint("text"),
)

transaction_event = Table(
    "transaction_event",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("transaction_id", ForeignKey("charging_transaction.id"), nullable=False),
    Column("kind", String(10), nullable=False),  # Started | Updated | Ended
    Column("message_id", String(36), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("payload", Text, nullable=False),  # JSON as received: packed bytes, or text; see backend.store.payloads
    Column("seq_no", Integer),  # OCPP 2.x: its number within the transaction, as the station gave it
    Column("shape_id", Integer),  # of `payload_shape`; empty: the payload is deflated, or text
    # Not unique by message id: stations begin again at 1 after a reboot, and a message sent again may bear a new id.
    Index(None, "transaction_id", "seq_no"),
    sqlite_autoincrement=True,
)

meter_value = Table(
    "meter_value",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("transaction_id", ForeignKey("charging_transaction.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("context", Letter(CONTEXTS), nullable=False),
    Column("energy_wh", Integer, nullable=False),
    Column("power_w", Integer),
    Column("current_l1_ma", Integer),
    Column("current_l2_ma", Integer),
    Column("current_l3_ma", Integer),
    Column("voltage_l1_mv", Integer),
    Column("voltage_l2_mv", Integer),
    Column("voltage_l3_mv", Integer),
    UniqueConstraint("transaction_id", "at", "context", "energy_wh"),
)
