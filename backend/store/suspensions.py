"""Suspended customers and those whose dunning rests. Functions that write run inside one unit of work."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from backend.core.payments.dunning import ZERO, Claim, Level, suspends, to_hand_over
from backend.core.people.access import EVERYTHING, View
from backend.errors import DunningError
from backend.store.dunning import load_cases, local_day
from backend.store.dunning_tables import dunning_letter, dunning_step, dunning_stop, suspension
from backend.store.open_items import set_dunning_level
from backend.store.payment_tables import booking, open_item
from backend.store.scope import of_operator
from backend.store.tables import customer

STOPS = ("insolvency", "plan", "inquiry", "other")
"""Why dunning rests: insolvency, a plan of payments, an inquiry (for instance of the bank), or what the note says."""

_L, _S, _U, _X = dunning_letter.c, dunning_step.c, suspension.c, dunning_stop.c
PAID = "paid"


@dataclass(frozen=True, slots=True)
class Suspension:
    """A customer whose cards are suspended, or will be from `suspend_on` (`since` is None then)."""

    dunning_id: int
    number: str
    customer_id: str
    customer: str
    suspend_on: date
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Stop:
    """A customer who is not dunned, up to and including `until`; None: until somebody ends it."""

    customer_id: str
    customer: str
    reason: str
    note: str
    until: date | None


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Customers whose cards were suspended and released."""

    suspended: tuple[str, ...] = ()
    released: tuple[str, ...] = ()


def review(connection: Connection, now: datetime) -> Reviewed:
    """Suspend whose announced day has come without payment, and release who has paid."""
    suspended, released = [], []
    for change in due_changes(connection, now):
        if change.causes:
            _suspend(connection, change.customer_id, change.causes, now)
            suspended.append(change.customer_id)
        else:
            _lift(connection, change.active, PAID, now)
            released.append(change.customer_id)
    return Reviewed(tuple(suspended), tuple(released))


@dataclass(frozen=True, slots=True)
class Change:
    """A suspension to begin for claims (`causes`), or to end: that of the letters in `active`."""

    customer_id: str
    causes: tuple[int, ...]
    active: tuple[int, ...]


def due_changes(connection: Connection, now: datetime) -> list[Change]:
    """Tell what `review` would do."""
    running = _U.since.is_not(None) & _U.lifted_at.is_(None)
    active: dict[tuple[str, str], list[int]] = {}
    query = select(_L.id, _L.operator_id, _L.customer_id)
    for row in connection.execute(query.join(suspension, _U.dunning_id == _L.id).where(running)):
        active.setdefault((row.operator_id, row.customer_id), []).append(row.id)
    announced = {(row.operator_id, row.customer_id) for row in connection.execute(_announced())}
    found = []
    for operator_id, customer_id in sorted(announced | active.keys()):
        today = local_day(connection, operator_id, now)
        held = active.get((operator_id, customer_id), [])
        case = next(iter(load_cases(connection, operator_id, today, customer_id)), None)
        wanted = case is not None and suspends(case.account, case.claims, today, already=bool(held))
        if wanted != bool(held):
            causes = tuple(_causes(case.claims, today)) if case and wanted else ()
            found.append(Change(customer_id, causes, tuple(held)))
    return found


def _announced() -> "Select[Any]":
    """Select the letters that announced a suspension for claims that are not paid."""
    paid = select(func.coalesce(func.sum(booking.c.amount), ZERO)).where(booking.c.invoice_id == open_item.c.invoice_id)
    left = open_item.c.amount + paid.correlate(open_item).scalar_subquery()
    return (
        select(_L.id, _L.operator_id, _L.customer_id)
        .join(dunning_step, (_S.dunning_id == _L.id) & _S.raised & (_S.level == Level.DUNNING_2))
        .join(open_item, open_item.c.invoice_id == _S.invoice_id)
        .where(_L.suspend_on.is_not(None), left > ZERO)
        .distinct()
    )


def _causes(claims: Sequence[Claim], today: date) -> list[int]:
    return [claim.invoice_id for claim in claims if claim.suspend_on and claim.suspend_on <= today and claim.open > 0]


