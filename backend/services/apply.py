"""Apply master data to the store.

The file says what shall be; applying it twice is the same as once, and nothing is ever deleted. A tariff is never
edited: other prices are a new version, valid from a later time, and sessions keep the version of their start.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import Connection, Table, select, update
from sqlalchemy.dialects.sqlite import insert

from backend.core.invoices.chain import ChainKind
from backend.core.tariffs.assignment import ALWAYS, ProfileTariff, Scope
from backend.core.tariffs.profiles import set_problems
from backend.core.tariffs.tariff import load_tariff
from backend.core.tariffs.tariff_model import TariffType
from backend.csms.passwords import hash_password, is_password
from backend.errors import ApplyError
from backend.services.customer_entries import (
    ContractEntry,
    CustomerEntry,
    GroupEntry,
    IdTokenEntry,
    TaxEvidenceEntry,
    UserEntry,
)
from backend.services.dunning_data import apply_base_rate, apply_dunning
from backend.services.entry_checks import amount_of, time_of
from backend.services.home_data import apply_home
from backend.services.host_data import apply_agreement, apply_host
from backend.services.ledger import apply_ledger
from backend.services.mandate_data import apply_mandate
from backend.services.master_data import AssignmentEntry, MasterData, OperatorEntry, TariffEntry
from backend.services.place_entries import ChargePointEntry, EvseEntry, LocationEntry, MeterEntry
from backend.store import rating_tables, tables
from backend.store.chain import append
from backend.store.meter_keys import MeterPlace, pin_key, set_days
from backend.store.session_tariffs import let_take_over
from backend.store.tariffs import profiles_json
from backend.store.transactions import release_held
from shared.ids import IdToken


@dataclass(slots=True)
class Outcome:
    """What applying did: rows per kind of change."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    released: int = 0
    """Transactions that were held and are no more."""


def apply(connection: Connection, data: MasterData, now: datetime) -> Outcome:
    """Write master data, all or nothing (run it by `Store.write`), and release what was held for the lack of it.

    Args:
        connection: of the unit of work.
        data: what shall be.
        now: world time, for the chain.

    Raises:
        ApplyError: an entry names another that does not exist, or would edit a version of a tariff.
    """
    outcome = Outcome()
    for operator in data.operators:
        prefixes = {one.kind: one.prefix for one in operator.series}
        row = _columns(operator) | {"series_prefixes": json.dumps(prefixes, sort_keys=True)}
        _upsert(connection, tables.operator, ("id",), row, outcome)
    for group in data.groups:
        row = _columns(group) | {"operator_id": _operator(connection, group.operator, group.id)}
        _upsert(connection, tables.customer_group, ("id",), row, outcome)
    for customer in data.customers:
        _apply_customer(connection, customer, outcome)
    for contract in data.contracts:
        _apply_contract(connection, contract, outcome)
    for user in data.users:
        _apply_user(connection, user, outcome)
    for token in data.id_tokens:
        _apply_token(connection, token, outcome)
    for evidence in data.tax_evidence:
        _apply_tax_evidence(connection, evidence, outcome)
    _apply_places(connection, data, outcome, now)
    for tariff in data.tariffs:
        _apply_tariff(connection, tariff, outcome, now)
    for assignment in data.assignments:
        apply_assignment(connection, assignment, outcome)
    for mandate in data.mandates:
        _count(apply_mandate(connection, mandate), outcome)
    for policy in data.dunning:
        _count(apply_dunning(connection, policy), outcome)
    for rate in data.base_rates:
        _count(apply_base_rate(connection, rate), outcome)
    for ledger in data.ledgers:
        _count(apply_ledger(connection, ledger), outcome)
    for host in data.hosts:
        _count(apply_host(connection, host), outcome)
    for agreement in data.host_agreements:
        _count(apply_agreement(connection, agreement), outcome)
    for home in data.home_charging:
        _count(apply_home(connection, home), outcome)
    outcome.released = release_held(connection)
    return outcome


def _apply_customer(connection: Connection, entry: CustomerEntry, outcome: Outcome) -> None:
    operator_id = _operator(connection, entry.operator, entry.id)
    group = _group(connection, operator_id, entry.group, f"customer {entry.id}")
    row = _columns(entry) | {"operator_id": operator_id, "group_id": group, "partner_id": entry.partner}
    row |= {
        "recipients": json.dumps(entry.recipients),
        "threshold": amount_of(entry.threshold, f"customer {entry.id}: threshold"),
    }
    _upsert(connection, tables.customer, ("id",), row, outcome)


