"""Interest on what is paid late (§ 288 BGB), by the base rates of § 247 BGB. Pure.

A base rate holds for one half-year. Where that of a half-year is not known, no interest is claimed for it: an old rate
is never carried on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

CONSUMER_POINTS = Decimal(5)
BUSINESS_POINTS = Decimal(9)
"""Percentage points above the base rate (§ 288 (1) and (2) BGB)."""

PUBLISHED: Mapping[date, Decimal] = {
    date(2023, 1, 1): Decimal("1.62"),
    date(2023, 7, 1): Decimal("3.12"),
    date(2024, 1, 1): Decimal("3.62"),
    date(2024, 7, 1): Decimal("3.37"),
    date(2025, 1, 1): Decimal("2.27"),
    date(2025, 7, 1): Decimal("1.27"),
    date(2026, 1, 1): Decimal("1.27"),
}
"""Per cent a year from the first day of a half-year on, as the Bundesbank published them; master data adds others."""

_CENT = Decimal("0.01")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Interest:
    """Interest in cents, up to `missing`: the first half-year for which no base rate is known, None if all are."""

    amount: Decimal
    missing: date | None = None


def half_year(day: date) -> date:
    """Give the first day of a day's half-year, from which its base rate holds."""
    return date(day.year, 1 if day.month < 7 else 7, 1)


def late_interest(
    owed: Sequence[tuple[date, Decimal]], first: date, last: date, points: Decimal, rates: Mapping[date, Decimal]
) -> Interest:
    """Compute simple interest; nothing is charged on interest (§ 289 BGB).

    A day counts one 365th of the year's rate, in leap years one 366th.

    Args:
        owed: what was owed at the end of a day and of those after it, by day; before the first one nothing was.
        first: day that bears interest.
        last: day that bears interest; one before `first` gives none.
        points: above the base rate, see `CONSUMER_POINTS`.
        rates: base rates by the first day of their half-year.
    """
    total, missing = Decimal(0), None
    edges = {day for day, _ in owed if first < day <= last} | set(_half_years(first, last))
    starts = sorted({first, *edges}) if first <= last else []
    for start, end in zip(starts, [*starts[1:], last + _DAY], strict=False):
        rate = rates.get(half_year(start))
        principal = _at(owed, start)
        if principal <= 0:
            continue
        if rate is None:
            missing = half_year(start)
            break
        days = (end - start).days
        total += principal * max(rate + points, Decimal(0)) * days / (100 * _days_of_year(start.year))
    return Interest(total.quantize(_CENT, ROUND_HALF_UP), missing)


def _at(owed: Sequence[tuple[date, Decimal]], day: date) -> Decimal:
    known = [(since, i) for i, (since, _) in enumerate(owed) if since <= day]
    return owed[max(known)[1]][1] if known else Decimal(0)


def _half_years(first: date, last: date) -> list[date]:
    years = range(first.year, last.year + 1)
    return [day for year in years for day in (date(year, 1, 1), date(year, 7, 1)) if first < day <= last]


def _days_of_year(year: int) -> int:
    return (date(year + 1, 1, 1) - date(year, 1, 1)).days
