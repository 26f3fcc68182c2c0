"""Prices of energy that change by the clock, where calibration law demands proof. Pure.

The clock of a station is not certified, so what a register showed when the price changed counts only if the meter
signed it then: a reading TX=T with a synchronised time. Without it such a session is held, and nothing is estimated.

Source: conditions of type approvals of charging stations (users of measured values); OCMF 1.4, table 7 (TX).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR

from backend.core.proofs.signed_pair import SignedRegister
from backend.core.proofs.signed_record import OCMF, Original
from backend.core.rates.charging_period import MeterPoint
from backend.core.rates.periods import stretches
from backend.core.rates.pricing import Inputs, Priced, UnratableError, read_zone
from backend.core.rates.rating_model import Item, Rating
from backend.core.rates.wall_clock import WallClock
from backend.core.tariffs.prices import PriceBook
from backend.core.tariffs.tariff_model import Dimension, Tariff
from shared import ocmf
from shared.ocmf import OcmfError
from shared.units import Wh

TARIFF_CHANGE = "T"
_SYNCHRONISED = "S"

_NEAR = timedelta(minutes=1)
"""How far from the change of the price its signed reading may be: meters take a moment to sign."""

UNSIGNED_TIME = "its energy price changes by the clock"
"""How the reason begins for which such a session is held."""


def sells_energy(tariff: Tariff) -> bool:
    """Tell whether a tariff has any price of energy, one of 0 without a formula or a market excepted."""
    has_price = any(
        component.dimension is Dimension.ENERGY and (component.price or component.formula)
        for element in tariff.elements
        for component in element.components
    )
    return bool(has_price or tariff.spot or tariff.graduated or tariff.quota)


def signed_changes(originals: Iterable[Original], register: str) -> Iterator[SignedRegister]:
    """Give the readings at changes of the tariff in records whose signature was found good.

    Args:
        originals: of one session, signed by the pinned key.
        register: OBIS code that the session is billed by.
    """
    for original in originals:
        try:
            readings = ocmf.parse(original.text).readings if original.format == OCMF else ()
        except OcmfError:
            continue
        for one in readings:
            good = one.kind == TARIFF_CHANGE and one.register == register and one.status == "G" and not one.errors
            if good and one.at and one.wh is not None and one.time_status == _SYNCHRONISED:
                yield SignedRegister(one.at, one.wh, one.register, 0)


def energy_changes(inputs: Inputs, tariffs: Sequence[Tariff], priced: Priced) -> list[datetime]:
    """List the instants inside a session at which its energy got another price because of the time."""
    start, end = inputs.points[0].at, inputs.points[-1].at
    clock, found = WallClock(read_zone(inputs.timezone)), stretches(priced.periods)
    moving = [one.start for series in inputs.series for one in series.prices]
    moving += [one.start for tariff in tariffs if tariff.spot for one in tariff.spot.series]
    instants = {turn.start for turn in inputs.turns if start < turn.start < end}
    for tariff in tariffs:
        instants.update(PriceBook(tariff, clock).changes(start, end, found, moving=moving))
    return [at for at in sorted(instants) if _differs(priced.rating, at)]


def with_signed(
    points: Sequence[MeterPoint],
    changes: Sequence[datetime],
    signed: Sequence[SignedRegister],
) -> tuple[MeterPoint, ...]:
    """Put the signed register of each change among the points; values beside it may not leave what was signed.

    Raises:
        UnratableError: none was signed at one of the changes.
    """
    start, *inner, end = points
    fixed = [start]
    for at in changes:
        near = [one for one in signed if one.at and abs(one.at - at) <= _NEAR]
        if not near:
            when = f"{at:%Y-%m-%dT%H:%M:%SZ}"
            raise UnratableError(f"its energy price changes by the clock, and no register was signed at {when}")
        wh = Wh(int(near[0].wh.to_integral_value(ROUND_FLOOR)))
        fixed.append(MeterPoint(at, wh))
    fixed.append(end)
    moved = []
    for point in inner:
        least = max(one.energy for one in fixed if one.at <= point.at)
        most = min(one.energy for one in fixed if one.at >= point.at)
        moved.append(replace(point, energy=Wh(min(max(point.energy, least), most))))
    taken = {one.at for one in fixed[1:-1]}
    middle = sorted([*fixed[1:-1], *(one for one in moved if one.at not in taken)], key=lambda one: one.at)
    return (start, *middle, end)


def _differs(rating: Rating, at: datetime) -> bool:
    """Tell whether energy before an instant has another price than after it."""
    lines = [line for line in rating.lines if line.item is Item.ENERGY]
    before, after = [one for one in lines if one.start < at], [one for one in lines if one.end > at]
    if not (before and after):
        return False
    last, first = max(one.start for one in before), min(one.end for one in after)
    return {(one.unit_price, one.tariff_id) for one in before if one.start == last} != {
        (one.unit_price, one.tariff_id) for one in after if one.end == first
    }
