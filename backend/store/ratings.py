"""Ratings and CDRs: what a session costs, stored once, together with the session's new state.

A rating is never edited. When a session is rated again a new rating is appended with its reason, and to the CDR a
credit and the CDR that replaces it. Functions that change something run inside one unit of work of `Store.write`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import ColumnElement, Connection, Table, case, delete, func, insert, literal_column, select, update
from sqlalchemy.dialects import sqlite

from backend.core.clarification.inbox import is_withdrawn
from backend.core.proofs.signed_gate import NO_EVIDENCE, Evidence
from backend.core.proofs.signed_pair import Session
from backend.core.rates.cdr import SignedValue
from backend.core.rates.periods import MeterPoint
from backend.core.rates.rating_model import Rating, VersionSwitch
from backend.core.record import from_json
from backend.core.transaction import NOT_AGAIN, State
from backend.store.clarification import rulings_of
from backend.store.event_log import signed_values
from backend.store.fees import owe_used
from backend.store.invoice_tables import invoice_cancellation, invoice_cdr, invoice_correction, unbilled_cdr
from backend.store.rating_tables import cdr, cdr_correction, rating, rating_use, tariff_version
from backend.store.signed import read_evidence
from backend.store.tables import charge_point, charging_transaction, customer, id_token, meter_value, operator
from shared.ids import IdToken
from shared.metering import ReadingContext, SignedReading
from shared.units import MilliAmp, Watt, Wh

_T = charging_transaction.c

CURRENT_RATING: ColumnElement[int] = func.coalesce(
    select(cdr_correction.c.rating_id)
    .where(cdr_correction.c.cdr_id == cdr.c.id)
    .order_by(cdr_correction.c.number.desc())
    .limit(1)
    .correlate(cdr)
    .scalar_subquery(),
    cdr.c.rating_id,
)
"""Of a row of `cdr`: the rating that counts now."""

NO_REASON: ColumnElement[str] = literal_column("''")
"""As the index of what waits to be rated again has it: a bound value would not let it be used for sure."""


def stands(link: Table) -> ColumnElement[bool]:
    """Tell whether the document that a row of `link` names by `invoice_id` is not cancelled."""
    return link.c.invoice_id.not_in(select(invoice_cancellation.c.invoice_id))


BILLED_RATING: ColumnElement[int | None] = func.coalesce(
    select(func.max(invoice_correction.c.rating_id))
    .where(invoice_correction.c.cdr_id == cdr.c.id, stands(invoice_correction))
    .correlate(cdr)
    .scalar_subquery(),
    select(func.coalesce(invoice_cdr.c.rating_id, cdr.c.rating_id))
    .where(invoice_cdr.c.cdr_id == cdr.c.id, stands(invoice_cdr))
    .correlate(cdr)
    .scalar_subquery(),
)
"""Of a row of `cdr`: the rating that an invoice charged last; NULL if none did."""


@dataclass(frozen=True, slots=True)
class RatableTransaction:
    """A transaction with all that its price depends on besides others' use. None marks what is not known."""

    id: int
    operator_id: str
    country: str
    timezone: str
    charge_point_id: str
    charge_point_name: str
    street: str
    postcode: str
    city: str
    evse_id: int
    id_token: IdToken
    customer_id: str | None
    relationship: str
    contract_id: str
    group_id: str
    started_at: datetime
    ended_at: datetime | None
    meter_start: Wh
    meter_stop: Wh | None
    state: State
    tariff_version: str | None
    tariff_body: str | None
    tariff_reason: str
    version_switch: VersionSwitch
    location_id: str
    rerate_reason: str
    points: tuple[MeterPoint, ...]
    signed: tuple[SignedValue, ...] = ()
    evidence: Evidence = NO_EVIDENCE
    withdrawn: bool = False  # it is rated, and a decision that its price rests on was taken back


@dataclass(frozen=True, slots=True)
class RatingToStore:
    """A rating and its CDR, all as JSON, with what is asked for in queries, and the registers that were billed."""

    transaction_id: int
    tariff_version: str
    operator_id: str
    customer_id: str
    ended_at: datetime
    reason: str
    inputs: str
    body: str
    total_net: Decimal
    total_gross: Decimal
    used: Mapping[str, Decimal]
    cdr: str
    meter_start: Wh
    meter_stop: Wh
    verdict_id: int | None = None


