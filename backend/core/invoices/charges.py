"""From periods to charges: what is charged at which price, divided where quotas, volume prices and caps divide it."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from backend.core.rates.charging_period import Between, Period, State
from backend.core.rates.explain import quota_reasons
from backend.core.rates.periods import cut_at, cut_where
from backend.core.rates.rating_model import Context, Item, Note, Policy, RatingError, Used
from backend.core.rates.rounding import Ratio, rounded
from backend.core.rates.session_prices import Price, SessionPrices
from backend.core.tariffs.prices import PriceBook
from backend.core.tariffs.tariff_model import Attribution, ComponentCap, Graduated, PriceBasis, Quota

HOUR = Decimal(3600)
_TICK = timedelta(microseconds=1)
_ZERO = Decimal(0)
_ONE = Decimal(1)
_T = TypeVar("_T", datetime, Decimal)
_SCALE = {Item.FLAT: HOUR, Item.ENERGY: Decimal("3.6")}
"""Quantity times price times this, else times 1, is the amount of money in 1/3600: so hours need no division."""

_STORED = Decimal("1e-10")
_START_PRICE = (
    "Im Abschnitt ändert sich ein Preis; berechnet ist der Preis zu seinem Beginn.",
    "A price changes within the period; the one at its start is charged.",
)
_NO_POWER = (
    "Preise hängen von der Leistung ab, die nicht bekannt ist; Grenzen der Leistung gelten als nicht erfüllt.",
    "Prices depend on power, which is not known; limits on power count as not met.",
)


@dataclass(slots=True)
class Charge:
    """A line in the making. `amount` counts what was used, `added` what step_size adds: Wh, s or 1.

    `unit_price` is the price's, or what a quota or tier puts in its place; `extra` says so: (German, English).
    """

    period: Period
    price: Price
    unit_price: Decimal
    amount: Decimal
    added: Decimal = _ZERO
    extra: tuple[str, str] = ("", "")

    def money(self) -> Decimal:
        """Give the amount of money times 3600, exact, in the tariff's price basis."""
        return self.unit_price * (self.amount + self.added) * _SCALE.get(self.price.item, _ONE)


@dataclass(frozen=True, slots=True)
class Capped:
    """What a cap takes off, of the amounts of one VAT rate: money times 3600, positive."""

    cap: ComponentCap
    vat: Decimal | None
    money: Decimal


