"""Home charging: what was chosen, and the sessions of a month."""

from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from backend.core.invoices.home_charging import HomeProof, HomeSession, Method, Plan, price_of, prove
from backend.core.invoices.host import Month
from backend.core.invoices.invoice_model import Party
from backend.core.transaction import State
from backend.errors import ReportError
from backend.store.home_tables import home_charging
from backend.store.invoices import load_debtor
from backend.store.rated_sessions import METER_SERIAL
from backend.store.rating_tables import cdr, rating
from backend.store.ratings import CURRENT_RATING
from backend.store.tables import charge_point, charging_transaction, id_token, operator, person

_T = charging_transaction.c


def load_proof(connection: Connection, user_id: str, month: Month) -> tuple[HomeProof, Party, Party]:
    """Read the proof of a month, who made it, and the employer.

    Raises:
        ReportError: nothing was chosen for that user and year, or the official price is not known.
    """
    h = home_charging.c
    query = (
        select(
            home_charging, person.c.name, person.c.customer_id, operator.c.timezone, charge_point.c.name.label("place")
        )
        .join(person, person.c.id == h.user_id)
        .join(operator, operator.c.id == h.operator_id)
        .join(charge_point, charge_point.c.id == h.charge_point_id)
        .where(h.user_id == user_id, h.year == month.year)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise ReportError(f"user {user_id!r} has no [[home_charging]] for {month.year}")
    plan = Plan(
        employee=row.name or user_id,
        vehicle=row.vehicle,
        place=row.place or row.charge_point_id,
        method=Method(row.method),
        price=row.price,
        evidence=row.evidence,
        shows_times=row.shows_times,
    )
    price = price_of(plan, month.year)
    if price is None:
        raise ReportError(f"the official price of {month.year} is not known to this version")
    zone = ZoneInfo(row.timezone)
    sessions = _sessions(connection, user_id, row.charge_point_id, month, zone)
    account = load_debtor(connection, row.customer_id).account
    return prove(plan, month, zone, price, sessions), account.seller, account.buyer


def _sessions(
    connection: Connection, user_id: str, charge_point_id: str, month: Month, zone: ZoneInfo
) -> list[HomeSession]:
    query = (
        select(_T.id, _T.started_at, _T.ended_at, _T.meter_start, _T.meter_stop, _T.state, METER_SERIAL.label("serial"))
        .add_columns(rating.c.meter_start.label("billed_start"), rating.c.meter_stop.label("billed_stop"))
        .join(id_token, id_token.c.token == _T.id_token)
        .outerjoin(cdr, cdr.c.transaction_id == _T.id)
        .outerjoin(rating, rating.c.id == CURRENT_RATING)
        .where(id_token.c.user_id == user_id, _T.charge_point_id == charge_point_id)
        .where(_T.started_at >= month.begin(zone), _T.started_at < month.next.begin(zone))
    )
    return [
        HomeSession(
            transaction_id=row.id,
            started_at=row.started_at,
            ended_at=row.ended_at,
            serial=row.serial or "",
            begin=row.meter_start if row.billed_start is None else row.billed_start,
            end=row.meter_stop if row.billed_stop is None else row.billed_stop,
            held=row.state == State.HELD,
        )
        for row in connection.execute(query)
    ]
