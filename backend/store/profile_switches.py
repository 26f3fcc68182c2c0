"""Profile switches: from when on which profile is in force at a place. They are added, never changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, literal, or_, select

from backend.core.people.access import EVERYTHING, View
from backend.core.tariffs.assignment import Scope
from backend.core.tariffs.profiles import Switch
from backend.core.tariffs.tariff_model import TariffType
from backend.core.transaction import State
from backend.store.rating_tables import profile_switch, session_tariff
from backend.store.scope import of_operator
from backend.store.tables import charge_point, charging_transaction, evse

_T = charging_transaction.c
_S = profile_switch.c


@dataclass(frozen=True, slots=True)
class StoredSwitch:
    """A switch as it was stored; of several for one place and time the one with the largest id counts."""

    id: int
    operator_id: str
    switch: Switch
    received_at: datetime


def places_of(charge_point_id: str, evse_id: int, location_id: str) -> dict[Scope, str]:
    """Name the places that an EVSE lies in."""
    return {
        Scope.LOCATION: location_id,
        Scope.CHARGE_POINT: charge_point_id,
        Scope.EVSE: f"{charge_point_id}/{evse_id}",
    }


def store_switch(connection: Connection, operator_id: str, switch: Switch, now: datetime) -> bool:
    """Keep a switch; False if the one that counts at its place and time says the same and nothing was stored."""
    here = (_S.operator_id == operator_id, _S.scope == switch.scope, _S.target == switch.target)
    query = select(_S.profile).where(*here, _S.at == switch.at).order_by(_S.id.desc()).limit(1)
    if connection.scalar(query) == switch.profile:
        return False
    values = {
        "operator_id": operator_id,
        "scope": switch.scope,
        "target": switch.target,
        "at": switch.at,
        "profile": switch.profile,
        "source": switch.source,
        "reason": switch.reason,
        "received_at": now,
    }
    connection.execute(insert(profile_switch).values(values))
    return True


def switches_at(
    connection: Connection, operator_id: str, places: Mapping[Scope, str], start: datetime, end: datetime
) -> list[Switch]:
    """Read what was in force at a place, in the order in which it came: between two times, and last before them."""
    here = _S.operator_id == operator_id
    wanted: list[ColumnElement[bool]] = []
    for scope, target in places.items():
        there = and_(here, _S.scope == scope, _S.target == target)
        last = select(func.max(_S.at)).where(there, _S.at <= start).scalar_subquery()
        wanted.append(and_(there, _S.at >= func.coalesce(last, literal(start, _S.at.type)), _S.at < end))
    rows = connection.execute(select(profile_switch).where(or_(*wanted)).order_by(_S.id))
    return [_switch(row) for row in rows]


def list_switches(
    connection: Connection, target: str = "", limit: int = 100, view: View = EVERYTHING
) -> list[StoredSwitch]:
    """List switches, those of one place or all, the latest first; of those for one time the one that counts first."""
    query = select(profile_switch).where(of_operator(view, _S.operator_id))
    query = query.order_by(_S.at.desc(), _S.id.desc()).limit(limit)
    if target:
        query = query.where(_S.target == target)
    return [StoredSwitch(row.id, row.operator_id, _switch(row), row.received_at) for row in connection.execute(query)]


def owners(connection: Connection, scope: Scope, target: str) -> Sequence[str]:
    """Name the operators that have such a place: none if nobody knows it."""
    c = charge_point.c
    query = select(c.operator_id).distinct().order_by(c.operator_id)
    match scope:
        case Scope.LOCATION:
            query = query.where(c.location_id == target, c.location_id != "")
        case Scope.CHARGE_POINT:
            query = query.where(c.id == target)
        case _:
            name, _, number = target.rpartition("/")
            known = select(evse.c.evse_id).where(evse.c.charge_point_id == name, evse.c.evse_id == _number(number))
            query = query.where(c.id == name, known.exists())
    return connection.execute(query).scalars().all()


def touched_sessions(connection: Connection, operator_id: str, switch: Switch) -> Sequence[int]:
    """List rated sessions with tariffs for several profiles in whose time a switch is in force."""
    here = (_S.operator_id == operator_id, _S.scope == switch.scope, _S.target == switch.target)
    following = connection.scalar(select(func.min(_S.at)).where(*here, _S.at > switch.at))
    several = select(session_tariff.c.transaction_id).where(session_tariff.c.transaction_id == _T.id)
    query = select(_T.id).where(_T.operator_id == operator_id, _T.state == State.RATED, several.exists())
    query = query.where(_place(switch), _T.ended_at > switch.at)
    if following is not None:
        query = query.where(_T.started_at < following)
    return connection.execute(query.order_by(_T.ended_at, _T.id)).scalars().all()


def _place(switch: Switch) -> ColumnElement[bool]:
    match switch.scope:
        case Scope.LOCATION:
            return _T.location_id == switch.target
        case Scope.CHARGE_POINT:
            return _T.charge_point_id == switch.target
        case _:
            name, _, number = switch.target.rpartition("/")
            return and_(_T.charge_point_id == name, _T.evse_id == _number(number))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


# Any: rows have the columns of the table, which the type checker can't know.
def _switch(row: Row[Any]) -> Switch:
    return Switch(Scope(row.scope), row.target, row.at, TariffType(row.profile), row.source, row.reason)
