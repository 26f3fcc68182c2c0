from datetime import UTC, datetime
from decimal import Decimal

import pytest

from backend.core.tariffs.price_csv import PriceListError, parse_prices


def test_starts_become_utc_and_prices_keep_sign_and_digits() -> None:
    text = "start,price\n2026-07-12T12:00:00+02:00,5.0\n\n 2026-07-12T10:15:00Z , -12.40 \n"
    assert parse_prices(text) == {
        datetime(2026, 7, 12, 10, tzinfo=UTC): Decimal("5.0"),
        datetime(2026, 7, 12, 10, 15, tzinfo=UTC): Decimal("-12.40"),
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no price"),
        ("start,price\n", "no price"),
        ("2026-07-12T12:00:00Z", "line 1: must be start,price"),
        ("2026-07-12T12:00:00Z,1,2", "line 1: must be"),
        ("2026-07-12T12:00:00,1", "line 1: .* lacks its offset"),
        ("yesterday,1", "line 1: 'yesterday' is no time"),
        ("start,price\n2026-07-12T12:00:00Z,much", "line 2: 'much' is no price"),
        ("2026-07-12T12:00:00Z,NaN", "no price that a market makes"),
        ("2026-07-12T12:00:00Z,1e9", "no price that a market makes"),
        ("2026-07-12T12:00:00Z,0.1234567", "no price that a market makes"),
        ("2026-07-12T12:00:00Z,1\n2026-07-12T14:00:00+02:00,2", "line 2: .* another price"),
    ],
)
def test_a_line_that_is_not_understood_is_named(text: str, words: str) -> None:
    with pytest.raises(PriceListError, match=words):
        parse_prices(text)


def test_the_very_same_line_twice_is_one() -> None:
    assert len(parse_prices("2026-07-12T12:00:00Z,1\n2026-07-12T12:00:00Z,1.0")) == 1
