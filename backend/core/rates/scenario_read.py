"""Reading scenarios: sessions, tariffs and extensions as JSON, into what rating takes. Nothing is passed over."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from backend.core.rates.charging_period import Period, State
from backend.core.rates.rating_model import RatingError
from backend.core.tariffs.calendars import published
from backend.core.tariffs.tariff import parse_tariff
from backend.core.tariffs.tariff_fields import (
    Row,
    amount,
    boolean,
    currency,
    listed,
    moment,
    one_of,
    percent,
    signed_amount,
    text,
)
from backend.core.tariffs.tariff_model import (
    Amount,
    Dimension,
    Element,
    HeldError,
    PriceBasis,
    PriceComponent,
    Restrictions,
    Tariff,
    TariffError,
    TariffType,
)

_WORDS = ("schema_version", "id", "title", "why", "ocpi_2_2_1_fit", "calculation", "expected", "bonus", "note", "notes")
"""What a scenario says about itself; without effect on the price."""

_USED_BEFORE = ("x_quota", "x_graduated")
_GERMAN_VAT = Decimal(19)
"""Standard rate, for retail prices that name none (§ 12 UStG)."""


@dataclass(frozen=True, slots=True)
class SessionCase:
    """A session: its name, who pays, and its periods."""

    id: str
    contract: str
    group: str
    periods: tuple[Period, ...]


@dataclass(frozen=True, slots=True)
class Retail:
    """What a roaming provider asks of its driver: a tariff, and the hub's fee per session without VAT."""

    tariff: Tariff
    hub_fee_net: Decimal


@dataclass(frozen=True, slots=True)
class Case:
    """A scenario that was read. `used_before` gives kWh by kind, `quota` or `graduated`, before the first session."""

    id: str
    zone: ZoneInfo
    tariffs: tuple[Tariff, ...]
    sessions: tuple[SessionCase, ...]
    used_before: Mapping[str, Decimal]
    extensions: frozenset[str]
    retail: Retail | None


def read_case(data: object) -> Case:
    """Read a scenario.

    Args:
        data: an object with `tariff` (one or a list) or `tariffs`, `extensions`, `timezone`, `currency`, `sessions`.

    Raises:
        HeldError: something is missing, unknown or without meaning; the path tells where.
    """
    row = Row(data, "", "scenario")
    name = row.take("id", text(100), "")
    for word in _WORDS:
        row.take(word, lambda value, _: value, None)
    zone = row.need("timezone", _zone)
    money = row.take("currency", currency, "")
    sessions = row.need("sessions", listed(_session))
    nothing: Mapping[str, object] = {}
    extensions = dict(row.take("extensions", _object, nothing))
    bodies = _bodies(row)
    row.finish()
    retail = extensions.pop("x_retail", None)
    used = {key.removeprefix("x_"): _used_before(extensions, key) for key in _USED_BEFORE}
    years = sorted({period.start.year + n for s in sessions for period in s.periods for n in (-1, 0, 1)})
    tariffs = tuple(_tariff(body, path, extensions, years) for path, body in bodies)
    for (path, _), tariff in zip(bodies, tariffs, strict=True):
        if money and tariff.currency != money:
            raise TariffError(f"{path}.currency", f"is {tariff.currency}, the scenario's is {money}")
    names: set[str] = set()
    for i, session in enumerate(sessions):
        if session.id in names:
            raise RatingError(f"sessions[{i}].id", f"{session.id!r} stands there twice", "invalid_value")
        names.add(session.id)
    return Case(
        id=name,
        zone=zone,
        tariffs=tariffs,
        sessions=sessions,
        used_before={key: kwh for key, kwh in used.items() if kwh is not None},
        extensions=frozenset(extensions),
        retail=None if retail is None else _retail(retail, tariffs[0].currency),
    )


def _bodies(row: Row) -> list[tuple[str, object]]:
    """Give the tariffs with their paths, whether there is one or a list."""
    found: list[tuple[str, object]] = []
    for name in ("tariff", "tariffs"):
        value = row.take(name, lambda value, _: value, None)
        if isinstance(value, list | tuple):
            found += [(f"{name}[{i}]", body) for i, body in enumerate(value)]
        elif value is not None:
            found.append((name, value))
    if not found:
        raise TariffError("tariff", "is missing, so nothing has a price", "no_tariff")
    return found


