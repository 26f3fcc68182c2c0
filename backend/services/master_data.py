"""Master data: operators, who pays, places, tariffs and what applies to whom. From TOML, checked."""

import re
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from backend.core.invoices.document_kind import KINDS, prefix_problems, prefixes_of
from backend.core.payments.sepa_ids import is_creditor_id, is_iban
from backend.core.rates.rating_model import VersionSwitch
from backend.core.tariffs.assignment import Scope
from backend.core.tariffs.profiles import PROFILES
from backend.core.tariffs.tariff import TariffError, canonical, version_id
from backend.errors import ApplyError
from backend.services.customer_entries import (
    ContractEntry,
    CustomerEntry,
    GroupEntry,
    IdTokenEntry,
    TaxEvidenceEntry,
    UserEntry,
    check_contract,
    check_customer,
    check_groups,
    check_id_token,
    check_tax_evidence,
    check_user,
)
from backend.services.dunning_data import BaseRateEntry, DunningEntry, check_base_rate, check_dunning
from backend.services.entry_checks import (
    COUNTRY,
    COUNTRY_SHAPE,
    EMAIL,
    EMAIL_SHAPE,
    VAT_ID,
    VAT_ID_SHAPE,
    aware,
    check_span,
    match,
)
from backend.services.home_data import HomeEntry, check_home
from backend.services.host_data import AgreementEntry, HostEntry, check_agreement, check_host
from backend.services.ledger import LedgerEntry, check_ledger
from backend.services.mandate_data import MandateEntry, check_mandate
from backend.services.place_entries import (
    ChargePointEntry,
    EvseEntry,
    LocationEntry,
    MeterEntry,
    check_charge_point,
    check_evse,
    check_location,
    check_meter,
)
from shared.config import ConfigError, build, setting

_BIC = re.compile(r"[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?")
_PLACES = {Scope.EVSE: re.compile(r"[^/]+/\d+"), Scope.CONNECTOR: re.compile(r"[^/]+/\d+/\d+")}


@dataclass(frozen=True, slots=True)
class SeriesEntry:
    """A series of numbers that begins otherwise than usual: ST of Storno, AH of small invoices ..."""

    kind: str = setting(choices=tuple(KINDS), help="of documents")
    prefix: str = setting(help="first part of their numbers, for instance S")


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
    minimum_profile: int = setting(
        0, minimum=0, maximum=3, help="least OCPP security profile: stations that connect by less are refused"
    )
    eichrecht_required: bool = setting(
        False, help="bill energy by verified signed values only; a charge point may differ by its own eichrecht"
    )
    creditor_id: str = setting("", help="creditor identifier of SEPA direct debits, for instance DE98ZZZ09999999999")
    series: tuple[SeriesEntry, ...] = setting((), help="series of numbers that begin otherwise than usual")


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
    user: tuple[UserEntry, ...] = setting((), help="persons who charge")
    id_token: tuple[IdTokenEntry, ...] = setting((), help="tokens")
    tax_evidence: tuple[TaxEvidenceEntry, ...] = setting((), help="what proves tax cases")
    location: tuple[LocationEntry, ...] = setting((), help="sites")
    charge_point: tuple[ChargePointEntry, ...] = setting((), help="charge points")
    evse: tuple[EvseEntry, ...] = setting((), help="EVSEs")
    meter: tuple[MeterEntry, ...] = setting((), help="meters")
    assignment: tuple[AssignmentEntry, ...] = setting((), help="which tariff applies to whom")
    mandate: tuple[MandateEntry, ...] = setting((), help="mandates of direct debits")
    dunning: tuple[DunningEntry, ...] = setting((), help="how operators dun, and what differs for customers")
    ledger: tuple[LedgerEntry, ...] = setting((), help="how books are kept, for DATEV")
    base_rate: tuple[BaseRateEntry, ...] = setting((), help="base rates of interest (§ 247 BGB)")
    host: tuple[HostEntry, ...] = setting((), help="owners of sites")
    host_agreement: tuple[AgreementEntry, ...] = setting((), help="what owners of sites are paid")
    home_charging: tuple[HomeEntry, ...] = setting((), help="company cars that are charged at home")


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
    users: tuple[UserEntry, ...]
    tax_evidence: tuple[TaxEvidenceEntry, ...]
    locations: tuple[LocationEntry, ...]
    evses: tuple[EvseEntry, ...]
    meters: tuple[MeterEntry, ...]
    mandates: tuple[MandateEntry, ...] = ()
    dunning: tuple[DunningEntry, ...] = ()
    base_rates: tuple[BaseRateEntry, ...] = ()
    hosts: tuple[HostEntry, ...] = ()
    host_agreements: tuple[AgreementEntry, ...] = ()
    home_charging: tuple[HomeEntry, ...] = ()
    ledgers: tuple[LedgerEntry, ...] = ()


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
            file.user,
            file.tax_evidence,
            file.location,
            file.evse,
            file.meter,
            file.mandate,
            file.dunning,
            file.base_rate,
            file.host,
            file.host_agreement,
            file.home_charging,
            ledgers=file.ledger,
        )
    except tomllib.TOMLDecodeError as error:
        raise ApplyError(f"{source} is not valid TOML: {error}") from error
    except ConfigError as error:
        raise ApplyError(str(error)) from error
    except ApplyError as error:
        raise ApplyError(f"{source}: {error}") from error


