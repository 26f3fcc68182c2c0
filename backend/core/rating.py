"""Rating: what a session costs, and why. The price is the sum of the lines that explain it.

The rules, in the order in which they apply (OCPI 2.2.1 mod_tariffs where it speaks, our choice where it is silent):

- Each dimension is looked up by itself: the first element that has a price for it and whose restrictions hold at the
  start of the period. None means that the dimension is free. A limit on power or current that is unknown does not hold.
- FLAT applies once per session, and once per reservation.
- step_size applies once per session: to the total ENERGY; of the times only to PARKING_TIME if any was charged, else to
  TIME; to a reservation by itself. The last price of the dimension gives the step and takes what is added.
- min_price and max_price limit the session without and with VAT, each by itself; the tax lines follow.
- Amounts are exact fractions up to the end of the session. Then, per VAT rate: with NET prices the base is rounded and
  VAT computed from it; with GROSS prices the gross amount is rounded, the net derived, and VAT is the difference.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from zoneinfo import ZoneInfo

from backend.core.explain import condition_text, limit_reasons, line_reasons
from backend.core.periods import Period, State
from backend.core.rounding import cents, stored
from backend.core.tariff import Dimension, PriceBasis, PriceComponent, Reservation, Restrictions, Tariff
from shared.money import Money

_ZERO = Decimal("0.00")


class Item(StrEnum):
    """What a line charges for: the dimensions, time of a reservation, and what a price limit adds or takes."""

    FLAT = "FLAT"
    ENERGY = "ENERGY"
    TIME = "TIME"
    PARKING_TIME = "PARKING_TIME"
    RESERVATION_TIME = "RESERVATION_TIME"
    MIN_PRICE = "MIN_PRICE"
    MAX_PRICE = "MAX_PRICE"


@dataclass(frozen=True, slots=True)
class Policy:
    """The operator's choices, stored with each rating.

    Args:
        flat_needs_energy: a session without energy pays no start fee, and no minimum price if nothing else is due.
    """

    flat_needs_energy: bool = True


@dataclass(frozen=True, slots=True)
class Line:
    """One amount with its explanation.

    Args:
        start: of the period that is charged for.
        end: of that period.
        item: what is charged for.
        quantity: in `unit`; of MAX_PRICE -1.
        unit: `kWh`, `s` or `session`.
        unit_price: per kWh, per hour or per session, in the rating's price basis.
        vat: per cent, None where the tariff names no VAT.
        net: ten decimals, as `gross`.
        gross: with VAT.
        element: index in the tariff; None for a price limit.
        component: index in the element; None for a price limit.
        added: quantity that step_size added, part of `quantity`.
        interpolated: the quantity rests on an interpolated register.
        when_de: the conditions of the price, for instance `22:00–06:00 Uhr`; empty where it has none.
        when_en: the same in English.
        reason_de: why, for the customer, in German.
        reason_en: the same in English.
    """

    start: datetime
    end: datetime
    item: Item
    quantity: Decimal
    unit: str
    unit_price: Decimal
    vat: Decimal | None
    net: Decimal
    gross: Decimal
    element: int | None
    component: int | None
    added: Decimal
    interpolated: bool
    when_de: str
    when_en: str
    reason_de: str
    reason_en: str


@dataclass(frozen=True, slots=True)
class TaxLine:
    """VAT of one rate, in cents. `rate` None stands for amounts to which no VAT applies."""

    rate: Decimal | None
    base: Decimal
    vat: Decimal


@dataclass(frozen=True, slots=True)
class Rating:
    """The price of a session. `lines` sum to the exact totals (ten decimals); the others are rounded to the cent."""

    currency: str
    basis: PriceBasis
    policy: Policy
    lines: tuple[Line, ...]
    tax_lines: tuple[TaxLine, ...]
    exact_net: Decimal
    exact_gross: Decimal
    total_net: Decimal
    total_vat: Decimal
    total_gross: Decimal


@dataclass(slots=True)
class _Charge:
    """A line in the making. `amount` counts what the session used, `added` what step_size adds: Wh, s or 1."""

    period: Period
    item: Item
    amount: Fraction
    element: int
    index: int
    component: PriceComponent
    rules: Restrictions
    added: Fraction = Fraction(0)

    def price(self) -> Fraction:
        """Give quantity times price, exact, in the tariff's price basis."""
        return Fraction(self.component.price) * (self.amount + self.added) / _PER_PRICE.get(self.item, _HOUR)


