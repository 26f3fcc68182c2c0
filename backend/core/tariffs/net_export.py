"""Gross prices written as the net prices of OCPI up to 2.2.1, and what that does to amounts."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from backend.core.tariffs.tariff_model import Dimension, PriceComponent
from shared.money import CENT

OCPI_DECIMALS = Decimal("0.0001")
"""What an OCPI number carries (OCPI 2.2.1 types, number)."""


_USUAL = {Dimension.ENERGY: (1000, Decimal("0.1"), 1), Dimension.FLAT: (1, Decimal(1), 1)}
_USUAL_TIME = (144, Decimal(5), 60)
"""How many quantities to try, how far apart, and how many of their units a price stands for."""


@dataclass(frozen=True, slots=True)
class Drift:
    """The quantity in kWh, min or sessions at which a net price of four decimals misses the gross amount most."""

    net_price: Decimal
    quantity: Decimal
    own: Decimal
    other: Decimal


def net_price(component: PriceComponent) -> Decimal:
    """Give a gross price without VAT, in the four decimals of OCPI."""
    return (component.price / (1 + (component.vat or 0) / Decimal(100))).quantize(OCPI_DECIMALS, ROUND_HALF_UP)


def worst_drift(component: PriceComponent) -> Drift | None:
    """Find the worst of the usual quantities (up to 100 kWh or 12 h); None if all come to the same cent."""
    factor = 1 + (component.vat or 0) / Decimal(100)
    net = net_price(component)
    if net * factor == component.price:
        return None
    count, step, per_price = _USUAL.get(component.dimension, _USUAL_TIME)
    worst = None
    for n in range(1, count + 1):
        quantity = n * step
        own, other = (
            (quantity * price / per_price).quantize(CENT, ROUND_HALF_UP) for price in (component.price, net * factor)
        )
        if own != other and (worst is None or abs(other - own) > abs(worst.other - worst.own)):
            worst = Drift(net, quantity.normalize(), own, other)
    return worst
