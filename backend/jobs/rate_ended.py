"""Job: rate transactions that are over. What can't be priced is held with its reason, never rated with 0."""

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.core.cdr import CdrFacts, make_cdr
from backend.core.periods import MeterPoint, PeriodError, cut
from backend.core.rating import Policy, rate
from backend.core.record import to_json
from backend.core.tariff import TariffError, load_body, parse_tariff
from backend.store.ratings import EndedTransaction, RatingToStore, ended_ids, hold, load_ended, store_rating
from backend.store.writer import Store
from shared.clock import Clock
from shared.log import Log
from shared.ocpp.session import dumps

log = Log(__name__)


class UnratableError(ValueError):
    """A transaction can't be priced as it is. The text is the reason that a person reads."""


async def rate_ended(store: Store, clock: Clock, policy: Policy) -> None:
    """Rate or hold every transaction that waits for it. Cancelling is safe: each is one commit or nothing."""
    async with store.read() as connection:
        waiting = await ended_ids(connection)
    for transaction_id in waiting:
        await _rate_one(store, clock.utc(), policy, transaction_id)


async def _rate_one(store: Store, now: datetime, policy: Policy, transaction_id: int) -> None:
    async with store.read() as connection:
        transaction = await load_ended(connection, transaction_id)
    if transaction is None:
        return
    try:
        rated = price(transaction, policy, now)
    except UnratableError as error:
        reason = str(error)

        async def keep(connection: AsyncConnection) -> bool:
            return await hold(connection, transaction_id, reason)

        if await store.write(keep):
            log.warning("held", transaction=transaction_id, reason=reason)
        return

    async def finish(connection: AsyncConnection) -> bool:
        return await store_rating(connection, rated, now)

    if await store.write(finish):
        log.info("rated", transaction=transaction_id, net=rated.total_net, gross=rated.total_gross)


def price(transaction: EndedTransaction, policy: Policy, now: datetime) -> RatingToStore:
    """Price a transaction and make its CDR. Pure.

    Raises:
        UnratableError: something is missing, contradicts itself or has no price.
    """
    t = transaction
    if t.customer_id is None:
        raise UnratableError(f"nobody pays for the token {t.id_token}: add it to a customer")
    if t.tariff_version is None or t.tariff_body is None:
        raise UnratableError(t.tariff_reason or "no tariff was assigned when it began")
    if t.ended_at is None or t.meter_stop is None:
        raise UnratableError("its end is not known")
    try:
        body = load_body(t.tariff_body)
        tariff = parse_tariff(body)
        zone = ZoneInfo(t.timezone)
        start, stop = MeterPoint(t.started_at, t.meter_start), MeterPoint(t.ended_at, t.meter_stop)
        between = [point for point in t.points if t.started_at < point.at < t.ended_at]
        periods = cut([start, *between, stop], tariff, zone)
    except TariffError as error:
        raise UnratableError(f"the tariff can't be used: {error}") from error
    except ZoneInfoNotFoundError as error:
        raise UnratableError(f"the operator's time zone {t.timezone!r} is not known") from error
    except PeriodError as error:
        raise UnratableError(str(error)) from error
    rating = rate(periods, tariff, zone, policy)
    facts = CdrFacts(
        transaction_id=t.id,
        country=t.country,
        charge_point_id=t.charge_point_id,
        charge_point_name=t.charge_point_name,
        street=t.street,
        postcode=t.postcode,
        city=t.city,
        timezone=t.timezone,
        evse_id=t.evse_id,
        id_token=t.id_token,
        customer_id=t.customer_id,
        started_at=t.started_at,
        ended_at=t.ended_at,
        meter_start=t.meter_start,
        meter_stop=t.meter_stop,
        tariff=body,
        tariff_version=t.tariff_version,
    )
    return RatingToStore(
        transaction_id=t.id,
        tariff_version=t.tariff_version,
        operator_id=t.operator_id,
        customer_id=t.customer_id,
        ended_at=t.ended_at,
        reason="session ended",
        body=to_json(rating),
        total_net=rating.total_net,
        total_gross=rating.total_gross,
        cdr=dumps(make_cdr(facts, periods, rating, now)),
    )
