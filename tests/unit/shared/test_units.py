from decimal import Decimal

import pytest

from shared.money import Money
from shared.units import Wh, kwh, wh_from_kwh


@pytest.mark.parametrize(("energy", "text"), [(0, "0.000"), (1, "0.001"), (12345, "12.345"), (4_711_000, "4711.000")])
def test_wh_and_kwh_are_the_same_energy(energy: int, text: str) -> None:
    assert str(kwh(Wh(energy))) == text
    assert wh_from_kwh(Decimal(text)) == energy


def test_what_the_meter_has_not_counted_is_not_sold() -> None:
    assert wh_from_kwh(Decimal("1.9999")) == 1999


def test_money_rounds_halves_away_from_zero() -> None:
    assert str(Money(Decimal("0.285"), "EUR").rounded()) == "0.29 EUR"
    assert str(Money(Decimal("-0.285"), "EUR").rounded()) == "-0.29 EUR"


def test_currencies_do_not_mix() -> None:
    with pytest.raises(ValueError, match="EUR and CHF"):
        Money(Decimal(1), "EUR") + Money(Decimal(1), "CHF")
    assert Money(Decimal("1.1"), "EUR") + Money(Decimal("2.2"), "EUR") - Money(Decimal("0.3"), "EUR") == Money(
        Decimal("3.0"), "EUR"
    )
