"""Tariffs as frozen data: OCPI 2.2.1, `tax_included` of OCPI 2.3.0, and extensions for what OCPI can't say.

What a customer reads as "a price" is a component; what decides whether it applies now is the restrictions of its
element. All else modifies a component's price (spot, formula, quota, graduated) or an amount (caps, price limits).
"""

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum

from backend.core.tariffs.formula import Formula

WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
"""In the order of `date.weekday()`."""


class HeldError(ValueError):
    """Something can't be priced and must be held. The text begins with the path, then comes the reason.

    Args:
        path: of what is wrong, for instance `elements[1].restrictions`.
        reason: what is wrong with it.
        code: names the reason for a program.
    """

    def __init__(self, path: str, reason: str, code: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason
        self.code = code


class TariffError(HeldError):
    """The tariff can't be read or priced."""

    def __init__(self, path: str, reason: str, code: str = "invalid_value") -> None:
        super().__init__(path, reason, code)


class Dimension(StrEnum):
    """What a price component charges for (OCPI 2.2.1 TariffDimensionType)."""

    __hash__ = str.__hash__  # that of an enumeration is ten times slower, and prices are looked up by it

    FLAT = "FLAT"
    ENERGY = "ENERGY"
    TIME = "TIME"
    PARKING_TIME = "PARKING_TIME"


class Reservation(StrEnum):
    """Marks an element that prices reservations and nothing else (OCPI 2.2.1 ReservationRestrictionType)."""

    __hash__ = str.__hash__  # that of an enumeration is ten times slower, and prices are looked up by it

    USED = "RESERVATION"
    EXPIRED = "RESERVATION_EXPIRES"


class PriceBasis(StrEnum):
    """Whether prices are without or with VAT. It is also the rounding policy (see `backend.core.rates.rating`)."""

    NET = "NET"
    GROSS = "GROSS"


class TariffType(StrEnum):
    """For whom a tariff is (OCPI 2.2.1 TariffType); the assignment rules decide, not the price."""

    AD_HOC_PAYMENT = "AD_HOC_PAYMENT"
    PROFILE_CHEAP = "PROFILE_CHEAP"
    PROFILE_FAST = "PROFILE_FAST"
    PROFILE_GREEN = "PROFILE_GREEN"
    REGULAR = "REGULAR"


class DurationCounter(StrEnum):
    """From when `min_duration` and `max_duration` count.

    SESSION: elapsed since the start of charging (OCPI). SINCE_CHARGING_END: since the vehicle last stopped to take
    energy, or since the start if it never did; 0 while it charges. IN_WINDOW: elapsed since the start of charging, only
    while the element's own times, weekdays and dates hold.
    """

    SESSION = "session"
    SINCE_CHARGING_END = "since_charging_end"
    IN_WINDOW = "in_window"


class Span(StrEnum):
    """How long what is used counts together; days, months and years are local calendar ones."""

    SESSION = "session"
    DAY = "calendar_day"
    MONTH = "calendar_month"
    YEAR = "calendar_year"


class Scope(StrEnum):
    """Whose sessions count together for a quota, a volume price or a cap."""

    CONTRACT = "contract"
    GROUP = "group"


class Attribution(StrEnum):
    """Which instant decides into which day, month or year energy falls. Sessions use up in order of their end."""

    SESSION_END = "session_end"
    SESSION_START = "session_start"
    PERIOD = "period_start"


class SpotLock(StrEnum):
    """Which spot price applies: that of the session's start, of each interval, or of the full hour of the start."""

    SESSION_START = "session_start"
    INTERVAL = "interval"
    HOUR_OF_START = "hour_of_start"


class TaxKind(StrEnum):
    """How a relationship is taxed; `STANDARD` is what the components say."""

    STANDARD = "standard"
    REVERSE_CHARGE = "reverse_charge"
    EXEMPT = "exempt"
    RATE = "rate"


@dataclass(frozen=True, slots=True)
class PriceComponent:
    """One price.

    Args:
        dimension: what is charged for.
        price: per session, kWh or hour, in the tariff's price basis.
        vat: per cent; None means that no VAT applies, which is not the same as 0 %.
        step_size: billing step in Wh or s; 0 is off.
        formula: gives the price instead of `price` (`x_formula`).
    """

    dimension: Dimension
    price: Decimal
    vat: Decimal | None
    step_size: int
    formula: Formula | None = None


@dataclass(frozen=True, slots=True)
class Calendar:
    """Named dates, such as the holidays of a state, listed when the tariff was published.

    Args:
        name: as restrictions refer to it.
        years: for which the list is complete; a session in any other can't be priced.
        dates: the days.
        state: of Germany, two letters, where the dates are its holidays.
    """

    name: str
    years: frozenset[int]
    dates: frozenset[date]
    state: str = ""


@dataclass(frozen=True, slots=True)
class Restrictions:
    """When an element applies: all that are set must hold. Minima and starts are inclusive, maxima and ends exclusive.

    Times and dates are wall clock at the charge point. Energy in kWh, power in kW, current in A (sum of the phases),
    durations in s by `duration_counter`. `calendar` limits to its dates, `not_calendar` to all others.
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
    duration_counter: DurationCounter = DurationCounter.SESSION
    calendar: Calendar | None = None
    not_calendar: Calendar | None = None


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
class ComponentCap:
    """The most that some dimensions cost together (`x_component_caps`), in the tariff's price basis.

    Args:
        dimensions: that count.
        most: the amount.
        element: only prices of this element count; None for all.
        per: session, or local day or month over all sessions of the scope.
        scope: whose sessions count together.
    """

    dimensions: tuple[Dimension, ...]
    most: Decimal
    element: int | None = None
    per: Span = Span.SESSION
    scope: Scope = Scope.CONTRACT


@dataclass(frozen=True, slots=True)
class Quota:
    """Energy at a price of its own, usually free, up to an amount per span (`x_quota`)."""

    free_kwh: Decimal
    price: Decimal = Decimal(0)
    scope: Scope = Scope.CONTRACT
    per: Span = Span.MONTH
    order: Attribution = Attribution.PERIOD


@dataclass(frozen=True, slots=True)
class Tier:
    """A price per kWh that holds up to a volume, in kWh; None is without end."""

    up_to_kwh: Decimal | None
    price: Decimal


@dataclass(frozen=True, slots=True)
class Graduated:
    """Prices per kWh by the volume used in a span (`x_graduated`), and a fee per span.

    Args:
        tiers: each for the part of the volume above the one before; the last without end.
        base_fee: per span, None where there is none.
        base_fee_basis: whether that is without or with VAT.
        scope: whose sessions count together.
        per: over which time.
        order: which instant decides.
    """

    tiers: tuple[Tier, ...]
    base_fee: Decimal | None = None
    base_fee_basis: PriceBasis = PriceBasis.NET
    scope: Scope = Scope.CONTRACT
    per: Span = Span.MONTH
    order: Attribution = Attribution.SESSION_END


@dataclass(frozen=True, slots=True)
class Amount:
    """A price per kWh and whether it is without or with VAT."""

    value: Decimal
    basis: PriceBasis


@dataclass(frozen=True, slots=True)
class SpotPrice:
    """Prices from `start` for one interval: the market's in EUR per MWh, what is charged per kWh, or both."""

    start: datetime
    per_mwh: Decimal | None
    unit_price: Amount | None = None


@dataclass(frozen=True, slots=True)
class LocalPrice:
    """What is charged per kWh from a local time of day, for one interval, on every day."""

    at: time
    price: Amount


@dataclass(frozen=True, slots=True)
class Spot:
    """Prices of energy that follow a market (`x_spot`): market x multiplier + adder, then floor and cap.

    Args:
        lock: which price of the series applies.
        interval: length of one price in minutes.
        series: prices that stand in the tariff; empty if they come from outside.
        series_id: names the series that the caller knows; empty if the prices stand here.
        local: prices by local time of day instead of a series.
        multiplier: of the market price, which is without VAT.
        adder: to it.
        floor: least price; two where both bases are limited.
        cap: highest price.
        market: name of the market, for the reader.
    """

    lock: SpotLock
    interval: int
    series: tuple[SpotPrice, ...] = ()
    series_id: str = ""
    local: tuple[LocalPrice, ...] = ()
    multiplier: Decimal = Decimal(1)
    adder: Amount = Amount(Decimal(0), PriceBasis.NET)
    floor: tuple[Amount, ...] = ()
    cap: tuple[Amount, ...] = ()
    market: str = ""


@dataclass(frozen=True, slots=True)
class TaxRule:
    """How one relationship, for instance `wholesale`, is taxed (`x_tax`). `vat` is set for kind RATE only."""

    relationship: str
    kind: TaxKind
    code: str
    vat: Decimal | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class DisplayText:
    """A text in a language (OCPI DisplayText)."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the energy mix: source with per cent, or impact with g/kWh."""

    name: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class EnergyMix:
    """Where the energy comes from (OCPI EnergyMix); shown, without effect on the price."""

    is_green_energy: bool
    energy_sources: tuple[Share, ...] = ()
    environ_impact: tuple[Share, ...] = ()
    supplier_name: str = ""
    energy_product_name: str = ""


@dataclass(frozen=True, slots=True)
class Tariff:
    """One version of a tariff. `country_code` and `party_id` are empty for a tariff that no partner sees.

    `start_date_time` and `end_date_time` bound the validity, aware; the end is exclusive.
    """

    id: str
    currency: str
    elements: tuple[Element, ...]
    basis: PriceBasis
    min_price: PriceLimit | None = None
    max_price: PriceLimit | None = None
    country_code: str = ""
    party_id: str = ""
    type: TariffType | None = None
    alt_text: tuple[DisplayText, ...] = ()
    alt_url: str = ""
    start_date_time: datetime | None = None
    end_date_time: datetime | None = None
    energy_mix: EnergyMix | None = None
    last_updated: datetime | None = None
    caps: tuple[ComponentCap, ...] = ()
    quota: Quota | None = None
    graduated: Graduated | None = None
    spot: Spot | None = None
    taxes: tuple[TaxRule, ...] = ()
    calendars: tuple[Calendar, ...] = ()
