from decimal import Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.rates.rounding import EXACT, Ratio, apportion, cents, stored, summed


@pytest.mark.parametrize(
    ("over", "by", "rounded"),
    [("0.285", 1, "0.29"), ("-0.285", 1, "-0.29"), ("1", 3, "0.33"), ("0", 7, "0.00"), ("0.015", 3, "0.01")],
)
def test_halves_go_away_from_zero(over: str, by: int, rounded: str) -> None:
    assert str(cents(Ratio(Decimal(over), Decimal(by)))) == rounded


def test_half_of_many_digits_is_still_a_half() -> None:
    with localcontext(EXACT):
        half = Ratio(Decimal("0.015") * 10**300, Decimal(3) * 10**300)
        less = Ratio(half.over - 1, half.by)
    assert (cents(half), cents(less)) == (Decimal("0.01"), Decimal("0.00"))


def test_thirds_sum_to_the_whole() -> None:
    third = Ratio(Decimal(1), Decimal(3))
    with localcontext(EXACT):
        parts = stored([third] * 3, Ratio(Decimal(3) * third.over, third.by))
    assert sorted(parts) == [Decimal("0.3333333333"), Decimal("0.3333333333"), Decimal("0.3333333334")]


def test_amounts_that_end_are_stored_as_they_are() -> None:
    with localcontext(EXACT):
        parts = stored([Ratio(Decimal("1.05")), Ratio(Decimal("-2.10"), Decimal(4))], Ratio(Decimal("0.525")))
    assert parts == [Decimal("1.05"), Decimal("-0.525")]


def test_largest_remainder_gets_the_cent() -> None:
    shares = [Decimal("0.331"), Decimal("0.338"), Decimal("0.331")]
    assert apportion(Decimal("1.00"), shares) == [Decimal("0.33"), Decimal("0.34"), Decimal("0.33")]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-5000, 50_000), min_size=1, max_size=20), st.integers(1, 119))
def test_apportioned_cents_sum_to_the_total_and_stay_within_one(mills: list[int], by: int) -> None:
    shares, divisor = [Decimal(mill).scaleb(-3) for mill in mills], Decimal(by)
    total = cents(Ratio(sum(shares, Decimal(0)), divisor))
    parts = apportion(total, shares, divisor)
    assert sum(parts, Decimal(0)) == total
    assert all(abs(part * by - share) <= Decimal("0.01") * by for part, share in zip(parts, shares, strict=True))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-(10**6), 10**9), st.sampled_from([1, 3, 119, 107, 3600])), min_size=1, max_size=9)
)
def test_stored_amounts_sum_to_their_exact_sum_rounded(amounts: list[tuple[int, int]]) -> None:
    exact = [Ratio(Decimal(over), Decimal(by)) for over, by in amounts]
    with localcontext(EXACT):
        total = summed(exact)
        parts = stored(exact, total)
        assert abs(sum(parts, Decimal(0)) * total.by - total.over) <= Decimal("5.1e-11") * total.by
    for part, (over, by) in zip(parts, amounts, strict=True):
        assert abs(part * by - over) <= Decimal("1.1e-10") * by