@dataclass(frozen=True, slots=True)
class StoredRating:
    """A rating as it was stored. `inputs` is empty for those of old, `timezone` is the operator's."""

    id: int
    transaction_id: int
    tariff_version: str
    tariff_body: str
    timezone: str
    created_at: datetime
    reason: str
    inputs: str
    body: str
    total_net: Decimal
    total_gross: Decimal


@dataclass(frozen=True, slots=True)
class StoredCdr:
    """A CDR at the end of its chain. `number` counts its corrections, `body` is what counts now."""

    id: int
    number: int
    body: str


def ended_ids(connection: Connection) -> list[int]:
    """List the transactions that wait to be rated, in the order of their end: so they use up quotas."""
    rows = connection.execute(select(_T.id).where(_T.state == State.ENDED).order_by(_T.ended_at, _T.id))
    return list(rows.scalars())


def rerate_ids(connection: Connection) -> list[int]:
    """List the transactions that are rated and wait to be rated again, in the order of their end."""
    wanted = select(_T.id).where(_T.state == State.RATED, _T.rerate_reason > NO_REASON)
    return list(connection.execute(wanted.order_by(_T.ended_at, _T.id)).scalars())


def load_transaction(connection: Connection, transaction_id: int) -> RatableTransaction | None:
    """Read a transaction for pricing; None if there is none of that number."""
    c, o, k, v = charge_point.c, operator.c, id_token.c, tariff_version.c
    query = (
        select(charging_transaction, c.name, c.street, c.postcode, c.city, o.country, o.timezone)
        .add_columns(customer.c.id.label("payer"), customer.c.relationship, v.body)
        .join(charge_point, c.id == _T.charge_point_id)
        .join(operator, o.id == _T.operator_id)
        .outerjoin(id_token, (k.token == _T.id_token) & (k.operator_id == _T.operator_id))
        .outerjoin(customer, customer.c.id == k.customer_id)
        .outerjoin(tariff_version, v.id == _T.tariff_version_id)
        .where(_T.id == transaction_id)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    session = Session(row.started_at, row.ended_at, row.meter_start, row.meter_stop, row.id_token)
    return RatableTransaction(
        id=row.id,
        operator_id=row.operator_id,
        country=row.country,
        timezone=row.timezone,
        charge_point_id=row.charge_point_id,
        charge_point_name=row.name,
        street=row.street,
        postcode=row.postcode,
        city=row.city,
        evse_id=row.evse_id,
        id_token=IdToken(row.id_token),
        customer_id=row.payer,
        relationship=row.relationship or "",
        contract_id=row.contract_id,
        group_id=row.group_id,
        started_at=row.started_at,
        ended_at=row.ended_at,
        meter_start=Wh(row.meter_start),
        meter_stop=None if row.meter_stop is None else Wh(row.meter_stop),
        state=State(row.state),
        tariff_version=row.tariff_version_id,
        tariff_body=row.body,
        tariff_reason=row.tariff_reason,
        version_switch=VersionSwitch(row.version_switch),
        location_id=row.location_id,
        rerate_reason=row.rerate_reason,
        points=_points(connection, transaction_id),
        signed=tuple(_signed_value(one.reading) for one in signed_values(connection, transaction_id)),
        evidence=read_evidence(connection, row.charge_point_id, row.id, session),
        withdrawn=row.state == State.RATED and is_withdrawn(rulings_of(connection, row.id)),
    )


def _signed_value(reading: SignedReading) -> SignedValue:
    natures = {ReadingContext.BEGIN: "Start", ReadingContext.END: "End"}
    return SignedValue(natures.get(reading.context, "Intermediate"), reading.data)


def store_rating(connection: Connection, work: RatingToStore, now: datetime) -> bool:
    """Store rating, CDR and the state `rated` in one; False if somebody else was first and nothing was stored."""
    if not _leave_ended(connection, work.transaction_id, State.RATED, ""):
        return False
    connection.execute(
        insert(cdr).values(
            transaction_id=work.transaction_id,
            rating_id=_insert_rating(connection, work, now),
            operator_id=work.operator_id,
            customer_id=work.customer_id,
            ended_at=work.ended_at,
            body=work.cdr,
        )
    )
    list_unbilled(connection, work.transaction_id)
    return True


def store_correction(
    connection: Connection, work: RatingToStore, before: StoredCdr, credit: str, now: datetime
) -> bool:
    """Append a new rating, the credit of the CDR that counted and the one that counts from now on, in one.

    False if somebody else was first and nothing was stored. Where an invoice bears the old price, the next one puts it
    right.
    """
    number = before.number + 1
    count = select(func.count()).select_from(cdr_correction).where(cdr_correction.c.cdr_id == before.id)
    if connection.scalar(count) != before.number:
        return False
    rating_id = _insert_rating(connection, work, now)
    connection.execute(
        insert(cdr_correction).values(
            cdr_id=before.id, number=number, rating_id=rating_id, created_at=now, credit_body=credit, body=work.cdr
        )
    )
    list_unbilled(connection, work.transaction_id)
    finish_rerating(connection, work.transaction_id, "")
    return True


def finish_rerating(connection: Connection, transaction_id: int, held_reason: str | None = None) -> None:
    """Note that a session needs not be rated again (any more).

    None: its price is as it was. That ends a reason of `NOT_AGAIN`; another one to be looked at stays.
    """
    reason = case((_T.held_reason.startswith(NOT_AGAIN), ""), else_=_T.held_reason)
    values = {"rerate_reason": "", "held_reason": reason if held_reason is None else held_reason}
    connection.execute(update(charging_transaction).where(_T.id == transaction_id).values(**values))


def lost_prices(connection: Connection, cdr_ids: Sequence[int]) -> dict[int, str]:
    """Tell why sessions that were rated have no price any more, by CDR; those that have one are not in it."""
    query = (
        select(cdr.c.id, _T.held_reason)
        .join(charging_transaction, _T.id == cdr.c.transaction_id)
        .where(cdr.c.id.in_(cdr_ids), _T.held_reason.startswith(NOT_AGAIN))
    )
    return {row.id: row.held_reason for row in connection.execute(query)}


def ask_rerating(connection: Connection, transaction_ids: Sequence[int], reason: str) -> int:
    """Let rated sessions be rated again and tell how many that are. The first reason given stays."""
    wanted = _T.id.in_(transaction_ids) & (_T.state == State.RATED) & (_T.rerate_reason == "")
    result = connection.execute(update(charging_transaction).where(wanted).values(rerate_reason=reason))
    return result.rowcount


def hold(connection: Connection, transaction_id: int, reason: str) -> bool:
    """Keep a transaction from being billed until a person has seen the reason; False if it waits no more."""
    return _leave_ended(connection, transaction_id, State.HELD, reason)


def waive(connection: Connection, transaction_id: int) -> bool:
    """Let a transaction cost nothing, as a person decided; False if it waits no more."""
    return _leave_ended(connection, transaction_id, State.WAIVED, "")


def current_cdr(connection: Connection, transaction_id: int) -> StoredCdr | None:
    """Give the CDR that counts now."""
    k = cdr_correction.c
    row = connection.execute(select(cdr.c.id, cdr.c.body).where(cdr.c.transaction_id == transaction_id)).first()
    if row is None:
        return None
    query = select(k.number, k.body).where(k.cdr_id == row.id).order_by(k.number.desc()).limit(1)
    last = connection.execute(query).first()
    return StoredCdr(row.id, last.number, last.body) if last else StoredCdr(row.id, 0, row.body)


def current_rating(connection: Connection, transaction_id: int) -> StoredRating | None:
    """Give the rating that counts now: the one that was appended last."""
    found = _ratings(connection, rating.c.transaction_id == transaction_id)
    return found[-1] if found else None


def ratings_after(connection: Connection, rating_id: int, limit: int) -> list[StoredRating]:
    """List ratings with a larger id, in the order in which they were stored."""
    return _ratings(connection, rating.c.id > rating_id, limit)


def points_of(connection: Connection, transaction_id: int) -> tuple[MeterPoint, ...]:
    """Give the register at the start, in between and at the end, as far as they are known."""
    query = select(_T.started_at, _T.meter_start, _T.ended_at, _T.meter_stop).where(_T.id == transaction_id)
    row = connection.execute(query).one()
    return points_between(
        MeterPoint(row.started_at, Wh(row.meter_start)),
        _points(connection, transaction_id),
        None if row.ended_at is None else MeterPoint(row.ended_at, Wh(row.meter_stop)),
    )


def points_between(start: MeterPoint, values: Sequence[MeterPoint], stop: MeterPoint | None) -> tuple[MeterPoint, ...]:
    """Put the values that lie inside a session between its start and its end; None of an end is a running one."""
    inside = (point for point in values if start.at < point.at and (stop is None or point.at < stop.at))
    return (start, *inside, *((stop,) if stop else ()))


def _ratings(connection: Connection, wanted: ColumnElement[bool], limit: int | None = None) -> list[StoredRating]:
    r, v = rating.c, tariff_version.c
    query = (
        select(r.id, r.transaction_id, r.tariff_version_id, v.body, operator.c.timezone, r.created_at, r.reason)
        .add_columns(r.inputs, r.body, r.total_net, r.total_gross)
        .join(tariff_version, v.id == r.tariff_version_id)
        .join(charging_transaction, _T.id == r.transaction_id)
        .join(operator, operator.c.id == _T.operator_id)
        .where(wanted)
        .order_by(r.id)
        .limit(limit)
    )
    return [StoredRating(*row) for row in connection.execute(query)]


def _insert_rating(connection: Connection, work: RatingToStore, now: datetime) -> int:
    values = {
        "transaction_id": work.transaction_id,
        "tariff_version_id": work.tariff_version,
        "created_at": now,
        "reason": work.reason,
        "body": work.body,
        "total_net": work.total_net,
        "total_gross": work.total_gross,
        "inputs": work.inputs,
        "meter_start": work.meter_start,
        "meter_stop": work.meter_stop,
        "verdict_id": work.verdict_id,
    }
    number = int(connection.execute(insert(rating).values(values).returning(rating.c.id)).scalar_one())
    used = [{"rating_id": number, "key": key, "amount": amount} for key, amount in work.used.items()]
    if used:
        connection.execute(insert(rating_use), used)
        owe_used(connection, work.transaction_id, work.customer_id, work.used, now)
    return number


def list_unbilled(connection: Connection, transaction_id: int) -> None:
    """List a session to be billed if no invoice that stands bears what it costs now, else take it off the list."""
    query = select(cdr.c.id, CURRENT_RATING.label("now"), BILLED_RATING.label("billed"))
    row = connection.execute(query.where(cdr.c.transaction_id == transaction_id)).one()
    if row.billed is None:
        totals = select(rating.c.total_net, rating.c.total_gross).where(rating.c.id == row.now)
        is_billed = not any(connection.execute(totals).one())
    else:
        bodies = connection.scalars(select(rating.c.body).where(rating.c.id.in_((row.now, row.billed))))
        taxes = [[tax for tax in from_json(Rating, body).tax_lines if tax.base or tax.vat] for body in bodies]
        is_billed = all(one == taxes[0] for one in taxes)
    if is_billed:
        connection.execute(delete(unbilled_cdr).where(unbilled_cdr.c.cdr_id == row.id))
    else:
        connection.execute(sqlite.insert(unbilled_cdr).values(cdr_id=row.id).on_conflict_do_nothing())


def _leave_ended(connection: Connection, transaction_id: int, state: State, reason: str) -> bool:
    result = connection.execute(
        update(charging_transaction)
        .where(_T.id == transaction_id, _T.state == State.ENDED)
        .values(state=state, held_reason=reason)
    )
    return result.rowcount == 1


def _points(connection: Connection, transaction_id: int) -> tuple[MeterPoint, ...]:
    """Read the meter values, in order of time. Of values taken at one instant the highest register counts."""
    m = meter_value.c
    rows = connection.execute(
        select(m.at, m.energy_wh, m.power_w, m.current_l1_ma, m.current_l2_ma, m.current_l3_ma)
        .where(m.transaction_id == transaction_id)
        .order_by(m.at, m.energy_wh)
    )
    points: dict[datetime, MeterPoint] = {}
    for row in rows:
        phases = [
            current for current in (row.current_l1_ma, row.current_l2_ma, row.current_l3_ma) if current is not None
        ]
        points[row.at] = MeterPoint(
            at=row.at,
            energy=Wh(row.energy_wh),
            power=None if row.power_w is None else Watt(row.power_w),
            current=MilliAmp(sum(phases)) if phases else None,
        )
    return tuple(points.values())
