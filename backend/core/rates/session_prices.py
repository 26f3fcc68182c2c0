"""The prices of one session: which tariff counts when, and what each of its components costs at a moment."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from backend.core.rates.charging_period import Period, State
from backend.core.rates.rating_model import Context, Item, RatingError
from backend.core.rates.rounding import Ratio, rounded
from backend.core.tariffs.formula import FormulaError, evaluate
from backend.core.tariffs.prices import Candidate, Moment, PriceBook, Stretch
from backend.core.tariffs.spot import SpotPrices
from backend.core.tariffs.tariff_model import (
    Dimension,
    PriceBasis,
    Reservation,
    Span,
    Tariff,
    TariffError,
    TaxKind,
)

_ALWAYS = datetime.min.replace(tzinfo=UTC)
_NO_TIME = timedelta(0)
_TICK = timedelta(microseconds=1)
_TICKS_PER_MINUTE = Decimal(60_000_000)
_NUMBERS = {Span.DAY: "%Y-%m-%d", Span.MONTH: "%Y-%m", Span.YEAR: "%Y"}

_DIMENSIONS = {
    State.CHARGING: ((Dimension.ENERGY, Item.ENERGY), (Dimension.TIME, Item.TIME)),
    State.PARKING: ((Dimension.ENERGY, Item.ENERGY), (Dimension.PARKING_TIME, Item.PARKING_TIME)),
    State.RESERVATION: ((Dimension.TIME, Item.RESERVATION_TIME),),
}


@dataclass(slots=True)
class Price:
    """A component as it applies to a period.

    Args:
        item: what is charged for.
        book: the tariff.
        candidate: where in the tariff.
        price: per unit, in the tariff's price basis.
        vat: per cent.
        counts_in: days and months whose quotas, volumes and caps it counts to.
    """

    item: Item
    book: PriceBook
    candidate: Candidate
    price: Decimal
    vat: Decimal | None
    counts_in: tuple[str, ...]

    def same(self, other: "Price") -> bool:
        """Tell whether a period may have one price or the other without a difference."""
        mine, theirs = self.candidate.component, other.candidate.component
        return (self.price, self.vat, self.counts_in, mine.step_size) == (
            other.price,
            other.vat,
            other.counts_in,
            theirs.step_size,
        )


PricesBySlot = dict[tuple[object, ...], tuple[Price, ...]]
"""Prices by how many changes of time and of volume came before, and by what a period is."""


class SessionPrices:
    """Looks up prices for the periods of one session, each once between two changes."""

    def __init__(
        self,
        books: Sequence[PriceBook],
        whole: tuple[datetime, datetime],
        stretches: Sequence[Stretch],
        context: Context,
        *,
        switching: bool,
        known: dict[object, PricesBySlot],
    ) -> None:
        """Prepare.

        Args:
            books: the tariffs.
            whole: begin and end of the session, a reservation included.
            stretches: of charging and parking, after a reservation.
            context: what else prices depend on.
            switching: a tariff counts as long as it is valid, not that of the start for all.
            known: prices that were looked up for other sessions by the same books.
        """
        self._books = books
        self._start, self._end = whole
        self._stretches = stretches
        self._began = stretches[0].start if stretches else self._start
        self._context = context
        self._turns = [turn.start for turn in context.turns] if context.turns else []
        self._switching = switching and len(books) > 1
        self._spots: dict[PriceBook, SpotPrices] = {}
        self.has_caps = self.has_steps = False
        for book in books:
            if book.tariff.spot:
                self._spots[book] = SpotPrices(book.tariff, book.tariff.spot, book.clock, context.series)
            self.has_caps |= book.has_caps
            self.has_steps |= book.has_steps
        self._locked: PriceBook | None = None
        # Where clock and volume alone decide, sessions that begin between the same two changes go through the same
        # prices one after the other.
        self._known: PricesBySlot = {}
        if len(books) == 1 and books[0].by_clock and not self._turns:
            slot, self.changes = books[0].timeline(self._start, self._end)
            self._known = known.setdefault((slot, context.relationship), self._known)
        else:
            self.changes = self._all_changes()

    def book(self, period: Period, at: datetime, index: int) -> PriceBook:
        """Give the tariff of a period at an instant: the one that it names, whose turn it is, or that is valid.

        Raises:
            RatingError: it names a tariff that the session has not; `index` is the period's.
            TariffError: none is valid.
        """
        if self._locked is not None and not period.tariff_id:
            return self._locked
        tariff_id = period.tariff_id or self._whose_turn(at)
        if tariff_id:
            named = [book for book in self._books if book.tariff.id == tariff_id]
            if not named:
                known = ", ".join(book.tariff.id for book in self._books)
                path = f"periods[{index}].tariff_id"
                raise RatingError(path, f"{tariff_id!r} is not one of {known}", "unknown_tariff")
            return _valid(named, at if self._switching else self._start)
        if self._switching:
            return _valid(self._books, at)
        self._locked = _valid(self._books, self._start)
        return self._locked

    def prices(self, book: PriceBook, period: Period, at: datetime, energy: Decimal) -> tuple[Price, ...]:
        """Look up all that a period is charged by quantity, as of an instant and the Wh before it.

        Raises:
            TariffError: a price is missing, or can't be computed.
        """
        slots = bisect_right(self.changes, at), bisect_right(book.energies, energy)
        key = (book, *slots, period.state, period.expired, bool(period.energy))
        known = self._known.get(key)
        if known is not None and not (book.by_power or book.fleeting):
            return known
        moment = self._moment(book, period, at, energy)
        wanted = [
            self._price(book, dimension, item, moment)
            for dimension, item in _DIMENSIONS[period.state]
            if dimension is not Dimension.ENERGY or period.energy
        ]
        found = self._known[key] = tuple([price for price in wanted if price is not None])
        return found

    def flat(self, book: PriceBook, period: Period, energy: Decimal) -> Price | None:
        """Look up the price per session, or per reservation."""
        return self._price(book, Dimension.FLAT, Item.FLAT, self._moment(book, period, period.start, energy))

    def span_key(self, book: PriceBook, span: Span, at: datetime) -> str:
        """Name the day, month or year that an instant belongs to; a session is just `session`."""
        return book.clock.local(at).strftime(_NUMBERS[span]) if span in _NUMBERS else "session"

    def _whose_turn(self, at: datetime) -> str:
        """Name the tariff that the context tells for an instant, empty if it tells none."""
        if not self._turns:
            return ""
        return self._context.turns[max(0, bisect_right(self._turns, at) - 1)].tariff_id

    def _all_changes(self) -> list[datetime]:
        found: list[datetime] = []
        for book in self._books:
            spot = self._spots.get(book)
            moving = spot.changes(self._start, self._end) if spot else []
            if self._switching:
                moving += [at for at in (book.tariff.start_date_time, book.tariff.end_date_time) if at]
            changes = book.changes(self._start, self._end, self._stretches, moving=moving)
            found += [at for at in changes if self._whose_turn(at) == book.tariff.id] if self._turns else changes
        found += [at for at in self._turns if self._start < at < self._end]
        return sorted(set(found)) if len(self._books) > 1 or self._turns else found

    def _price(self, book: PriceBook, dimension: Dimension, item: Item, moment: Moment) -> Price | None:
        """Find the price of a dimension. Where a reservation expired, prices for that go before the usual ones."""
        kinds: tuple[Reservation | None, ...] = (None,)
        if moment.period.state is State.RESERVATION:
            kinds = (Reservation.EXPIRED, Reservation.USED) if moment.period.expired else (Reservation.USED,)
        for kind in kinds:
            candidate = book.find(dimension, kind, moment)
            if candidate:
                vat = taxed(book.tariff, candidate.component.vat, self._context.relationship)
                counts_in = self._counts_in(book, moment.at)
                return Price(item, book, candidate, self._value(book, candidate, moment), vat, counts_in)
        if dimension is Dimension.ENERGY and book.tariff.spot:
            # Energy at a market price that no element names would be free, which nobody meant.
            self._spots[book].price(moment.at, self._began, None)
            text = f"none has an ENERGY price at {moment.at:%Y-%m-%dT%H:%M:%SZ}, so the spot price is not used"
            raise TariffError("elements", text, "missing_spot_price")
        return None

    def _value(self, book: PriceBook, candidate: Candidate, moment: Moment) -> Decimal:
        component = candidate.component
        if component.formula is None and book.tariff.spot is None:
            return component.price
        names = component.formula.names if component.formula else frozenset({"spot"})
        spot = None
        if book.tariff.spot and component.dimension is Dimension.ENERGY and "spot" in names:
            spot = self._spots[book].price(moment.at, self._began, component.vat)
        if component.formula is None:
            return component.price if spot is None else spot
        minutes = Ratio(Decimal(moment.elapsed // _TICK), _TICKS_PER_MINUTE)
        values = {
            "price": component.price,
            "spot": spot,
            "kwh": moment.energy.scaleb(-3),
            "minutes": rounded(minutes, Decimal("1e-10")),
            "hour": Decimal(moment.local.hour),
            "weekday": Decimal(moment.local.weekday()),
            "month": Decimal(moment.local.month),
            "min_power": moment.period.min_power,
            "max_power": moment.period.max_power,
        }
        try:
            return evaluate(component.formula, values)
        except FormulaError as error:
            path = f"elements[{candidate.element}].price_components[{candidate.index}].x_formula"
            raise TariffError(path, str(error)) from error

    def _counts_in(self, book: PriceBook, at: datetime) -> tuple[str, ...]:
        return tuple([self.span_key(book, span, at) for span in book.spans]) if book.spans else ()

    def _moment(self, book: PriceBook, period: Period, at: datetime, energy: Decimal) -> Moment:
        began = at if period.state is State.RESERVATION else self._began
        return Moment(
            at=at,
            local=book.clock.local(at),
            period=period,
            energy=energy,
            elapsed=at - began,
            idle=self._idle(at) if book.counts_idle else _NO_TIME,
            window=lambda element: book.in_window(element, began, at),
        )

    def _idle(self, at: datetime) -> timedelta:
        for stretch in self._stretches:
            if stretch.start <= at < stretch.end:
                return _NO_TIME if stretch.charging else at - stretch.start
        return _NO_TIME


def _valid(books: Sequence[PriceBook], at: datetime) -> PriceBook:
    """Give the tariff that is valid; of several the one that began last."""
    found: PriceBook | None = None
    for book in books:
        first, last = book.tariff.start_date_time, book.tariff.end_date_time
        if (first is None or first <= at) and (last is None or at < last) and (found is None or _later(book, found)):
            found = book
    if found is None:
        first = books[0].tariff.start_date_time
        name = "start_date_time" if first is not None and at < first else "end_date_time"
        raise TariffError(name, f"the tariff is not valid at {at:%Y-%m-%dT%H:%M:%SZ}", "tariff_not_valid")
    return found


def _later(book: PriceBook, other: PriceBook) -> bool:
    return (book.tariff.start_date_time or _ALWAYS) > (other.tariff.start_date_time or _ALWAYS)


def taxed(tariff: Tariff, vat: Decimal | None, relationship: str) -> Decimal | None:
    """Give the VAT of a component in a relationship.

    Raises:
        TariffError: reverse charge of a price that includes VAT.
    """
    if not relationship:
        return vat
    rule = next((rule for rule in tariff.taxes if rule.relationship == relationship), None)
    if rule is None or rule.kind is TaxKind.STANDARD:
        return vat
    if rule.kind is TaxKind.RATE:
        return rule.vat
    if tariff.basis is PriceBasis.GROSS and vat:
        raise TariffError(f"x_tax.{relationship}", f"{rule.code} needs prices without VAT, but these include it")
    return Decimal(0) if rule.kind is TaxKind.REVERSE_CHARGE else None
