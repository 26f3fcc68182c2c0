"""Job: rate transactions that are over. What can't be priced is held with its reason, never rated with 0.

What is rated already is rated again where somebody or something asked for it: the new rating is appended with its
reason, the CDR credited and replaced. The tariffs stay those that the session was given; which of them counts when
follows from what is known of profiles now.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.core.cdr import CdrFacts, make_cdr
from backend.core.credit import corrected_id, make_credit
from backend.core.periods import MeterPoint
from backend.core.pricing import Inputs, Priced, UnratableError, context_of, price, read_zone
from backend.core.rating import Policy, Rating
from backend.core.record import RecordError, from_json, to_json
from backend.core.tariff import load_body
from backend.core.transaction import State
from backend.store.ratings import (
    RatableTransaction,
    RatingToStore,
    StoredCdr,
    ask_rerating,
    current_cdr,
    current_rating,
    ended_ids,
    finish_rerating,
    hold,
    load_transaction,
    points_between,
    rerate_ids,
    store_correction,
    store_rating,
)
from backend.store.session_tariffs import SessionTariffs, is_current, load_session_tariffs
from backend.store.usage import later_sessions, load_surroundings
from backend.store.writer import Store
from shared.clock import Clock
from shared.log import Log
from shared.ocpp.session import dumps, loads

log = Log(__name__)

ENDED = "session ended"
EARLIER_SESSION = "an earlier session that counts together with it came in or changed"


async def rate_ended(store: Store, clock: Clock, policy: Policy) -> None:
    """Rate or hold every transaction that waits for it. Cancelling is safe: each is one commit or nothing."""
    async with store.read() as connection:
        waiting, again = await ended_ids(connection), await rerate_ids(connection)
    for transaction_id in waiting:
        await _rate_one(store, clock.utc(), policy, transaction_id)
    for transaction_id in again:
        await _rerate_one(store, clock.utc(), transaction_id)


async def _rate_one(store: Store, now: datetime, policy: Policy, transaction_id: int) -> None:
    async with store.read() as connection:
        transaction = await load_transaction(connection, transaction_id)
        if transaction is None or transaction.state is not State.ENDED:
            return
        try:
            policy = replace(policy, version_switch=transaction.version_switch)
            tariffs = await _tariffs(connection, transaction)
            work, later = await _price(connection, transaction, tariffs, policy, reason=ENDED, now=now)
        except UnratableError as error:
            reason = str(error)
        else:
            reason = ""

    async def keep(connection: AsyncConnection) -> bool:
        return await hold(connection, transaction_id, reason)

    async def finish(connection: AsyncConnection) -> bool:
        # A profile switch or a late message may have come in since: then the session is priced anew.
        current = await _is_current(connection, transaction, tariffs)
        stored = current and await store_rating(connection, work, now)
        if stored:
            await ask_rerating(connection, later, EARLIER_SESSION)
        return stored

    if reason:
        if await store.write(keep):
            log.warning("held", transaction=transaction_id, reason=reason)
    elif await store.write(finish):
        log.info("rated", transaction=transaction_id, net=work.total_net, gross=work.total_gross)


async def _rerate_one(store: Store, now: datetime, transaction_id: int) -> None:
    async with store.read() as connection:
        transaction = await load_transaction(connection, transaction_id)
        before, cdr = await current_rating(connection, transaction_id), await current_cdr(connection, transaction_id)
        if transaction is None or before is None or cdr is None or not transaction.rerate_reason:
            return
        number = cdr.number + 1
        try:
            rated = from_json(Rating, before.body)
            tariffs = await _tariffs(connection, transaction)
            # What was agreed on then goes on to hold.
            work, later = await _price(
                connection,
                transaction,
                tariffs,
                rated.policy,
                reason=transaction.rerate_reason,
                now=now,
                correction=number,
            )
            credit = dumps(make_credit(_values(cdr), number, now))
            same = rated == from_json(Rating, work.body)
            failure = ""
        except (UnratableError, RecordError) as error:
            failure = f"can't be rated again ({transaction.rerate_reason}): {error}"

    async def finish(connection: AsyncConnection) -> bool:
        if not failure and not await _is_current(connection, transaction, tariffs):
            return False  # as above
        if failure or same:
            await finish_rerating(connection, transaction_id, failure or None)
            return False
        stored = await store_correction(connection, work, cdr, credit, now)
        if stored:
            await ask_rerating(connection, later, EARLIER_SESSION)
        return stored

    if await store.write(finish):
        log.info("rated_again", transaction=transaction_id, reason=work.reason, gross=work.total_gross)
    elif failure:
        log.warning("not_rated_again", transaction=transaction_id, reason=failure)


async def _is_current(connection: AsyncConnection, transaction: RatableTransaction, tariffs: SessionTariffs) -> bool:
    """Tell whether nothing that a price rests on has come in since it was read."""
    return await load_transaction(connection, transaction.id) == transaction and await is_current(
        connection, transaction, tariffs
    )


async def _price(
    connection: AsyncConnection,
    transaction: RatableTransaction,
    tariffs: SessionTariffs,
    policy: Policy,
    *,
    reason: str,
    now: datetime,
    correction: int = 0,
) -> tuple[RatingToStore, list[int]]:
    """Price a transaction; gives what is to be stored, and the later sessions whose price rests on this one.

    Raises:
        UnratableError: something is missing, contradicts itself or has no price.
    """
    read_zone(transaction.timezone)
    around = await load_surroundings(connection, transaction, tariffs.tariffs)
    points, relationship = _points(transaction), transaction.relationship
    inputs = Inputs(transaction.timezone, points, policy, around.used, around.series, relationship, tariffs.turns)
    priced = price(inputs, tariffs.tariffs)
    work = to_store(transaction, tariffs.versions, inputs, priced, reason=reason, now=now, correction=correction)
    return work, await later_sessions(connection, transaction, tariffs.tariffs)


async def _tariffs(connection: AsyncConnection, transaction: RatableTransaction) -> SessionTariffs:
    """Check what a price needs at all, and give the session's tariffs."""
    if transaction.customer_id is None:
        raise UnratableError(f"nobody pays for the token {transaction.id_token}: add it to a customer")
    if transaction.ended_at is None or transaction.meter_stop is None:
        raise UnratableError("its end is not known")
    return await load_session_tariffs(connection, transaction, transaction.ended_at)


