"""What a price depends on besides its session: what earlier sessions used of quotas, volumes and caps, and prices.

Sessions use up a quota in the order of their end, then of their number. Those of the same contract (or group) count
that were priced by the same tariff, whichever version. Where a session comes in late, `later_sessions` tells whose
price rests on it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, and_, or_, select
from sqlalchemy.orm import aliased

from backend.core.rates.pricing import Series
from backend.core.rates.rating_model import Used
from backend.core.tariffs.tariff_model import Scope, Span, SpotPrice, Tariff
from backend.core.transaction import State
from backend.store.price_series import load_prices
from backend.store.rating_tables import rating, rating_use, session_tariff, tariff_version
from backend.store.ratings import RatableTransaction
from backend.store.tables import charging_transaction

_T = charging_transaction.c
_OF_SESSION = "/session@"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a price depends on besides its session and its tariff."""

    used: tuple[Used, ...]
    series: tuple[Series, ...]


def scopes_of(tariff: Tariff) -> frozenset[Scope]:
    """Tell whose sessions count together for this tariff, none if each counts by itself."""
    rules = [rule for rule in (tariff.quota, tariff.graduated, *tariff.caps) if rule and rule.per is not Span.SESSION]
    return frozenset(rule.scope for rule in rules)


def load_surroundings(
    connection: Connection, transaction: RatableTransaction, tariffs: Sequence[Tariff]
) -> Surroundings:
    """Read what earlier sessions used before this one, and the price series that its tariffs name.

    A running session comes after all that have ended.
    """
    totals: dict[str, Decimal] = {}
    series: dict[str, Series] = {}
    for tariff in tariffs:
        for key, amount in (_used_before(connection, transaction, tariff)).items():
            # Versions of one tariff share their keys; the one that looks back farther knows all of it.
            totals[key] = max(amount, totals.get(key, Decimal(0)))
        for one in _series(connection, transaction, tariff):
            known = {price.start: price for price in (series[one.id].prices if one.id in series else ())}
            known |= {price.start: price for price in one.prices}
            series[one.id] = Series(one.id, tuple(known[start] for start in sorted(known)))
    return Surroundings(tuple(Used(key, totals[key]) for key in sorted(totals)), tuple(series.values()))


def later_sessions(connection: Connection, transaction: RatableTransaction, tariffs: Sequence[Tariff]) -> list[int]:
    """List sessions that are rated already, end after this one and count together with it by one of its tariffs."""
    if transaction.ended_at is None:
        return []
    found: dict[int, None] = {}
    for tariff in tariffs:
        shared = [counts for scope in scopes_of(tariff) if (counts := _counts_together(transaction, scope)) is not None]
        if not shared:
            continue
        versions = select(tariff_version.c.id).where(tariff_version.c.tariff_id == tariff.id)
        of_profile = select(session_tariff.c.transaction_id).where(session_tariff.c.tariff_version_id.in_(versions))
        query = (
            select(_T.id)
            .where(_T.state == State.RATED, or_(_T.tariff_version_id.in_(versions), _T.id.in_(of_profile)))
            .where(or_(*shared), _after(transaction.ended_at, transaction.id))
            .where(_T.started_at < _end_of_span(transaction, tariff))
        )
        rows = connection.execute(query.order_by(_T.ended_at, _T.id))
        found |= dict.fromkeys(rows.scalars())
    return list(found)


def _used_before(connection: Connection, transaction: RatableTransaction, tariff: Tariff) -> dict[str, Decimal]:
    totals: dict[str, Decimal] = {}
    for scope in sorted(scopes_of(tariff)):
        counts = _counts_together(transaction, scope)
        if counts is not None:
            for key, amount in _used(connection, transaction, tariff, counts):
                if f"/{scope}/" in key and _OF_SESSION not in key:
                    totals[key] = totals.get(key, Decimal(0)) + amount
    return totals


def _counts_together(transaction: RatableTransaction, scope: Scope) -> ColumnElement[bool] | None:
    """Say which sessions share a contract or group with this one; None if it has none."""
    column, value = {
        Scope.CONTRACT: (_T.contract_id, transaction.contract_id),
        Scope.GROUP: (_T.group_id, transaction.group_id),
    }[scope]
    return and_(_T.operator_id == transaction.operator_id, column == value) if value else None


def _used(
    connection: Connection, transaction: RatableTransaction, tariff: Tariff, counts: ColumnElement[bool]
) -> Iterable[tuple[str, Decimal]]:
    """Give what each session before used, by its latest rating."""
    later = aliased(rating)
    superseded = select(later.c.id).where(later.c.transaction_id == rating.c.transaction_id, later.c.id > rating.c.id)
    query = (
        select(rating_use.c.key, rating_use.c.amount)
        .join(rating, rating.c.id == rating_use.c.rating_id)
        .join(charging_transaction, _T.id == rating.c.transaction_id)
        .where(counts, _T.id != transaction.id, rating_use.c.key.startswith(f"{tariff.id}/", autoescape=True))
        .where(_T.ended_at >= _begin_of_span(transaction, tariff), ~superseded.exists())
    )
    if transaction.ended_at is not None:
        query = query.where(~_after(transaction.ended_at, transaction.id))
    return [(row.key, row.amount) for row in connection.execute(query)]


def _after(ended_at: datetime, transaction_id: int) -> ColumnElement[bool]:
    return or_(_T.ended_at > ended_at, and_(_T.ended_at == ended_at, _T.id > transaction_id))


def _longest(tariff: Tariff) -> Span:
    rules = (tariff.quota, tariff.graduated, *tariff.caps)
    return max((rule.per for rule in rules if rule), key=list(Span).index, default=Span.SESSION)


def _begin_of_span(transaction: RatableTransaction, tariff: Tariff) -> datetime:
    """Give when the local day, month or year of the session's start began: nothing before counts."""
    local = transaction.started_at.astimezone(ZoneInfo(transaction.timezone))
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    match _longest(tariff):
        case Span.YEAR:
            return midnight.replace(month=1, day=1)
        case Span.MONTH:
            return midnight.replace(day=1)
        case _:
            return midnight


def _end_of_span(transaction: RatableTransaction, tariff: Tariff) -> datetime:
    """Give an instant at or shortly after the end of the day, month or year in which the session ended."""
    days = {Span.YEAR: 366, Span.MONTH: 31}.get(_longest(tariff), 1)
    return (transaction.ended_at or transaction.started_at) + timedelta(days=days)


def _series(connection: Connection, transaction: RatableTransaction, tariff: Tariff) -> tuple[Series, ...]:
    """Read the prices of the time of the session; those that miss are found missing by who asks for them."""
    spot = tariff.spot
    if spot is None or not spot.series_id:
        return ()
    first = transaction.started_at - timedelta(minutes=spot.interval) - timedelta(hours=1)
    last = transaction.ended_at or (transaction.points[-1].at if transaction.points else transaction.started_at)
    prices = load_prices(connection, transaction.operator_id, spot.series_id, first, last)
    return (Series(spot.series_id, tuple(SpotPrice(start, price) for start, price in sorted(prices.items()))),)
