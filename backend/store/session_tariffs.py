"""The tariff versions of a session: one for each profile and later ones that take over, and which counts when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, or_, select
from sqlalchemy.dialects.sqlite import insert

from backend.core.rates.pricing import UnratableError, read_tariff
from backend.core.rates.rating_model import VersionSwitch
from backend.core.tariffs.assignment import Further
from backend.core.tariffs.profiles import Member, Switch, plan, used
from backend.core.tariffs.tariff_model import Tariff, TariffType
from backend.core.tariffs.turns import Turn
from backend.core.transaction import State
from backend.store.profile_switches import places_of, switches_at
from backend.store.rating_tables import session_tariff, tariff_version
from backend.store.ratings import RatableTransaction
from backend.store.tables import charging_transaction

_T = charging_transaction.c
_S = session_tariff.c


@dataclass(frozen=True, slots=True)
class Basis:
    """What the turns of a session follow from: its further versions, and the switches at its place and time."""

    further: tuple[Further, ...] = ()
    switches: tuple[Switch, ...] = ()


@dataclass(frozen=True, slots=True)
class SessionTariffs:
    """What prices a session.

    Args:
        versions: canonical JSON by the version's name, of those that count at some time, in the order of their turns.
        tariffs: the same, read.
        turns: when which one counts; empty for a session that has but one.
        version_switch: what a version that becomes valid meanwhile means.
        basis: what the turns follow from.
    """

    versions: dict[str, str]
    tariffs: tuple[Tariff, ...]
    turns: tuple[Turn, ...]
    version_switch: VersionSwitch
    basis: Basis


def keep_further(connection: Connection, transaction_id: int, further: Iterable[Further]) -> None:
    """Keep with a session the versions that may price parts of it."""
    rows = [
        {"transaction_id": transaction_id, "profile": one.profile, "tariff_version_id": one.version_id}
        for one in further
    ]
    if rows:
        connection.execute(insert(session_tariff).on_conflict_do_nothing(), rows)


def let_take_over(
    connection: Connection, operator_id: str, tariff_id: str, version_id: str, valid_from: datetime
) -> None:
    """Keep a new version with the sessions that it takes over in: they have its tariff, and are not rated yet.

    What is rated keeps its price: nobody could know the new one.
    """
    v = tariff_version.c
    same_tariff = and_(v.operator_id == operator_id, v.tariff_id == tariff_id)
    open_sessions = and_(
        _T.operator_id == operator_id,
        _T.version_switch == VersionSwitch.SWITCH,
        _T.state != State.RATED,
        _T.started_at < valid_from,
        or_(_T.ended_at.is_(None), _T.ended_at > valid_from),
    )
    regular = select(_T.id).join(tariff_version, v.id == _T.tariff_version_id).where(open_sessions, same_tariff)
    others = (
        select(_S.transaction_id, _S.profile)
        .distinct()
        .join(tariff_version, v.id == _S.tariff_version_id)
        .join(charging_transaction, _T.id == _S.transaction_id)
        .where(open_sessions, same_tariff)
    )
    found = [(row.id, TariffType.REGULAR) for row in connection.execute(regular)]
    found += [(row.transaction_id, TariffType(row.profile)) for row in connection.execute(others)]
    for transaction_id, profile in found:
        keep_further(connection, transaction_id, [Further(profile, version_id)])


def load_session_tariffs(connection: Connection, transaction: RatableTransaction, until: datetime) -> SessionTariffs:
    """Read the tariffs of a session and tell which one counts when, up to its end or its last meter value.

    Raises:
        UnratableError: it has none, or one can't be used.
    """
    if transaction.tariff_version is None or transaction.tariff_body is None:
        raise UnratableError(transaction.tariff_reason or "no tariff was assigned when it began")
    mode, basis = transaction.version_switch, _read_basis(connection, transaction, until)
    bodies = {transaction.tariff_version: transaction.tariff_body}
    regular = Member(TariffType.REGULAR, transaction.tariff_version, read_tariff(transaction.tariff_body))
    if not basis.further:
        return SessionTariffs(bodies, (regular.tariff,), (), mode, basis)
    wanted = {one.version_id for one in basis.further}
    rows = connection.execute(select(tariff_version.c.id, tariff_version.c.body).where(tariff_version.c.id.in_(wanted)))
    bodies |= {row.id: row.body for row in rows}
    further = [Member(one.profile, one.version_id, read_tariff(bodies[one.version_id])) for one in basis.further]
    members = [regular, *further]
    turns = plan(members, basis.switches, transaction.started_at, until, mode)
    taken = used(members, turns)
    versions = {member.version: bodies[member.version] for member in taken}
    return SessionTariffs(versions, tuple(member.tariff for member in taken), turns, mode, basis)


def is_current(connection: Connection, transaction: RatableTransaction, known: SessionTariffs) -> bool:
    """Tell whether no tariff and no profile switch came in since the tariffs of an ended session were read."""
    assert transaction.ended_at is not None  # noqa: S101  said above
    return _read_basis(connection, transaction, transaction.ended_at) == known.basis


def _read_basis(connection: Connection, transaction: RatableTransaction, until: datetime) -> Basis:
    query = select(_S.profile, _S.tariff_version_id).where(_S.transaction_id == transaction.id)
    rows = connection.execute(query.order_by(_S.profile, _S.tariff_version_id))
    further = tuple(Further(TariffType(row.profile), row.tariff_version_id) for row in rows)
    if not further:
        return Basis()
    places = places_of(transaction.charge_point_id, transaction.evse_id, transaction.location_id)
    switches = switches_at(connection, transaction.operator_id, places, transaction.started_at, until)
    return Basis(further, tuple(switches))