def _apply_contract(connection: Connection, entry: ContractEntry, outcome: Outcome) -> None:
    name = f"contract {entry.id}"
    operator_id = _owner(connection, entry.customer, name)
    taken = select(tables.customer.c.id).where(tables.customer.c.id == entry.id, tables.customer.c.id != entry.customer)
    if connection.execute(taken).first():
        raise ApplyError(f"{name}: that is the id of a customer, whose own contract bears it; choose another one")
    row = {
        "id": entry.id,
        "operator_id": operator_id,
        "customer_id": entry.customer,
        "group_id": _group(connection, operator_id, entry.group, name),
        "name": entry.name,
        "valid_from": time_of(entry.valid_from, name),
        "valid_to": time_of(entry.valid_to, name),
    }
    _upsert(connection, tables.contract, ("id",), row, outcome)


def _apply_user(connection: Connection, entry: UserEntry, outcome: Outcome) -> None:
    operator_id = _owner(connection, entry.customer, f"user {entry.id}")
    row = _columns(entry) | {"operator_id": operator_id, "customer_id": entry.customer}
    _upsert(connection, tables.person, ("id",), row, outcome)


def _apply_tax_evidence(connection: Connection, entry: TaxEvidenceEntry, outcome: Outcome) -> None:
    operator_id = _operator(connection, entry.operator, "tax_evidence")
    if entry.customer and _owner(connection, entry.customer, "tax_evidence") != operator_id:
        raise ApplyError(f"tax_evidence: customer {entry.customer} is not one of operator {operator_id}")
    row = _columns(entry) | {"operator_id": operator_id, "customer_id": entry.customer or None}
    _upsert(connection, tables.tax_evidence, ("operator_id", "customer_id", "kind", "valid_from"), row, outcome)


def _apply_token(connection: Connection, token: IdTokenEntry, outcome: Outcome) -> None:
    operator_id = _owner(connection, token.customer, "id_token")
    if token.contract:
        contract = tables.contract.c
        own = select(contract.id).where(contract.id == token.contract, contract.customer_id == token.customer)
        if connection.execute(own).first() is None:
            raise ApplyError(f"id_token: customer {token.customer} has no contract {token.contract!r}")
    row = {
        "token": IdToken.parse(token.token).value,
        "operator_id": operator_id,
        "customer_id": token.customer,
        "holder": token.holder,
        "blocked": token.blocked,
        "expires_at": datetime.fromisoformat(token.expires_at) if token.expires_at else None,
        "user_id": token.user,
        "contract_id": token.contract or None,
        "group_id": _group(connection, operator_id, token.group, "id_token"),
    }
    _upsert(connection, tables.id_token, ("token",), row, outcome)


def _apply_places(connection: Connection, data: MasterData, outcome: Outcome, now: datetime) -> None:
    for location in data.locations:
        row = _columns(location) | {"operator_id": _operator(connection, location.operator, location.id)}
        _upsert(connection, tables.location, ("id",), row, outcome)
    for charge_point in data.charge_points:
        _apply_charge_point(connection, charge_point, outcome)
    for evse in data.evses:
        row = _place(connection, evse, "evse") | {"emi3_id": evse.emi3_id}
        _upsert(connection, tables.evse_name, ("charge_point_id", "evse_id"), row, outcome)
    for meter in data.meters:
        row = _place(connection, meter, "meter") | {"serial": meter.serial, "type": meter.type}
        row["installed_at"] = time_of(meter.installed_at, "meter.installed_at")
        _upsert(connection, tables.meter, ("charge_point_id", "evse_id", "serial"), row, outcome)
        _apply_meter_key(connection, meter, now)


def _apply_meter_key(connection: Connection, entry: MeterEntry, now: datetime) -> None:
    """Pin the key of a meter; what is left out stays as it is."""
    place = MeterPlace(entry.charge_point, entry.evse, entry.serial)
    if entry.public_key:
        pin_key(connection, place, entry.public_key, "master data", now)
    if entry.calibrated_until or entry.registered_on:
        set_days(connection, place, entry.calibrated_until, entry.registered_on)


