"""Spot prices: from a market's price series to the price of a kWh in a tariff's basis."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext

from backend.core.rates.rounding import Ratio, rounded
from backend.core.rates.wall_clock import WallClock
from backend.core.tariffs.tariff_model import Amount, PriceBasis, Spot, SpotLock, SpotPrice, Tariff, TariffError

_PER_KWH = 3
"""Shift of the decimal point between a MWh and a kWh."""

_STEP = Decimal("1e-10")


class SpotPrices:
    """The price series of one tariff, ready to be asked. Raises TariffError where a price is missing."""

    def __init__(self, tariff: Tariff, spot: Spot, clock: WallClock, known: Mapping[str, Sequence[SpotPrice]]) -> None:
        self._basis = tariff.basis
        self._spot = spot
        self._clock = clock
        self._series: Sequence[SpotPrice] = spot.series
        if spot.series_id:
            if spot.series_id not in known:
                raise TariffError("x_spot.series", f"no prices of {spot.series_id!r} are known", "missing_spot_price")
            self._series = sorted(known[spot.series_id], key=lambda price: price.start)
        self._starts = [price.start for price in self._series]
        self._length = timedelta(minutes=spot.interval)

    def changes(self, start: datetime, end: datetime) -> list[datetime]:
        """List the instants in a session at which the price changes."""
        if self._spot.lock is not SpotLock.INTERVAL:
            return []
        low, high = bisect_right(self._starts, start - self._length), bisect_right(self._starts, end)
        return [at for begin in self._starts[low:high] for at in (begin, begin + self._length)]

    def price(self, at: datetime, began: datetime, vat: Decimal | None) -> Decimal:
        """Give the price per kWh in the tariff's basis.

        Args:
            at: the instant.
            began: the start of the session, which decides where the price is locked.
            vat: per cent, of the component.

        Raises:
            TariffError: the series has no price then, or what it publishes is not what the tariff's formula gives.
        """
        if self._spot.lock is not SpotLock.INTERVAL:
            at = began if self._spot.lock is SpotLock.SESSION_START else self._clock.hour(began)
        if self._spot.local:
            return self._limited(self._at_local_time(at), vat)
        index = bisect_right(self._starts, at) - 1
        if index < 0 or at >= self._starts[index] + self._length:
            raise TariffError("x_spot.series", f"has no price for {at:%Y-%m-%dT%H:%M:%SZ}", "missing_spot_price")
        return self._of_series(index, vat)

    def _at_local_time(self, at: datetime) -> Amount:
        local = self._clock.local(at)
        minute = local.hour * 60 + local.minute
        for price in self._spot.local:
            if 0 <= minute - (price.at.hour * 60 + price.at.minute) < self._spot.interval:
                return price.price
        raise TariffError("x_spot.hourly", f"has no price for {local:%H:%M}", "missing_spot_price")

    def _of_series(self, index: int, vat: Decimal | None) -> Decimal:
        entry = self._series[index]
        told = entry.unit_price
        if entry.per_mwh is None:
            assert told is not None  # noqa: S101  parsed so
            return self._limited(told, vat)
        price = self._limited(self._computed(entry.per_mwh, vat), vat)
        if told is None:
            return price
        published = _in_basis(told, self._basis, vat)
        decimals = Decimal(1).scaleb(int(told.value.as_tuple().exponent))
        if _quantized(price, decimals) != _quantized(published, decimals):
            raise TariffError(f"x_spot.series[{index}].unit_price", f"is {told.value}, the formula gives {price:f}")
        return published

    def _computed(self, per_mwh: Decimal, vat: Decimal | None) -> Amount:
        adder = self._spot.adder
        market = Amount(per_mwh.scaleb(-_PER_KWH) * self._spot.multiplier, PriceBasis.NET)
        return Amount(_in_basis(market, adder.basis, vat) + adder.value, adder.basis)

    def _limited(self, price: Amount, vat: Decimal | None) -> Decimal:
        value = _in_basis(price, self._basis, vat)
        for floor in self._spot.floor:
            value = max(value, _in_basis(floor, self._basis, vat))
        for cap in self._spot.cap:
            value = min(value, _in_basis(cap, self._basis, vat))
        return value


def _in_basis(price: Amount, basis: PriceBasis, vat: Decimal | None) -> Decimal:
    """Change between without and with VAT; what doesn't end is rounded to ten decimals."""
    factor = 100 + (vat or 0)
    if price.basis is basis:
        return price.value
    if basis is PriceBasis.GROSS:
        return price.value * factor / 100
    return rounded(Ratio(price.value * 100, Decimal(factor)), _STEP)


def _quantized(value: Decimal, unit: Decimal) -> Decimal:
    with localcontext(prec=50) as context:
        context.clear_traps()
        return value.quantize(unit, ROUND_HALF_UP)