@dataclass(frozen=True, slots=True)
class _Limited:
    """What a price limit adds to (or, negative, takes from) the amounts of one VAT rate."""

    item: Item
    vat: Decimal | None
    net: Fraction
    gross: Fraction


_HOUR = 3600
_PER_PRICE = {Item.FLAT: 1, Item.ENERGY: 1000}
"""How many sessions or Wh a component's price stands for; of all else the seconds of an hour."""

_DIMENSIONS = {
    State.CHARGING: ((Dimension.ENERGY, Item.ENERGY), (Dimension.TIME, Item.TIME)),
    State.PARKING: ((Dimension.ENERGY, Item.ENERGY), (Dimension.PARKING_TIME, Item.PARKING_TIME)),
    State.RESERVATION: ((Dimension.TIME, Item.RESERVATION_TIME),),
}


def rate(periods: Sequence[Period], tariff: Tariff, zone: ZoneInfo, policy: Policy) -> Rating:
    """Price a session.

    Args:
        periods: in order of time, cut wherever a price may change (`backend.core.periods.cut`).
        tariff: the version that the session began with.
        zone: local time of the charge point.
        policy: the operator's choices.
    """
    charges = _with_steps(list(_charges(periods, tariff, zone, policy)))
    rows = [(c.component.vat, *_net_and_gross(c.price(), c.component.vat, tariff.basis)) for c in charges]
    limited: list[_Limited] = []
    if charges or not policy.flat_needs_energy:
        limited = list(_limits(rows, tariff))
        rows += [(limit.vat, limit.net, limit.gross) for limit in limited]
    nets, grosses = stored([net for _, net, _ in rows]), stored([gross for _, _, gross in rows])
    amounts = list(zip(nets, grosses, strict=True))
    lines = [_line(c, tariff.currency, *amount) for c, amount in zip(charges, amounts, strict=False)]
    for limit, amount in zip(limited, amounts[len(charges) :], strict=True):
        lines.append(_limit_line(limit, periods, tariff, *amount))
    taxes = tuple(_tax_lines(rows, tariff.basis))
    net, vat = sum((t.base for t in taxes), _ZERO), sum((t.vat for t in taxes), _ZERO)
    return Rating(
        currency=tariff.currency,
        basis=tariff.basis,
        policy=policy,
        lines=tuple(lines),
        tax_lines=taxes,
        exact_net=sum(nets, Decimal(0)),
        exact_gross=sum(grosses, Decimal(0)),
        total_net=net,
        total_vat=vat,
        total_gross=net + vat,
    )


def _charges(periods: Sequence[Period], tariff: Tariff, zone: ZoneInfo, policy: Policy) -> Iterator[_Charge]:
    """Look up each dimension of each period. A flat price comes with the first period that has one."""
    began = next((p.start for p in periods if p.state is not State.RESERVATION), None)
    waived = policy.flat_needs_energy and not any(p.energy for p in periods)
    flat_done = set()
    used = 0
    for period in periods:
        reserved = period.state is State.RESERVATION
        seconds = Fraction(0) if reserved or began is None else _seconds(period.start - began)
        moment = _Moment(period, period.start.astimezone(zone), Fraction(used, 1000), seconds)
        wanted = [(Dimension.FLAT, Item.FLAT)] if reserved not in flat_done and (reserved or not waived) else []
        for dimension, item in (*wanted, *_DIMENSIONS[period.state]):
            charge = _look_up(tariff, dimension, item, moment)
            if charge and charge.amount:
                flat_done |= {reserved} if item is Item.FLAT else set()
                yield charge
        used += period.energy


