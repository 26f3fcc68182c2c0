"""Apply master data to the store.

The file says what shall be; applying it twice is the same as once, and nothing is ever deleted. A tariff is never
edited: other prices are a new version, valid from a later time, and sessions keep the version of their start.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import Table, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.core.transaction import Scope
from backend.csms.passwords import hash_password, is_password
from backend.errors import ApplyError
from backend.master_data import (
    AssignmentEntry,
    ChargePointEntry,
    CustomerEntry,
    IdTokenEntry,
    MasterData,
    OperatorEntry,
    TariffEntry,
)
from backend.store import tables
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


async def apply(connection: AsyncConnection, data: MasterData) -> Outcome:
    """Write master data, all or nothing (run it by `Store.write`), and release what was held for the lack of it.

    Raises:
        ApplyError: an entry names another that does not exist, or would edit a version of a tariff.
    """
    outcome = Outcome()
    for operator in data.operators:
        await _upsert(connection, tables.operator, ("id",), _columns(operator), outcome)
    for customer in data.customers:
        row = _columns(customer) | {"operator_id": await _operator(connection, customer.operator, customer.id)}
        await _upsert(connection, tables.customer, ("id",), row, outcome)
    for token in data.id_tokens:
        await _apply_token(connection, token, outcome)
    for charge_point in data.charge_points:
        await _apply_charge_point(connection, charge_point, outcome)
    for tariff in data.tariffs:
        await _apply_tariff(connection, tariff, outcome)
    for assignment in data.assignments:
        await _apply_assignment(connection, assignment, outcome)
    outcome.released = await release_held(connection)
    return outcome


async def _apply_token(connection: AsyncConnection, token: IdTokenEntry, outcome: Outcome) -> None:
    customer = tables.customer.c
    operator_id = (await connection.execute(select(customer.operator_id).where(customer.id == token.customer))).scalar()
    if operator_id is None:
        raise ApplyError(f"id_token: there is no customer {token.customer!r}")
    row = {
        "token": IdToken.parse(token.token).value,
        "operator_id": operator_id,
        "customer_id": token.customer,
        "holder": token.holder,
        "blocked": token.blocked,
        "expires_at": datetime.fromisoformat(token.expires_at) if token.expires_at else None,
    }
    await _upsert(connection, tables.id_token, ("token",), row, outcome)


async def _apply_charge_point(connection: AsyncConnection, entry: ChargePointEntry, outcome: Outcome) -> None:
    row = _columns(entry) | {"operator_id": await _operator(connection, entry.operator, entry.id)}
    table = tables.charge_point
    stored = (await connection.execute(select(table.c.password_hash).where(table.c.id == entry.id))).scalar()
    if not entry.password:
        row["password_hash"] = ""
    elif stored and is_password(entry.password, stored):
        row["password_hash"] = stored
    else:
        row["password_hash"] = hash_password(entry.password)
    if stored is None:
        row |= {"vendor": "", "model": "", "serial": "", "firmware": ""}
    await _upsert(connection, table, ("id",), row, outcome)


async def _apply_tariff(connection: AsyncConnection, entry: TariffEntry, outcome: Outcome) -> None:
    table = tables.tariff_version
    await _operator(connection, entry.operator, entry.tariff_id)
    known = (await connection.execute(select(table.c.operator_id).where(table.c.id == entry.id))).scalar()
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
    if (await connection.execute(at_once)).first():
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
    await connection.execute(insert(table).values(**row))
    outcome.created += 1


async def _apply_assignment(connection: AsyncConnection, entry: AssignmentEntry, outcome: Outcome) -> None:
    await _operator(connection, entry.operator, entry.tariff)
    version = tables.tariff_version.c
    known = select(version.id).where(version.operator_id == entry.operator, version.tariff_id == entry.tariff)
    if (await connection.execute(known.limit(1))).first() is None:
        raise ApplyError(f"assignment: operator {entry.operator} has no tariff {entry.tariff!r}")
    target = entry.target
    if entry.scope == Scope.OPERATOR:
        target = entry.operator
    else:
        table = tables.customer if entry.scope == Scope.CUSTOMER else tables.charge_point
        own = select(table.c.id).where(table.c.id == target, table.c.operator_id == entry.operator)
        if (await connection.execute(own)).first() is None:
            raise ApplyError(f"assignment: operator {entry.operator} has no {entry.scope} {target!r}")
    row = {"operator_id": entry.operator, "scope": entry.scope, "target": target, "tariff_id": entry.tariff}
    keys = ("operator_id", "scope", "target")
    await _upsert(connection, tables.tariff_assignment, keys, row, outcome)


async def _operator(connection: AsyncConnection, operator_id: str, name: str) -> str:
    table = tables.operator.c
    if (await connection.execute(select(table.id).where(table.id == operator_id))).first() is None:
        raise ApplyError(f"{name}: there is no operator {operator_id!r}")
    return operator_id


async def _upsert(
    connection: AsyncConnection, table: Table, keys: tuple[str, ...], row: Mapping[str, object], outcome: Outcome
) -> None:
    """Insert a row or change what differs, and count which it was."""
    same_key = [table.c[key] == row[key] for key in keys]
    found = (await connection.execute(select(*(table.c[name] for name in row)).where(*same_key))).mappings().first()
    if found is None:
        await connection.execute(insert(table).values(**row))
        outcome.created += 1
    elif dict(found) != dict(row):
        if "operator_id" in found and found["operator_id"] != row["operator_id"]:
            raise ApplyError(f"{table.name} {row[keys[0]]} belongs to operator {found['operator_id']} already")
        await connection.execute(update(table).where(*same_key).values(**row))
        outcome.changed += 1
    else:
        outcome.unchanged += 1


def _columns(entry: OperatorEntry | CustomerEntry | ChargePointEntry) -> dict[str, object]:
    """Give the fields that are columns of the same name."""
    names = (field.name for field in fields(entry) if field.name not in ("operator", "password"))
    return {name: getattr(entry, name) for name in names}
