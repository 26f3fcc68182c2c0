"""The clarification inbox: sessions that wait for a person, what they decide, and its undo until it is billed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, or_, select, update

from backend.core.clarification.inbox import Kind, Ruling, acceptable, offers, standing
from backend.core.people.access import EVERYTHING, View
from backend.core.transaction import NOT_AGAIN, State
from backend.errors import ApplyError
from backend.services.signed_review import REASONS as PROOF
from backend.store.clarification import add_ruling, rulings_of
from backend.store.clarification_tables import clarification
from backend.store.invoice_tables import invoice_cdr
from backend.store.rating_tables import cdr
from backend.store.ratings import ask_rerating, stands
from backend.store.scope import of_operator, transactions_in
from backend.store.tables import charge_point, charging_transaction, customer, id_token
from backend.store.tariffs import find_tariff, list_tariffs
from backend.store.transactions import settle
from shared.ids import IdToken

DECIDED = "a person decided on it"
"""Why a session is rated again."""

_MOST = 500
"""Sessions and decisions in a list."""

_REASON_CHARACTERS = 500

_T = charging_transaction.c


@dataclass(frozen=True, slots=True)
class Unclear:
    """A session that waits: why, what may be decided, and what the station told in Wh, None while it runs."""

    id: int
    operator_id: str
    charge_point_id: str
    charge_point_name: str
    evse_id: int
    id_token: IdToken
    started_at: datetime
    ended_at: datetime | None
    told_wh: int | None
    reason: str
    offers: tuple[Kind, ...]


@dataclass(frozen=True, slots=True)
class Choices:
    """To what a session may be assigned: customers as (operator, id, name), tariffs as (operator, id)."""

    customers: tuple[tuple[str, str, str], ...]
    tariffs: tuple[tuple[str, str], ...]


def waiting(connection: Connection, view: View = EVERYTHING) -> list[Unclear]:
    """List the sessions that wait for a decision, the oldest first; those that lack proof stand in its own list."""
    unproved = or_(*(_T.held_reason.startswith(start, autoescape=True) for start in PROOF))
    held = or_(_T.state == State.HELD, (_T.state == State.RATED) & _T.held_reason.startswith(NOT_AGAIN))
    query = (
        select(charging_transaction, charge_point.c.name)
        .join(charge_point, charge_point.c.id == _T.charge_point_id)
        .where(held, ~unproved, transactions_in(view))
        .order_by(_T.started_at, _T.id)
        .limit(_MOST)
    )
    return [_unclear(row) for row in connection.execute(query)]


# Any: a row of the query above.
def _unclear(row: Any) -> Unclear:
    return Unclear(
        row.id,
        row.operator_id,
        row.charge_point_id,
        row.name,
        row.evse_id,
        IdToken(row.id_token),
        row.started_at,
        row.ended_at,
        None if row.meter_stop is None else row.meter_stop - row.meter_start,
        row.held_reason,
        _offers(row),
    )


def _offers(row: Any) -> tuple[Kind, ...]:  # Any: a row of `charging_transaction`
    reason = row.held_reason
    if row.state == State.RATED:  # its price stands until another one does, so it can't be let go of here
        return tuple(kind for kind in offers(reason.rpartition("): ")[2]) if kind is not Kind.WAIVE)
    return tuple(kind for kind in offers(reason) if kind is not Kind.WAIVE or row.ended_at is not None)


def choices(connection: Connection, view: View = EVERYTHING) -> Choices:
    """List the customers and tariffs that a visitor may assign sessions to."""
    c = customer.c
    query = select(c.operator_id, c.id, c.name).where(of_operator(view, c.operator_id)).order_by(c.name, c.id)
    tariffs = dict.fromkeys((one.operator_id, one.tariff_id) for one in list_tariffs(connection, view))
    return Choices(tuple((row.operator_id, row.id, row.name) for row in connection.execute(query)), tuple(tariffs))


def undoable(connection: Connection, view: View = EVERYTHING) -> list[Ruling]:
    """List the decisions that can be taken back, the newest first."""
    r = clarification.c
    query = select(r.transaction_id).join(charging_transaction, _T.id == r.transaction_id)
    query = query.where(transactions_in(view)).group_by(r.transaction_id).order_by(r.transaction_id.desc()).limit(_MOST)
    last = [standing(rulings_of(connection, number))[-1:] for number in connection.scalars(query)]
    found = [ruling for rulings in last for ruling in rulings if not _is_billed(connection, [ruling.transaction_id])]
    return sorted(found, key=lambda ruling: ruling.id, reverse=True)


def assign(
    connection: Connection, transaction_id: int, kind: Kind, *, value: str, reason: str, by: str, now: datetime
) -> None:
    """Decide on a session, and let it be derived and rated anew.

    Args:
        connection: of the unit of work.
        transaction_id: of the session.
        kind: what is decided, anything but UNDO.
        value: a customer's id for TOKEN, a tariff's for TARIFF; else empty.
        reason: why, in words; may be empty but for WAIVE.
        by: who decided.
        now: world time.

    Raises:
        ApplyError: there is no such session, or this can't be decided on it.
    """
    row = _row(connection, transaction_id)
    held = row.state == State.HELD or (row.state == State.RATED and row.held_reason.startswith(NOT_AGAIN))
    if not held or row.held_reason.startswith(PROOF) or kind not in _offers(row):
        raise ApplyError(f"transaction {transaction_id} does not wait for this decision ({kind})")
    if len(reason) > _REASON_CHARACTERS or (kind is Kind.WAIVE and not reason.strip()):
        raise ApplyError(f"transaction {transaction_id}: give a reason of 1 to {_REASON_CHARACTERS} characters")
    touched = [transaction_id]
    if kind is Kind.TOKEN:
        touched = _give_token(connection, row, value)
    elif kind is Kind.TARIFF:
        _give_tariff(connection, row, value, by)
    else:
        value = acceptable(row.held_reason) if kind is Kind.ACCEPT else ""
    add_ruling(connection, transaction_id, kind, value=value, reason=reason.strip(), by=by, at=now)
    _derive(connection, touched)


def undo(connection: Connection, transaction_id: int, *, by: str, now: datetime) -> None:
    """Take the last decision on a session back. What was priced by it is not billed any more.

    Raises:
        ApplyError: nothing was decided on it, or it is billed.
    """
    row = _row(connection, transaction_id)
    last = standing(rulings_of(connection, transaction_id))[-1:]
    if not last:
        raise ApplyError(f"nothing was decided on transaction {transaction_id}")
    touched = _sessions_of(connection, row) if last[0].kind is Kind.TOKEN else [transaction_id]
    if _is_billed(connection, touched):
        raise ApplyError(f"transaction {transaction_id} is billed: cancel the invoice first")
    if last[0].kind is Kind.TOKEN:
        own = (id_token.c.token == row.id_token) & (id_token.c.customer_id == last[0].value)
        connection.execute(delete(id_token).where(own))
    if last[0].kind in (Kind.TOKEN, Kind.TARIFF):
        unpriced = _T.id.in_(touched) & (_T.state != State.RATED)
        connection.execute(update(charging_transaction).where(unpriced).values(tariff_version_id=None))
    text = f"takes back {last[0].kind}"
    add_ruling(connection, transaction_id, Kind.UNDO, value="", reason=text, by=by, at=now, undoes=last[0].id)
    _derive(connection, touched)


# Any, below: a row of `charging_transaction`.
def _row(connection: Connection, transaction_id: int) -> Any:
    row = connection.execute(select(charging_transaction).where(_T.id == transaction_id)).one_or_none()
    if row is None:
        raise ApplyError(f"there is no transaction {transaction_id}")
    return row


def _give_token(connection: Connection, row: Any, customer_id: str) -> list[int]:
    """Give the card to a customer, and tell which sessions follow it."""
    c, k = customer.c, id_token.c
    own = select(c.id).where(c.id == customer_id, c.operator_id == row.operator_id)
    if connection.execute(own).first() is None:
        raise ApplyError(f"operator {row.operator_id} has no customer {customer_id!r}")
    if connection.execute(select(k.token).where(k.token == row.id_token)).first():
        raise ApplyError(f"the token of transaction {row.id} is known already and can't be given to anybody")
    sessions = _sessions_of(connection, row)
    others = select(cdr.c.transaction_id).where(cdr.c.transaction_id.in_(sessions), cdr.c.customer_id != customer_id)
    priced = connection.scalar(others.limit(1))
    if priced is not None:
        raise ApplyError(f"transaction {priced} of this token was priced for another customer: assign it to that one")
    values = {"operator_id": row.operator_id, "customer_id": customer_id, "holder": "", "blocked": False}
    connection.execute(insert(id_token).values(token=row.id_token, **values))
    return sessions


def _give_tariff(connection: Connection, row: Any, tariff_id: str, by: str) -> None:
    version = find_tariff(connection, row.operator_id, tariff_id, row.started_at)
    if version is None:
        raise ApplyError(f"operator {row.operator_id} has no tariff {tariff_id!r} that was valid when it began")
    chosen = {"tariff_version_id": version.id, "tariff_reason": f"{by} chose {tariff_id}", "tariff_rule": ""}
    connection.execute(update(charging_transaction).where(_T.id == row.id).values(chosen))


def _sessions_of(connection: Connection, row: Any) -> list[int]:
    same = (_T.id_token == row.id_token) & (_T.operator_id == row.operator_id)
    return list(connection.scalars(select(_T.id).where(same).order_by(_T.id)))


def _derive(connection: Connection, transaction_ids: Sequence[int]) -> None:
    """Let what is not rated be derived anew, and what is rated be rated again."""
    ask_rerating(connection, transaction_ids, DECIDED)
    waits = _T.id.in_(transaction_ids) & (_T.state != State.RATED)
    for number in connection.scalars(select(_T.id).where(waits).order_by(_T.id)).all():
        settle(connection, number)


def _is_billed(connection: Connection, transaction_ids: Sequence[int]) -> bool:
    query = select(invoice_cdr.c.cdr_id).join(cdr, cdr.c.id == invoice_cdr.c.cdr_id)
    query = query.where(cdr.c.transaction_id.in_(transaction_ids), stands(invoice_cdr))
    return connection.execute(query.limit(1)).first() is not None
