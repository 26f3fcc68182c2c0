"""Sessions as invoices need them: who charged where, by which meter, and whose cost centre bears it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, case, literal, or_, select

from backend.core.invoices.billing_profile import CostCentre
from backend.core.invoices.invoice import RatedSession
from backend.core.invoices.invoice_model import SignatureProof
from backend.core.rates.rating import Rating
from backend.core.record import from_json
from backend.store.rating_tables import cdr, rating, tariff_version
from backend.store.ratings import CURRENT_RATING
from backend.store.signed_tables import signed_verdict
from backend.store.tables import (
    charge_point,
    charging_transaction,
    contract,
    customer,
    evse_name,
    id_token,
    location,
    meter,
    person,
)
from shared.ids import IdToken
from shared.units import Wh

_T = charging_transaction.c
_V = signed_verdict.c
METER_SERIAL = (
    select(meter.c.serial)
    .where(meter.c.charge_point_id == _T.charge_point_id, meter.c.evse_id == _T.evse_id)
    .where(or_(meter.c.installed_at.is_(None), meter.c.installed_at <= _T.started_at))
    .order_by(meter.c.installed_at.desc().nulls_last())
    .limit(1)
    .correlate(charging_transaction)
    .scalar_subquery()
)
"""Of a row of `charging_transaction`: the meter that its EVSE had then; NULL if none is known."""
_COST_CENTRE = case(
    (customer.c.cost_centre_rule == CostCentre.USER, person.c.cost_centre),
    (customer.c.cost_centre_rule == CostCentre.CHARGE_POINT, charge_point.c.cost_centre),
    (customer.c.cost_centre_rule == CostCentre.LOCATION, location.c.cost_centre),
    else_=literal(""),
)


def load_sessions(connection: Connection, cdr_ids: Sequence[int]) -> list[RatedSession]:
    """Read the sessions of CDRs as they are rated now."""
    p = charge_point.c
    rows = connection.execute(
        select(
            charging_transaction,
            cdr.c.id.label("cdr_id"),
            rating.c.body,
            tariff_version.c.tariff_id,
            tariff_version.c.id.label("version"),
            *(p.name, p.street, p.postcode, p.city),
            *(evse_name.c.emi3_id, METER_SERIAL.label("meter_serial"), _COST_CENTRE.label("cost_centre")),
            *(rating.c.meter_start.label("billed_start"), rating.c.meter_stop.label("billed_stop")),
            *(rating.c.verdict_id, _V.status, _V.begin_wh, _V.end_wh, _V.serial.label("signer"), _V.key),
            *(person.c.name.label("driver"), contract.c.id.label("contract")),
        )
        .join(cdr, cdr.c.transaction_id == _T.id)
        .join(customer, customer.c.id == cdr.c.customer_id)
        .join(rating, rating.c.id == CURRENT_RATING)
        .join(tariff_version, tariff_version.c.id == rating.c.tariff_version_id)
        .join(charge_point, p.id == _T.charge_point_id)
        .outerjoin(signed_verdict, _V.id == rating.c.verdict_id)
        .outerjoin(evse_name, (evse_name.c.charge_point_id == p.id) & (evse_name.c.evse_id == _T.evse_id))
        .outerjoin(location, location.c.id == p.location_id)
        .outerjoin(id_token, id_token.c.token == _T.id_token)
        .outerjoin(person, (person.c.id == id_token.c.user_id) & (person.c.customer_id == cdr.c.customer_id))
        .outerjoin(contract, contract.c.id == _T.contract_id)
        .where(cdr.c.id.in_(cdr_ids))
        .order_by(cdr.c.id)
    )
    return [
        RatedSession(
            cdr_id=row.cdr_id,
            transaction_id=row.id,
            charge_point=row.name,
            address=f"{row.street}, {row.postcode} {row.city}",
            evse_id=row.evse_id,
            id_token=IdToken(row.id_token),
            started_at=row.started_at,
            ended_at=row.ended_at,
            meter_start=Wh(row.meter_start if row.billed_start is None else row.billed_start),
            meter_stop=Wh(row.meter_stop if row.billed_stop is None else row.billed_stop),
            tariff_id=row.tariff_id,
            tariff_version=row.version,
            rating=from_json(Rating, row.body),
            emi3_id=row.emi3_id or "",
            meter_serial=row.meter_serial or "",
            driver=row.driver or "",
            contract=row.contract or "",
            cost_centre=row.cost_centre or "",
            signature=_signature(row),
        )
        for row in rows
    ]


def _signature(row: Any) -> SignatureProof | None:  # Any: a row of the columns above
    if row.verdict_id is None:
        return None
    begin, end = (None if wh is None else wh / 1000 for wh in (row.begin_wh, row.end_wh))
    return SignatureProof(row.verdict_id, row.status, begin, end, row.signer, row.key)
