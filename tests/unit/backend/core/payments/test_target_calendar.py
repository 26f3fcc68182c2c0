from datetime import date

import pytest

from backend.core.payments.target_calendar import easter, is_banking_day, next_banking_day


@pytest.mark.parametrize(
    "day",
    ["2024-03-31", "2025-04-20", "2026-04-05", "2027-03-28", "2038-04-25", "2285-03-22", "1961-04-02", "2000-04-23"],
)
def test_easter(day: str) -> None:
    assert easter(int(day[:4])) == date.fromisoformat(day)


@pytest.mark.parametrize(
    "day", ["2026-01-01", "2026-04-03", "2026-04-06", "2026-05-01", "2026-12-25", "2028-12-26", "2026-10-31"]
)
def test_banks_rest(day: str) -> None:
    assert not is_banking_day(date.fromisoformat(day))


@pytest.mark.parametrize("day", ["2026-05-14", "2026-10-02", "2026-12-24", "2026-12-31", "2026-05-25", "2025-10-03"])
def test_national_holidays_are_no_matter(day: str) -> None:
    assert is_banking_day(date.fromisoformat(day))


@pytest.mark.parametrize(
    ("day", "next_one"),
    [
        ("2026-04-02", "2026-04-02"),
        ("2026-04-03", "2026-04-07"),
        ("2026-12-25", "2026-12-28"),
        ("2027-01-01", "2027-01-04"),
    ],
)
def test_the_next_banking_day(day: str, next_one: str) -> None:
    assert next_banking_day(date.fromisoformat(day)) == date.fromisoformat(next_one)