def _place(connection: Connection, entry: EvseEntry | MeterEntry, name: str) -> dict[str, object]:
    """Give the key of an EVSE of a charge point that exists."""
    point = tables.charge_point.c
    if connection.execute(select(point.id).where(point.id == entry.charge_point)).first() is None:
        raise ApplyError(f"{name}: there is no charge point {entry.charge_point!r}")
    return {"charge_point_id": entry.charge_point, "evse_id": entry.evse}


def _apply_charge_point(connection: Connection, entry: ChargePointEntry, outcome: Outcome) -> None:
    operator_id = _operator(connection, entry.operator, entry.id)
    row = _columns(entry) | {"operator_id": operator_id, "location_id": entry.location}
    table = tables.charge_point
    stored = connection.execute(select(table.c.password_hash).where(table.c.id == entry.id)).scalar()
    if not entry.password:
        row["password_hash"] = ""
    elif stored and is_password(entry.password, stored):
        row["password_hash"] = stored
    else:
        row["password_hash"] = hash_password(entry.password)
    if stored is None:
        row |= {"vendor": "", "model": "", "serial": "", "firmware": ""}
    _upsert(connection, table, ("id",), row, outcome)


def _apply_tariff(connection: Connection, entry: TariffEntry, outcome: Outcome, now: datetime) -> None:
    table = rating_tables.tariff_version
    _operator(connection, entry.operator, entry.tariff_id)
    known = connection.execute(select(table.c.operator_id).where(table.c.id == entry.id)).scalar()
    if known == entry.operator:
        outcome.unchanged += 1
        return
    if known is not None:
        raise ApplyError(f"tariff {entry.tariff_id}: operator {known} has the very same; give one another id")
    at_once = select(table.c.id).where(
        table.c.operator_id == entry.operator,
        table.c.tariff_id == entry.tariff_id,
        table.c.valid_from == entry.valid_from,
    )
    if connection.execute(at_once).first():
        raise ApplyError(
            f"tariff {entry.tariff_id}: the version valid from {entry.valid_from.isoformat()} has other prices and is "
            "never edited; give the new one a later valid_from"
        )
    row = {
        "id": entry.id,
        "operator_id": entry.operator,
        "tariff_id": entry.tariff_id,
        "valid_from": entry.valid_from,
        "body": entry.body,
    }
    connection.execute(insert(table).values(**row))
    ref = f"{entry.tariff_id}@{entry.id}"
    append(connection, entry.operator, ChainKind.TARIFF_VERSION, ref, entry.body.encode(), now)
    let_take_over(connection, entry.operator, entry.tariff_id, entry.id, entry.valid_from)
    outcome.created += 1


def apply_assignment(connection: Connection, entry: AssignmentEntry, outcome: Outcome) -> None:
    """Write an assignment; sessions that run keep what they were given.

    Raises:
        ApplyError: it names what does not exist, or tariffs that can't take turns.
    """
    _operator(connection, entry.operator, entry.tariff)
    _check_set(connection, entry)
    target = entry.target
    if entry.scope == Scope.OPERATOR:
        target = entry.operator
    elif not _exists(connection, entry.operator, Scope(entry.scope), target):
        raise ApplyError(f"assignment: operator {entry.operator} has no {entry.scope} {target!r}")
    row = {
        "operator_id": entry.operator,
        "scope": entry.scope,
        "target": target,
        "tariff_id": entry.tariff,
        "valid_from": time_of(entry.valid_from, "assignment.valid_from") or ALWAYS,
        "valid_to": time_of(entry.valid_to, "assignment.valid_to"),
        "profiles": profiles_json(ProfileTariff(TariffType(one.profile), one.tariff) for one in entry.profile),
        "version_switch": entry.version_switch,
    }
    keys = ("operator_id", "scope", "target", "valid_from")
    _upsert(connection, rating_tables.tariff_assignment, keys, row, outcome)


