"""Price series: market prices as they came, each with source and time. Nothing is changed; what came last counts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.store.tables import price_point

_P = price_point.c


@dataclass(frozen=True, slots=True)
class SeriesSummary:
    """A series with the first and the last start that it has a price for."""

    series: str
    prices: int
    first: datetime
    last: datetime
    received_at: datetime


async def store_prices(
    connection: AsyncConnection, series: str, prices: Mapping[datetime, Decimal], source: str, now: datetime
) -> int:
    """Append prices (per MWh, by the start of their interval) and tell how many were new.

    A price that stands already is not stored again; another one for the same start is, and counts from then on.
    """
    known = await load_prices(connection, series, min(prices), max(prices)) if prices else {}
    rows = [
        {"series": series, "start": start, "price": price, "source": source, "received_at": now}
        for start, price in sorted(prices.items())
        if known.get(start) != price
    ]
    if rows:
        await connection.execute(insert(price_point), rows)
    return len(rows)


async def load_prices(
    connection: AsyncConnection, series: str, first: datetime, last: datetime
) -> dict[datetime, Decimal]:
    """Give the prices whose intervals start from `first` to `last`, both inclusive; of several for one the last."""
    query = select(_P.start, _P.price).where(_P.series == series, _P.start.between(first, last))
    return {row.start: row.price for row in await connection.execute(query.order_by(_P.start, _P.id))}


async def load_all(
    connection: AsyncConnection, names: Iterable[str], first: datetime, last: datetime
) -> dict[str, dict[datetime, Decimal]]:
    """Give the prices of several series, as `load_prices`."""
    return {name: await load_prices(connection, name, first, last) for name in sorted(set(names))}


async def list_series(connection: AsyncConnection) -> Sequence[SeriesSummary]:
    """List all series by name."""
    count = func.count(_P.start.distinct())
    query = select(_P.series, count, func.min(_P.start), func.max(_P.start), func.max(_P.received_at))
    rows = await connection.execute(query.group_by(_P.series).order_by(_P.series))
    return [SeriesSummary(*row) for row in rows]