@dataclass(frozen=True, slots=True)
class _Moment:
    """What restrictions are compared with: the start of a period. Energy in kWh and seconds since the start."""

    period: Period
    local: datetime
    kwh: Fraction
    seconds: Fraction


def _look_up(tariff: Tariff, dimension: Dimension, item: Item, moment: _Moment) -> _Charge | None:
    """Find the price of a dimension. Of a reservation that expired, the prices for that go before the usual ones."""
    period = moment.period
    kinds: tuple[Reservation | None, ...] = (None,)
    if period.state is State.RESERVATION:
        kinds = (Reservation.EXPIRED, Reservation.USED) if period.expired else (Reservation.USED,)
    amounts = {Item.FLAT: Fraction(1), Item.ENERGY: Fraction(period.energy)}
    amount = amounts.get(item, _seconds(period.end - period.start))
    for kind in kinds:
        for i, element in enumerate(tariff.elements):
            if element.restrictions.reservation is not kind or not _holds(element.restrictions, moment):
                continue
            for j, component in enumerate(element.components):
                if component.dimension is dimension:
                    return _Charge(period, item, amount, i, j, component, element.restrictions)
    return None


def _holds(rules: Restrictions, moment: _Moment) -> bool:
    period = moment.period
    return (
        _in_window(rules, moment.local.time())
        and (not rules.weekdays or moment.local.weekday() in rules.weekdays)
        and (rules.start_date is None or moment.local.date() >= rules.start_date)
        and (rules.end_date is None or moment.local.date() < rules.end_date)
        and (rules.min_kwh is None or moment.kwh >= rules.min_kwh)
        and (rules.max_kwh is None or moment.kwh < rules.max_kwh)
        and (rules.min_duration is None or moment.seconds >= rules.min_duration)
        and (rules.max_duration is None or moment.seconds < rules.max_duration)
        and (rules.min_power is None or (period.min_power is not None and period.min_power >= rules.min_power))
        and (rules.max_power is None or (period.max_power is not None and period.max_power < rules.max_power))
        and (rules.min_current is None or (period.min_current is not None and period.min_current >= rules.min_current))
        and (rules.max_current is None or (period.max_current is not None and period.max_current < rules.max_current))
    )


def _in_window(rules: Restrictions, now: time) -> bool:
    """Compare with the wall clock. An end of 00:00 is the end of the day; equal times are the whole day."""
    start, end = rules.start_time or time(0), rules.end_time or time(0)
    if start < end:
        return start <= now < end
    return start == end or now >= start or now < end


def _with_steps(charges: list[_Charge]) -> list[_Charge]:
    """Round the total of each dimension up to the step of its last price, which takes what is added."""
    parked = any(c.item is Item.PARKING_TIME for c in charges)
    for item in (Item.ENERGY, Item.PARKING_TIME if parked else Item.TIME, Item.RESERVATION_TIME):
        of_item = [c for c in charges if c.item is item]
        if of_item and of_item[-1].component.step_size:
            total = sum((c.amount for c in of_item), Fraction(0))
            of_item[-1].added = -total % of_item[-1].component.step_size
    return charges


def _limits(rows: Sequence[tuple[Decimal | None, Fraction, Fraction]], tariff: Tariff) -> Iterator[_Limited]:
    """Give what min_price or max_price changes, one amount per VAT rate in proportion to what is charged at it."""
    net, gross = sum((n for _, n, _ in rows), Fraction(0)), sum((g for _, _, g in rows), Fraction(0))
    vat = tariff.elements[0].components[0].vat
    for item, limit, clamp in ((Item.MIN_PRICE, tariff.min_price, max), (Item.MAX_PRICE, tariff.max_price, min)):
        if limit is None:
            continue
        more_net, more_gross = clamp(net, Fraction(limit.excl_vat)) - net, Fraction(0)
        if limit.incl_vat is not None:
            more_gross = clamp(gross, Fraction(limit.incl_vat)) - gross
        else:
            more_gross = more_net * gross / net if net else more_net * _factor(vat)
        if not (more_net or more_gross):
            continue
        for rate_, part_net, part_gross in _by_rate(rows) if net else [(vat, Fraction(1), Fraction(1))]:
            yield _Limited(item, rate_, more_net * part_net / (net or 1), more_gross * part_gross / (gross or 1))


