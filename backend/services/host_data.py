"""Owners of sites as master data: `[[host]]` and `[[host_agreement]]` in the file of `emops-backend apply`."""

import json
import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from sqlalchemy import Connection, Table, insert, select, update

from backend.core.invoices.host import Base, HostTax, Model, Month, Term, Terms
from backend.core.payments.sepa_ids import is_iban
from backend.core.record import to_json
from backend.errors import ApplyError
from backend.services.entry_checks import NAME, NAME_SHAPE, amount_of, day_of, match
from backend.store.host_tables import host, host_agreement, host_share
from backend.store.ratings import stands
from backend.store.tables import charge_point, customer, location
from shared.config import setting

_EVSE = re.compile(r"[^/]+/\d+")
_MOST_PERCENT = 100


@dataclass(frozen=True, slots=True)
class HostEntry:
    """The owner of a site, whom we pay by statements in their name. Name, address and mail are the customer's."""

    customer: str = setting(help="id of the customer that the owner is to us; bears name, address and VAT id")
    tax: str = setting(choices=tuple(HostTax), help="what the owner is to VAT")
    iban: str = setting(help="account that is paid to")
    agreed_on: str = setting(help="day of the written agreement that we bill in the owner's name")
    evidence: str = setting(help="where that agreement is, which tells the right to object, too")
    tax_number: str = setting("", help="tax number (Steuernummer); needed of an entrepreneur without VAT id")
    phone: str = setting("", help="telephone number, for the e-invoice")
    bic: str = setting("", help="BIC of the account")


@dataclass(frozen=True, slots=True)
class TermEntry:
    """One thing that an agreement pays. Amounts are without VAT."""

    model: str = setting(choices=tuple(Model), help="for what")
    amount: str = setting(help='per cent of a share, else EUR per kWh or month, for instance "0.05"')
    base: str = setting(Base.ENERGY, choices=tuple(Base), help="of what revenue a share is: energy, or all")
    minimum: str = setting("", help="EUR a month at least, of a share")
    maximum: str = setting("", help="EUR a month at most, of a share")


@dataclass(frozen=True, slots=True)
class AgreementEntry:
    """What is paid to an owner, for what places. Other terms are another agreement, from a later month on."""

    id: str = setting(help="number of the agreement")
    host: str = setting(help="id of the owner's customer")
    first_month: str = setting(help="for instance 2026-10")
    last_month: str = setting("", help="the last one; left out = no end")
    locations: tuple[str, ...] = setting((), help="ids of sites")
    charge_points: tuple[str, ...] = setting((), help="ids of charge points")
    evses: tuple[str, ...] = setting((), help="single EVSEs, for instance CP-1/1")
    term: tuple[TermEntry, ...] = setting((), help="what is paid")


def check_host(entry: HostEntry, name: str) -> None:
    """Check a host by itself.

    Raises:
        ApplyError: a field is wrong; the text begins with `name`.
    """
    if not is_iban(entry.iban):
        raise ApplyError(f"{name}.iban is no IBAN, or mistyped: its check digits don't fit")
    day_of(entry.agreed_on, f"{name}.agreed_on")
    if not entry.evidence.strip():
        raise ApplyError(f"{name}.evidence is missing: without an agreement nobody may bill in another's name")


def check_agreement(entry: AgreementEntry, name: str) -> None:
    """Check an agreement by itself.

    Raises:
        ApplyError: a field is wrong; the text begins with `name`.
    """
    match(name, "id", entry.id, NAME, NAME_SHAPE)
    first = _month(entry.first_month, f"{name}.first_month")
    if entry.last_month and _month(entry.last_month, f"{name}.last_month").first < first.first:
        raise ApplyError(f"{name}.last_month must not be before first_month")
    if not (entry.locations or entry.charge_points or entry.evses):
        raise ApplyError(f"{name}: name its places: locations, charge_points or evses")
    for one in entry.evses:
        match(name, "evses", one, _EVSE, "a charge point and a number such as CP-1/1")
    if not entry.term:
        raise ApplyError(f"{name}.term is missing: what is paid")
    for i, term in enumerate(entry.term):
        _term(term, f"{name}.term[{i}]")


