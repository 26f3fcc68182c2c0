"""What rating takes and gives, as frozen data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from backend.core.rates.charging_period import Between
from backend.core.rates.hot_data import hot_dataclass
from backend.core.tariffs.tariff_model import HeldError, PriceBasis, SpotPrice
from backend.core.tariffs.turns import Turn

ENGINE = 2
"""Version of the rules; stored with each rating, so that a later change of them is seen when it is computed again."""


class RatingError(HeldError):
    """The session can't be priced as it is told. `path` begins with `periods[i]`."""


class Item(StrEnum):
    """What a line charges for: the dimensions, a limit, a base fee, and what owners of sites are paid for."""

    __hash__ = str.__hash__

    FLAT = "FLAT"
    ENERGY = "ENERGY"
    TIME = "TIME"
    PARKING_TIME = "PARKING_TIME"
    RESERVATION_TIME = "RESERVATION_TIME"
    CAP = "CAP"
    MIN_PRICE = "MIN_PRICE"
    MAX_PRICE = "MAX_PRICE"
    BASE_FEE = "BASE_FEE"
    HOST_SHARE = "HOST_SHARE"
    HOST_ENERGY = "HOST_ENERGY"
    HOST_REFUND = "HOST_REFUND"
    HOST_BASE = "HOST_BASE"


class VersionSwitch(StrEnum):
    """Which version counts where one ends during a session: that of the start, or each in its time."""

    LOCK_AT_START = "lock_at_start"
    SWITCH = "switch_mode"


@dataclass(frozen=True, slots=True)
class Policy:
    """The operator's choices, stored with each rating.

    Args:
        flat_needs_energy: a session without energy pays no start fee, and no minimum price if nothing else is due.
        version_switch: what a new version of the tariff means for a session that runs.
        between: what is done where a price changes between two values of the meter.
    """

    flat_needs_energy: bool = True
    version_switch: VersionSwitch = VersionSwitch.LOCK_AT_START
    between: Between = Between.INTERPOLATE


@dataclass(frozen=True, slots=True)
class Context:
    """What a price depends on besides the session.

    Args:
        used: what other sessions used before, by the keys of `Rating.used`: kWh of quotas and volumes, amounts of caps.
        series: price series by the id that a tariff names.
        relationship: with whom, as in the tariff's `x_tax`; empty is as the components say.
        turns: which of several tariffs counts from when on, in order; empty where their validity decides, or the
            periods name theirs.
    """

    used: Mapping[str, Decimal] = field(default_factory=dict)
    series: Mapping[str, Sequence[SpotPrice]] = field(default_factory=dict)
    relationship: str = ""
    turns: Sequence[Turn] = ()


@hot_dataclass(frozen=True, slots=True)
class Line:
    """One amount with its explanation.

    Args:
        start: of the period that is charged for.
        end: of that period.
        item: what is charged for.
        quantity: in `unit`; -1 where a limit takes something off.
        unit: `kWh`, `s`, `session` or, of a base fee, `month`.
        unit_price: per kWh, per hour or per session, in the rating's price basis.
        vat: per cent, None where the tariff names no VAT.
        net: ten decimals, as `gross`.
        gross: with VAT.
        element: index in the tariff; None for a limit.
        component: index in the element; None for a limit.
        added: quantity that step_size added, part of `quantity`.
        interpolated: the quantity rests on an interpolated register.
        when_de: the conditions of the price, for instance `22:00–06:00 Uhr`; empty where it has none.
        when_en: the same in English.
        reason_de: why, for the customer, in German.
        reason_en: the same in English.
        tariff_id: of the tariff that the price stands in.
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
    tariff_id: str = ""


@hot_dataclass(frozen=True, slots=True)
class TaxLine:
    """VAT of one rate, in cents. `rate` None stands for amounts to which no VAT applies."""

    rate: Decimal | None
    base: Decimal
    vat: Decimal


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a person should know: a code for programs, where, and the words."""

    code: str
    path: str
    de: str
    en: str


@dataclass(frozen=True, slots=True)
class Used:
    """What the session used of something that counts over several sessions."""

    key: str
    amount: Decimal


@hot_dataclass(frozen=True, slots=True)
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
    notes: tuple[Note, ...] = ()
    used: tuple[Used, ...] = ()
    relationship: str = ""
    engine: int = 1
