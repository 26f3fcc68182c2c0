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
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
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
    Column("series_prefixes", Text, nullable=False, server_default="{}"),  # JSON: by backend.core.document_kind.KINDS
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
    Column("cycle", String(10), nullable=False),  # see backend.core.billing_period.Cycle
    Column("payment_days", Integer, nullable=False),
    Column("group_id", ForeignKey("customer_group.id")),
    Column("partner_id", String(36), nullable=False, server_default=""),  # a roaming partner pays for its drivers
    Column("relationship", String(36), nullable=False, server_default=""),  # names the tax rule in tariffs' x_tax
    Column("output", Text, nullable=False, server_default="hybrid"),  # see backend.core.invoice_model.Output
    Column("buyer_reference", Text, nullable=False, server_default=""),
    Column("order_number", Text, nullable=False, server_default=""),
    Column("tax_case", Text, nullable=False, server_default="standard"),  # see backend.core.tax_evidence.TaxStatus
    Column("tax_reason", Text, nullable=False, server_default=""),
    Column("grouping", Text, nullable=False, server_default="customer"),  # see backend.core.billing_profile.Grouping
    Column("recipients", Text, nullable=False, server_default="[]"),  # JSON: where invoices go; empty: to `email`
    Column("cc_user", Boolean, nullable=False, server_default="0"),
    Column("payment", Text, nullable=False, server_default="transfer"),  # see backend.core.billing_profile.Payment
    Column("card", Text, nullable=False, server_default=""),  # last digits of the card that pays
    Column("threshold", Exact, nullable=False, server_default="0"),  # less than this is carried forward
    Column("cost_centre", Text, nullable=False, server_default=""),
    Column(
        "cost_centre_rule", Text, nullable=False, server_default="none"
    ),  # see backend.core.billing_profile.CostCentre
    Column("ad_hoc", Boolean, nullable=False, server_default="0"),  # stands for all who pay at the charge point
)

# Who paid a session at the charge point and wants an invoice in their name, see backend.core.small_invoice.Payer.
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
    Column("kind", Text, nullable=False),  # see backend.core.tax_evidence.Kind
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
    # What a version that becomes valid meanwhile means to it, see backend.core.rating_model.VersionSwitch.
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
    # Only what waits to be rated again stands in it, so that asking for it costs nothing.
    Index("ix_charging_transaction_rerate", "state", "ended_at", "id", sqlite_where=text("rerate_reason > ''")),
    sqlite_autoincrement=True,
)

transaction_event = Table(
    "transaction_event",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("transaction_id", ForeignKey("charging_transaction.id"), nullable=False),
    Column("kind", String(10), nullable=False),  # Started | Updated | Ended
    Column("message_id", String(36), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("payload", Text, nullable=False),  # as received, JSON
    Column("seq_no", Integer),  # OCPP 2.x: its number within the transaction, as the station gave it
    # Not unique by message id: stations begin again at 1 after a reboot, and a message sent again may bear a new id.
    Index(None, "transaction_id"),
    Index(None, "transaction_id", "seq_no"),
    sqlite_autoincrement=True,
)

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
    Column("key_source", String(10), nullable=False),  # see backend.core.signed_pair.KeySource
    Column("result", String(12), nullable=False),  # see backend.core.signed_pair.Result
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
    Column("status", String(12), nullable=False),  # see backend.core.signed_pair.Status
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
    Column("kind", String(10), nullable=False),  # see backend.core.signed_gate.Decision
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

meter_value = Table(
    "meter_value",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("transaction_id", ForeignKey("charging_transaction.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("context", String(20), nullable=False),
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
    Column("scope", String(20), nullable=False),  # see backend.core.assignment.Scope
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
    Column("key", String(120), primary_key=True),  # see backend.core.rating_model.Context
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
    Column("span", String(20), primary_key=True),  # see backend.core.tariff_model.Span
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
    Column("writer", Integer, nullable=False),  # see backend.core.einvoice.WRITER
    Column("xml", LargeBinary, nullable=False),
)

# Each entry covers a piece of content and the entry before it, see `backend.core.chain`.
chain = Table(
    "chain",
    metadata,
    Column("operator_id", ForeignKey("operator.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),  # 1, 2, ... without a gap
    Column("kind", String(20), nullable=False),  # see backend.core.chain.ChainKind
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
    Column("slot", String(32), nullable=False),  # see backend.core.invoice_run.slot_of
    Column("generation", Integer, nullable=False),  # 1, 2, ... of one slot
    UniqueConstraint("slot", "generation"),
)

# Drafts that the last run found and did not issue, with the reasons.
draft_waiting = Table(
    "draft_waiting",
    metadata,
    Column("key", String(44), primary_key=True),  # see backend.core.invoice_run.DraftKey
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

# The outbox, see backend.store.outbox.
letter = Table(
    "letter",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("key", Text, nullable=False, unique=True),  # see backend.core.letter.letter_key
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("purpose", String(20), nullable=False),
    Column("document", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("recipients", Text, nullable=False),  # JSON: to, cc, name
    Column("language", String(2), nullable=False),
    Column("template", String(40), nullable=False),
    Column("body", Text, nullable=False),  # JSON: what the template is filled with
    Column("state", String(10), nullable=False),  # see backend.core.letter.State
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

# A request to a station, see backend.core.order. `order` alone is a reserved word.
station_order = Table(
    "station_order",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("charge_point_id", ForeignKey("charge_point.id"), nullable=False),
    Column("batch", String(64), nullable=False),
    Column("action", String(50), nullable=False),
    Column("payload", Text, nullable=False),  # JSON
    Column("checked", Boolean, nullable=False),
    Column("ordered_by", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Column("ended_at", Instant),
    Column("answer", Text, nullable=False),  # JSON
    Column("reason", Text, nullable=False),
    Index(None, "charge_point_id", "id"),
    Index(None, "batch"),
    Index(None, "state", "charge_point_id"),
    sqlite_autoincrement=True,
)
