"""Tariffs: OCPI 2.2.1 JSON read into frozen data, with `tax_included` of OCPI 2.3.0.

Everything is checked here, so that rating never meets a tariff that it can't price. A version of a tariff is named by
the SHA-256 of its canonical JSON: the same prices have the same name whatever the order of keys or the digits written.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

T = TypeVar("T")

WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
"""In the order of `date.weekday()`."""

_EVERY_DAY: tuple[int, ...] = ()
_MAX_NUMBER = Decimal(10) ** 9
_MAX_DECIMALS = 6
"""With 9 digits before the point that makes 15 significant ones: JSON numbers carry them without loss."""


class TariffError(ValueError):
    """The tariff can't be read or priced. The text begins with the path, for instance `elements[1].restrictions`."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path


class Dimension(StrEnum):
    """What a price component charges for (OCPI 2.2.1 TariffDimensionType)."""

    FLAT = "FLAT"
    ENERGY = "ENERGY"
    TIME = "TIME"
    PARKING_TIME = "PARKING_TIME"


class Reservation(StrEnum):
    """Marks an element that prices reservations and nothing else (OCPI 2.2.1 ReservationRestrictionType)."""

    USED = "RESERVATION"
    EXPIRED = "RESERVATION_EXPIRES"


class PriceBasis(StrEnum):
    """Whether prices are without or with VAT. It is also the rounding policy (see `backend.core.rating`)."""

    NET = "NET"
    GROSS = "GROSS"


@dataclass(frozen=True, slots=True)
class PriceComponent:
    """One price.

    Args:
        dimension: what is charged for.
        price: per session, kWh or hour, in the tariff's price basis.
        vat: per cent; None means that no VAT applies, which is not the same as 0 %.
        step_size: billing step in Wh or s; 0 is off.
    """

    dimension: Dimension
    price: Decimal
    vat: Decimal | None
    step_size: int


@dataclass(frozen=True, slots=True)
class Restrictions:
    """When an element applies: all that are set must hold. Minima and starts are inclusive, maxima and ends exclusive.

    Times and dates are wall clock at the charge point. Energy in kWh, power in kW, current in A (sum of the phases),
    durations in s since the start of charging.
    """

    start_time: time | None = None
    end_time: time | None = None
    start_date: date | None = None
    end_date: date | None = None
    min_kwh: Decimal | None = None
    max_kwh: Decimal | None = None
    min_current: Decimal | None = None
    max_current: Decimal | None = None
    min_power: Decimal | None = None
    max_power: Decimal | None = None
    min_duration: int | None = None
    max_duration: int | None = None
    weekdays: tuple[int, ...] = ()
    reservation: Reservation | None = None


@dataclass(frozen=True, slots=True)
class Element:
    """Prices that apply together while the restrictions hold."""

    components: tuple[PriceComponent, ...]
    restrictions: Restrictions


@dataclass(frozen=True, slots=True)
class PriceLimit:
    """Least or highest price of a session, without and with VAT; None where not told."""

    excl_vat: Decimal
    incl_vat: Decimal | None


@dataclass(frozen=True, slots=True)
class Tariff:
    """One version of a tariff. `country_code` and `party_id` are empty for a tariff that no partner sees."""

    id: str
    currency: str
    elements: tuple[Element, ...]
    basis: PriceBasis
    min_price: PriceLimit | None = None
    max_price: PriceLimit | None = None
    country_code: str = ""
    party_id: str = ""


def parse_tariff(data: object) -> Tariff:
    """Read and check a tariff in OCPI 2.2.1 shape. Numbers may be int, float or Decimal; floats are taken as written.

    Raises:
        TariffError: a field is unknown, missing or without meaning, or no session could be priced with it.
    """
    row = _Row(data, "")
    tax_included = row.take("tax_included", _choice("YES", "NO", "N/A"), "NO")
    tariff = Tariff(
        id=row.need("id", _text(36)),
        currency=row.need("currency", _currency),
        elements=row.need("elements", _list(_element)),
        basis=PriceBasis.GROSS if tax_included == "YES" else PriceBasis.NET,
        min_price=row.take("min_price", _limit, None),
        max_price=row.take("max_price", _limit, None),
        country_code=row.take("country_code", _text(2), ""),
        party_id=row.take("party_id", _text(3), ""),
    )
    # Shown to drivers or used to choose a tariff, without effect on the price of a session.
    row.ignore("type", "tariff_alt_text", "tariff_alt_url", "energy_mix", "last_updated")
    row.ignore("start_date_time", "end_date_time")
    row.finish()
    if tariff.min_price and tariff.max_price and tariff.min_price.excl_vat > tariff.max_price.excl_vat:
        raise TariffError("min_price", "is above max_price")
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
        number = _number(value, "tariff")
        return int(number) if number == int(number) else float(number)
    return value


