"""Tariffs: who charges where, which version that gives, and the versions themselves."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select

from backend.core.people.access import EVERYTHING, View
from backend.core.rates.rating_model import VersionSwitch
from backend.core.record import RecordError, from_json
from backend.core.tariffs.assignment import (
    Assignment,
    Choice,
    Facts,
    ProfileTariff,
    Rule,
    Scope,
    TariffVersion,
    choose,
    no_payer,
)
from backend.core.tariffs.tariff_model import TariffType
from backend.store.rating_tables import tariff_assignment, tariff_version
from backend.store.scope import of_operator
from backend.store.sql import Statement
from backend.store.tables import charge_point, charging_transaction, contract, customer, id_token

_T = charging_transaction.c
_K = id_token.c

_FACTS = Statement(
    select(_T.charge_point_id, _T.evse_id, _T.operator_id, charge_point.c.location_id)
    .add_columns(_K.user_id, _K.customer_id, customer.c.partner_id)
    .add_columns(func.coalesce(_K.contract_id, _K.customer_id).label("contract"))
    .add_columns(func.coalesce(_K.group_id, contract.c.group_id, customer.c.group_id, "").label("group"))
    .join(charge_point, charge_point.c.id == _T.charge_point_id)
    .join(id_token, (_K.token == _T.id_token) & (_K.operator_id == _T.operator_id))
    .join(customer, customer.c.id == _K.customer_id)
    .outerjoin(contract, contract.c.id == _K.contract_id)
    .where(_T.id == bindparam("number"))
)


@dataclass(frozen=True, slots=True)
class StoredTariff:
    """A version of a tariff as stored: `body` is its canonical JSON, whose SHA-256 is `id`."""

    id: str
    operator_id: str
    tariff_id: str
    valid_from: datetime
    body: str


def facts_of(connection: Connection, transaction_id: int) -> Facts | None:
    """Tell who charges where in a transaction; None where its token is none of the operator's."""
    row = _FACTS.first(connection, number=transaction_id)
    if row is None:
        return None
    evse = f"{row.charge_point_id}/{row.evse_id}"
    return {
        Scope.USER: row.user_id,
        Scope.CONTRACT: row.contract,
        Scope.CUSTOMER: row.customer_id,
        Scope.GROUP: row.group,
        Scope.ROAMING_PARTNER: row.partner_id,
        Scope.CONNECTOR: f"{evse}/1",  # in OCPP 1.6 a connector is what later versions call an EVSE with one connector
        Scope.EVSE: evse,
        Scope.CHARGE_POINT: row.charge_point_id,
        Scope.LOCATION: row.location_id,
        Scope.OPERATOR: row.operator_id,
    }


def choose_tariff(connection: Connection, facts: Facts | None, at: datetime) -> Choice:
    """Choose the versions that price a session begun at `at`; None of facts chooses none."""
    if facts is None:
        return no_payer(at)
    operator_id = facts[Scope.OPERATOR]
    a, v = tariff_assignment.c, tariff_version.c
    targets = {target for target in facts.values() if target}
    query = select(tariff_assignment).where(a.operator_id == operator_id, a.target.in_(targets))
    candidates = [_assignment(row) for row in connection.execute(query)]
    wanted = {tariff_id for one in candidates for tariff_id in (one.tariff_id, *(p.tariff_id for p in one.profiles))}
    versions = connection.execute(
        select(v.id, v.tariff_id, v.valid_from).where(v.operator_id == operator_id, v.tariff_id.in_(wanted))
    )
    return choose(candidates, [TariffVersion(*row) for row in versions], facts, at)


def profiles_json(profiles: Iterable[ProfileTariff]) -> str:
    """Write the further tariffs of an assignment as they are stored."""
    return json.dumps({one.profile.value: one.tariff_id for one in profiles}, sort_keys=True)


# Any: rows have the columns of the table, which the type checker can't know.
def _assignment(row: Row[Any]) -> Assignment:
    return Assignment(
        scope=Scope(row.scope),
        target=row.target,
        tariff_id=row.tariff_id,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        profiles=tuple(ProfileTariff(TariffType(name), tariff) for name, tariff in json.loads(row.profiles).items()),
        version_switch=VersionSwitch(row.version_switch),
    )


def list_assignments(connection: Connection, view: View = EVERYTHING) -> list[tuple[str, Assignment]]:
    """List all assignments with their operators, the less specific scope last."""
    a = tariff_assignment.c
    query = select(tariff_assignment).where(of_operator(view, a.operator_id))
    query = query.order_by(a.operator_id, a.target, a.valid_from)
    found = [(row.operator_id, _assignment(row)) for row in connection.execute(query)]
    return sorted(found, key=lambda one: (one[0], list(Scope).index(one[1].scope)))


def find_rule(connection: Connection, transaction_id: int) -> Rule | None:
    """Give the rule that chose a transaction's tariff; None for those of old, which have its words only."""
    text = connection.scalar(select(_T.tariff_rule).where(_T.id == transaction_id))
    try:
        return from_json(Rule, text) if text else None
    except RecordError:
        return None


def find_tariff(connection: Connection, operator_id: str, tariff_id: str, at: datetime) -> StoredTariff | None:
    """Give the version of a tariff that is valid at a time; None if the operator has none."""
    v = tariff_version.c
    query = select(v.id, v.operator_id, v.tariff_id, v.valid_from, v.body)
    query = query.where(v.operator_id == operator_id, v.tariff_id == tariff_id, v.valid_from <= at)
    row = connection.execute(query.order_by(v.valid_from.desc()).limit(1)).one_or_none()
    return StoredTariff(*row) if row else None


def find_version(connection: Connection, version_id: str) -> StoredTariff | None:
    """Give a version by its id, the SHA-256 of its body."""
    v = tariff_version.c
    query = select(v.id, v.operator_id, v.tariff_id, v.valid_from, v.body).where(v.id == version_id)
    row = connection.execute(query).one_or_none()
    return StoredTariff(*row) if row else None


def list_tariffs(connection: Connection, view: View = EVERYTHING) -> list[StoredTariff]:
    """List all versions of all tariffs, by operator, tariff and validity."""
    v = tariff_version.c
    query = select(v.id, v.operator_id, v.tariff_id, v.valid_from, v.body).where(of_operator(view, v.operator_id))
    rows = connection.execute(query.order_by(v.operator_id, v.tariff_id, v.valid_from))
    return [StoredTariff(*row) for row in rows]
