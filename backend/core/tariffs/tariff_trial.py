"""A session made up to see what a tariff would cost: so many kWh at even power, then connected for a while."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from backend.core.rates.charging_period import MeterPoint
from backend.core.rates.pricing import Inputs, Priced, price
from backend.core.rates.rating_model import Policy
from backend.core.tariffs.tariff_model import Tariff
from shared.units import MilliAmp, Watt, Wh

_SECOND = timedelta(seconds=1)

_PHASES_VOLT = 230
"""For the current: on three phases the sum of the currents is power through this."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A session to be made up.

    Args:
        start: aware.
        kwh: charged.
        charging: how long.
        parked: connected after that without charging.
    """

    start: datetime
    kwh: Decimal
    charging: timedelta
    parked: timedelta


def price_trial(trial: Trial, tariff: Tariff, timezone: str, policy: Policy) -> Priced:
    """Price a session that never was.

    Raises:
        UnratableError: see `backend.core.rates.pricing.price`.
    """
    energy = Wh(int((trial.kwh * 1000).to_integral_value(ROUND_HALF_UP)))
    power = Watt(energy * 3600 // max(1, trial.charging // _SECOND))
    current = MilliAmp(power * 1000 // _PHASES_VOLT)
    charged = trial.start + trial.charging
    points = [MeterPoint(trial.start, Wh(0), power, current)]
    if not _by_power(tariff):
        # With a value each minute no price begins between two of them; with prices by power each would be a line.
        seconds = trial.charging // _SECOND
        points += [
            MeterPoint(trial.start + passed * _SECOND, Wh(energy * passed // seconds), power, current)
            for passed in range(60, seconds, 60)
        ]
    if trial.charging:
        points.append(MeterPoint(charged, energy, None if trial.parked else power, None if trial.parked else current))
    if trial.parked or not trial.charging:
        points.append(MeterPoint(charged + trial.parked, energy))
    return price(Inputs(timezone, tuple(points), policy), tariff)


def _by_power(tariff: Tariff) -> bool:
    return any(
        limit is not None
        for r in (element.restrictions for element in tariff.elements)
        for limit in (r.min_power, r.max_power, r.min_current, r.max_current)
    )
