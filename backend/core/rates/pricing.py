"""Price one session from all that its price depends on: the same inputs give the same price, today and in ten years.

What rates an ended session, shows the price of a running one, simulates another tariff and proves a stored rating is
this one function.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from backend.core.rates.charging_period import MeterPoint, Period, PeriodError
from backend.core.rates.rating import Context, Policy, Rater, Rating, RatingError, Used
from backend.core.tariffs.tariff import Tariff, TariffError, load_tariff
from backend.core.tariffs.tariff_model import SpotPrice
from backend.core.tariffs.turns import Turn


class UnratableError(ValueError):
    """A session can't be priced as it is. The text is the reason that a person reads."""


@dataclass(frozen=True, slots=True)
class Series:
    """Prices of a series, as far as a session needs them."""

    id: str
    prices: tuple[SpotPrice, ...]


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that a price depends on besides the tariffs; stored with the rating.

    Args:
        timezone: local time of the charge point, IANA name.
        points: the register at the start, in between and at the end.
        policy: the operator's choices.
        used: what other sessions used before, see `Context`.
        series: price series that the tariff names.
        relationship: with whom, see `Context`.
        turns: which of the tariffs counts when; empty where there is but one.
    """

    timezone: str
    points: tuple[MeterPoint, ...]
    policy: Policy
    used: tuple[Used, ...] = ()
    series: tuple[Series, ...] = ()
    relationship: str = ""
    turns: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class Priced:
    """A price with the periods that it is for."""

    periods: tuple[Period, ...]
    rating: Rating


def read_tariff(text: str) -> Tariff:
    """Read a stored version of a tariff.

    Raises:
        UnratableError: it can't be used.
    """
    try:
        return load_tariff(text)
    except TariffError as error:
        raise UnratableError(f"the tariff can't be used: {error}") from error


def read_zone(name: str) -> ZoneInfo:
    """Give a time zone.

    Raises:
        UnratableError: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise UnratableError(f"the operator's time zone {name!r} is not known") from error


def context_of(inputs: Inputs) -> Context:
    """Give what a price depends on besides session and tariff."""
    return Context(
        used={part.key: part.amount for part in inputs.used},
        series={series.id: series.prices for series in inputs.series},
        relationship=inputs.relationship,
        turns=inputs.turns if len(inputs.turns) > 1 else (),
    )


def price(inputs: Inputs, tariffs: Tariff | Sequence[Tariff]) -> Priced:
    """Price a session; where tariffs take turns, each period names its own.

    Args:
        inputs: what the price depends on.
        tariffs: the one that counts, or all that `inputs.turns` name, in the order of their first turn.

    Raises:
        UnratableError: something is missing, contradicts itself or has no price.
    """
    zone, context = read_zone(inputs.timezone), context_of(inputs)
    try:
        periods, rating = Rater(tariffs, zone, inputs.policy).cut_and_rate(inputs.points, context)
    except (PeriodError, RatingError, TariffError) as error:
        raise UnratableError(str(error)) from error
    return Priced(_named(periods, context.turns), rating)


def _named(periods: tuple[Period, ...], turns: Sequence[Turn]) -> tuple[Period, ...]:
    """Let each period name the tariff that counts at its start."""
    if not turns:
        return periods
    starts = [turn.start for turn in turns]
    return tuple(
        replace(period, tariff_id=turns[max(0, bisect_right(starts, period.start) - 1)].tariff_id) for period in periods
    )
