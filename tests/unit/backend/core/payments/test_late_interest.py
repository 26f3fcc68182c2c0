"""Interest on late payment: against the plainest calculator there is, day by day."""

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from backend.core.payments.late_interest import BUSINESS_POINTS, CONSUMER_POINTS, Interest, half_year, late_interest

RATES = {date(2023, 7, 1): Decimal("3.12"), date(2024, 1, 1): Decimal("3.62"), date(2024, 7, 1): Decimal("3.37")}
DAYS = st.dates(date(2023, 7, 1), date(2024, 12, 31))


def day_by_day(owed: list[tuple[date, Decimal]], first: date, last: date, points: Decimal) -> Decimal:
    total, day = Fraction(0), first
    while day <= last:
        principal = Decimal(0)
        for since, amount in owed:
            if since <= day:
                principal = amount
        leap = day.year % 4 == 0
        total += Fraction(principal) * Fraction(RATES[half_year(day)] + points) / 100 / (366 if leap else 365)
        day += timedelta(days=1)
    return (Decimal(total.numerator) / Decimal(total.denominator)).quantize(Decimal("0.01"), ROUND_HALF_UP)


@given(
    st.dictionaries(DAYS, st.integers(0, 500_000), max_size=5),
    DAYS,
    DAYS,
    st.sampled_from([CONSUMER_POINTS, BUSINESS_POINTS]),
)
def test_as_day_by_day(changes: dict[date, int], first: date, last: date, points: Decimal) -> None:
    owed = [(day, Decimal(cents) / 100) for day, cents in sorted(changes.items())]
    assert late_interest(owed, first, last, points, RATES).amount == day_by_day(owed, first, last, points)


def test_an_example() -> None:
    # 1,000 EUR, 8.62 % for 29 February 2024 and the day before and after: 3 days of a leap year.
    owed = [(date(2024, 1, 1), Decimal("1000.00"))]
    found = late_interest(owed, date(2024, 2, 28), date(2024, 3, 1), CONSUMER_POINTS, RATES)
    assert found == Interest(Decimal("0.71"))


def test_an_old_rate_is_not_carried_on() -> None:
    owed = [(date(2024, 12, 1), Decimal("10000.00"))]
    december = late_interest(owed, date(2024, 12, 1), date(2024, 12, 31), CONSUMER_POINTS, RATES)
    beyond = late_interest(owed, date(2024, 12, 1), date(2025, 3, 31), CONSUMER_POINTS, RATES)
    assert beyond == Interest(december.amount, date(2025, 1, 1))