def _tariff(body: object, path: str, extensions: Mapping[str, object], years: Sequence[int]) -> Tariff:
    """Read a tariff with its extensions; errors name the one or the other."""
    if not isinstance(body, Mapping):
        raise TariffError(path, "must be an object")
    for key in extensions:
        if not key.startswith("x_"):
            raise TariffError(f"extensions.{key}", "is not a known field", "unknown_field")
        if key in body and body[key] != extensions[key]:
            raise TariffError(f"extensions.{key}", f"contradicts {path}.{key}")
    try:
        return parse_tariff(published({**body, **extensions}, years))
    except TariffError as error:
        raise TariffError(f"{_owner(error.path, extensions, path)}.{error.path}", error.reason, error.code) from error


def _used_before(extensions: dict[str, object], key: str) -> Decimal | None:
    rule = extensions.get(key)
    if not isinstance(rule, Mapping) or "used_before" not in rule:
        return None
    extensions[key] = {name: value for name, value in rule.items() if name != "used_before"}
    return amount(rule["used_before"], f"extensions.{key}.used_before")


def _session(data: object, path: str) -> SessionCase:
    row = Row(data, path)
    session = SessionCase(
        id=row.take("id", text(100), path),
        contract=row.take("contract", text(100), ""),
        group=row.take("group", text(100), ""),
        periods=row.need("periods", listed(_period)),
    )
    row.take("token", text(100), "")
    row.finish()
    return session


def _period(data: object, path: str) -> Period:
    row = Row(data, path)
    state = row.need("state", one_of(State))
    kwh = row.need("kwh", signed_amount) if state is State.CHARGING else row.take("kwh", signed_amount, Decimal(0))
    period = Period(
        start=row.need("start", _world_time),
        end=row.need("end", _world_time),
        state=state,
        energy=kwh.scaleb(3),
        min_power=row.take("min_power", amount, None),
        max_power=row.take("max_power", amount, None),
        min_current=row.take("min_current", amount, None),
        max_current=row.take("max_current", amount, None),
        expired=row.take("expired", boolean, False),
        tariff_id=row.take("tariff_id", text(36), ""),
    )
    row.finish()
    return period


def _world_time(value: object, path: str) -> datetime:
    found = moment(value, path)
    if not 2000 <= found.year < 2200:
        raise RatingError(path, f"{value!r} is not in the years 2000 to 2199", "invalid_value")
    return found


def _retail(data: object, money: str) -> Retail:
    path = "extensions.x_retail"
    row = Row(data, path)
    vat = row.take("vat", percent, _GERMAN_VAT)
    price = _net_or_gross(row, "price_per_kwh")
    fee = _net_or_gross(row, "hub_fee")
    row.finish()
    if price is None:
        raise TariffError(f"{path}.price_per_kwh_gross", "is missing")
    fee = fee or Amount(Decimal(0), PriceBasis.NET)
    if fee.basis is PriceBasis.GROSS:
        raise TariffError(f"{path}.hub_fee_gross", "must be given without VAT, as hub_fee_net")
    charged = fee.value * (100 + vat) / 100 if price.basis is PriceBasis.GROSS else fee.value
    components = [PriceComponent(Dimension.ENERGY, price.value, vat, 1)]
    if charged:
        components.append(PriceComponent(Dimension.FLAT, charged, vat, 1))
    elements = (Element(tuple(components), Restrictions()),)
    return Retail(Tariff("retail", money, elements, price.basis, type=TariffType.REGULAR), fee.value)


def _net_or_gross(row: Row, name: str) -> Amount | None:
    net, gross = row.take(f"{name}_net", amount, None), row.take(f"{name}_gross", amount, None)
    if net is not None and gross is not None:
        raise TariffError(row.path(f"{name}_gross"), f"stands beside {name}_net, give one of them")
    if net is not None:
        return Amount(net, PriceBasis.NET)
    return None if gross is None else Amount(gross, PriceBasis.GROSS)


def _zone(value: object, path: str) -> ZoneInfo:
    try:
        return ZoneInfo(text(60)(value, path))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        if isinstance(error, HeldError):
            raise
        raise RatingError(path, f"{value!r} is not a known time zone", "invalid_value") from error


def _object(value: object, path: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise TariffError(path, "must be an object")
    return {str(key): part for key, part in value.items()}


def named(error: HeldError, case: Case, session: int) -> HeldError:
    """Give an error of rating with its path in the scenario."""
    if isinstance(error, RatingError):
        return RatingError(f"sessions[{session}].{error.path}", error.reason, error.code)
    return TariffError(f"{_owner(error.path, case.extensions, 'tariff')}.{error.path}", error.reason, error.code)


def _owner(path: str, extensions: Collection[str], otherwise: str) -> str:
    """Tell whether a field stands in the extensions or in the tariff."""
    return "extensions" if path.partition(".")[0].partition("[")[0] in extensions else otherwise