def apply_host(connection: Connection, entry: HostEntry) -> bool | None:
    """Write a host. True: it is new, False: it was changed, None: it was so before.

    Raises:
        ApplyError: there is no such customer, or an entrepreneur has no tax id at all.
    """
    c = customer.c
    owner = connection.execute(select(c.operator_id, c.vat_id).where(c.id == entry.customer)).one_or_none()
    if owner is None:
        raise ApplyError(f"host: there is no customer {entry.customer!r}")
    if entry.tax != HostTax.PRIVATE and not (owner.vat_id or entry.tax_number):
        raise ApplyError(f"host {entry.customer}: an entrepreneur needs tax_number, or the customer's vat_id")
    row: dict[str, object] = {
        "customer_id": entry.customer,
        "operator_id": owner.operator_id,
        "tax": entry.tax,
        "tax_number": entry.tax_number,
        "phone": entry.phone,
        "iban": entry.iban,
        "bic": entry.bic,
        "agreed_on": date.fromisoformat(entry.agreed_on),
        "evidence": entry.evidence,
    }
    return _write(connection, host, "customer_id", row)


def apply_agreement(connection: Connection, entry: AgreementEntry) -> bool | None:
    """Write an agreement; see `apply_host`.

    Raises:
        ApplyError: it names what does not exist, or was stated and would become another one.
    """
    name = f"host_agreement {entry.id}"
    operator_id = connection.scalar(select(host.c.operator_id).where(host.c.customer_id == entry.host))
    if operator_id is None:
        raise ApplyError(f"{name}: there is no host {entry.host!r}")
    places = [
        *(["location", one] for one in entry.locations),
        *(["charge_point", one] for one in entry.charge_points),
        *(["evse", one] for one in entry.evses),
    ]
    for scope, target in places:
        if not _exists(connection, operator_id, scope, target):
            raise ApplyError(f"{name}: operator {operator_id} has no {scope} {target!r}")
    row: dict[str, object] = {
        "id": entry.id,
        "operator_id": operator_id,
        "customer_id": entry.host,
        "first_month": entry.first_month,
        "last_month": entry.last_month,
        "places": json.dumps(places),
        "terms": to_json(Terms(tuple(_term(term, name) for term in entry.term))),
    }
    a = host_agreement.c
    known = connection.execute(select(*(a[key] for key in row)).where(a.id == entry.id)).mappings().one_or_none()
    fixed = [key for key in ("customer_id", "first_month", "places", "terms") if known and known[key] != row[key]]
    stated = select(host_share.c.term).where(host_share.c.agreement_id == entry.id, stands(host_share))
    if fixed and connection.execute(stated.limit(1)).first():
        raise ApplyError(f"{name}: {fixed[0]} can't change, it was stated: set last_month and apply a new agreement")
    return _write(connection, host_agreement, "id", row)


def _write(connection: Connection, table: Table, key: str, row: dict[str, object]) -> bool | None:
    mine = table.c[key] == row[key]
    known = connection.execute(select(*(table.c[name] for name in row)).where(mine)).mappings().one_or_none()
    if known is None:
        connection.execute(insert(table).values(row))
        return True
    if dict(known) == row:
        return None
    connection.execute(update(table).where(mine).values(row))
    return False


def _exists(connection: Connection, operator_id: str, scope: str, target: str) -> bool:
    if scope == "location":
        of_point = select(charge_point.c.id).where(charge_point.c.location_id == target)
        of_site = select(location.c.id).where(location.c.id == target, location.c.operator_id == operator_id)
        own = of_point.where(charge_point.c.operator_id == operator_id)
        return bool(connection.execute(own.limit(1)).first() or connection.execute(of_site).first())
    point = target.partition("/")[0] if scope == "evse" else target
    own = select(charge_point.c.id).where(charge_point.c.id == point, charge_point.c.operator_id == operator_id)
    return connection.execute(own).first() is not None


def _month(text: str, name: str) -> Month:
    try:
        return Month.parse(text)
    except ValueError as error:
        raise ApplyError(f"{name} = {text!r} must be a month such as 2026-10") from error


def _term(entry: TermEntry, name: str) -> Term:
    model = Model(entry.model)
    try:
        amount = Decimal(entry.amount)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount <= 0 or (model is Model.SHARE and amount > _MOST_PERCENT):
        raise ApplyError(f"{name}.amount = {entry.amount!r} must be above 0, of a share at most 100")
    if model is Model.BASE:
        amount = amount_of(entry.amount, f"{name}.amount")
    if round(amount, 6) != amount:
        raise ApplyError(f"{name}.amount = {entry.amount!r} has more than six decimals")
    limits = []
    for key in ("minimum", "maximum"):
        text = getattr(entry, key)
        if text and model is not Model.SHARE:
            raise ApplyError(f"{name}.{key} is for a share only")
        limits.append(amount_of(text, f"{name}.{key}") if text else None)
    low, high = limits
    if low is not None and high is not None and low > high:
        raise ApplyError(f"{name}.maximum is below minimum")
    return Term(model, amount, Base(entry.base), low, high)