def _points(t: RatableTransaction) -> tuple[MeterPoint, ...]:
    assert t.ended_at is not None and t.meter_stop is not None  # noqa: S101, PT018  checked by `_tariffs`
    return points_between(MeterPoint(t.started_at, t.meter_start), t.points, MeterPoint(t.ended_at, t.meter_stop))


def to_store(
    t: RatableTransaction,
    versions: Mapping[str, str],
    inputs: Inputs,
    priced: Priced,
    *,
    reason: str,
    now: datetime,
    correction: int = 0,
) -> RatingToStore:
    """Make what is stored of a price: rating, inputs and CDR. Pure.

    Args:
        t: a transaction that has ended and whose payer is known.
        versions: canonical JSON of the tariffs that it was priced by, by the version's name, in the order of turns.
        inputs: that it was priced from.
        priced: the price.
        reason: why it was rated.
        now: world time.
        correction: which one this is, 0 for the first rating.
    """
    assert t.customer_id and t.ended_at and t.meter_stop is not None  # noqa: S101, PT018  see `t`
    first, *others = [load_body(body) for body in versions.values()]
    tariff_version = next(iter(versions))
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
        tariff=first,
        tariff_version=tariff_version,
        more_tariffs=tuple(others),
        signed=t.signed,
        turns=inputs.turns,
    )
    cdr = make_cdr(facts, priced.periods, priced.rating, now, context_of(inputs))
    return RatingToStore(
        transaction_id=t.id,
        tariff_version=tariff_version,
        operator_id=t.operator_id,
        customer_id=t.customer_id,
        ended_at=t.ended_at,
        reason=reason,
        inputs=to_json(inputs),
        body=to_json(priced.rating),
        total_net=priced.rating.total_net,
        total_gross=priced.rating.total_gross,
        used={part.key: part.amount for part in priced.rating.used},
        cdr=dumps({**cdr, "id": corrected_id(str(cdr["id"]), correction)}),
    )


def _values(cdr: StoredCdr) -> dict[str, object]:
    values = loads(cdr.body)
    assert isinstance(values, dict)  # noqa: S101  stored so
    return values
