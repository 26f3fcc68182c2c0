"""Reading what OCPI can't say: the `x_` fields of a tariff. Numbers may be JSON numbers or text."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, time
from decimal import Decimal
from itertools import pairwise

from backend.core.tariffs.formula import Formula, FormulaError
from backend.core.tariffs.formula import parse as parse_formula
from backend.core.tariffs.tariff_fields import (
    Row,
    amount,
    choice,
    day,
    listed,
    moment,
    one_of,
    signed_amount,
    text,
    time_of_day,
    whole,
)
from backend.core.tariffs.tariff_model import (
    Amount,
    Attribution,
    Calendar,
    ComponentCap,
    Dimension,
    Graduated,
    LocalPrice,
    PriceBasis,
    Quota,
    Scope,
    Span,
    Spot,
    SpotLock,
    SpotPrice,
    TariffError,
    TaxKind,
    TaxRule,
    Tier,
)

_SPANS = {"session": Span.SESSION, "day": Span.DAY, "month": Span.MONTH, "year": Span.YEAR} | {s.value: s for s in Span}
_BASES = {"": None, "_net": PriceBasis.NET, "_gross": PriceBasis.GROSS}
_NO_PAIRS: tuple[tuple[Decimal, Decimal], ...] = ()
_NO_PRICES: tuple[tuple[time, Decimal], ...] = ()
_INTERVAL = 60
"""Minutes that a spot price holds where the tariff does not tell."""


def formula(value: object, path: str) -> Formula:
    """Read `x_formula`."""
    try:
        return parse_formula(text(300)(value, path))
    except FormulaError as error:
        raise TariffError(path, str(error)) from error


def calendars(value: object, path: str) -> tuple[Calendar, ...]:
    """Read `x_calendars`: an object of named calendars, whose dates were listed at publication."""
    if not isinstance(value, Mapping) or not value:
        raise TariffError(path, "must be an object of named calendars")
    return tuple(_calendar(str(name), row, f"{path}.{name}") for name, row in sorted(value.items()))


def _calendar(name: str, value: object, path: str) -> Calendar:
    row = Row(value, path)
    state = row.take("state", text(2), "")
    if state and not row.has("dates"):
        raise TariffError(f"{path}.dates", "is missing: publish the tariff, then the holidays are listed here")
    none: tuple[date, ...] = ()
    no_years: tuple[int, ...] = ()
    dates = row.take("dates", lambda v, p: listed(day)(v, p) if v else none, none)
    years = row.take("years", listed(whole), no_years)
    row.finish()
    if any(found.year not in years for found in dates) and years:
        raise TariffError(f"{path}.years", "must hold the year of every date")
    return Calendar(name, frozenset(years or (found.year for found in dates)), frozenset(dates), state)


def caps(elements: int) -> Callable[[object, str], tuple[ComponentCap, ...]]:
    """Give the reader of `x_component_caps` for a tariff of so many elements."""

    def cap(value: object, path: str) -> ComponentCap:
        row = Row(value, path)
        found = ComponentCap(
            dimensions=row.need("dimensions", listed(one_of(Dimension))),
            most=row.need("max", amount),
            element=row.take("element", whole, None),
            per=row.take("per", _span, row.take("period", _span, Span.SESSION)),
            scope=row.take("scope", one_of(Scope), Scope.CONTRACT),
        )
        row.finish()
        if found.element is not None and found.element >= elements:
            raise TariffError(f"{path}.element", f"the tariff has no element {found.element}")
        return found

    return listed(cap)


def quota(value: object, path: str) -> Quota:
    """Read `x_quota`."""
    row = Row(value, path)
    found = Quota(
        free_kwh=row.need("free_kwh", amount),
        price=row.take("price", amount, Decimal(0)),
        scope=row.take("scope", one_of(Scope), Scope.CONTRACT),
        per=row.take("period", _span, Span.MONTH),
        order=row.take("order", one_of(Attribution), Attribution.PERIOD),
    )
    row.finish()
    return found


def graduated(value: object, path: str) -> Graduated:
    """Read `x_graduated`."""
    row = Row(value, path)
    tiers = row.need("tiers", listed(_tier))
    net, gross = row.take("base_fee_net", amount, None), row.take("base_fee_gross", amount, None)
    found = Graduated(
        tiers=tiers,
        base_fee=gross if net is None else net,
        base_fee_basis=PriceBasis.GROSS if net is None and gross is not None else PriceBasis.NET,
        scope=row.take("scope", one_of(Scope), Scope.CONTRACT),
        per=row.take("period", _span, Span.MONTH),
        order=row.take("order", one_of(Attribution), Attribution.SESSION_END),
    )
    row.finish()
    if net is not None and gross is not None:
        raise TariffError(f"{path}.base_fee_gross", "stands beside base_fee_net, give one of them")
    ends = [tier.up_to_kwh for tier in tiers]
    rising = [end for end in ends[:-1] if end is not None]
    if len(rising) < len(tiers) - 1 or any(b <= a for a, b in pairwise(rising)):
        raise TariffError(f"{path}.tiers", "must rise, and none but the last may be without end")
    if ends[-1] is not None:
        raise TariffError(f"{path}.tiers[{len(tiers) - 1}].up_to_kwh", "must be null, else the rest has no price")
    return found


def _span(value: object, path: str) -> Span:
    return _SPANS[choice(*_SPANS)(value, path)]


def _tier(value: object, path: str) -> Tier:
    row = Row(value, path)
    tier = Tier(row.take("up_to_kwh", amount, None), row.need("price", amount))
    row.finish()
    return tier


def taxes(value: object, path: str) -> tuple[TaxRule, ...]:
    """Read `x_tax`: for each relationship its treatment or its rate in per cent; `note` is for the paper."""
    row = Row(value, path)
    note = row.take("note", text(300), "")
    rules = []
    for name in [key for key in value if key != "note"] if isinstance(value, Mapping) else ():
        rules.append(replace(row.need(str(name), _tax_rule), relationship=str(name), note=note))
    return tuple(sorted(rules, key=lambda rule: rule.relationship))


def _tax_rule(value: object, path: str) -> TaxRule:
    if not isinstance(value, str) or value[:1].isdigit():
        rate = amount(value, path)
        if rate > 100:
            raise TariffError(path, f"{value} is no percentage")
        return TaxRule("", TaxKind.RATE, str(value), rate)
    for kind in (TaxKind.REVERSE_CHARGE, TaxKind.EXEMPT, TaxKind.STANDARD):
        if value.startswith(kind):
            return TaxRule("", kind, value)
    raise TariffError(path, f"{value!r} is not standard, reverse_charge, exempt or a rate in per cent")


def spot(basis: PriceBasis) -> Callable[[object, str], Spot]:
    """Give the reader of `x_spot` for a tariff of this price basis."""
    return _SpotReader(basis).read


class _SpotReader:
    def __init__(self, basis: PriceBasis) -> None:
        self._basis = basis

    def read(self, value: object, path: str) -> Spot:
        row = Row(value, path)
        interval = row.take("interval_minutes", whole, row.take("interval", whole, _INTERVAL))
        series_id = ""
        series: tuple[SpotPrice, ...] = ()
        if isinstance(value, Mapping) and isinstance(value.get("series"), str):
            series_id = row.need("series", text(100))
        else:
            series = row.take("series", listed(self._spot_price), ())
        floors, most = list(self._amounts(row, "floor")), list(self._amounts(row, "cap"))
        for name, basis in _BASES.items():
            for low, high in row.take(f"band{name}", _pair, _NO_PAIRS):
                floors.append(Amount(low, basis or self._basis))
                most.append(Amount(high, basis or self._basis))
        adders = list(self._amounts(row, "adder"))
        found = Spot(
            lock=row.need("lock", one_of(SpotLock)),
            interval=interval,
            series=series,
            series_id=series_id,
            local=tuple(self._local(row)),
            multiplier=row.take("multiplier", signed_amount, Decimal(1)),
            adder=adders[0] if adders else Amount(Decimal(0), self._basis),
            floor=tuple(floors),
            cap=tuple(most),
            market=row.take("market", text(100), ""),
        )
        row.finish()
        self._check(found, path, len(adders))
        return found

    def _check(self, found: Spot, path: str, adders: int) -> None:
        if adders > 1:
            raise TariffError(f"{path}.adder", "stands there twice, give it net or gross")
        if not 0 < found.interval <= 1440 or 1440 % found.interval:
            raise TariffError(f"{path}.interval_minutes", "must divide a day")
        if bool(found.series) + bool(found.series_id) + bool(found.local) != 1:
            raise TariffError(f"{path}.series", "must give the prices or name their series")
        for a, b in pairwise(found.series):
            if (b.start - a.start).total_seconds() < found.interval * 60:
                raise TariffError(f"{path}.series", f"{b.start:%Y-%m-%dT%H:%M:%SZ} lies inside the interval before it")

    def _amounts(self, row: Row, name: str) -> list[Amount]:
        found = [(row.take(f"{name}{end}", signed_amount, None), basis) for end, basis in _BASES.items()]
        return [Amount(value, basis or self._basis) for value, basis in found if value is not None]

    def _spot_price(self, value: object, path: str) -> SpotPrice:
        row = Row(value, path)
        start = row.need("start", moment)
        per_mwh = row.take("eur_per_mwh", signed_amount, row.take("per_mwh", signed_amount, None))
        told = self._amounts(row, "unit_price")
        row.finish()
        if per_mwh is None and not told:
            raise TariffError(f"{path}.eur_per_mwh", "is missing")
        return SpotPrice(start, per_mwh, told[0] if told else None)

    def _local(self, row: Row) -> list[LocalPrice]:
        found: list[LocalPrice] = []
        for name, basis in _BASES.items():
            pairs = row.take(f"hourly{name}", listed(_local_price), _NO_PRICES)
            found += [LocalPrice(at, Amount(price, basis or self._basis)) for at, price in pairs]
        return sorted(found, key=lambda price: price.at)


def _local_price(value: object, path: str) -> tuple[time, Decimal]:
    row = Row(value, path)
    found = row.need("local", time_of_day), row.need("price", signed_amount)
    row.finish()
    return found


def _pair(value: object, path: str) -> tuple[tuple[Decimal, Decimal], ...]:
    found = listed(signed_amount)(value, path)
    if len(found) != 2 or found[0] > found[1]:
        raise TariffError(path, "must be the least and the highest price")
    return ((found[0], found[1]),)
