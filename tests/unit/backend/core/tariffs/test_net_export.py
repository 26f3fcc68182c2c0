"""The net price of a gross one, and the worst that its rounding does."""

from decimal import Decimal

import pytest

from backend.core.tariffs.net_export import Drift, net_price, worst_drift
from backend.core.tariffs.tariff_model import Dimension, PriceComponent


def component(price: str, vat: str | None = "19", dimension: Dimension = Dimension.ENERGY) -> PriceComponent:
    return PriceComponent(dimension, Decimal(price), None if vat is None else Decimal(vat), 1)


def test_the_net_price_has_four_decimals() -> None:
    assert net_price(component("0.79")) == Decimal("0.6639")
    assert net_price(component("0.79", None)) == Decimal("0.7900")


def test_the_worst_quantity_is_the_first_of_the_largest_difference() -> None:
    found = worst_drift(component("0.79"))
    assert found == Drift(Decimal("0.6639"), Decimal("24.6"), Decimal("19.43"), Decimal("19.44"))


@pytest.mark.parametrize("price", ["1.19", "0", "0.59"])
def test_prices_that_come_to_the_same_cent_have_none(price: str) -> None:
    assert worst_drift(component(price)) is None
    assert worst_drift(component(price, None)) is None


def test_fees_and_times_have_their_own_quantities() -> None:
    assert worst_drift(component("0.35", "19", Dimension.FLAT)) is None
    parking = worst_drift(component("5.71", "19", Dimension.PARKING_TIME))
    assert parking == Drift(Decimal("4.7983"), Decimal(30), Decimal("2.86"), Decimal("2.85"))
