"""The price sign: what a driver must be told before charging, gross and complete, in German and English.

The order is that of AFIR art. 5(4): price per kWh, per minute, per session, then all others. Prices include VAT
(PAngV section 3). From 50 kW on, an ad hoc price may have only a price per kWh and one per minute against long
occupancy; a row beyond that is shown all the same, because it would be charged, and marked as not allowed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import time
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from backend.core.rates.explain import LANGUAGES, condition_text, number_text
from backend.core.tariffs.sign_texts import SCOPES, SPANS, WORDS
from backend.core.tariffs.tariff_lint import FAST_KW, reachable
from backend.core.tariffs.tariff_model import (
    Amount,
    Dimension,
    DurationCounter,
    PriceBasis,
    PriceComponent,
    Reservation,
    Restrictions,
    Spot,
    SpotLock,
    Tariff,
    TariffType,
)
from shared.money import CENT

_SMALL = Decimal("0.0001")
"""Prices per kWh and minute are shown with up to four decimals, all others in cents. What is charged is exact."""

_SYMBOLS = {"EUR": "€", "GBP": "£", "USD": "$"}


class SignGroup(StrEnum):
    """The parts of a sign, in the order that the law asks for."""

    KWH = "KWH"
    MINUTE = "MINUTE"
    SESSION = "SESSION"
    OTHER = "OTHER"


_UNITS = {SignGroup.KWH: "/kWh", SignGroup.MINUTE: "/min"}


@dataclass(frozen=True, slots=True)
class SignRow:
    """One price of the sign; each pair of texts is German and English.

    Args:
        group: per what it is charged.
        path: of the element or field that it comes from.
        price: with VAT, exact, per kWh, minute or session; None where it is no fixed number.
        amount_de: the price as it stands on the sign.
        amount_en: the same in English.
        what_de: what is charged for.
        what_en: the same in English.
        when_de: when it applies, empty if always.
        when_en: the same in English.
        allowed: whether an ad hoc price may have it at this power.
    """

    group: SignGroup
    path: str
    price: Decimal | None
    amount_de: str
    amount_en: str
    what_de: str
    what_en: str
    when_de: str = ""
    when_en: str = ""
    allowed: bool = True


@dataclass(frozen=True, slots=True)
class PriceSign:
    """A whole sign. `text_de` and `text_en` are ready to be shown on a display without pictures."""

    tariff_id: str
    currency: str
    tax_de: str
    tax_en: str
    rows: tuple[SignRow, ...]
    text_de: str
    text_en: str


def price_sign(tariff: Tariff, power_kw: Decimal | None = None) -> PriceSign:
    """Make the sign of a tariff.

    Args:
        tariff: the version that applies.
        power_kw: of the charging point; None if it does not matter.
    """
    rows = sorted(_rows(tariff), key=lambda row: list(SignGroup).index(row.group))
    if not any(row.group is SignGroup.KWH for row in rows) and not any(row.price for row in rows):
        rows = [_row(SignGroup.KWH, "elements", Decimal(0), tariff, "energy")]
    fast = power_kw is not None and power_kw >= FAST_KW and tariff.type in (None, TariffType.AD_HOC_PAYMENT)
    if fast:
        rows = [replace(row, allowed=row.group in (SignGroup.KWH, SignGroup.MINUTE)) for row in rows]
    tax = _tax(tariff)
    texts = [_text(rows, tax[i], i) for i in range(len(LANGUAGES))]
    return PriceSign(tariff.id, tariff.currency, *tax, tuple(rows), *texts)


def _rows(tariff: Tariff) -> Iterator[SignRow]:
    wanted = reachable(tariff)
    usual = [(i, e) for i, e in enumerate(tariff.elements) if e.restrictions.reservation is None]
    yield from _special_energy(tariff)
    plain = tariff.spot is None and tariff.graduated is None
    for dimension in Dimension:
        prices = [
            _Price(f"elements[{i}].price_components[{j}]", i, component, element.restrictions)
            for i, element in usual
            for j, component in enumerate(element.components)
            if component.dimension is dimension and (i, j) in wanted
        ]
        if dimension is not Dimension.ENERGY or plain:
            yield from _dimension(tariff, dimension, prices)
    yield from _reservations(tariff, wanted)
    yield from _limits(tariff)


@dataclass(frozen=True, slots=True)
class _Price:
    path: str
    element: int
    component: PriceComponent
    rules: Restrictions


_GROUPS = {
    Dimension.ENERGY: (SignGroup.KWH, "energy"),
    Dimension.TIME: (SignGroup.MINUTE, "charging"),
    Dimension.PARKING_TIME: (SignGroup.MINUTE, "parking"),
    Dimension.FLAT: (SignGroup.SESSION, "start"),
}


def _dimension(tariff: Tariff, dimension: Dimension, prices: Sequence[_Price]) -> Iterator[SignRow]:
    """Make the rows of one dimension. A price of 0 is worth a row only where there is another price."""
    group, name = _GROUPS[dimension]
    if not any(price.component.price or price.component.formula for price in prices):
        if dimension is Dimension.ENERGY and prices:
            yield _row(group, prices[0].path, Decimal(0), tariff, name)
        return
    for n, price in enumerate(prices):
        twin = _twin(tariff, price)
        if dimension is Dimension.PARKING_TIME and twin:
            continue
        if dimension is Dimension.FLAT and not price.component.price and not price.component.formula:
            continue
        row = _row(
            group,
            price.path,
            _gross(price.component.price, price.component.vat, tariff.basis) / _per(dimension),
            tariff,
            "occupied" if dimension is Dimension.TIME and twin else name,
        )
        if price.component.formula:
            row = replace(
                row, price=None, amount_de=price.component.formula.text, amount_en=price.component.formula.text
            )
        notes = (_when(price.rules, [p.rules for p in prices[:n]], i) for i in range(len(LANGUAGES)))
        most = [_most(tariff, price, i) for i in range(len(LANGUAGES))]
        german, english = (", ".join(filter(None, parts)) for parts in zip(notes, most, strict=True))
        yield replace(row, when_de=german, when_en=english)


def _per(dimension: Dimension) -> int:
    return 60 if _GROUPS[dimension][0] is SignGroup.MINUTE else 1


def _twin(tariff: Tariff, price: _Price) -> bool:
    """Tell whether the same element charges the same for time with and without charging: one row says both."""
    both = [
        c for c in tariff.elements[price.element].components if c.dimension in (Dimension.TIME, Dimension.PARKING_TIME)
    ]
    return len(both) == 2 and (both[0].price, both[0].vat, both[0].formula) == (
        both[1].price,
        both[1].vat,
        both[1].formula,
    )


def _row(group: SignGroup, path: str, price: Decimal, tariff: Tariff, name: str) -> SignRow:
    german, english = (_amount(price, tariff.currency, group, i) for i in range(len(LANGUAGES)))
    return SignRow(group, path, price, german, english, *WORDS[name])


def _amount(price: Decimal, currency: str, group: SignGroup, language: int) -> str:
    if not price:
        return WORDS["free"][language]
    unit = _UNITS.get(group, "")
    return f"{money(price, currency, language, _SMALL if unit else CENT)}{unit}"


def money(amount: Decimal, currency: str, language: int, unit: Decimal = CENT) -> str:
    """Write an amount, rounded commercially, with at least two decimals."""
    text = number_text(amount.quantize(unit, ROUND_HALF_UP), LANGUAGES[language], 2)
    symbol = _SYMBOLS.get(currency, currency)
    return f"{symbol}{text}" if language and len(symbol) == 1 else f"{text} {symbol}"


def _gross(amount: Decimal, vat: Decimal | None, basis: PriceBasis) -> Decimal:
    return amount if basis is PriceBasis.GROSS else amount * (1 + (vat or 0) / Decimal(100))


def _when(rules: Restrictions, earlier: Sequence[Restrictions], language: int) -> str:
    """Say when a price applies; of the last one, which has no conditions, when the ones before do not."""
    rules = _after(rules, earlier)
    text = condition_text(rules, LANGUAGES[language])
    if text or not earlier:
        return text
    rest = _rest_of_day(earlier)
    return condition_text(rest, LANGUAGES[language]) if rest else WORDS["otherwise"][language]


def _after(rules: Restrictions, earlier: Sequence[Restrictions]) -> Restrictions:
    """Let a price begin where the ones before end, if nothing but a duration or an energy limits them all."""
    by_duration = [
        r for r in earlier if r == Restrictions(max_duration=r.max_duration, duration_counter=r.duration_counter)
    ]
    by_energy = [r for r in earlier if r == Restrictions(max_kwh=r.max_kwh)]
    if not earlier or rules.min_duration is not None or rules.min_kwh is not None:
        return rules
    if len(by_duration) == len(earlier) and len({r.duration_counter for r in earlier}) == 1:
        ends = max(r.max_duration or 0 for r in earlier)
        return replace(rules, min_duration=ends, duration_counter=earlier[0].duration_counter)
    if len(by_energy) == len(earlier):
        return replace(rules, min_kwh=max(r.max_kwh or Decimal(0) for r in earlier))
    return rules


def _rest_of_day(earlier: Sequence[Restrictions]) -> Restrictions | None:
    """Give the other part of the day, if the only price before is limited to one part of it and to nothing else."""
    [first, *others] = earlier
    if others or first != Restrictions(start_time=first.start_time, end_time=first.end_time):
        return None
    return Restrictions(start_time=first.end_time or time(0), end_time=first.start_time or time(0))


def _most(tariff: Tariff, price: _Price, language: int) -> str:
    """Say how much a price can come to: by a cap, or because it ends after a while."""
    dimension, rules = price.component.dimension, price.rules
    for cap in tariff.caps:
        if dimension in cap.dimensions and cap.element in (None, price.element):
            most = _gross(cap.most, price.component.vat, tariff.basis)
            return WORDS["at_most"][language].format(
                amount=money(most, tariff.currency, language), span=SPANS[cap.per][language]
            )
    ends = rules.max_duration is not None and rules.duration_counter is DurationCounter.SESSION
    if ends and rules.min_duration and _GROUPS[dimension][0] is SignGroup.MINUTE:
        hours = Decimal((rules.max_duration or 0) - rules.min_duration) / 3600
        most = _gross(price.component.price, price.component.vat, tariff.basis) * hours
        return WORDS["at_most"][language].format(
            amount=money(most, tariff.currency, language), span=WORDS["session"][language]
        )
    return ""


def _special_energy(tariff: Tariff) -> Iterator[SignRow]:
    """Make the rows of energy whose price is not the one of an element."""
    vat = next((c.vat for e in tariff.elements for c in e.components if c.dimension is Dimension.ENERGY), None)
    if tariff.quota:
        quota = tariff.quota
        row = _row(SignGroup.KWH, "x_quota", _gross(quota.price, vat, tariff.basis), tariff, "energy")
        when = [
            WORDS["first_kwh"][i].format(
                kwh=number_text(quota.free_kwh, language), span=SPANS[quota.per][i], scope=SCOPES[quota.scope][i]
            )
            for i, language in enumerate(LANGUAGES)
        ]
        yield replace(row, when_de=when[0], when_en=when[1])
    if tariff.spot:
        yield _spot(tariff.spot, tariff, vat)
    elif tariff.graduated:
        yield from _graduated(tariff, vat)


def _graduated(tariff: Tariff, vat: Decimal | None) -> Iterator[SignRow]:
    graduated = tariff.graduated
    assert graduated is not None  # noqa: S101  the caller looked
    low = Decimal(0)
    for n, tier in enumerate(graduated.tiers):
        row = _row(SignGroup.KWH, f"x_graduated.tiers[{n}]", _gross(tier.price, vat, tariff.basis), tariff, "energy")
        rules = Restrictions(min_kwh=low or None, max_kwh=tier.up_to_kwh)
        when = [
            f"{condition_text(rules, language)} {SPANS[graduated.per][i]} {SCOPES[graduated.scope][i]}"
            for i, language in enumerate(LANGUAGES)
        ]
        yield replace(row, when_de=when[0], when_en=when[1])
        low = tier.up_to_kwh or low
    if graduated.base_fee:
        fee = _gross(graduated.base_fee, vat, graduated.base_fee_basis)
        row = _row(SignGroup.OTHER, "x_graduated.base_fee", fee, tariff, "base_fee")
        yield replace(row, when_de=SPANS[graduated.per][0], when_en=SPANS[graduated.per][1])


def _spot(spot: Spot, tariff: Tariff, vat: Decimal | None) -> SignRow:
    """Describe a price that follows a market. The price of the moment is told by the charging point."""

    def shown(amount: Amount, language: int) -> str:
        return money(_gross(amount.value, vat, amount.basis), tariff.currency, language, _SMALL)

    when = []
    for i in range(len(LANGUAGES)):
        parts = [WORDS["spot"][i].format(market=spot.market or WORDS["market"][i], minutes=spot.interval)]
        if spot.adder.value:
            parts.append(WORDS["adder"][i].format(amount=shown(spot.adder, i)))
        parts += [WORDS["floor"][i].format(amount=shown(one, i)) for one in spot.floor[:1]]
        parts += [WORDS["cap"][i].format(amount=shown(one, i)) for one in spot.cap[:1]]
        parts.append(WORDS["spot_interval" if spot.lock is SpotLock.INTERVAL else "spot_start"][i])
        when.append(", ".join(parts))
    return SignRow(SignGroup.KWH, "x_spot", None, *WORDS["variable"], *WORDS["energy"], when[0], when[1])


def _reservations(tariff: Tariff, wanted: frozenset[tuple[int, int]]) -> Iterator[SignRow]:
    for i, element in enumerate(tariff.elements):
        kind = element.restrictions.reservation
        if kind is None:
            continue
        name = "expired" if kind is Reservation.EXPIRED else "reserved"
        for j, component in enumerate(element.components):
            if component.price and (i, j) in wanted:
                flat = component.dimension is Dimension.FLAT
                price = _gross(component.price, component.vat, tariff.basis) / (1 if flat else 60)
                row = _row(SignGroup.OTHER, f"elements[{i}].price_components[{j}]", price, tariff, name)
                per = SignGroup.SESSION if flat else SignGroup.MINUTE
                german, english = (_amount(price, tariff.currency, per, n) for n in range(len(LANGUAGES)))
                rules = replace(element.restrictions, reservation=None)
                when = [condition_text(rules, language) for language in LANGUAGES]
                yield replace(row, amount_de=german, amount_en=english, when_de=when[0], when_en=when[1])


def _limits(tariff: Tariff) -> Iterator[SignRow]:
    vat = next((c.vat for e in tariff.elements for c in e.components), None)
    for path, limit in (("min_price", tariff.min_price), ("max_price", tariff.max_price)):
        if limit:
            gross = limit.incl_vat if limit.incl_vat is not None else _gross(limit.excl_vat, vat, PriceBasis.NET)
            row = _row(SignGroup.OTHER, path, gross, tariff, path)
            yield replace(row, when_de=WORDS["session"][0], when_en=WORDS["session"][1])


def _tax(tariff: Tariff) -> tuple[str, str]:
    rates = sorted({c.vat for e in tariff.elements for c in e.components if c.vat is not None})
    if not any(rates):
        return WORDS["no_tax"]
    german, english = (" / ".join(number_text(rate, language) for rate in rates) for language in LANGUAGES)
    return WORDS["tax"][0].format(rate=german), WORDS["tax"][1].format(rate=english)


def _text(rows: Sequence[SignRow], tax: str, language: int) -> str:
    lines = [f"{WORDS['title'][language]} ({tax})"]
    for row in rows:
        german, english = (row.what_de, row.amount_de, row.when_de), (row.what_en, row.amount_en, row.when_en)
        what, amount, when = (german, english)[language]
        if row.group is SignGroup.SESSION:
            when = f"{WORDS['session'][language]}, {when}".rstrip(", ")
        line = f"{what}: {amount}" + (f" ({when})" if when else "")
        lines.append(line if row.allowed else f"{line} [{WORDS['not_allowed'][language]}]")
    return "\n".join(lines)
