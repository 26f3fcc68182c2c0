"""Ratings and CDRs: what a session costs, stored once, together with the session's new state.

Functions that change something run inside one unit of work of `Store.write`.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.core.periods import MeterPoint
from backend.core.transaction import State
from backend.store.tables import (
    cdr,
    charge_point,
    charging_transaction,
    customer,
    id_token,
    meter_value,
    operator,
    rating,
    tariff_version,
)
from shared.ids import IdToken
from shared.units import MilliAmp, Watt, Wh

_T = charging_transaction.c


@dataclass(frozen=True, slots=True)
class EndedTransaction:
    """A transaction that is over, with all that its price depends on. None marks what is not known."""

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
    started_at: datetime
    ended_at: datetime | None
    meter_start: Wh
    meter_stop: Wh | None
    tariff_version: str | None
    tariff_body: str | None
    tariff_reason: str
    points: tuple[MeterPoint, ...]


@dataclass(frozen=True, slots=True)
class RatingToStore:
    """A rating and its CDR, both as JSON, with what is asked for in queries."""

    transaction_id: int
    tariff_version: str
    operator_id: str
    customer_id: str
    ended_at: datetime
    reason: str
    body: str
    total_net: Decimal
    total_gross: Decimal
    cdr: str


async def ended_ids(connection: AsyncConnection) -> list[int]:
    """List the transactions that wait to be rated, the oldest first."""
    rows = await connection.execute(select(_T.id).where(_T.state == State.ENDED).order_by(_T.id))
    return list(rows.scalars())


async def load_ended(connection: AsyncConnection, transaction_id: int) -> EndedTransaction | None:
    """Read a transaction that waits to be rated; None if it does not (any more)."""
    c, o, k, v = charge_point.c, operator.c, id_token.c, tariff_version.c
    query = (
        select(
            charging_transaction,
            c.name,
            c.street,
            c.postcode,
            c.city,
            o.country,
            o.timezone,
            customer.c.id.label("payer"),
            v.body,
        )
        .join(charge_point, c.id == _T.charge_point_id)
        .join(operator, o.id == _T.operator_id)
        .outerjoin(id_token, (k.token == _T.id_token) & (k.operator_id == _T.operator_id))
        .outerjoin(customer, customer.c.id == k.customer_id)
        .outerjoin(tariff_version, v.id == _T.tariff_version_id)
        .where(_T.id == transaction_id, _T.state == State.ENDED)
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    return EndedTransaction(
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
        started_at=row.started_at,
        ended_at=row.ended_at,
        meter_start=Wh(row.meter_start),
        meter_stop=None if row.meter_stop is None else Wh(row.meter_stop),
        tariff_version=row.tariff_version_id,
        tariff_body=row.body,
        tariff_reason=row.tariff_reason,
        points=await _points(connection, transaction_id),
    )


async def store_rating(connection: AsyncConnection, work: RatingToStore, now: datetime) -> bool:
    """Store rating, CDR and the state `rated` in one; False if somebody else was first and nothing was stored."""
    if not await _leave_ended(connection, work.transaction_id, State.RATED, ""):
        return False
    result = await connection.execute(
        insert(rating)
        .values(
            transaction_id=work.transaction_id,
            tariff_version_id=work.tariff_version,
            created_at=now,
            reason=work.reason,
            body=work.body,
            total_net=work.total_net,
            total_gross=work.total_gross,
        )
        .returning(rating.c.id)
    )
    await connection.execute(
        insert(cdr).values(
            transaction_id=work.transaction_id,
            rating_id=result.scalar_one(),
            operator_id=work.operator_id,
            customer_id=work.customer_id,
            ended_at=work.ended_at,
            body=work.cdr,
        )
    )
    return True


async def hold(connection: AsyncConnection, transaction_id: int, reason: str) -> bool:
    """Keep a transaction from being billed until a person has seen the reason; False if it waits no more."""
    return await _leave_ended(connection, transaction_id, State.HELD, reason)


async def _leave_ended(connection: AsyncConnection, transaction_id: int, state: State, reason: str) -> bool:
    result = await connection.execute(
        update(charging_transaction)
        .where(_T.id == transaction_id, _T.state == State.ENDED)
        .values(state=state, held_reason=reason)
    )
    return result.rowcount == 1


async def _points(connection: AsyncConnection, transaction_id: int) -> tuple[MeterPoint, ...]:
    """Read the meter values, in order of time. Of values taken at one instant the highest register counts."""
    m = meter_value.c
    rows = await connection.execute(
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