def _by_rate(
    rows: Iterable[tuple[Decimal | None, Fraction, Fraction]],
) -> list[tuple[Decimal | None, Fraction, Fraction]]:
    """Sum net and gross per VAT rate, the highest first, no VAT last."""
    sums: dict[Decimal | None, tuple[Fraction, Fraction]] = {}
    for vat, net, gross in rows:
        before = sums.get(vat, (Fraction(0), Fraction(0)))
        sums[vat] = (before[0] + net, before[1] + gross)
    order = sorted(sums, key=lambda vat: -1 if vat is None else vat, reverse=True)
    return [(vat, *sums[vat]) for vat in order]


def _tax_lines(rows: Iterable[tuple[Decimal | None, Fraction, Fraction]], basis: PriceBasis) -> Iterator[TaxLine]:
    for vat, net, gross in _by_rate(rows):
        if basis is PriceBasis.NET:
            base = cents(net)
            yield TaxLine(vat, base, cents(Fraction(base) * (_factor(vat) - 1)))
        else:
            total = cents(gross)
            base = cents(Fraction(total) / _factor(vat))
            yield TaxLine(vat, base, total - base)


def _net_and_gross(amount: Fraction, vat: Decimal | None, basis: PriceBasis) -> tuple[Fraction, Fraction]:
    if basis is PriceBasis.NET:
        return amount, amount * _factor(vat)
    return amount / _factor(vat), amount


def _line(charge: _Charge, currency: str, net: Decimal, gross: Decimal) -> Line:
    unit, scale = {Item.FLAT: ("session", 0), Item.ENERGY: ("kWh", -3)}.get(charge.item, ("s", 0))
    quantity = _decimal(charge.amount + charge.added).scaleb(scale)
    added = _decimal(charge.added).scaleb(scale)
    price = charge.component.price
    reasons = line_reasons(charge.item, quantity, Money(price, currency), charge.rules, added)
    return Line(
        start=charge.period.start,
        end=charge.period.end,
        item=charge.item,
        quantity=quantity,
        unit=unit,
        unit_price=price,
        vat=charge.component.vat,
        net=net,
        gross=gross,
        element=charge.element,
        component=charge.index,
        added=added,
        interpolated=charge.item is Item.ENERGY and charge.period.interpolated,
        when_de=condition_text(charge.rules, "de"),
        when_en=condition_text(charge.rules, "en"),
        reason_de=reasons[0],
        reason_en=reasons[1],
    )


def _limit_line(limit: _Limited, periods: Sequence[Period], tariff: Tariff, net: Decimal, gross: Decimal) -> Line:
    amount = net if tariff.basis is PriceBasis.NET else gross
    reasons = limit_reasons(limit.item, tariff)
    return Line(
        start=periods[0].start,
        end=periods[-1].end,
        item=limit.item,
        quantity=Decimal(-1 if amount < 0 else 1),
        unit="session",
        unit_price=abs(amount),
        vat=limit.vat,
        net=net,
        gross=gross,
        element=None,
        component=None,
        added=Decimal(0),
        interpolated=False,
        when_de="",
        when_en="",
        reason_de=reasons[0],
        reason_en=reasons[1],
    )


def _factor(vat: Decimal | None) -> Fraction:
    return 1 + Fraction(vat or 0) / 100


def _seconds(span: timedelta) -> Fraction:
    return Fraction(span // timedelta(microseconds=1), 1_000_000)


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)
