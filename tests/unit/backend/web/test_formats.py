"""Numbers, money and times in both languages."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from backend.web.formats import NARROW, Formats, day_start
from shared.units import Watt, Wh

BERLIN = ZoneInfo("Europe/Berlin")
DE, EN = Formats("de", BERLIN), Formats("en", BERLIN)


def test_energy_is_told_to_the_wh_in_both_languages() -> None:
    assert DE.kwh(Wh(1_234_567)) == f"1.234,567{NARROW}kWh"
    assert EN.kwh(Wh(1_234_567)) == f"1,234.567{NARROW}kWh"
    assert DE.kwh(Wh(0)) == f"0,000{NARROW}kWh"


def test_power_has_one_decimal_and_a_true_minus() -> None:
    assert DE.power(Watt(10_950)) == f"11,0{NARROW}kW"
    assert DE.power(Watt(-3_000)) == f"−3,0{NARROW}kW"


@pytest.mark.parametrize(
    ("amount", "digits", "german", "english"),
    [
        ("9.365", 2, f"9,37{NARROW}€", "€9.37"),
        ("-0.01", 2, f"−0,01{NARROW}€", "−€0.01"),
        ("0.49", None, f"0,49{NARROW}€", "€0.49"),
        ("0.411765", None, f"0,411765{NARROW}€", "€0.411765"),
        ("1234.5", None, f"1.234,50{NARROW}€", "€1,234.50"),
        ("100", None, f"100,00{NARROW}€", "€100.00"),
    ],
)
def test_money(amount: str, digits: int | None, german: str, english: str) -> None:
    assert DE.money(Decimal(amount), "EUR", digits) == german
    assert EN.money(Decimal(amount), "EUR", digits) == english


def test_a_currency_without_symbol_keeps_its_code() -> None:
    assert EN.money(Decimal(5), "CHF") == f"5.00{NARROW}CHF"


def test_times_are_those_of_the_wall() -> None:
    moment = datetime(2026, 10, 25, 1, 30, 5, tzinfo=UTC)  # the second 02:30 of that night
    assert DE.moment(moment, True) == "25.10.2026, 02:30:05"
    assert EN.moment(moment) == "25 Oct 2026, 02:30"
    assert DE.near(moment, moment + timedelta(hours=20)) == "02:30"
    assert DE.near(moment, moment + timedelta(hours=22)) == "25.10.2026, 02:30"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (12, "12 s"), (240, "4 min"), (3_900, "1 h 05 min"), (183_600, "2 d 3 h")],
)
def test_durations_have_two_units(seconds: int, text: str) -> None:
    assert DE.duration(timedelta(seconds=seconds)).replace(NARROW, " ") == text


@pytest.mark.parametrize(
    ("now", "start"),
    [
        (datetime(2026, 10, 25, 22, 59, tzinfo=UTC), datetime(2026, 10, 24, 22, 0, tzinfo=UTC)),
        (datetime(2026, 10, 25, 23, 0, tzinfo=UTC), datetime(2026, 10, 25, 23, 0, tzinfo=UTC)),
        (datetime(2026, 3, 29, 21, 0, tzinfo=UTC), datetime(2026, 3, 28, 23, 0, tzinfo=UTC)),
    ],
)
def test_a_day_begins_at_the_walls_midnight_when_the_clocks_change_too(now: datetime, start: datetime) -> None:
    assert day_start(now, BERLIN) == start
