"""Charge detail records: OCPI 2.2.1 shape, made once from a transaction and its rating, never changed.

What the store does not know of a charge point (coordinates, kind of connector) is absent; a partner that demands it is
served by its roaming connection. Names that begin with `x_` are ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from backend.core.periods import Period, State
from backend.core.rating import Item, Rating
from shared.ids import IdToken
from shared.units import Wh, kwh

_FOUR = Decimal("0.0001")
"""OCPI numbers have four decimals."""

_COSTS = {
    "total_fixed_cost": (Item.FLAT,),
    "total_energy_cost": (Item.ENERGY,),
    "total_time_cost": (Item.TIME,),
    "total_parking_cost": (Item.PARKING_TIME,),
    "total_reservation_cost": (Item.RESERVATION_TIME,),
}


@dataclass(frozen=True, slots=True)
class CdrFacts:
    """What a CDR tells besides its price. Times aware, registers in Wh; `tariff` is the tariff's JSON as stored."""

    transaction_id: int
    country: str
    charge_point_id: str
    charge_point_name: str
    street: str
    postcode: str
    city: str
    timezone: str
    evse_id: int
    id_token: IdToken
    customer_id: str
    started_at: datetime
    ended_at: datetime
    meter_start: Wh
    meter_stop: Wh
    tariff: Mapping[str, object]
    tariff_version: str


def make_cdr(facts: CdrFacts, periods: Sequence[Period], rating: Rating, now: datetime) -> dict[str, object]:
    """Make the CDR of a session, as JSON values; numbers are Decimal.

    Args:
        facts: the session.
        periods: as it was rated.
        rating: its price.
        now: the time of making it.
    """
    parked = sum((p.end - p.start for p in periods if p.state is State.PARKING), timedelta(0))
    cdr: dict[str, object] = {
        "country_code": facts.tariff.get("country_code", facts.country),
        **({"party_id": facts.tariff["party_id"]} if "party_id" in facts.tariff else {}),
        "id": str(facts.transaction_id),
        "start_date_time": _time(facts.started_at),
        "end_date_time": _time(facts.ended_at),
        "session_id": str(facts.transaction_id),
        "cdr_token": {"uid": facts.id_token.value, "type": "RFID", "contract_id": facts.customer_id},
        "auth_method": "WHITELIST",
        "cdr_location": {
            "id": facts.charge_point_id,
            "name": facts.charge_point_name,
            "address": facts.street,
            "city": facts.city,
            "postal_code": facts.postcode,
            "country": facts.country,
            "evse_uid": f"{facts.charge_point_id}-{facts.evse_id}",
            "connector_id": str(facts.evse_id),
        },
        "currency": rating.currency,
        "tariffs": [facts.tariff],
        "charging_periods": [_period(period, facts.tariff) for period in periods],
        "total_cost": _price(rating.exact_net, rating.exact_gross),
        "total_energy": kwh(Wh(facts.meter_stop - facts.meter_start)),
        "total_time": _hours(facts.ended_at - facts.started_at),
        "total_parking_time": _hours(parked),
        "last_updated": _time(now),
        "x_time_zone": facts.timezone,
        "x_meter_start": facts.meter_start,
        "x_meter_stop": facts.meter_stop,
        "x_tariff_version": facts.tariff_version,
    }
    for name, items in _COSTS.items():
        lines = [line for line in rating.lines if line.item in items]
        if lines:
            net, gross = sum((o.net for o in lines), Decimal(0)), sum((o.gross for o in lines), Decimal(0))
            cdr[name] = _price(net, gross)
    return cdr


def _period(period: Period, tariff: Mapping[str, object]) -> dict[str, object]:
    kind = {State.CHARGING: "TIME", State.PARKING: "PARKING_TIME", State.RESERVATION: "RESERVATION_TIME"}[period.state]
    dimensions = [{"type": kind, "volume": _hours(period.end - period.start)}]
    if period.energy:
        dimensions.insert(0, {"type": "ENERGY", "volume": Decimal(period.energy).scaleb(-3)})
    for name in ("MIN_POWER", "MAX_POWER", "MIN_CURRENT", "MAX_CURRENT"):
        volume = getattr(period, name.lower())
        if volume is not None:
            dimensions.append({"type": name, "volume": volume})
    return {
        "start_date_time": _time(period.start),
        "dimensions": dimensions,
        "tariff_id": tariff["id"],
        **({"x_interpolated": True} if period.interpolated else {}),
    }


def _price(net: Decimal, gross: Decimal) -> dict[str, object]:
    return {"excl_vat": _short(net), "incl_vat": _short(gross)}


def _short(value: Decimal) -> Decimal:
    return value.quantize(_FOUR, ROUND_HALF_UP)


def _hours(span: timedelta) -> Decimal:
    return _short(Decimal(span // timedelta(milliseconds=1)) / 3_600_000)


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
