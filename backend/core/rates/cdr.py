"""Charge detail records: OCPI 2.2.1 shape, made once from a transaction and its rating, never changed.

A CDR alone tells its price: tariff, periods, time zone, the operator's policy and what other sessions used before stand
in it, so `recompute` gives the same cost years later, without a database. What the store does not know of a charge
point (coordinates, kind of connector) is absent; a partner that demands it is served by its roaming connection. Names
that begin with `x_` are ours.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from backend.core.rates.periods import Period, State
from backend.core.rates.rating import Context, Item, Policy, Rater, Rating
from backend.core.rates.rounding import Ratio, rounded
from backend.core.record import from_json, to_json
from backend.core.tariffs.tariff import parse_tariff
from backend.core.tariffs.tariff_fields import listed, moment
from backend.core.tariffs.tariff_model import SpotPrice
from backend.core.tariffs.turns import Turn
from shared.ids import IdToken
from shared.metering import SignedData
from shared.units import Wh, kwh

_MILLISECONDS = Decimal(3_600_000)
_FOUR = Decimal("0.0001")
"""OCPI numbers have four decimals."""

_COSTS = {
    "total_fixed_cost": (Item.FLAT,),
    "total_energy_cost": (Item.ENERGY,),
    "total_time_cost": (Item.TIME,),
    "total_parking_cost": (Item.PARKING_TIME,),
    "total_reservation_cost": (Item.RESERVATION_TIME,),
}


_NOTHING = Context()
_STATES = {"TIME": State.CHARGING, "PARKING_TIME": State.PARKING, "RESERVATION_TIME": State.RESERVATION}
_BOUNDS = ("MIN_POWER", "MAX_POWER", "MIN_CURRENT", "MAX_CURRENT")


@dataclass(frozen=True, slots=True)
class SignedValue:
    """A signed reading of the session: `nature` is Start, End or Intermediate (OCPI SignedValue)."""

    nature: str
    data: SignedData


@dataclass(frozen=True, slots=True)
class CdrFacts:
    """What a CDR tells besides its price. Times aware, registers in Wh; `tariff` is the tariff's JSON as stored.

    `more_tariffs` are others that take turns with it, as `turns` tell; `signed` are signed readings, if there are any.
    """

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
    more_tariffs: tuple[Mapping[str, object], ...] = ()
    signed: tuple[SignedValue, ...] = ()
    turns: tuple[Turn, ...] = ()


def make_cdr(
    facts: CdrFacts, periods: Sequence[Period], rating: Rating, now: datetime, context: Context = _NOTHING
) -> dict[str, object]:
    """Make the CDR of a session, as JSON values; numbers are Decimal.

    Args:
        facts: the session.
        periods: as it was rated.
        rating: its price.
        now: the time of making it.
        context: that it was rated in.
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
        "tariffs": [facts.tariff, *facts.more_tariffs],
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
        **({"x_turns": [json.loads(to_json(turn)) for turn in facts.turns]} if facts.turns else {}),
        "x_rating": _rating_facts(rating, context),
    }
    if facts.signed:
        cdr["signed_data"] = _signed_data(facts.signed)
    for name, items in _COSTS.items():
        lines = [line for line in rating.lines if line.item in items]
        if lines:
            net, gross = sum((o.net for o in lines), Decimal(0)), sum((o.gross for o in lines), Decimal(0))
            cdr[name] = _price(net, gross)
    return cdr


def recompute(cdr: Mapping[str, object]) -> Rating:
    """Price a session again from its CDR alone.

    Args:
        cdr: JSON values as `make_cdr` gave them, numbers as Decimal.

    Raises:
        HeldError: a tariff or a period can't be read, or has no price.
        KeyError: it is not a CDR of ours.
    """
    tariffs = [parse_tariff(body) for body in listed(lambda value, _: value)(cdr["tariffs"], "tariffs")]
    facts = cdr["x_rating"]
    assert isinstance(facts, Mapping)  # noqa: S101  written so
    series = {
        name: tuple(from_json(SpotPrice, json.dumps(price)) for price in prices)
        for name, prices in facts["series"].items()
    }
    used = {key: Decimal(amount) for key, amount in facts["used"].items()}
    context = Context(used, series, str(facts["relationship"]))
    policy = from_json(Policy, json.dumps(facts["policy"]))
    rater = Rater(tariffs, ZoneInfo(str(cdr["x_time_zone"])), policy)
    return rater.rate(tuple(_periods(cdr)), context)


