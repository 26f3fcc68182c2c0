"""Master data: operators, customers, contracts, tokens, charge points, tariffs and what applies to whom.

From TOML, checked.
"""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from backend.core.assignment import Scope
from backend.core.invoice_model import Output, TaxCase
from backend.core.profiles import PROFILES
from backend.core.rating_model import VersionSwitch
from backend.core.tariff import TariffError, canonical, version_id
from backend.errors import ApplyError
from shared.config import ConfigError, build, setting
from shared.ids import IdToken, Secret

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_VAT_ID = re.compile(r"DE\d{9}|(?!DE)[A-Z]{2}[0-9A-Z+*]{2,12}")
_BIC = re.compile(r"[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?")
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_IDENTITY = re.compile(r"[A-Za-z0-9*_=:+|@.-]{1,48}")
_NAME = re.compile(r"\S.{0,34}\S|\S")
_PLACES = {Scope.EVSE: re.compile(r"[^/]+/\d+"), Scope.CONNECTOR: re.compile(r"[^/]+/\d+/\d+")}


@dataclass(frozen=True, slots=True)
class OperatorEntry:
    """A legal person that runs charge points and sends invoices."""

    id: str = setting(help="short name, used by the other entries")
    name: str = setting(help="name on invoices")
    street: str = setting(help="street and number")
    postcode: str = setting(help="postcode")
    city: str = setting(help="city")
    vat_id: str = setting(help="VAT identification number, for instance DE123456789")
    email: str = setting(help="address that customers write to; sender of invoices")
    iban: str = setting(help="account that customers pay to")
    country: str = setting("DE", help="ISO 3166 code of two letters")
    phone: str = setting("", help="telephone number on invoices")
    bic: str = setting("", help="BIC of the account")
    timezone: str = setting("Europe/Berlin", help="time zone of tariffs and papers")
    currency: str = setting("EUR", help="ISO 4217 code of three letters")
    invoice_prefix: str = setting("", help="first part of invoice numbers")
    tax_number: str = setting("", help="tax number (Steuernummer), beside the VAT identification number")
    register_id: str = setting("", help="number in the register of companies, for instance HRB 12345")
    contact: str = setting("", help="person or department that answers about invoices; left out = the name")
    legal_note: str = setting("", help="court of registration and managing directors, at the foot of invoices")


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
    email: str = setting(help="address that invoices are sent to")
    country: str = setting("DE", help="ISO 3166 code of two letters")
    vat_id: str = setting("", help="VAT identification number of a business")
    language: str = setting("de", choices=("de", "en"), help="language of invoices")
    cycle: str = setting("month", choices=("at_once", "day", "month"), help="how often an invoice is issued")
    payment_days: int = setting(14, unit="days", minimum=0, maximum=365, help="time to pay")
    group: str = setting("", help="id of the group that the customer's contracts belong to")
    partner: str = setting("", help="id of the roaming partner that this customer is, for instance DE*EXA")
    relationship: str = setting("", help="names the tax rule in the tariffs' x_tax, for instance wholesale")
    output: str = setting(
        Output.HYBRID,
        choices=tuple(Output),
        help="what is mailed: a PDF with the e-invoice inside, the XRechnung of public bodies, or a PDF alone",
    )
    buyer_reference: str = setting("", help="Leitweg-ID of a public body, or another reference; else the id")
    order_number: str = setting("", help="the customer's order number, shown on invoices")
    tax_case: str = setting(
        TaxCase.STANDARD, choices=tuple(TaxCase), help="why no VAT is charged, where the tariffs' x_tax charges none"
    )
    tax_reason: str = setting("", help="why no VAT is charged, in words; needed for the tax_case exempt")


@dataclass(frozen=True, slots=True)
class ContractEntry:
    """A contract of a customer. Without any, a customer has one that bears the customer's own id."""

    id: str = setting(help="contract number")
    customer: str = setting(help="id of the customer")
    name: str = setting("", help="name for people")
    group: str = setting("", help="id of the group; left out = the customer's")


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
class ChargePointEntry:
    """A charging station."""

    id: str = setting(help="identity: the last part of the URL that the station connects to")
    operator: str = setting(help="id of the operator")
    name: str = setting("", help="name for people")
    street: str = setting("", help="street and number")
    postcode: str = setting("", help="postcode")
    city: str = setting("", help="city")
    location: str = setting("", help="id of the site; all stations of one site share it")
    password: Secret = setting(Secret(""), help="password of the station; left out = it connects without one")


@dataclass(frozen=True, slots=True)
class ProfileEntry:
    """A further tariff, for the time in which a profile is in force."""

    profile: str = setting(choices=tuple(PROFILES[1:]), help="the profile, in the words of OCPI")
    tariff: str = setting(help="id of its tariff")


