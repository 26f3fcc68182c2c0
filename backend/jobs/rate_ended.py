"""Job: rate transactions that are over. What can't be priced is held with its reason, never rated with 0.

What is rated already is rated again where somebody or something asked for it: the new rating is appended with its
reason, the CDR credited and replaced. The tariffs stay those that the session was given; which of them counts when
follows from what is known of profiles now.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from backend.core.clarification.inbox import WITHDRAWN
from backend.core.invoices.credit import corrected_id, make_credit
from backend.core.proofs.signed_gate import Evidence, Registers, Way, billed, check_fixed_fee, check_proof, way_of
from backend.core.proofs.signed_time import energy_changes, sells_energy, with_signed
from backend.core.rates.cdr import CdrFacts, make_cdr
from backend.core.rates.periods import MeterPoint
from backend.core.rates.pricing import Inputs, Priced, UnratableError, context_of, price, read_zone
from backend.core.rates.rating import Policy, Rating
from backend.core.record import RecordError, from_json, to_json
from backend.core.tariffs.tariff import load_body
from backend.core.transaction import NOT_AGAIN, State
from backend.store.ratings import (
    RatableTransaction,
    RatingToStore,
    StoredCdr,
    StoredRating,
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
    waive,
)
from backend.store.session_tariffs import SessionTariffs, is_current, load_session_tariffs
from backend.store.signed import ask_judging
from backend.store.usage import later_sessions, load_surroundings
from backend.store.writer import Store
from shared.clock import Clock
from shared.log import Log
from shared.ocpp.session import dumps, loads

log = Log(__name__)

ENDED = "session ended"
EARLIER_SESSION = "an earlier session that counts together with it came in or changed"


@dataclass(frozen=True, slots=True)
class _Priced:
    """A price, and what it was worked out from. `later`: sessions whose price rests on it."""

    transaction: RatableTransaction
    tariffs: SessionTariffs
    work: RatingToStore
    later: list[int]


@dataclass(frozen=True, slots=True)
class _Again:
    """A new price of what was rated, and the CDR that it replaces with its credit."""

    priced: _Priced
    cdr: StoredCdr
    credit: str
    is_same: bool


async def rate_ended(store: Store, clock: Clock, policy: Policy, *, allow_unsigned_time: bool = False) -> None:
    """Rate, hold or waive every transaction that waits for it. Cancelling is safe: each is one commit or nothing.

    Args:
        store: whose data.
        clock: world time.
        policy: the operator's choices for what is rated first now.
        allow_unsigned_time: bill energy by prices that change by the clock although proof is demanded and no register
            was signed at the change.
    """
    waiting, again = await store.read(lambda connection: (ended_ids(connection), rerate_ids(connection)))
    for transaction_id in waiting:
        await _rate_one(store, clock.utc(), policy, transaction_id, allow_unsigned_time)
    for transaction_id in again:
        await _rerate_one(store, clock.utc(), transaction_id, allow_unsigned_time)


async def _rate_one(store: Store, now: datetime, policy: Policy, transaction_id: int, allow: bool) -> None:
    def look(connection: Connection) -> _Priced | Way | None:
        transaction = load_transaction(connection, transaction_id)
        if transaction is None or transaction.state is not State.ENDED:
            return None
        way = way_of(transaction.evidence)
        if way is Way.WAIT and transaction.evidence.is_asked:
            return None
        if way in (Way.WAIT, Way.WAIVED):
            return way
        tariffs = _tariffs(connection, transaction)
        current = replace(policy, version_switch=transaction.version_switch)
        work, later = _price(connection, transaction, tariffs, current, reason=ENDED, now=now, allow=allow)
        return _Priced(transaction, tariffs, work, later)

    try:
        priced = await store.read(look)
    except UnratableError as error:
        reason = str(error)
        if await store.write(lambda connection: hold(connection, transaction_id, reason)):
            log.warning("held", transaction=transaction_id, reason=reason)
        return
    if isinstance(priced, _Priced) and await store.write(partial(_finish, priced, now)):
        log.info("rated", transaction=transaction_id, net=priced.work.total_net, gross=priced.work.total_gross)
    elif priced is Way.WAIVED and await store.write(lambda connection: waive(connection, transaction_id)):
        log.info("waived", transaction=transaction_id)
    elif priced is Way.WAIT:
        await store.write(lambda connection: ask_judging(connection, transaction_id))


def _finish(priced: _Priced, now: datetime, connection: Connection) -> bool:
    # A profile switch or a late message may have come in since: then the session is priced anew.
    current = _is_current(connection, priced.transaction, priced.tariffs)
    stored = current and store_rating(connection, priced.work, now)
    if stored:
        ask_rerating(connection, priced.later, EARLIER_SESSION)
    return stored


async def _rerate_one(store: Store, now: datetime, transaction_id: int, allow: bool) -> None:
    def look(connection: Connection) -> _Again | Way | str | None:
        transaction = load_transaction(connection, transaction_id)
        before, cdr = current_rating(connection, transaction_id), current_cdr(connection, transaction_id)
        if transaction is None or before is None or cdr is None or not transaction.rerate_reason:
            return None
        if transaction.evidence.is_waiting:
            return None if transaction.evidence.is_asked else Way.WAIT
        try:
            return _price_again(connection, transaction, before, cdr, now=now, allow=allow)
        except (UnratableError, RecordError) as error:
            return f"{NOT_AGAIN} ({transaction.rerate_reason}): {error}"

    again = await store.read(look)
    if again is None:
        return
    if isinstance(again, Way):
        await store.write(lambda connection: ask_judging(connection, transaction_id))
        return
    if isinstance(again, str):
        failure = again
        await store.write(lambda connection: finish_rerating(connection, transaction_id, failure))
        log.warning("not_rated_again", transaction=transaction_id, reason=failure)
        return
    priced, cdr, credit, same = again.priced, again.cdr, again.credit, again.is_same

    def finish(connection: Connection) -> bool:
        if not _is_current(connection, priced.transaction, priced.tariffs):
            return False  # as above
        if same:
            finish_rerating(connection, transaction_id, None)
            return False
        stored = store_correction(connection, priced.work, cdr, credit, now)
        if stored:
            ask_rerating(connection, priced.later, EARLIER_SESSION)
        return stored

    if await store.write(finish):
        log.info("rated_again", transaction=transaction_id, reason=priced.work.reason, gross=priced.work.total_gross)


def _price_again(
    connection: Connection,
    transaction: RatableTransaction,
    before: StoredRating,
    cdr: StoredCdr,
    *,
    now: datetime,
    allow: bool,
) -> "_Again":
    """Price a rated transaction anew, by the policy of before: what was agreed on then goes on to hold.

    Raises:
        UnratableError: it has no price now.
        RecordError: what it was rated from can't be read.
    """
    number, rated = cdr.number + 1, from_json(Rating, before.body)
    tariffs = _tariffs(connection, transaction)
    work, later = _price(
        connection,
        transaction,
        tariffs,
        rated.policy,
        reason=transaction.rerate_reason,
        now=now,
        correction=number,
        allow=allow,
    )
    credit = dumps(make_credit(_values(cdr), number, now))
    return _Again(_Priced(transaction, tariffs, work, later), cdr, credit, rated == from_json(Rating, work.body))


def _is_current(connection: Connection, transaction: RatableTransaction, tariffs: SessionTariffs) -> bool:
    """Tell whether nothing that a price rests on has come in since it was read."""
    return load_transaction(connection, transaction.id) == transaction and is_current(connection, transaction, tariffs)


def _price(
    connection: Connection,
    transaction: RatableTransaction,
    tariffs: SessionTariffs,
    policy: Policy,
    *,
    reason: str,
    now: datetime,
    allow: bool,
    correction: int = 0,
) -> tuple[RatingToStore, list[int]]:
    """Price a transaction; gives what is to be stored, and the later sessions whose price rests on this one.

    `allow` is `allow_unsigned_time`.

    Raises:
        UnratableError: something is missing, contradicts itself or has no price.
    """
    way = way_of(transaction.evidence)
    if way is Way.WAIVED:
        raise UnratableError("it was waived")
    check_proof(way, transaction.evidence, sells_energy=any(map(sells_energy, tariffs.tariffs)))
    transaction = _billed(transaction, way)
    policy = replace(policy, flat_needs_energy=False) if way is Way.FIXED_FEE else policy
    read_zone(transaction.timezone)
    around = load_surroundings(connection, transaction, tariffs.tariffs)
    points, relationship = transaction.points, transaction.relationship
    inputs = Inputs(transaction.timezone, points, policy, around.used, around.series, relationship, tariffs.turns)
    inputs, priced = _by_signed_time(inputs, tariffs, transaction.evidence, allow)
    if way is Way.FIXED_FEE:
        check_fixed_fee(priced.rating)
    work = to_store(transaction, tariffs.versions, inputs, priced, reason=reason, now=now, correction=correction)
    return work, later_sessions(connection, transaction, tariffs.tariffs)


def _by_signed_time(inputs: Inputs, tariffs: SessionTariffs, evidence: Evidence, allow: bool) -> tuple[Inputs, Priced]:
    """Price a session; where proof is demanded, energy changes its price at registers that were signed then."""
    priced = price(inputs, tariffs.tariffs)
    changes = energy_changes(inputs, tariffs.tariffs, priced) if evidence.required else []
    if not changes:
        return inputs, priced
    try:
        inputs = replace(inputs, points=with_signed(inputs.points, changes, evidence.changes))
    except UnratableError:
        if not allow:
            raise
        return inputs, priced
    return inputs, price(inputs, tariffs.tariffs)


def _tariffs(connection: Connection, transaction: RatableTransaction) -> SessionTariffs:
    """Check what a price needs at all, and give the session's tariffs."""
    if transaction.customer_id is None:
        raise UnratableError(f"nobody pays for the token {transaction.id_token}: add it to a customer")
    if transaction.withdrawn:
        raise UnratableError(WITHDRAWN)
    if transaction.ended_at is None or transaction.meter_stop is None:
        raise UnratableError("its end is not known")
    return load_session_tariffs(connection, transaction, transaction.ended_at)


def _billed(t: RatableTransaction, way: Way) -> RatableTransaction:
    """Give the transaction with the registers that it is billed by, the one at its begin and its end included."""
    assert t.ended_at is not None and t.meter_stop is not None  # noqa: S101, PT018  checked by `_tariffs`
    points = points_between(MeterPoint(t.started_at, t.meter_start), t.points, MeterPoint(t.ended_at, t.meter_stop))
    registers = Registers(t.started_at, t.ended_at, t.meter_start, t.meter_stop, points)
    found = billed(registers, t.evidence, way)
    return replace(t, meter_start=found.meter_start, meter_stop=found.meter_stop, points=found.points)


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
        meter_start=t.meter_start,
        meter_stop=t.meter_stop,
        verdict_id=t.evidence.verdict,
    )


def _values(cdr: StoredCdr) -> dict[str, object]:
    values = loads(cdr.body)
    assert isinstance(values, dict)  # noqa: S101  stored so
    return values
