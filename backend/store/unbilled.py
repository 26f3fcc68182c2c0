"""What is to be billed, and what is waited for. What was billed long ago is not read."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Select, String, case, cast, func, literal, select

from backend.core.invoices.billing_period import Cycle, Source, Unbilled, Unfinished
from backend.core.invoices.billing_profile import Grouping
from backend.core.transaction import State
from backend.store.invoice_tables import invoice_cdr, unbilled_cdr, unbilled_fee
from backend.store.rating_tables import cdr, cdr_correction, fee, rating
from backend.store.ratings import BILLED_RATING, CURRENT_RATING, NO_REASON, stands
from backend.store.tables import Exact, charge_point, charging_transaction, customer, id_token, operator

_T = charging_transaction.c
_TICK = timedelta(milliseconds=1)
_NO_THRESHOLD = "0"
_VALUE: ColumnElement[str] = case(
    (customer.c.ad_hoc, cast(_T.id, String)),
    (customer.c.grouping == Grouping.USER, func.coalesce(id_token.c.user_id, "")),
    (customer.c.grouping == Grouping.CHARGE_POINT, _T.charge_point_id),
    (
        customer.c.grouping == Grouping.LOCATION,
        func.coalesce(func.nullif(_T.location_id, ""), charge_point.c.location_id),
    ),
    (customer.c.grouping == Grouping.SESSION, cast(_T.id, String)),
    else_=literal(""),
)
"""What a session is grouped by, see `Unbilled`."""


def _total(rating_id: "ColumnElement[Any]") -> "ColumnElement[Any]":
    """Give what a rating costs, but only to who has a threshold: it is one more query for each row."""
    total = select(rating.c.total_gross).where(rating.c.id == rating_id).correlate(cdr).scalar_subquery()
    return case((customer.c.threshold != _NO_THRESHOLD, total), else_=None)


def unbilled(connection: Connection, now: datetime) -> list[Unbilled]:
    """List what is on no invoice yet: rated sessions, those rated again since their invoice, and fees of past spans."""
    return [*_unbilled_cdrs(connection), *_unbilled_fees(connection, now)]


def _unbilled_cdrs(connection: Connection) -> list[Unbilled]:
    corrected = (
        select(func.max(cdr_correction.c.created_at)).where(cdr_correction.c.cdr_id == cdr.c.id).scalar_subquery()
    )
    query = (
        select(cdr.c.id, cdr.c.customer_id, customer.c.cycle, operator.c.timezone, _T.started_at, cdr.c.ended_at)
        .add_columns(invoice_cdr.c.invoice_id, corrected.label("corrected_at"), _VALUE.label("value"))
        .add_columns(customer.c.ad_hoc, _total(CURRENT_RATING).label("total"), _total(BILLED_RATING).label("billed"))
        .select_from(unbilled_cdr)
        .join(cdr, cdr.c.id == unbilled_cdr.c.cdr_id)
        .join(customer, customer.c.id == cdr.c.customer_id)
        .join(operator, operator.c.id == cdr.c.operator_id)
        .join(charging_transaction, _T.id == cdr.c.transaction_id)
        .join(charge_point, charge_point.c.id == _T.charge_point_id)
        .outerjoin(id_token, id_token.c.token == _T.id_token)
        .outerjoin(invoice_cdr, (invoice_cdr.c.cdr_id == cdr.c.id) & stands(invoice_cdr))
        .order_by(unbilled_cdr.c.cdr_id)
    )
    found = []
    for row in connection.execute(query):
        again = row.invoice_id is not None
        found.append(
            Unbilled(
                source=Source.CORRECTION if again else Source.SESSION,
                id=row.id,
                customer_id=row.customer_id,
                cycle=Cycle.AT_ONCE if row.ad_hoc else Cycle(row.cycle),
                zone=ZoneInfo(row.timezone),
                started_at=row.corrected_at if again else row.started_at,
                ended_at=row.corrected_at if again else row.ended_at,
                value=row.value or "",
                amount=_amount(row.total) - _amount(row.billed),
                alone=row.ad_hoc,
            )
        )
    return found


def _amount(text: Any) -> Decimal:  # Any: through a CASE the column has lost its type
    return Decimal(text) if text is not None else Decimal(0)


def _unbilled_fees(connection: Connection, now: datetime) -> list[Unbilled]:
    body = func.json_extract(fee.c.body, "$.total_gross", type_=Exact())
    query = (
        select(fee.c.id, fee.c.customer_id, customer.c.cycle, operator.c.timezone, fee.c.span_end, body.label("total"))
        .select_from(unbilled_fee)
        .join(fee, fee.c.id == unbilled_fee.c.fee_id)
        .join(customer, customer.c.id == fee.c.customer_id)
        .join(operator, operator.c.id == fee.c.operator_id)
        .where(fee.c.span_end <= now)
        .order_by(unbilled_fee.c.fee_id)
    )
    return [
        Unbilled(
            source=Source.FEE,
            id=row.id,
            customer_id=row.customer_id,
            cycle=Cycle(row.cycle),
            zone=ZoneInfo(row.timezone),
            started_at=row.span_end - _TICK,
            ended_at=row.span_end,
            amount=row.total,
        )
        for row in connection.execute(query)
    ]


def unfinished(connection: Connection) -> list[Unfinished]:
    """List sessions that run, are not rated yet or wait to be rated again. Held ones need a person: nobody waits."""
    session: Select[Any] = (  # Any: read by name
        select(_T.id, id_token.c.customer_id, _T.started_at, _VALUE.label("value"))
        .join(id_token, id_token.c.token == _T.id_token)
        .join(customer, customer.c.id == id_token.c.customer_id)
        .join(charge_point, charge_point.c.id == _T.charge_point_id)
    )
    # Each half has an index of its own; a single condition would read through all sessions.
    rows = connection.execute(
        session.where(_T.state.in_((State.RUNNING, State.ENDED))).union(
            session.where(_T.state == State.RATED, _T.rerate_reason > NO_REASON)
        )
    )
    return [Unfinished(row.customer_id, row.started_at, row.value or "") for row in rows]


def thresholds(connection: Connection) -> dict[str, Decimal]:
    """Tell below which amount each customer that has a threshold is not billed."""
    c = customer.c
    rows = connection.execute(select(c.id, c.threshold).where(c.threshold != Decimal(_NO_THRESHOLD)))
    return {row.id: row.threshold for row in rows}