class Charges:
    """The charges of one session: `found` in order of time, `capped`, what was `used`, and `notes`.

    Call it inside `decimal.localcontext(rounding.EXACT)`, with periods that passed `check`.
    """

    def __init__(self, periods: Sequence[Period], prices: SessionPrices, policy: Policy, context: Context) -> None:
        self.notes: list[Note] = []
        self._periods = periods
        self._policy = policy
        self._context = context
        self._used: dict[str, Decimal] = {}
        self._prices = prices
        self.book = self._prices.book(periods[0], periods[0].start, 0)
        self.found: list[Charge] = []
        self._find()
        if prices.has_steps:
            self._add_steps()
        self.capped = list(self._caps()) if prices.has_caps else []

    @property
    def used(self) -> tuple[Used, ...]:
        """What this session used of quotas, volumes and caps that count beyond it."""
        return tuple([Used(key, amount) for key, amount in self._used.items() if not key.endswith("/session")])

    def _find(self) -> None:
        """Look up each dimension of each period. A flat price comes with the first period that has one."""
        flat_done: set[bool] = set()
        if self._policy.flat_needs_energy and not any(p.energy for p in self._periods):
            flat_done.add(False)
        energy = _ZERO
        for i, whole in enumerate(self._periods):
            waiting = [whole]
            while waiting:
                period = waiting.pop()
                book = self._prices.book(period, period.start, i)
                divided = self._divided(i, book, period, energy)
                if divided:
                    period, rest = divided
                    waiting.append(rest)
                reserved = period.state is State.RESERVATION
                if book.has_flat and reserved not in flat_done:
                    flat = self._prices.flat(book, period, energy)
                    if flat:
                        flat_done.add(reserved)
                        self.found.append(Charge(period, flat, flat.price, _ONE))
                for price in self._prices.prices(book, period, period.start, energy):
                    self._charge(period, price)
                energy += period.energy
            if book.by_power and whole.energy and whole.max_power is None and whole.max_current is None:
                self._note("power_unknown", f"periods[{i}]", _NO_POWER)

    def _charge(self, period: Period, price: Price) -> None:
        """Charge a period at a price; energy is divided between quota, tiers and the price."""
        if price.item is not Item.ENERGY:
            if period.end > period.start:
                seconds = Decimal((period.end - period.start) // _TICK).scaleb(-6)
                self.found.append(Charge(period, price, price.price, seconds))
            return
        left, tariff = Decimal(period.energy), price.book.tariff
        quota, graduated = tariff.quota, tariff.graduated
        if quota:
            left = self._from_quota(quota, period, price, left)
        if graduated:
            self._from_tiers(graduated, period, price, left)
        elif left:
            self.found.append(Charge(period, price, price.price, left))

    def _from_quota(self, quota: Quota, period: Period, price: Price, left: Decimal) -> Decimal:
        """Charge what the quota still holds; gives what remains."""
        key = self._key("quota", quota, price, period)
        before = self._before(key)
        part = max(_ZERO, min(left, (quota.free_kwh - before).scaleb(3)))
        if part:
            self._use(key, part.scaleb(-3))
            self.found.append(Charge(period, price, quota.price, part, extra=quota_reasons(quota, before)))
        return left - part

    def _from_tiers(self, graduated: Graduated, period: Period, price: Price, left: Decimal) -> None:
        key = self._key("graduated", graduated, price, period)
        for tier, words in zip(graduated.tiers, price.book.tier_words, strict=True):
            part = left if tier.up_to_kwh is None else min(left, (tier.up_to_kwh - self._before(key)).scaleb(3))
            if part > 0:
                self._use(key, part.scaleb(-3))
                left -= part
                self.found.append(Charge(period, price, tier.price, part, extra=words))

    def _key(self, kind: str, rule: Quota | Graduated, price: Price, period: Period) -> str:
        instants = {Attribution.SESSION_START: self._periods[0].start, Attribution.PERIOD: period.start}
        at = instants.get(rule.order, self._periods[-1].end - _TICK)
        span = self._prices.span_key(price.book, rule.per, at)
        return f"{price.book.tariff.id}/{kind}/{rule.scope}/{span}"

    def _before(self, key: str) -> Decimal:
        return self._context.used.get(key, _ZERO) + self._used.get(key, _ZERO)

    def _use(self, key: str, amount: Decimal) -> None:
        self._used[key] = self._used.get(key, _ZERO) + amount

    def _add_steps(self) -> None:
        """Round the total of each dimension up to the step of its last price, which takes what is added.

        Of the times only parking is rounded if any was charged. What was charged by another tariff does not count.
        """
        last = {charge.price.item: charge for charge in self.found}
        for item, charge in last.items():
            step = charge.price.candidate.component.step_size
            if not step or item is Item.FLAT or (item is Item.TIME and Item.PARKING_TIME in last):
                continue
            book = charge.price.book
            amounts = [c.amount for c in self.found if c.price.item is item and c.price.book is book]
            short = -sum(amounts, _ZERO) % step
            charge.added = short + step if short < 0 else short

    def _caps(self) -> Iterator[Capped]:
        """Let each cap take off what goes beyond it, in order of time."""
        left = [charge.money() for charge in self.found]
        taken: dict[tuple[ComponentCap, Decimal | None], Decimal] = {}
        spent: dict[str, Decimal] = {}
        for i, charge in enumerate(self.found):
            for index, cap in enumerate(charge.price.book.tariff.caps):
                if not _counts(cap, charge):
                    continue
                span = self._prices.span_key(charge.price.book, cap.per, charge.period.start)
                key = f"{charge.price.book.tariff.id}/cap{index}/{cap.scope}/{span}"
                before = self._context.used.get(key, _ZERO) * HOUR + spent.get(key, _ZERO)
                allowed = max(_ZERO, min(left[i], cap.most * HOUR - before))
                if allowed < left[i]:
                    place = cap, charge.price.vat
                    taken[place] = taken.get(place, _ZERO) + left[i] - allowed
                    left[i] = allowed
                spent[key] = spent.get(key, _ZERO) + allowed
        for key, money in spent.items():
            self._use(key, rounded(Ratio(money, HOUR), _STORED))
        yield from (Capped(cap, vat, money) for (cap, vat), money in taken.items())

    def _divided(self, index: int, book: PriceBook, period: Period, energy: Decimal) -> tuple[Period, Period] | None:
        """Divide a period in which a price changes, if that is allowed; None where none changes.

        Raises:
            RatingError: it is not.
        """
        times = _between(self._prices.changes, period.start, period.end)
        volumes = _between(book.energies, energy, energy + period.energy) if book.energies else ()
        if not times and not volumes:
            return None
        path = f"periods[{index}]"
        at, volume = self._first_change(index, period, energy, times, volumes)
        if at is None and volume is None:
            return None
        if self._policy.between is Between.HOLD:
            where = f"at {at:%Y-%m-%dT%H:%M:%SZ}" if at else f"after {(volume or _ZERO).scaleb(-3):f} kWh"
            raise RatingError(path, f"spans a price change {where}", "period_spans_price_change")
        if self._policy.between is Between.START_PRICE and period.energy:
            self._note("priced_at_start", path, _START_PRICE)
            return None
        return cut_at(period, at) if at else cut_where(period, (volume or _ZERO) - energy)

    def _first_change(
        self, index: int, period: Period, energy: Decimal, times: Sequence[datetime], volumes: Sequence[Decimal]
    ) -> tuple[datetime | None, Decimal | None]:
        """Find where within a period a price differs from that at its start: by time, else by volume."""

        def prices(at: datetime, used: Decimal) -> dict[Item, Price]:
            book = self._prices.book(period, at, index)
            return {price.item: price for price in self._prices.prices(book, period, at, used)}

        first = prices(period.start, energy)
        for at in times:
            if any(not _same(first, prices(at, used)) for used in (energy, *volumes)):
                return at, None
        for volume in volumes:
            if not _same(first, prices(period.start, volume)):
                return None, volume
        return None, None

    def _note(self, code: str, path: str, texts: tuple[str, str]) -> None:
        self.notes.append(Note(code, path, *texts))


def _between(marks: Sequence[_T], low: _T, high: _T) -> Sequence[_T]:
    """Give the sorted marks strictly between two."""
    return marks[bisect_right(marks, low) : bisect_left(marks, high)] if marks else ()


def check(periods: Sequence[Period]) -> None:
    """Check that periods follow each other.

    Raises:
        RatingError: there is none, one ends before it starts, they overlap, or time or energy is missing between them.
    """
    if not periods:
        raise RatingError("periods", "there is none", "no_periods")
    before: Period | None = None
    for i, period in enumerate(periods):
        if period.end < period.start:
            raise RatingError(f"periods[{i}].end", "lies before its start", "negative_duration")
        if period.energy < 0:
            raise RatingError(f"periods[{i}].kwh", "is negative", "negative_energy")
        if period.state is State.RESERVATION and period.energy:
            raise RatingError(f"periods[{i}].kwh", "a reservation takes no energy", "energy_without_price")
        if before is not None and period.start != before.end:
            if period.start < before.end:
                raise RatingError(f"periods[{i}].start", "overlaps the period before", "overlapping_periods")
            if before.state is not State.RESERVATION:
                raise RatingError(f"periods[{i}].start", "leaves a gap to the period before", "gap_between_periods")
        before = period


def in_one_basis(books: Sequence[PriceBook]) -> tuple[str, PriceBasis]:
    """Give the currency and price basis of the tariffs of a session.

    Raises:
        RatingError: they differ.
    """
    bases = {(book.tariff.currency, book.tariff.basis) for book in books}
    if len(bases) != 1:
        raise RatingError("tariff", "must share one currency and one price basis", "mixed_tariffs")
    return bases.pop()


def _counts(cap: ComponentCap, charge: Charge) -> bool:
    candidate = charge.price.candidate
    named = charge.price.item.value in [dimension.value for dimension in cap.dimensions]
    return named and cap.element in (None, candidate.element)


def _same(before: dict[Item, Price], after: dict[Item, Price]) -> bool:
    return before.keys() == after.keys() and all(before[item].same(after[item]) for item in before)