def _check_set(connection: Connection, entry: AssignmentEntry) -> None:
    """Check that the tariffs of an assignment exist and can take turns in a session, in all their versions."""
    v = rating_tables.tariff_version.c
    bodies = []
    for profile, tariff_id in [
        (TariffType.REGULAR, entry.tariff),
        *((TariffType(one.profile), one.tariff) for one in entry.profile),
    ]:
        query = select(v.body).where(v.operator_id == entry.operator, v.tariff_id == tariff_id)
        versions = connection.execute(query.order_by(v.valid_from)).scalars().all()
        if not versions:
            raise ApplyError(f"assignment: operator {entry.operator} has no tariff {tariff_id!r}")
        bodies += [(profile, load_tariff(body)) for body in versions] if entry.profile else []
    problem = next(set_problems(bodies), "")
    if problem:
        raise ApplyError(f"assignment: {problem}")


def _exists(connection: Connection, operator_id: str, scope: Scope, target: str) -> bool:
    """Tell whether anything of the operator bears this target: an assignment to a name mistyped would never apply."""
    customer, token, point = tables.customer.c, tables.id_token.c, tables.charge_point.c
    columns = {
        Scope.USER: (token.user_id,),
        Scope.CONTRACT: (tables.contract.c.id, customer.id),
        Scope.CUSTOMER: (customer.id,),
        Scope.GROUP: (tables.customer_group.c.id,),
        Scope.ROAMING_PARTNER: (customer.partner_id,),
        Scope.CONNECTOR: (point.id,),
        Scope.EVSE: (point.id,),
        Scope.CHARGE_POINT: (point.id,),
        Scope.LOCATION: (point.location_id,),
    }[scope]
    name = target.partition("/")[0] if scope in (Scope.CONNECTOR, Scope.EVSE) else target
    for column in columns:
        found = select(column).where(column == name, column.table.c.operator_id == operator_id).limit(1)
        if connection.execute(found).first():
            return True
    return False


def _group(connection: Connection, operator_id: str, group_id: str, name: str) -> str | None:
    """Give the id of a group, None for none."""
    group = tables.customer_group.c
    own = select(group.id).where(group.id == group_id, group.operator_id == operator_id)
    if group_id and connection.execute(own).first() is None:
        raise ApplyError(f"{name}: operator {operator_id} has no group {group_id!r}")
    return group_id or None


def _owner(connection: Connection, customer_id: str, name: str) -> str:
    """Give the operator of a customer."""
    customer = tables.customer.c
    found = connection.execute(select(customer.operator_id).where(customer.id == customer_id)).scalar()
    if found is None:
        raise ApplyError(f"{name}: there is no customer {customer_id!r}")
    return str(found)


def _operator(connection: Connection, operator_id: str, name: str) -> str:
    table = tables.operator.c
    if connection.execute(select(table.id).where(table.id == operator_id)).first() is None:
        raise ApplyError(f"{name}: there is no operator {operator_id!r}")
    return operator_id


def _upsert(
    connection: Connection, table: Table, keys: tuple[str, ...], row: Mapping[str, object], outcome: Outcome
) -> None:
    """Insert a row or change what differs, and count which it was."""
    same_key = [table.c[key] == row[key] for key in keys]
    found = connection.execute(select(*(table.c[name] for name in row)).where(*same_key)).mappings().first()
    if found is None:
        connection.execute(insert(table).values(**row))
        outcome.created += 1
    elif dict(found) != dict(row):
        if "operator_id" in found and found["operator_id"] != row["operator_id"]:
            raise ApplyError(f"{table.name} {row[keys[0]]} belongs to operator {found['operator_id']} already")
        connection.execute(update(table).where(*same_key).values(**row))
        outcome.changed += 1
    else:
        outcome.unchanged += 1


def _count(created: bool | None, outcome: Outcome) -> None:
    """Count a row: True is new, False was changed, None was so before."""
    outcome.created += created is True
    outcome.changed += created is False
    outcome.unchanged += created is None


_OTHER_NAMES = ("operator", "customer", "password", "group", "partner", "location", "recipients", "threshold", "series")
"""Fields whose columns have another name, or none."""


_Entry = OperatorEntry | GroupEntry | CustomerEntry | UserEntry | TaxEvidenceEntry | LocationEntry | ChargePointEntry


def _columns(entry: _Entry) -> dict[str, object]:
    """Give the fields that are columns of the same name."""
    names = (field.name for field in fields(entry) if field.name not in _OTHER_NAMES)
    return {name: getattr(entry, name) for name in names}
