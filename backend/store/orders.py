"""Orders to stations. Functions that change something run inside one unit of work of `Store.write`."""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import Connection, Row, func, insert, select, update

from backend.core.order import OPEN, NewOrder, Order, OrderState, masked
from backend.core.people.access import EVERYTHING, View
from backend.store.order_tables import station_order
from backend.store.scope import charge_points_in, of_operator
from backend.store.tables import charge_point
from shared.ocpp.session import dumps, loads

_O = station_order.c


def give(connection: Connection, orders: Iterable[NewOrder], now: datetime) -> list[Order]:
    """Store orders, those of a batch that is known already excepted, and give the batch's.

    Raises:
        LookupError: a charge point does not exist; its text is the id, and nothing was stored.
    """
    wanted = list(orders)
    batches = {one.batch for one in wanted}
    known = set(connection.scalars(select(_O.batch).where(_O.batch.in_(batches))))
    for one in wanted:
        if one.batch not in known:
            _insert(connection, one, now)
    rows = connection.execute(select(station_order).where(_O.batch.in_(batches)).order_by(_O.id))
    return [_order(row) for row in rows]


def _insert(connection: Connection, one: NewOrder, now: datetime) -> None:
    operator = select(charge_point.c.operator_id).where(charge_point.c.id == one.charge_point_id)
    operator_id = connection.scalar(operator)
    if operator_id is None:
        raise LookupError(one.charge_point_id)
    values = {
        "operator_id": operator_id,
        "charge_point_id": one.charge_point_id,
        "batch": one.batch,
        "action": one.action,
        "payload": one.payload,
        "checked": one.checked,
        "ordered_by": one.ordered_by,
        "state": OrderState.WAITING.value,
        "created_at": now,
        "expires_at": one.expires_at,
        "answer": "",
        "reason": "",
    }
    connection.execute(insert(station_order).values(values))


def next_orders(connection: Connection, charge_points: Collection[str], now: datetime) -> list[Order]:
    """Give the oldest order that waits for each of these stations."""
    first = (
        select(func.min(_O.id))
        .where(_O.state == OrderState.WAITING.value, _O.expires_at > now, _O.charge_point_id.in_(charge_points))
        .group_by(_O.charge_point_id)
    )
    rows = connection.execute(select(station_order).where(_O.id.in_(first)).order_by(_O.id))
    return [_order(row) for row in rows]


def claim(connection: Connection, number: int, now: datetime) -> bool:
    """Note that an order is being sent; False if it no longer waits."""
    waiting = (_O.id == number, _O.state == OrderState.WAITING.value)
    done = connection.execute(update(station_order).where(*waiting).values(state=OrderState.SENT.value, sent_at=now))
    return done.rowcount == 1


def conclude(
    connection: Connection, number: int, state: OrderState, now: datetime, *, answer: str = "", reason: str = ""
) -> bool:
    """Note an outcome; False if there is one already. What it held of tokens and secrets is not kept any longer."""
    payload = connection.scalar(select(_O.payload).where(_O.id == number)) or "{}"
    values = {
        "state": state.value,
        "ended_at": now,
        "answer": answer,
        "reason": reason,
        "payload": dumps(masked(loads(payload))),
    }
    still_open = (_O.id == number, _O.state.in_([one.value for one in OPEN]))
    return connection.execute(update(station_order).where(*still_open).values(values)).rowcount == 1


def cancel(connection: Connection, number: int, now: datetime) -> bool:
    """Take back an order that was not sent yet; False if it was."""
    values = {"state": OrderState.CANCELLED.value, "ended_at": now}
    waiting = (_O.id == number, _O.state == OrderState.WAITING.value)
    return connection.execute(update(station_order).where(*waiting).values(values)).rowcount == 1


def next_expiry(connection: Connection) -> datetime | None:
    """Tell when the next order that waits falls due; None if none waits."""
    query = select(_O.expires_at).where(_O.state == OrderState.WAITING.value).order_by(_O.expires_at).limit(1)
    return connection.execute(query).scalar_one_or_none()


def expire(connection: Connection, now: datetime) -> None:
    """End the orders whose stations did not come in time."""
    values = {
        "state": OrderState.EXPIRED.value,
        "ended_at": now,
        "reason": "the station was not connected before the order expired",
    }
    late = (_O.state == OrderState.WAITING.value, _O.expires_at <= now)
    connection.execute(update(station_order).where(*late).values(values))


def forget_sent(connection: Connection, now: datetime) -> None:
    """End what was on its way when the program ended."""
    values = {
        "state": OrderState.SILENT.value,
        "ended_at": now,
        "reason": "the backend ended before an answer came: the station may have acted",
    }
    connection.execute(update(station_order).where(_O.state == OrderState.SENT.value).values(values))


def list_orders(
    connection: Connection,
    limit: int,
    before: int | None = None,
    *,
    charge_point_id: str = "",
    batch: str = "",
    state: str = "",
    view: View = EVERYTHING,
) -> list[Order]:
    """List orders, the newest first; empty texts mean all."""
    query = select(station_order).where(of_operator(view, _O.operator_id)).order_by(_O.id.desc()).limit(limit)
    if before is not None:
        query = query.where(_O.id < before)
    for column, value in ((_O.charge_point_id, charge_point_id), (_O.batch, batch), (_O.state, state)):
        if value:
            query = query.where(column == value)
    return [_order(row) for row in connection.execute(query)]


def find_order(connection: Connection, number: int) -> Order | None:
    """Give one order."""
    row = connection.execute(select(station_order).where(_O.id == number)).one_or_none()
    return _order(row) if row else None


def stations_of(
    connection: Connection, *, location_id: str = "", operator_id: str = "", view: View = EVERYTHING
) -> list[str]:
    """List the charge points of a site or an operator; of all with neither."""
    query = select(charge_point.c.id).where(charge_points_in(view)).order_by(charge_point.c.id)
    if location_id:
        query = query.where(charge_point.c.location_id == location_id)
    if operator_id:
        query = query.where(charge_point.c.operator_id == operator_id)
    return list(connection.scalars(query))


def _order(row: Row[tuple[object, ...]]) -> Order:
    values = dict(row._mapping)
    return Order(**values | {"state": OrderState(values["state"])})
