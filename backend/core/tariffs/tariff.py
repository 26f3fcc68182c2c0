"""Tariffs: OCPI 2.2.1 JSON read into frozen data, with `tax_included` of OCPI 2.3.0 and our `x_` fields.

Everything is checked here, so that rating never meets a tariff that it can't price. A version of a tariff is named by
the SHA-256 of its canonical JSON: the same prices have the same name whatever the order of keys or the digits written.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import TypeVar

from backend.core.tariffs import tariff_extensions as x
from backend.core.tariffs.tariff_fields import (
    Row,
    boolean,
    choice,
    currency,
    day,
    listed,
    moment,
    number,
    one_of,
    percent,
    signed_number,
    text,
    time_of_day,
    weekday,
    whole,
)
from backend.core.tariffs.tariff_model import (
    WEEKDAYS,
    Calendar,
    Dimension,
    DisplayText,
    DurationCounter,
    Element,
    EnergyMix,
    PriceBasis,
    PriceComponent,
    PriceLimit,
    Reservation,
    Restrictions,
    Share,
    Tariff,
    TariffError,
    TariffType,
)

__all__ = [
    "WEEKDAYS",
    "Dimension",
    "Element",
    "PriceBasis",
    "PriceComponent",
    "PriceLimit",
    "Reservation",
    "Restrictions",
    "Tariff",
    "TariffError",
    "canonical",
    "load_body",
    "load_tariff",
    "parse_tariff",
    "version_id",
]

T = TypeVar("T")

_EVERY_DAY: tuple[int, ...] = ()
_NO_CALENDARS: tuple[Calendar, ...] = ()


def parse_tariff(data: object) -> Tariff:
    """Read and check a tariff in OCPI 2.2.1 shape. Numbers may be int, float or Decimal; floats are taken as written.

    Raises:
        TariffError: a field is unknown, missing or without meaning, or no session could be priced with it.
    """
    row = Row(data, "")
    tax_included = row.take("tax_included", choice("YES", "NO", "N/A"), "NO")
    basis = PriceBasis.GROSS if tax_included == "YES" else PriceBasis.NET
    calendars = row.take("x_calendars", x.calendars, _NO_CALENDARS)
    counter = row.take("x_duration_counter", one_of(DurationCounter), DurationCounter.SESSION)
    read = _ElementReader(calendars, counter, resolved=row.has("x_spot"))
    elements = row.need("elements", listed(read.element))
    tariff = Tariff(
        id=row.need("id", text(36)),
        currency=row.need("currency", currency),
        elements=elements,
        basis=basis,
        min_price=row.take("min_price", _limit, None),
        max_price=row.take("max_price", _limit, None),
        country_code=row.take("country_code", text(2), ""),
        party_id=row.take("party_id", text(3), ""),
        type=row.take("type", one_of(TariffType), None),
        alt_text=row.take("tariff_alt_text", _list_or_none(_display_text), ()),
        alt_url=row.take("tariff_alt_url", text(255), ""),
        start_date_time=row.take("start_date_time", moment, None),
        end_date_time=row.take("end_date_time", moment, None),
        energy_mix=row.take("energy_mix", _energy_mix, None),
        last_updated=row.take("last_updated", moment, None),
        caps=row.take("x_component_caps", x.caps(len(elements)), ()),
        quota=row.take("x_quota", x.quota, None),
        graduated=row.take("x_graduated", x.graduated, None),
        spot=row.take("x_spot", x.spot(basis), None),
        taxes=row.take("x_tax", x.taxes, ()),
        calendars=calendars,
    )
    row.finish()
    _check(tariff, taxed=tax_included != "N/A")
    return tariff


def canonical(tariff: Mapping[str, object]) -> str:
    """Write a tariff as canonical JSON: keys sorted, no blanks, each number in its shortest form.

    Raises:
        TariffError: as `parse_tariff`.
    """
    parse_tariff(tariff)
    return json.dumps(_plain(tariff), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def version_id(text: str) -> str:
    """Name a version of a tariff: SHA-256 of its canonical JSON, 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def load_tariff(text: str) -> Tariff:
    """Read a stored tariff: canonical JSON into data.

    Raises:
        TariffError: as `parse_tariff`, also if the text is not JSON.
    """
    return parse_tariff(load_body(text))


def load_body(text: str) -> dict[str, object]:
    """Read a stored tariff as JSON, numbers as Decimal.

    Raises:
        TariffError: it is not a JSON object.
    """
    try:
        body = json.loads(text, parse_float=Decimal)
    except ValueError as error:
        raise TariffError("tariff", "is not JSON") from error
    if not isinstance(body, dict):
        raise TariffError("tariff", "is not a JSON object")
    return body


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, date):  # TOML has dates and times of its own
        return value.isoformat()
    if isinstance(value, float | Decimal):
        plain = signed_number(value, "tariff")
        return int(plain) if plain == int(plain) else float(plain)
    return value


