"""Price series: market prices as they came, each with source and time. Nothing is changed; what came last counts.

The prices of a market are the same for everybody: a series without an operator serves all of them. What an operator
brings itself counts for its own tariffs only, and there in place of a market's series of the same name: the two are
never mixed, so that each price has one origin.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, func, insert, or_, select

from backend.core.people.access import EVERYTHING, View
from backend.store.rating_tables import price_point
from backend.store.scope import of_operator

_P = price_point.c


@dataclass(frozen=True, slots=True)
class SeriesSummary:
    """A series with the first and the last start that it has a price for; `operator_id` is empty if it serves all."""

    operator_id: str
    series: str
    prices: int
    first: datetime
    last: datetime
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose series (empty: all operators') and where its prices are from."""

    operator_id: str
    source: str


def store_prices(
    connection: Connection, series: str, prices: Mapping[datetime, Decimal], origin: Origin, now: datetime
) -> int:
    """Append prices (per MWh, by the start of their interval) and tell how many were new.

    A price that stands already is not stored again; another one for the same start is, and counts from then on.
    """
    owner = origin.operator_id
    known = _load(connection, owner, series, (min(prices), max(prices))) if prices else {}
    rows = [
        {
            "operator_id": owner,
            "series": series,
            "start": start,
            "price": price,
            "source": origin.source,
            "received_at": now,
        }
        for start, price in sorted(prices.items())
        if known.get(start) != price
    ]
    if rows:
        connection.execute(insert(price_point), rows)
    return len(rows)


def load_prices(
    connection: Connection, operator_id: str, series: str, first: datetime, last: datetime
) -> dict[datetime, Decimal]:
    """Give the prices of a series for one operator's tariffs; of several for one start the last.

    Args:
        connection: to read from.
        operator_id: whose tariff asks; it gets its own series if it has one of that name.
        series: name.
        first: first start of an interval, inclusive.
        last: last one, inclusive.
    """
    own = select(_P.id).where(_P.operator_id == operator_id, _P.series == series).limit(1)
    owner = operator_id if connection.execute(own).first() else ""
    return _load(connection, owner, series, (first, last))


def list_series(connection: Connection, view: View = EVERYTHING) -> Sequence[SeriesSummary]:
    """List all series by name, those that serve all operators first."""
    count = func.count(_P.start.distinct())
    query = select(_P.operator_id, _P.series, count, func.min(_P.start), func.max(_P.start), func.max(_P.received_at))
    query = query.where(or_(of_operator(view, _P.operator_id), _P.operator_id == ""))
    rows = connection.execute(query.group_by(_P.operator_id, _P.series).order_by(_P.operator_id, _P.series))
    return [SeriesSummary(*row) for row in rows]


def _load(
    connection: Connection, owner: str, series: str, starts: tuple[datetime, datetime]
) -> dict[datetime, Decimal]:
    query = select(_P.start, _P.price)
    query = query.where(_P.operator_id == owner, _P.series == series, _P.start.between(*starts))
    return {row.start: row.price for row in connection.execute(query.order_by(_P.start, _P.id))}
