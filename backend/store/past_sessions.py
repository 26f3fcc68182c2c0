"""Sessions of the past with what they were priced from, for simulations."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select

from backend.core.rates.pricing import Inputs, Series
from backend.core.rates.rating import Rating
from backend.core.rates.simulation import PastSession
from backend.core.record import from_json
from backend.core.tariffs.profiles import Switch
from backend.core.tariffs.tariff_model import SpotPrice, Tariff
from backend.store.price_series import load_prices
from backend.store.profile_switches import places_of, switches_at
from backend.store.rating_tables import cdr, rating
from backend.store.ratings import CURRENT_RATING, points_of
from backend.store.tables import charge_point, charging_transaction, customer, operator
from shared.units import Wh

_T = charging_transaction.c


@dataclass(frozen=True, slots=True)
class Selection:
    """Which sessions: those of an operator that began in a time, of one customer, station or site; empty is all."""

    operator_id: str
    begin: datetime
    end: datetime
    customer_id: str = ""
    charge_point_id: str = ""
    location_id: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """Something to choose: its id and its name for people."""

    id: str
    name: str


def load_past(connection: Connection, wanted: Selection, *, with_switches: bool = False) -> list[PastSession]:
    """Read the sessions that are rated, each as it was rated last.

    Args:
        connection: to read from.
        wanted: which sessions.
        with_switches: read the profile switches at the place of each one, too.
    """
    query = (
        select(charging_transaction, cdr.c.customer_id, customer.c.name, operator.c.timezone, operator.c.currency)
        .add_columns(rating.c.inputs, rating.c.body, rating.c.total_net, rating.c.total_gross)
        .select_from(cdr)
        .join(charging_transaction, _T.id == cdr.c.transaction_id)
        .join(charge_point, charge_point.c.id == _T.charge_point_id)
        .join(customer, customer.c.id == cdr.c.customer_id)
        .join(operator, operator.c.id == _T.operator_id)
        .join(rating, rating.c.id == CURRENT_RATING)
        .where(*_conditions(wanted))
        .order_by(_T.ended_at, _T.id)
    )
    found = []
    for row in connection.execute(query).all():
        rated = from_json(Rating, row.body)
        if row.inputs:
            inputs = from_json(Inputs, row.inputs)
        else:
            inputs = Inputs(row.timezone, points_of(connection, row.id), rated.policy)
        found.append(
            PastSession(
                transaction_id=row.id,
                customer_id=row.customer_id,
                customer=row.name,
                contract_id=row.contract_id,
                group_id=row.group_id,
                started_at=row.started_at,
                ended_at=row.ended_at,
                energy=Wh(row.meter_stop - row.meter_start),
                currency=rated.currency,
                net=row.total_net,
                gross=row.total_gross,
                inputs=inputs,
                switches=tuple(_switches(connection, row)) if with_switches else (),
            )
        )
    return found


# Any: rows have the columns of their query, which the type checker can't know.
def _switches(connection: Connection, row: Row[Any]) -> list[Switch]:
    places = places_of(row.charge_point_id, row.evse_id, row.location_id)
    return switches_at(connection, row.operator_id, places, row.started_at, row.ended_at)


def load_series(
    connection: Connection, operator_id: str, tariffs: Sequence[Tariff], sessions: Sequence[PastSession]
) -> list[Series]:
    """Read the price series that an operator's tariffs name, for the time of sessions."""
    names = sorted({tariff.spot.series_id for tariff in tariffs if tariff.spot and tariff.spot.series_id})
    if not names or not sessions:
        return []
    first = min(session.started_at for session in sessions) - timedelta(days=1)
    last = max(session.ended_at for session in sessions)
    found = []
    for name in names:
        prices = load_prices(connection, operator_id, name, first, last)
        found.append(Series(name, tuple(SpotPrice(start, price) for start, price in sorted(prices.items()))))
    return found


def list_customers(connection: Connection, operator_id: str) -> list[Named]:
    """List an operator's customers by name."""
    c = customer.c
    rows = connection.execute(select(c.id, c.name).where(c.operator_id == operator_id).order_by(c.name, c.id))
    return [Named(*row) for row in rows]


def list_places(connection: Connection, operator_id: str) -> tuple[list[Named], list[str]]:
    """List an operator's stations by name, and its sites."""
    p = charge_point.c
    query = select(p.id, p.name, p.location_id).where(p.operator_id == operator_id).order_by(p.name, p.id)
    rows = connection.execute(query).all()
    return [Named(row.id, row.name) for row in rows], sorted({row.location_id for row in rows if row.location_id})


def list_operators(connection: Connection) -> list[tuple[str, str]]:
    """List operators: id and time zone."""
    rows = connection.execute(select(operator.c.id, operator.c.timezone).order_by(operator.c.id))
    return [(row.id, row.timezone) for row in rows]


def _conditions(wanted: Selection) -> list[ColumnElement[bool]]:
    conditions = [
        _T.operator_id == wanted.operator_id,
        _T.started_at >= wanted.begin,
        _T.started_at < wanted.end,
    ]
    if wanted.customer_id:
        conditions.append(cdr.c.customer_id == wanted.customer_id)
    if wanted.charge_point_id:
        conditions.append(_T.charge_point_id == wanted.charge_point_id)
    if wanted.location_id:
        conditions.append(charge_point.c.location_id == wanted.location_id)
    return conditions