class _Row:
    """A JSON object whose fields are taken one by one, so that what remains is unknown."""

    def __init__(self, data: object, path: str) -> None:
        if not isinstance(data, Mapping):
            raise TariffError(path or "tariff", "must be an object")
        self._rest = dict(data)
        self._path = path

    def need(self, name: str, read: Callable[[object, str], T]) -> T:
        """Take a field that must be there."""
        if name not in self._rest:
            raise TariffError(self.path(name), "is missing")
        return read(self._rest.pop(name), self.path(name))

    def take(self, name: str, read: Callable[[object, str], T], default: T) -> T:
        """Take a field, or the default if it is absent or null."""
        value = self._rest.pop(name, None)
        return default if value is None else read(value, self.path(name))

    def ignore(self, *names: str) -> None:
        """Accept fields without looking at them."""
        for name in names:
            self._rest.pop(name, None)

    def finish(self) -> None:
        """Refuse what was not taken: a price condition that is not understood must not be passed over."""
        for name in self._rest:
            raise TariffError(self.path(str(name)), "is not a known field")

    def path(self, name: str) -> str:
        """Name a field for an error text."""
        return f"{self._path}.{name}" if self._path else name


def _element(data: object, path: str) -> Element:
    row = _Row(data, path)
    components = row.need("price_components", _list(_component))
    restrictions = row.take("restrictions", _restrictions, Restrictions())
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


def _component(data: object, path: str) -> PriceComponent:
    row = _Row(data, path)
    component = PriceComponent(
        dimension=Dimension(row.need("type", _choice(*Dimension))),
        price=row.need("price", _number),
        vat=row.take("vat", _percent, None),
        step_size=row.take("step_size", _whole, 1),
    )
    row.finish()
    return component


def _restrictions(data: object, path: str) -> Restrictions:
    row = _Row(data, path)
    reservation = row.take("reservation", _choice(*Reservation), "")
    restrictions = Restrictions(
        start_time=row.take("start_time", _time, None),
        end_time=row.take("end_time", _time, None),
        start_date=row.take("start_date", _date, None),
        end_date=row.take("end_date", _date, None),
        min_kwh=row.take("min_kwh", _number, None),
        max_kwh=row.take("max_kwh", _number, None),
        min_current=row.take("min_current", _number, None),
        max_current=row.take("max_current", _number, None),
        min_power=row.take("min_power", _number, None),
        max_power=row.take("max_power", _number, None),
        min_duration=row.take("min_duration", _whole, None),
        max_duration=row.take("max_duration", _whole, None),
        weekdays=tuple(sorted(set(row.take("day_of_week", _list(_weekday), _EVERY_DAY)))),
        reservation=Reservation(reservation) if reservation else None,
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


def _limit(data: object, path: str) -> PriceLimit:
    row = _Row(data, path)
    limit = PriceLimit(row.need("excl_vat", _number), row.take("incl_vat", _number, None))
    row.finish()
    if limit.incl_vat is not None and limit.incl_vat < limit.excl_vat:
        raise TariffError(f"{path}.incl_vat", "is below excl_vat")
    return limit


def _list(read: Callable[[object, str], T]) -> Callable[[object, str], tuple[T, ...]]:
    def read_all(value: object, path: str) -> tuple[T, ...]:
        if not isinstance(value, list | tuple) or not value:
            raise TariffError(path, "must be a list of at least one")
        return tuple(read(part, f"{path}[{i}]") for i, part in enumerate(value))

    return read_all


def _text(limit: int) -> Callable[[object, str], str]:
    def read(value: object, path: str) -> str:
        if not isinstance(value, str) or not 1 <= len(value) <= limit or not value.isprintable():
            raise TariffError(path, f"must be text of 1 to {limit} printable characters")
        return value

    return read


def _choice(*choices: str) -> Callable[[object, str], str]:
    def read(value: object, path: str) -> str:
        if not isinstance(value, str) or value not in choices:
            raise TariffError(path, f"{value!r} is not one of {', '.join(choices)}")
        return value

    return read


def _currency(value: object, path: str) -> str:
    if not isinstance(value, str) or len(value) != 3 or not (value.isascii() and value.isalpha() and value.isupper()):
        raise TariffError(path, "must be an ISO 4217 code such as EUR")
    return value


def _number(value: object, path: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise TariffError(path, f"{value!r} is not a number")
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite() or not 0 <= number < _MAX_NUMBER:
        raise TariffError(path, f"{value} must be 0 or more and below {_MAX_NUMBER:,}")
    if number != round(number, _MAX_DECIMALS):
        raise TariffError(path, f"{value} has more than {_MAX_DECIMALS} decimals")
    return number


def _percent(value: object, path: str) -> Decimal:
    number = _number(value, path)
    if number > 100:
        raise TariffError(path, f"{value} is no percentage")
    return number


def _whole(value: object, path: str) -> int:
    number = _number(value, path)
    if number != int(number):
        raise TariffError(path, f"{value} must be a whole number")
    return int(number)


def _time(value: object, path: str) -> time:
    try:
        if not isinstance(value, str) or len(value) != 5:
            raise ValueError(value)
        return time.fromisoformat(value)
    except ValueError as error:
        raise TariffError(path, f"{value!r} is no time of day such as 22:00") from error


def _date(value: object, path: str) -> date:
    try:
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        if not isinstance(value, str) or len(value) != 10:
            raise ValueError(value)
        return date.fromisoformat(value)
    except ValueError as error:
        raise TariffError(path, f"{value!r} is no date such as 2026-12-31") from error


def _weekday(value: object, path: str) -> int:
    return WEEKDAYS.index(_choice(*WEEKDAYS)(value, path))