def _check(tariff: Tariff, *, taxed: bool) -> None:
    if tariff.min_price and tariff.max_price and tariff.min_price.excl_vat > tariff.max_price.excl_vat:
        raise TariffError("min_price", "is above max_price")
    start, end = tariff.start_date_time, tariff.end_date_time
    if start and end and end <= start:
        raise TariffError("end_date_time", "must be after start_date_time, else the tariff is never valid")
    for i, element in enumerate(tariff.elements):
        for j, component in enumerate(element.components):
            path = f"elements[{i}].price_components[{j}]"
            if component.vat and not taxed:
                raise TariffError(f"{path}.vat", "contradicts tax_included N/A")
            if component.formula and "spot" in component.formula.names and tariff.spot is None:
                raise TariffError(f"{path}.x_formula", "names spot, but the tariff has no x_spot")
    if tariff.quota and tariff.graduated and tariff.quota.order is not tariff.graduated.order:
        raise TariffError("x_quota.order", "must be that of x_graduated")


class _ElementReader:
    """Reads elements, which may refer to calendars and to the tariff's duration counter."""

    def __init__(self, calendars: tuple[Calendar, ...], counter: DurationCounter, *, resolved: bool) -> None:
        self._calendars = {calendar.name: calendar for calendar in calendars}
        self._counter = counter
        self._price: Callable[[object, str], Decimal] = signed_number if resolved else number

    def element(self, data: object, path: str) -> Element:
        row = Row(data, path)
        components = row.need("price_components", listed(self._component))
        restrictions = row.take("restrictions", self._restrictions, Restrictions())
        row.finish()
        seen = set()
        for i, component in enumerate(components):
            if component.dimension in seen:
                raise TariffError(
                    f"{path}.price_components[{i}]",
                    f"a second {component.dimension} price in one element would never apply",
                )
            seen.add(component.dimension)
        return Element(components, restrictions)

    def _component(self, data: object, path: str) -> PriceComponent:
        row = Row(data, path)
        component = PriceComponent(
            dimension=row.need("type", one_of(Dimension)),
            price=row.need("price", self._price),
            vat=row.take("vat", percent, None),
            step_size=row.take("step_size", whole, 1),
            formula=row.take("x_formula", x.formula, None),
        )
        row.finish()
        return component

    def _restrictions(self, data: object, path: str) -> Restrictions:
        row = Row(data, path)
        restrictions = Restrictions(
            start_time=row.take("start_time", time_of_day, None),
            end_time=row.take("end_time", time_of_day, None),
            start_date=row.take("start_date", day, None),
            end_date=row.take("end_date", day, None),
            min_kwh=row.take("min_kwh", number, None),
            max_kwh=row.take("max_kwh", number, None),
            min_current=row.take("min_current", number, None),
            max_current=row.take("max_current", number, None),
            min_power=row.take("min_power", number, None),
            max_power=row.take("max_power", number, None),
            min_duration=row.take("min_duration", whole, None),
            max_duration=row.take("max_duration", whole, None),
            weekdays=tuple(sorted(set(row.take("day_of_week", _list_or_none(weekday), _EVERY_DAY)))),
            reservation=row.take("reservation", one_of(Reservation), None),
            duration_counter=row.take("x_duration_counter", one_of(DurationCounter), self._counter),
            calendar=row.take("x_calendar", self._calendar, None),
            not_calendar=row.take("x_not_calendar", self._calendar, None),
        )
        row.finish()
        for low, high in (
            ("start_date", "end_date"),
            ("min_kwh", "max_kwh"),
            ("min_current", "max_current"),
            ("min_power", "max_power"),
            ("min_duration", "max_duration"),
        ):
            least, most = getattr(restrictions, low), getattr(restrictions, high)
            if least is not None and most is not None and least >= most:
                raise TariffError(f"{path}.{high}", f"must be above {low}, else the element never applies")
        return restrictions

    def _calendar(self, value: object, path: str) -> Calendar:
        return self._calendars[choice(*self._calendars)(value, path)]


def _list_or_none(read: Callable[[object, str], T]) -> Callable[[object, str], tuple[T, ...]]:
    """Read a list that may be empty, as OCPI writes where a field has cardinality *."""

    def read_all(value: object, path: str) -> tuple[T, ...]:
        return () if value == [] else listed(read)(value, path)

    return read_all


def _limit(data: object, path: str) -> PriceLimit:
    row = Row(data, path)
    limit = PriceLimit(row.need("excl_vat", number), row.take("incl_vat", number, None))
    row.finish()
    if limit.incl_vat is not None and limit.incl_vat < limit.excl_vat:
        raise TariffError(f"{path}.incl_vat", "is below excl_vat")
    return limit


def _display_text(data: object, path: str) -> DisplayText:
    row = Row(data, path)
    found = DisplayText(row.need("language", text(2)), row.need("text", text(512)))
    row.finish()
    return found


def _energy_mix(data: object, path: str) -> EnergyMix:
    row = Row(data, path)
    mix = EnergyMix(
        is_green_energy=row.need("is_green_energy", boolean),
        energy_sources=row.take("energy_sources", _list_or_none(_share("source", "percentage")), ()),
        environ_impact=row.take("environ_impact", _list_or_none(_share("category", "amount")), ()),
        supplier_name=row.take("supplier_name", text(64), ""),
        energy_product_name=row.take("energy_product_name", text(64), ""),
    )
    row.finish()
    return mix


def _share(name: str, quantity: str) -> Callable[[object, str], Share]:
    def read(data: object, path: str) -> Share:
        row = Row(data, path)
        found = Share(row.need(name, text(30)), row.need(quantity, number))
        row.finish()
        return found

    return read