def _suspend(connection: Connection, customer_id: str, invoices: Sequence[int], now: datetime) -> None:
    letters = (
        select(_S.dunning_id)
        .where(_S.invoice_id.in_(invoices), _S.raised, _S.level == Level.DUNNING_2)
        .order_by(_S.dunning_id)
    )
    for dunning_id in list(connection.scalars(letters.distinct())):
        row = {"dunning_id": dunning_id, "customer_id": customer_id, "since": now, "lifted_at": None, "lifted_why": ""}
        statement = upsert(suspension).values(row)
        connection.execute(statement.on_conflict_do_update(index_elements=["dunning_id"], set_=row))


def _lift(connection: Connection, letters: Sequence[int], why: str, now: datetime) -> None:
    values = {"lifted_at": now, "lifted_why": why}
    connection.execute(update(suspension).where(_U.dunning_id.in_(letters)).values(values))


def lift(connection: Connection, customer_id: str, why: str, now: datetime) -> None:
    """Release a customer's cards by hand, or call an announced suspension off; what was announced is over.

    Raises:
        DunningError: nothing is suspended or announced, or no reason is given.
    """
    if not why.strip() or why.strip() == PAID:
        raise DunningError("give the reason why the suspension is lifted")
    found = [one for one in list_suspensions(connection) if one.customer_id == customer_id]
    if not found:
        raise DunningError(f"customer {customer_id} is not suspended, nor was it announced")
    for one in found:
        row = {"dunning_id": one.dunning_id, "customer_id": customer_id, "since": one.since}
        row |= {"lifted_at": now, "lifted_why": why.strip()}
        statement = upsert(suspension).values(row)
        connection.execute(statement.on_conflict_do_update(index_elements=["dunning_id"], set_=row))


def list_suspensions(connection: Connection, view: View = EVERYTHING) -> list[Suspension]:
    """List what is suspended, and what was announced for claims that are not paid."""
    unpaid = {row.id for row in connection.execute(_announced())}
    query = (
        select(_L.id, _L.number, _L.customer_id, customer.c.name, _L.suspend_on, _U.since, _U.lifted_at)
        .join(customer, customer.c.id == _L.customer_id)
        .outerjoin(suspension, _U.dunning_id == _L.id)
        .where(_L.suspend_on.is_not(None), of_operator(view, _L.operator_id))
        .order_by(_L.id)
    )
    return [
        Suspension(row.id, row.number, row.customer_id, row.name, row.suspend_on, row.since)
        for row in connection.execute(query)
        if row.lifted_at is None and (row.since is not None or row.id in unpaid)
    ]


def hand_over(connection: Connection, operator_id: str, now: datetime) -> list[str]:
    """Mark what letters did not help with, and give the numbers."""
    today, numbers = local_day(connection, operator_id, now), []
    for case in load_cases(connection, operator_id, today):
        for claim in to_hand_over(case.account, case.claims, case.policy, today):
            set_dunning_level(connection, claim.invoice_id, Level.HANDED_OVER)
            numbers.append(claim.number)
    return numbers


def stop_dunning(
    connection: Connection, customer_id: str, reason: str, note: str, *, until: date | None, now: datetime
) -> None:
    """Let a customer's dunning rest.

    Raises:
        DunningError: there is no such customer or reason.
    """
    if reason not in STOPS:
        raise DunningError(f"{reason!r} is no reason to stop dunning; there are {', '.join(STOPS)}")
    if connection.scalar(select(customer.c.id).where(customer.c.id == customer_id)) is None:
        raise DunningError(f"there is no customer {customer_id!r}")
    connection.execute(delete(dunning_stop).where(_X.customer_id == customer_id))
    row = {"customer_id": customer_id, "reason": reason, "note": note, "until": until, "at": now}
    connection.execute(insert(dunning_stop).values(row))


def resume_dunning(connection: Connection, customer_id: str) -> None:
    """Dun a customer again.

    Raises:
        DunningError: their dunning does not rest.
    """
    if not connection.execute(delete(dunning_stop).where(_X.customer_id == customer_id)).rowcount:
        raise DunningError(f"the dunning of customer {customer_id!r} does not rest")


def list_stops(connection: Connection, view: View = EVERYTHING) -> list[Stop]:
    """List customers whose dunning rests."""
    query = select(dunning_stop, customer.c.name).join(customer, customer.c.id == _X.customer_id)
    query = query.where(of_operator(view, customer.c.operator_id))
    return [
        Stop(row.customer_id, row.name, row.reason, row.note, row.until)
        for row in connection.execute(query.order_by(_X.customer_id))
    ]
