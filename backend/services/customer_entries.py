"""Master data of who pays: groups, customers with their billing profiles, contracts, users, tokens, tax evidence."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from backend.core.invoices.billing_period import Cycle
from backend.core.invoices.billing_profile import CostCentre, Grouping, Payment
from backend.core.invoices.invoice_model import Output
from backend.core.invoices.tax_evidence import Kind, TaxStatus
from backend.errors import ApplyError
from backend.services.entry_checks import (
    COUNTRY,
    COUNTRY_SHAPE,
    EMAIL,
    EMAIL_SHAPE,
    NAME,
    NAME_SHAPE,
    VAT_ID,
    VAT_ID_SHAPE,
    amount_of,
    aware,
    check_span,
    day_of,
    match,
)
from shared.config import setting
from shared.ids import IdToken

_CARD = re.compile(r"\d{4,6}")
_BY_VAT_ID = (TaxStatus.REVERSE_CHARGE, TaxStatus.RESELLER_DE, TaxStatus.RESELLER_EU)


@dataclass(frozen=True, slots=True)
class GroupEntry:
    """Contracts or users that share a tariff and its quotas, for instance the employees of a company."""

    id: str = setting(help="name of the group, used by the other entries")
    operator: str = setting(help="id of the operator")
    name: str = setting("", help="name for people")


@dataclass(frozen=True, slots=True)
class CustomerEntry:
    """Who gets invoices."""

    id: str = setting(help="customer number")
    operator: str = setting(help="id of the operator")
    name: str = setting(help="name on invoices")
    street: str = setting(help="street and number")
    postcode: str = setting(help="postcode")
    city: str = setting(help="city")
    email: str = setting(help="electronic address on invoices, and where they are sent unless recipients are named")
    country: str = setting("DE", help="ISO 3166 code of two letters")
    vat_id: str = setting("", help="VAT identification number of a business")
    language: str = setting("de", choices=("de", "en"), help="language of invoices")
    cycle: str = setting(Cycle.MONTH, choices=tuple(Cycle), help="how often an invoice is issued")
    grouping: str = setting(
        Grouping.CUSTOMER, choices=tuple(Grouping), help="what goes on one invoice: all, or what is of one user ..."
    )
    recipients: tuple[str, ...] = setting((), help="addresses that invoices are sent to; left out = email")
    cc_user: bool = setting(False, help="send the invoice of one user (grouping user or session) to that user, too")
    payment: str = setting(Payment.TRANSFER, choices=tuple(Payment), help="how invoices are paid")
    card: str = setting("", help="last 4 to 6 digits of the card that pays; needed for the payment card")
    payment_days: int = setting(14, unit="days", minimum=0, maximum=365, help="time to pay")
    threshold: str = setting("0", help='carry less than this amount forward to the next invoice, for instance "10.00"')
    cost_centre: str = setting("", help="the customer's cost centre for whole invoices")
    cost_centre_rule: str = setting(
        CostCentre.NONE, choices=tuple(CostCentre), help="whose cost centre each line of an invoice bears"
    )
    group: str = setting("", help="id of the group that the customer's contracts belong to")
    partner: str = setting("", help="id of the roaming partner that this customer is, for instance DE*EXA")
    relationship: str = setting("", help="names the tax rule in the tariffs' x_tax, for instance wholesale")
    output: str = setting(
        Output.HYBRID,
        choices=(Output.HYBRID, Output.XRECHNUNG, Output.PDF),
        help="what is mailed: a PDF with the e-invoice inside, the XRechnung of public bodies, or a PDF alone",
    )
    buyer_reference: str = setting("", help="Leitweg-ID of a public body, or another reference; else the id")
    order_number: str = setting("", help="the customer's order number, shown on invoices")
    tax_case: str = setting(
        TaxStatus.STANDARD,
        choices=tuple(TaxStatus),
        help="why no VAT is charged; that of resellers rests on tax_evidence, without which the standard rate applies",
    )
    tax_reason: str = setting("", help="why no VAT is charged, in words; needed for the tax_case exempt")
    ad_hoc: bool = setting(
        False, help="stands for all who pay by card at the charge point: each session is a small invoice of its own"
    )


@dataclass(frozen=True, slots=True)
class ContractEntry:
    """A contract of a customer. Without any, a customer has one that bears the customer's own id."""

    id: str = setting(help="contract number")
    customer: str = setting(help="id of the customer")
    name: str = setting("", help="name for people")
    group: str = setting("", help="id of the group; left out = the customer's")
    valid_from: str = setting("", help="begin, for instance 2027-01-01T00:00:00+01:00; left out = always")
    valid_to: str = setting("", help="end, exclusive: its tokens are refused from then on; left out = for ever")


@dataclass(frozen=True, slots=True)
class UserEntry:
    """A person of a customer who charges."""

    id: str = setting(help="id of the person, as in id_token.user")
    customer: str = setting(help="id of the customer")
    name: str = setting("", help="name of the person")
    email: str = setting("", help="e-mail address of the person")
    cost_centre: str = setting("", help="cost centre of the person, see customer.cost_centre_rule")