def _rating_facts(rating: Rating, context: Context) -> dict[str, object]:
    """Tell what the price depends on besides tariff and periods."""
    return {
        "engine": rating.engine,
        "policy": json.loads(to_json(rating.policy)),
        "relationship": context.relationship,
        "used": {key: f"{amount:f}" for key, amount in context.used.items()},
        "series": {name: [json.loads(to_json(price)) for price in prices] for name, prices in context.series.items()},
    }


def _signed_data(values: Sequence[SignedValue]) -> dict[str, object]:
    """Give the signed readings byte for byte (OCPI SignedData): as they were, and in Base64."""
    forms = [_plain_and_base64(value.data.text) for value in values]
    encoding = next((value.data.encoding_method for value in values if value.data.encoding_method), "")
    key = next((value.data.public_key for value in values if value.data.public_key), "")
    found: dict[str, object] = {
        "encoding_method": (encoding or forms[0][0].partition("|")[0])[:36],
        "signed_values": [
            {"nature": value.nature, "plain_data": plain, "signed_data": base64}
            for value, (plain, base64) in zip(values, forms, strict=True)
        ],
    }
    return found | ({"public_key": key} if key else {})


def _plain_and_base64(text: str) -> tuple[str, str]:
    """Give both forms of what a station sent; OCPP 2.x stations send it in Base64, those of OCPP 1.6 as it is."""
    try:
        plain = b64decode(text, validate=True).decode()
    except ValueError:
        plain = ""
    if plain and (plain.isprintable() or plain.isascii()):
        return plain, text
    return text, b64encode(text.encode()).decode("ascii")


def _periods(cdr: Mapping[str, object]) -> Iterator[Period]:
    rows = listed(lambda value, _: value)(cdr["charging_periods"], "charging_periods")
    for i, row in enumerate(rows):
        assert isinstance(row, Mapping)  # noqa: S101  written so
        volumes = {part["type"]: Decimal(part["volume"]) for part in row["dimensions"]}
        following = rows[i + 1] if i + 1 < len(rows) else None
        end = following["start_date_time"] if isinstance(following, Mapping) else cdr["end_date_time"]
        bounds = {name.lower(): volumes.get(name) for name in _BOUNDS}
        yield Period(
            start=moment(row["start_date_time"], f"charging_periods[{i}].start_date_time"),
            end=moment(row.get("x_end_date_time", end), f"charging_periods[{i}].end"),
            state=next(state for name, state in _STATES.items() if name in volumes),
            energy=volumes.get("ENERGY", Decimal(0)).scaleb(3),
            interpolated=bool(row.get("x_interpolated")),
            expired=bool(row.get("x_expired")),
            tariff_id=str(row["tariff_id"]) if row.get("x_own_tariff") else "",
            **bounds,
        )


def _period(period: Period, tariff: Mapping[str, object]) -> dict[str, object]:
    kind = {State.CHARGING: "TIME", State.PARKING: "PARKING_TIME", State.RESERVATION: "RESERVATION_TIME"}[period.state]
    dimensions = [{"type": kind, "volume": _hours(period.end - period.start)}]
    if period.energy:
        dimensions.insert(0, {"type": "ENERGY", "volume": Decimal(period.energy).scaleb(-3)})
    for name in _BOUNDS:
        volume = getattr(period, name.lower())
        if volume is not None:
            dimensions.append({"type": name, "volume": volume})
    return {
        "start_date_time": _time(period.start),
        "dimensions": dimensions,
        "tariff_id": period.tariff_id or tariff["id"],
        **({"x_own_tariff": True} if period.tariff_id else {}),
        **({"x_interpolated": True} if period.interpolated else {}),
        **({"x_expired": True} if period.expired else {}),
        **({"x_end_date_time": _time(period.end)} if period.state is State.RESERVATION else {}),
    }


def _price(net: Decimal, gross: Decimal) -> dict[str, object]:
    return {"excl_vat": _short(net), "incl_vat": _short(gross)}


def _short(value: Decimal) -> Decimal:
    return rounded(value, _FOUR)


def _hours(span: timedelta) -> Decimal:
    return rounded(Ratio(Decimal(span // timedelta(milliseconds=1)), _MILLISECONDS), _FOUR)


def _time(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
