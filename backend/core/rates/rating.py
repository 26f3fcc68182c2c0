"""Rating: what a session costs, and why. The price is the sum of the lines that explain it.

The rules, in the order in which they apply (OCPI 2.2.1 mod_tariffs where it speaks, our choice where it is silent):

- Each dimension is looked up by itself: the first element that has a price for it and whose restrictions hold at the
  start of the period. None means that the dimension is free. A limit on power or current that is unknown does not hold.
- FLAT applies once per session, and once per reservation.
- A quota, then the tiers of a volume price, replace the price of energy.
- step_size applies once per session: to the total ENERGY; of the times only to PARKING_TIME if any was charged, else to
  TIME; to a reservation by itself. The last price of the dimension gives the step and takes what is added.
- Caps limit what some dimensions cost together, in order of time.
- min_price and max_price limit the session without and with VAT, each by itself; the tax lines follow.
- Amounts are exact up to the end of the session. Then, per VAT rate: with NET prices the base is rounded and VAT
  computed from it; with GROSS prices the gross amount is rounded, the net derived, and VAT is the difference.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from zoneinfo import ZoneInfo

from backend.core.invoices.charges import HOUR, Capped, Charge, Charges, check, in_one_basis
from backend.core.rates.charging_period import MeterPoint, Period
from backend.core.rates.explain import cap_reasons, fee_reasons, limit_reasons, line_reasons, price_words
from backend.core.rates.periods import Track, cut_track, follow, stretches, stretches_of
from backend.core.rates.rating_model import (
    ENGINE,
    Context,
    Item,
    Line,
    Note,
    Policy,
    Rating,
    RatingError,
    TaxLine,
    Used,
    VersionSwitch,
)
from backend.core.rates.rounding import EXACT, Ratio, minor_unit, stored, summed, to_unit
from backend.core.rates.session_prices import PricesBySlot, SessionPrices, taxed
from backend.core.rates.wall_clock import WallClock
from backend.core.tariffs.prices import PriceBook, Stretch
from backend.core.tariffs.tariff_model import Dimension, PriceBasis, Tariff

__all__ = [
    "ENGINE",
    "Context",
    "Item",
    "Line",
    "Note",
    "Policy",
    "Rater",
    "Rating",
    "RatingError",
    "TaxLine",
    "Used",
    "VersionSwitch",
    "rate",
    "rate_base_fee",
]

_NOTHING = Decimal(0)
_UNITS = {Item.FLAT: "session", Item.ENERGY: "kWh"}
_HUNDRED = Decimal(100)
_KWH = Decimal("0.001")
"""A Wh in kWh."""

_CONTEXT = Context()
_POLICY = Policy()


@dataclass(slots=True)
class _Row:
    """An amount of the bill: exact, without and with VAT."""

    vat: Decimal | None
    net: Ratio
    gross: Ratio


@dataclass(frozen=True, slots=True)
class _Limited:
    """What a price limit adds to (or, negative, takes from) the amounts of one VAT rate."""

    item: Item
    row: _Row


class Rater:
    """Rates sessions by one tariff, or by several that take turns; keeps what depends on the tariff alone."""

    def __init__(self, tariff: Tariff | Sequence[Tariff], zone: ZoneInfo, policy: Policy = _POLICY) -> None:
        """Prepare.

        Args:
            tariff: the version that the session began with; or several, told apart by the periods' `tariff_id` or by
                their validity.
            zone: local time of the charge point.
            policy: the operator's choices.

        Raises:
            RatingError: tariffs differ in currency or price basis.
        """
        tariffs = [tariff] if isinstance(tariff, Tariff) else list(tariff)
        clock = WallClock(zone)
        self._books = [PriceBook(each, clock) for each in tariffs]
        self._policy = policy
        self._known: dict[object, PricesBySlot] = {}
        self._energies = sorted({energy for book in self._books for energy in book.energies})
        self._by_power = any(book.by_power for book in self._books)
        self._currency, self._basis = in_one_basis(self._books)
        self._unit = minor_unit(self._currency)

    def cut(self, points: Sequence[MeterPoint], context: Context = _CONTEXT) -> tuple[Period, ...]:
        """Cut a session into charging periods; `points` and errors as in `backend.core.rates.periods.cut`.

        Raises:
            PeriodError: the points contradict each other.
            TariffError: a price series is missing.
        """
        track = follow(points, by_power=self._by_power)
        return self._cut(track, self._prices(stretches_of(track), context))

    def cut_and_rate(
        self, points: Sequence[MeterPoint], context: Context = _CONTEXT
    ) -> tuple[tuple[Period, ...], Rating]:
        """Cut a session and price it; the same as `cut` and then `rate`, in less time.

        Raises:
            PeriodError: as `cut`.
            RatingError: as `rate`.
            TariffError: as both.
        """
        track = follow(points, by_power=self._by_power)
        prices = self._prices(stretches_of(track), context)
        periods = self._cut(track, prices)
        return periods, self._rate(periods, context, prices)

    def _prices(
        self, found: Sequence[Stretch], context: Context, whole: tuple[datetime, datetime] | None = None
    ) -> SessionPrices:
        """Look up prices for times of charging and parking; `whole` is the session with its reservation."""
        whole = whole or (found[0].start, found[-1].end)
        switching = self._policy.version_switch is VersionSwitch.SWITCH
        return SessionPrices(self._books, whole, found, context, switching=switching, known=self._known)

    def _cut(self, track: Track, prices: SessionPrices) -> tuple[Period, ...]:
        return cut_track(
            track, prices.changes, energies=self._energies, by_power=self._by_power, between=self._policy.between
        )

    def rate(self, periods: Sequence[Period], context: Context = _CONTEXT) -> Rating:
        """Price a session.

        Args:
            periods: in order of time, cut wherever a price may change (`cut`).
            context: what else the price depends on.

        Raises:
            RatingError: the periods contradict each other, or span a price change that must not be divided.
            TariffError: the tariff has no price for what happened.
        """
        check(periods)
        whole = periods[0].start, periods[-1].end
        return self._rate(periods, context, self._prices(stretches(periods), context, whole))

    def _rate(self, periods: Sequence[Period], context: Context, prices: SessionPrices) -> Rating:
        with localcontext(EXACT):
            charges = Charges(periods, prices, self._policy, context)
            parts = [(charge.price.vat, charge.money()) for charge in charges.found]
            parts += [(cap.vat, -cap.money) for cap in charges.capped]
            rows = [_row(money, vat, self._basis) for vat, money in parts]
            rates = self._rates(parts)
            limited: list[_Limited] = []
            tariff = charges.book.tariff
            if (tariff.min_price or tariff.max_price) and (rows or not self._policy.flat_needs_energy):
                limited = list(_limits(rates, tariff, context.relationship))
                rows += [limit.row for limit in limited]
                rates = _by_rate(rows)
            amounts = _stored(rows, rates)
            whole, each = (periods[0].start, periods[-1].end), iter(amounts)
            lines = [_line(c, self._currency, *next(each)) for c in charges.found]
            lines += [_cap_line(cap, whole, tariff, *next(each)) for cap in charges.capped]
            lines += [_limit_line(limit, whole, tariff, *next(each)) for limit in limited]
            return self._rating(lines, rates, charges, context)

    def _rates(self, parts: Sequence[tuple[Decimal | None, Decimal]]) -> list[_Row]:
        """Sum amounts of money times 3600 per VAT rate."""
        sums: dict[Decimal | None, Decimal] = {}
        for vat, money in parts:
            sums[vat] = sums.get(vat, _NOTHING) + money
        return [_row(sums[vat], vat, self._basis) for vat in _highest_first(sums)]

    def _rating(
        self,
        lines: Sequence[Line],
        rates: Sequence[_Row],
        charges: Charges | None,
        context: Context,
    ) -> Rating:
        unit = self._unit
        taxes = tuple([_tax_line(row, self._basis, unit) for row in rates])
        net = vat = _NOTHING * unit
        for tax in taxes:
            net, vat = net + tax.base, vat + tax.vat
        return Rating(
            currency=self._currency,
            basis=self._basis,
            policy=self._policy,
            lines=tuple(lines),
            tax_lines=taxes,
            exact_net=sum([line.net for line in lines], _NOTHING),
            exact_gross=sum([line.gross for line in lines], _NOTHING),
            total_net=net,
            total_vat=vat,
            total_gross=net + vat,
            notes=tuple(charges.notes) if charges else (),
            used=charges.used if charges else (),
            relationship=context.relationship,
            engine=ENGINE,
        )

    def base_fee(self, start: datetime, end: datetime, context: Context = _CONTEXT) -> Rating | None:
        """Price the fee of a volume tariff for one span, for instance a month; None if it has none."""
        tariff = self._books[0].tariff
        graduated = tariff.graduated
        if graduated is None or graduated.base_fee is None:
            return None
        vat = taxed(tariff, _vat_of(tariff, Dimension.ENERGY), context.relationship)
        with localcontext(EXACT):
            row = _row(graduated.base_fee * HOUR, vat, graduated.base_fee_basis)
            ((net, gross),) = _stored([row], [row])
            line = _plain_line(
                Item.BASE_FEE, (start, end), tariff, (vat, net, gross), fee_reasons(graduated, tariff.currency)
            )
            return self._rating([line], [row], None, context)


def rate(
    periods: Sequence[Period],
    tariff: Tariff | Sequence[Tariff],
    zone: ZoneInfo,
    policy: Policy = _POLICY,
    context: Context = _CONTEXT,
) -> Rating:
    """Price a session; arguments and errors as those of `Rater`."""
    return Rater(tariff, zone, policy).rate(periods, context)


def rate_base_fee(
    tariff: Tariff, start: datetime, end: datetime, zone: ZoneInfo, context: Context = _CONTEXT
) -> Rating | None:
    """Price the fee of a volume tariff for one span; see `Rater.base_fee`."""
    return Rater(tariff, zone).base_fee(start, end, context)


def _limits(rates: Sequence[_Row], tariff: Tariff, relationship: str) -> Iterator[_Limited]:
    """Give what min_price or max_price changes, one amount per VAT rate in proportion to what is charged at it."""
    net, gross = summed([rate.net for rate in rates]), summed([rate.gross for rate in rates])
    usual = taxed(tariff, tariff.elements[0].components[0].vat, relationship)
    for item, limit, sign in ((Item.MIN_PRICE, tariff.min_price, 1), (Item.MAX_PRICE, tariff.max_price, -1)):
        if limit is None:
            continue
        more_net = _beyond(net, limit.excl_vat, sign)
        if limit.incl_vat is not None:
            more_gross = _beyond(gross, limit.incl_vat, sign)
        else:
            with_vat = Ratio(more_net.over * (100 + (usual or 0)), more_net.by * 100)
            more_gross = _part(more_net, gross, net) if net.over else with_vat
        if not (more_net.over or more_gross.over):
            continue
        if not (net.over and gross.over):
            yield _Limited(item, _Row(usual, more_net, more_gross))
            continue
        for rate in rates:
            yield _Limited(item, _Row(rate.vat, _part(more_net, rate.net, net), _part(more_gross, rate.gross, gross)))


def _beyond(amount: Ratio, limit: Decimal, sign: int) -> Ratio:
    """Give what is missing to a limit; with sign -1, what must go, as a negative amount."""
    missing = limit * amount.by - amount.over
    return Ratio(missing if missing * sign > 0 else _NOTHING, amount.by)


def _part(amount: Ratio, part: Ratio, whole: Ratio) -> Ratio:
    """Give an amount in proportion."""
    over, by = amount.over * part.over * whole.by, amount.by * part.by * whole.over
    return Ratio(over, by) if by > 0 else Ratio(-over, -by)


def _by_rate(rows: Sequence[_Row]) -> list[_Row]:
    """Sum net and gross per VAT rate."""
    groups: dict[Decimal | None, list[_Row]] = {}
    for row in rows:
        groups.setdefault(row.vat, []).append(row)
    return [
        _Row(vat, summed([row.net for row in groups[vat]]), summed([row.gross for row in groups[vat]]))
        for vat in _highest_first(groups)
    ]


def _highest_first(rates: Collection[Decimal | None]) -> Collection[Decimal | None]:
    """Sort VAT rates, the highest first, no VAT last."""
    return rates if len(rates) < 2 else sorted(rates, key=lambda vat: -1 if vat is None else vat, reverse=True)


def _stored(rows: Sequence[_Row], rates: Sequence[_Row]) -> list[tuple[Decimal, Decimal]]:
    """Give the amounts of the lines, without and with VAT; `rates` are their sums by `_by_rate`."""
    nets = stored([row.net for row in rows], summed([rate.net for rate in rates]))
    grosses = stored([row.gross for row in rows], summed([rate.gross for rate in rates]))
    return list(zip(nets, grosses, strict=True))


def _tax_line(row: _Row, basis: PriceBasis, unit: Decimal) -> TaxLine:
    vat = row.vat or _NOTHING
    if basis is PriceBasis.NET:
        base = to_unit(row.net.over, row.net.by, unit)
        return TaxLine(row.vat, base, to_unit(base * vat, _HUNDRED, unit))
    total = to_unit(row.gross.over, row.gross.by, unit)
    base = to_unit(total * _HUNDRED, _HUNDRED + vat, unit)
    return TaxLine(row.vat, base, total - base)


def _row(money: Decimal, vat: Decimal | None, basis: PriceBasis) -> _Row:
    """Give an amount, in 1/3600 of the price basis, without and with VAT."""
    factor = _HUNDRED + (vat or _NOTHING)
    if basis is PriceBasis.NET:
        return _Row(vat, Ratio(money, HOUR), Ratio(money * factor, HOUR * _HUNDRED))
    return _Row(vat, Ratio(money * _HUNDRED, HOUR * factor), Ratio(money, HOUR))


def _line(charge: Charge, currency: str, net: Decimal, gross: Decimal) -> Line:
    price, period, added = charge.price, charge.period, charge.added
    item, candidate, when = price.item, price.candidate, price.candidate.when
    quantity = charge.amount + added if added else charge.amount
    interpolated = False
    if item is Item.ENERGY:
        quantity, added, interpolated = quantity * _KWH, added * _KWH, period.interpolated
    words = candidate.words
    if charge.extra[0] or charge.unit_price is not candidate.component.price:
        told = ", ".join(filter(None, (when[0], charge.extra[0]))), ", ".join(filter(None, (when[1], charge.extra[1])))
        words = price_words(item, charge.unit_price, currency, told)
    reasons = line_reasons(item, words, quantity, added=added, interpolated=interpolated)
    return Line(
        start=period.start,
        end=period.end,
        item=item,
        quantity=quantity,
        unit=_UNITS.get(item, "s"),
        unit_price=charge.unit_price,
        vat=price.vat,
        net=net,
        gross=gross,
        element=candidate.element,
        component=candidate.index,
        added=added,
        interpolated=interpolated,
        when_de=when[0],
        when_en=when[1],
        reason_de=reasons[0],
        reason_en=reasons[1],
        tariff_id=price.book.tariff.id,
    )


def _cap_line(capped: Capped, whole: tuple[datetime, datetime], tariff: Tariff, net: Decimal, gross: Decimal) -> Line:
    reasons = cap_reasons(capped.cap, tariff.currency)
    return _plain_line(Item.CAP, whole, tariff, (capped.vat, net, gross), reasons)


def _limit_line(
    limit: _Limited, whole: tuple[datetime, datetime], tariff: Tariff, net: Decimal, gross: Decimal
) -> Line:
    return _plain_line(limit.item, whole, tariff, (limit.row.vat, net, gross), limit_reasons(limit.item, tariff))


def _plain_line(
    item: Item,
    whole: tuple[datetime, datetime],
    tariff: Tariff,
    amounts: tuple[Decimal | None, Decimal, Decimal],
    reasons: tuple[str, str],
) -> Line:
    """Make a line that no element gives: one amount for a session or a month."""
    vat, net, gross = amounts
    amount = net if tariff.basis is PriceBasis.NET else gross
    return Line(
        start=whole[0],
        end=whole[1],
        item=item,
        quantity=Decimal(-1 if amount < 0 else 1),
        unit="month" if item is Item.BASE_FEE else "session",
        unit_price=abs(amount),
        vat=vat,
        net=net,
        gross=gross,
        element=None,
        component=None,
        added=_NOTHING,
        interpolated=False,
        when_de="",
        when_en="",
        reason_de=reasons[0],
        reason_en=reasons[1],
        tariff_id=tariff.id,
    )


def _vat_of(tariff: Tariff, dimension: Dimension) -> Decimal | None:
    """Give the VAT of the first price of a dimension, else of the first price."""
    components = [component for element in tariff.elements for component in element.components]
    return next((c.vat for c in components if c.dimension is dimension), components[0].vat)