@dataclass(frozen=True, slots=True)
class AssignmentEntry:
    """Which tariff applies. Of several the most specific one does: the order of the scopes is that of precedence."""

    operator: str = setting(help="id of the operator")
    tariff: str = setting(help="id of the tariff")
    scope: str = setting(choices=tuple(Scope), help="to what it applies")
    target: str = setting("", help="id of the user, contract ...; an evse is CP-1/1, a connector CP-1/1/1")
    valid_from: str = setting("", help="begin, for instance 2027-01-01T00:00:00+01:00; left out = always")
    valid_to: str = setting("", help="end, exclusive; left out = for ever")
    profile: tuple[ProfileEntry, ...] = setting((), help="tariffs of other profiles than the regular one")
    version_switch: str = setting(
        VersionSwitch.LOCK_AT_START,
        choices=tuple(VersionSwitch),
        help="what a version of the tariff that becomes valid during a session means to it",
    )


@dataclass(frozen=True, slots=True)
class _File:
    operator: tuple[OperatorEntry, ...] = setting((), help="operators")
    group: tuple[GroupEntry, ...] = setting((), help="groups")
    customer: tuple[CustomerEntry, ...] = setting((), help="customers")
    contract: tuple[ContractEntry, ...] = setting((), help="contracts")
    id_token: tuple[IdTokenEntry, ...] = setting((), help="tokens")
    charge_point: tuple[ChargePointEntry, ...] = setting((), help="charge points")
    assignment: tuple[AssignmentEntry, ...] = setting((), help="which tariff applies to whom")


@dataclass(frozen=True, slots=True)
class TariffEntry:
    """A version of a tariff. `body` is canonical JSON in OCPI 2.2.1 shape, `start_date_time` being its validity."""

    operator: str
    tariff_id: str
    valid_from: datetime
    body: str
    id: str


@dataclass(frozen=True, slots=True)
class MasterData:
    """All entries of a file, each checked by itself."""

    operators: tuple[OperatorEntry, ...]
    groups: tuple[GroupEntry, ...]
    customers: tuple[CustomerEntry, ...]
    contracts: tuple[ContractEntry, ...]
    id_tokens: tuple[IdTokenEntry, ...]
    charge_points: tuple[ChargePointEntry, ...]
    tariffs: tuple[TariffEntry, ...]
    assignments: tuple[AssignmentEntry, ...]


