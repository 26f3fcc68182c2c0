from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.rounding import apportion, cents, stored


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [(Fraction(285, 1000), "0.29"), (Fraction(-285, 1000), "-0.29"), (Fraction(1, 3), "0.33"), (Fraction(0), "0.00")],
)
def test_halves_go_away_from_zero(amount: Fraction, rounded: str) -> None:
    assert str(cents(amount)) == rounded


def test_thirds_sum_to_the_whole() -> None:
    assert stored([Fraction(1, 3)] * 3) == [Decimal("0.3333333333"), Decimal("0.3333333334"), Decimal("0.3333333333")]


def test_largest_remainder_gets_the_cent() -> None:
    shares = [Fraction("0.331"), Fraction("0.338"), Fraction("0.331")]
    assert apportion(Decimal("1.00"), shares) == [Decimal("0.33"), Decimal("0.34"), Decimal("0.33")]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.fractions(0, 50), min_size=1, max_size=20))
def test_apportioned_cents_sum_to_the_total_and_stay_within_one(shares: list[Fraction]) -> None:
    total = Decimal(round(sum(shares) * 100)).scaleb(-2)
    parts = apportion(total, shares)
    assert sum(parts, Decimal(0)) == total
    assert all(abs(Fraction(part) - share) <= Fraction(1, 100) for part, share in zip(parts, shares, strict=True))