def _check_entries(file: _File) -> None:
    checks: tuple[tuple[str, Sequence[Any], Callable[[Any, str], None]], ...] = (  # Any: each entry has its own check
        ("operator", file.operator, _check_operator),
        ("customer", file.customer, check_customer),
        ("contract", file.contract, check_contract),
        ("user", file.user, check_user),
        ("id_token", file.id_token, check_id_token),
        ("tax_evidence", file.tax_evidence, check_tax_evidence),
        ("location", file.location, check_location),
        ("charge_point", file.charge_point, check_charge_point),
        ("evse", file.evse, check_evse),
        ("meter", file.meter, check_meter),
        ("assignment", file.assignment, check_assignment),
        ("mandate", file.mandate, check_mandate),
        ("dunning", file.dunning, check_dunning),
        ("base_rate", file.base_rate, check_base_rate),
        ("ledger", file.ledger, check_ledger),
        ("host", file.host, check_host),
        ("host_agreement", file.host_agreement, check_agreement),
        ("home_charging", file.home_charging, check_home),
    )
    check_groups(file.group)
    for name, entries, check in checks:
        for i, entry in enumerate(entries):
            check(entry, f"{name}[{i}]")


def check_assignment(entry: AssignmentEntry, name: str) -> None:
    """Check an assignment by itself.

    Raises:
        ApplyError: a field contradicts another one; the text begins with `name`.
    """
    if (entry.scope == Scope.OPERATOR) == bool(entry.target):
        needs = "must be left out" if entry.target else "is missing"
        raise ApplyError(f"{name}.target {needs} when scope is {entry.scope!r}")
    if pattern := _PLACES.get(Scope(entry.scope)):
        match(name, "target", entry.target, pattern, "a charge point and numbers such as CP-1/1 or CP-1/1/1")
    profiles = [one.profile for one in entry.profile]
    if len(set(profiles)) < len(profiles):
        raise ApplyError(f"{name}.profile: each profile may have one tariff")
    check_span(name, entry.valid_from, entry.valid_to)


def _check_operator(entry: OperatorEntry, name: str) -> None:
    match(name, "id", entry.id, re.compile(r"[A-Za-z0-9_-]{1,20}"), "1 to 20 letters, digits, - or _")
    match(name, "vat_id", entry.vat_id, VAT_ID, VAT_ID_SHAPE)
    match(name, "email", entry.email, EMAIL, EMAIL_SHAPE)
    match(name, "country", entry.country, COUNTRY, COUNTRY_SHAPE)
    match(name, "currency", entry.currency, re.compile("[A-Z]{3}"), "three capital letters such as EUR")
    if entry.bic:
        match(name, "bic", entry.bic, _BIC, "a BIC of 8 or 11 characters")
    if not is_iban(entry.iban):
        raise ApplyError(f"{name}.iban = {entry.iban!r} is no IBAN, or mistyped: its check digits don't fit")
    if entry.creditor_id and not is_creditor_id(entry.creditor_id):
        raise ApplyError(f"{name}.creditor_id = {entry.creditor_id!r} is none: shape or check digits don't fit")
    own = {one.kind: one.prefix for one in entry.series}
    if len(own) < len(entry.series):
        raise ApplyError(f"{name}.series: each kind may have one prefix")
    if problem := next(prefix_problems(prefixes_of(entry.invoice_prefix, own)), ""):
        raise ApplyError(f"{name}.series: {problem}")
    try:
        ZoneInfo(entry.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ApplyError(
            f"{name}.timezone = {entry.timezone!r} is unknown: write for instance Europe/Berlin"
        ) from error


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
    moment = aware(valid_from, f"{name}.valid_from")
    body["start_date_time"] = moment.isoformat().replace("+00:00", "Z")
    try:
        text = canonical(body)
    except TariffError as error:
        raise ApplyError(f"{name}.{error}") from error
    return TariffEntry(operator, str(body["id"]), moment, text, version_id(text))