def read_master_data(path: Path) -> MasterData:
    """Read and check a file.

    Raises:
        ApplyError: it can't be read, or an entry is wrong; the text names the key.
    """
    try:
        return parse_master_data(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ApplyError(f"can't read {path}: {error}") from error


def parse_master_data(text: str, source: str = "master data") -> MasterData:
    """As `read_master_data`, from text."""
    try:
        values = tomllib.loads(text, parse_float=Decimal)
        tariffs = values.pop("tariff", [])
        file = build(values, _File, source)
        _check_entries(file)
        return MasterData(
            file.operator,
            file.group,
            file.customer,
            file.contract,
            file.id_token,
            file.charge_point,
            tuple(_tariff(row, f"tariff[{i}]") for i, row in enumerate(_rows(tariffs))),
            file.assignment,
        )
    except tomllib.TOMLDecodeError as error:
        raise ApplyError(f"{source} is not valid TOML: {error}") from error
    except ConfigError as error:
        raise ApplyError(str(error)) from error
    except ApplyError as error:
        raise ApplyError(f"{source}: {error}") from error


def _check_entries(file: _File) -> None:
    for i, operator in enumerate(file.operator):
        _check_operator(operator, f"operator[{i}]")
    for i, customer in enumerate(file.customer):
        name = f"customer[{i}]"
        _match(name, "id", customer.id, _NAME, "1 to 36 characters")
        _match(name, "email", customer.email, _EMAIL, "an address such as name@example.com")
        _match(name, "country", customer.country, re.compile("[A-Z]{2}"), "two capital letters such as DE")
        if customer.vat_id:
            _match(name, "vat_id", customer.vat_id, _VAT_ID, "a VAT id such as DE123456789")
        if customer.tax_case == TaxCase.REVERSE_CHARGE and not customer.vat_id:
            raise ApplyError(f"{name}.vat_id is missing: tax_case {customer.tax_case!r} needs it")
        if customer.tax_case == TaxCase.EXEMPT and not customer.tax_reason:
            raise ApplyError(f"{name}.tax_reason is missing: tax_case {customer.tax_case!r} needs it")
    for i, token in enumerate(file.id_token):
        try:
            IdToken.parse(token.token)
        except ValueError as error:
            raise ApplyError(f"id_token[{i}].token: {error}") from error
        if token.expires_at:
            _aware(token.expires_at, f"id_token[{i}].expires_at")
    for i, charge_point in enumerate(file.charge_point):
        reason = "1 to 48 letters, digits or *-_=:+|@."
        _match(f"charge_point[{i}]", "id", charge_point.id, _IDENTITY, reason)
    for i, group in enumerate(file.group):
        _match(f"group[{i}]", "id", group.id, _NAME, "1 to 36 characters")
    for i, contract in enumerate(file.contract):
        _match(f"contract[{i}]", "id", contract.id, _NAME, "1 to 36 characters")
    for i, assignment in enumerate(file.assignment):
        check_assignment(assignment, f"assignment[{i}]")


def check_assignment(entry: AssignmentEntry, name: str) -> None:
    """Check an assignment by itself.

    Raises:
        ApplyError: a field contradicts another one; the text begins with `name`.
    """
    if (entry.scope == Scope.OPERATOR) == bool(entry.target):
        needs = "must be left out" if entry.target else "is missing"
        raise ApplyError(f"{name}.target {needs} when scope is {entry.scope!r}")
    if pattern := _PLACES.get(Scope(entry.scope)):
        _match(name, "target", entry.target, pattern, "a charge point and numbers such as CP-1/1 or CP-1/1/1")
    profiles = [one.profile for one in entry.profile]
    if len(set(profiles)) < len(profiles):
        raise ApplyError(f"{name}.profile: each profile may have one tariff")
    begin, end = (time_of(text, f"{name}.{key}") for key, text in _validity(entry))
    if begin and end and begin >= end:
        raise ApplyError(f"{name}.valid_to must be after valid_from")


def _validity(entry: AssignmentEntry) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("valid_from", entry.valid_from), ("valid_to", entry.valid_to)


def time_of(text: str, name: str) -> datetime | None:
    """Read a time that may be left out.

    Raises:
        ApplyError: it is no time with its offset.
    """
    return _aware(text, name) if text else None


def _check_operator(entry: OperatorEntry, name: str) -> None:
    _match(name, "id", entry.id, re.compile(r"[A-Za-z0-9_-]{1,20}"), "1 to 20 letters, digits, - or _")
    _match(name, "vat_id", entry.vat_id, _VAT_ID, "a VAT id such as DE123456789")
    _match(name, "email", entry.email, _EMAIL, "an address such as name@example.com")
    _match(name, "country", entry.country, re.compile("[A-Z]{2}"), "two capital letters such as DE")
    _match(name, "currency", entry.currency, re.compile("[A-Z]{3}"), "three capital letters such as EUR")
    if entry.bic:
        _match(name, "bic", entry.bic, _BIC, "a BIC of 8 or 11 characters")
    if not is_iban(entry.iban):
        raise ApplyError(f"{name}.iban = {entry.iban!r} is no IBAN, or mistyped: its check digits don't fit")
    try:
        ZoneInfo(entry.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ApplyError(
            f"{name}.timezone = {entry.timezone!r} is unknown: write for instance Europe/Berlin"
        ) from error


def is_iban(text: str) -> bool:
    """Check shape and check digits of an IBAN without blanks (ISO 13616, ISO 7064 MOD 97-10)."""
    if not _IBAN.fullmatch(text):
        return False
    digits = "".join(str(int(character, 36)) for character in text[4:] + text[:4])
    return int(digits) % 97 == 1


def _match(name: str, key: str, value: str, pattern: "re.Pattern[str]", shape: str) -> None:
    if not pattern.fullmatch(value):
        raise ApplyError(f"{name}.{key} = {value!r} must be {shape}")


# Any: TOML values; each is checked.
def _rows(value: Any) -> Iterable[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise ApplyError("tariff must be an array of tables: write [[tariff]]")
    return cast(list[dict[str, Any]], value)


def _tariff(row: dict[str, Any], name: str) -> TariffEntry:
    """Read a tariff: `operator` and `valid_from` are ours, all else is OCPI."""
    body = dict(row)
    operator, valid_from = body.pop("operator", None), body.pop("valid_from", None)
    if not isinstance(operator, str):
        raise ApplyError(f"{name}.operator is missing: the id of the operator")
    moment = _aware(valid_from, f"{name}.valid_from")
    body["start_date_time"] = moment.isoformat().replace("+00:00", "Z")
    try:
        text = canonical(body)
    except TariffError as error:
        raise ApplyError(f"{name}.{error}") from error
    return TariffEntry(operator, str(body["id"]), moment, text, version_id(text))


def _aware(value: object, name: str) -> datetime:
    """Read a time that carries its offset, as TOML date-time or as text; gives UTC."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        moment = None
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise ApplyError(f"{name} must be a time with its offset such as 2026-01-01T00:00:00+01:00")
    return moment.astimezone(UTC)