@dataclass(frozen=True, slots=True)
class IdTokenEntry:
    """A card or other token of a customer."""

    token: str = setting(help="what the reader reads, for instance the UID of the card in hex")
    customer: str = setting(help="id of the customer")
    holder: str = setting("", help="who carries it; shown on invoices")
    blocked: bool = setting(False, help="refuse it")
    expires_at: str = setting("", help="refuse it from then on, for instance 2027-12-31T23:59:59+01:00")
    user: str = setting("", help="id of the person; all tokens of one person share it")
    contract: str = setting("", help="id of the contract; left out = the customer's own")
    group: str = setting("", help="id of the group; left out = that of the contract or the customer")


@dataclass(frozen=True, slots=True)
class TaxEvidenceEntry:
    """What proves a tax case, with its validity in local days. A new certificate is a new entry."""

    operator: str = setting(help="id of the operator")
    kind: str = setting(choices=tuple(Kind), help="what it is")
    reference: str = setting(help="where the document is, for instance its number and file")
    valid_from: str = setting(help="first day, for instance 2026-01-01")
    valid_to: str = setting("", help="last day; left out = no end")
    customer: str = setting("", help="id of the customer that it is about; left out = the operator itself")


def check_customer(entry: CustomerEntry, name: str) -> None:
    """Check a customer by itself."""
    match(name, "id", entry.id, NAME, NAME_SHAPE)
    match(name, "email", entry.email, EMAIL, EMAIL_SHAPE)
    match(name, "country", entry.country, COUNTRY, COUNTRY_SHAPE)
    if entry.vat_id:
        match(name, "vat_id", entry.vat_id, VAT_ID, VAT_ID_SHAPE)
    for i, address in enumerate(entry.recipients):
        match(name, f"recipients[{i}]", address, EMAIL, EMAIL_SHAPE)
    if entry.tax_case in _BY_VAT_ID and not entry.vat_id:
        raise ApplyError(f"{name}.vat_id is missing: tax_case {entry.tax_case!r} needs it")
    if entry.tax_case == TaxStatus.EXEMPT and not entry.tax_reason:
        raise ApplyError(f"{name}.tax_reason is missing: tax_case {entry.tax_case!r} needs it")
    if entry.payment == Payment.CARD:
        match(name, "card", entry.card, _CARD, "the last 4 to 6 digits of the card that pays")
    if amount_of(entry.threshold, f"{name}.threshold") and entry.grouping == Grouping.SESSION:
        raise ApplyError(f"{name}.threshold can't be used with grouping 'session': nothing would ever add up to it")
    if entry.ad_hoc:
        _check_ad_hoc(entry, name)
    if entry.cc_user and entry.grouping not in (Grouping.USER, Grouping.SESSION):
        raise ApplyError(f"{name}.cc_user needs grouping 'user' or 'session': else a user would see others' sessions")


def _check_ad_hoc(entry: CustomerEntry, name: str) -> None:
    """Refuse what a small invoice can't have: it has no buyer, and is issued and paid at once."""
    for key, usual in (
        ("tax_case", TaxStatus.STANDARD),
        ("threshold", "0"),
        ("recipients", ()),
        ("cc_user", False),
        ("payment", Payment.TRANSFER),
    ):
        if getattr(entry, key) != usual:
            raise ApplyError(f"{name}.{key} can't be used with ad_hoc: such a customer stands for all who pay by card")


def check_contract(entry: ContractEntry, name: str) -> None:
    """Check a contract by itself."""
    match(name, "id", entry.id, NAME, NAME_SHAPE)
    check_span(name, entry.valid_from, entry.valid_to)


def check_user(entry: UserEntry, name: str) -> None:
    """Check a user by itself."""
    match(name, "id", entry.id, NAME, NAME_SHAPE)
    if entry.email:
        match(name, "email", entry.email, EMAIL, EMAIL_SHAPE)


def check_id_token(entry: IdTokenEntry, name: str) -> None:
    """Check a token by itself."""
    try:
        IdToken.parse(entry.token)
    except ValueError as error:
        raise ApplyError(f"{name}.token: {error}") from error
    if entry.expires_at:
        aware(entry.expires_at, f"{name}.expires_at")


def check_tax_evidence(entry: TaxEvidenceEntry, name: str) -> None:
    """Check evidence by itself."""
    first = day_of(entry.valid_from, f"{name}.valid_from")
    if entry.valid_to and day_of(entry.valid_to, f"{name}.valid_to") < first:
        raise ApplyError(f"{name}.valid_to must not be before valid_from")
    if not entry.reference.strip():
        raise ApplyError(f"{name}.reference is missing: name the document, so that an auditor finds it")


def check_groups(entries: Sequence[GroupEntry]) -> None:
    """Check groups by themselves."""
    for i, group in enumerate(entries):
        match(f"group[{i}]", "id", group.id, NAME, NAME_SHAPE)
