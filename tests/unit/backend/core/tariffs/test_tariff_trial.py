"""A made-up session costs what the same real one would."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from backend.core.rates.pricing import Priced, UnratableError
from backend.core.rates.rating_model import Policy
from backend.core.tariffs.tariff import parse_tariff
from backend.core.tariffs.tariff_trial import Trial, price_trial

# Any: JSON of tariffs.
Json = dict[str, Any]

EVENING = datetime(2026, 6, 15, 19, 0, tzinfo=UTC)
"""21:00 in Berlin."""


def tried(*elements: Json, kwh: str = "30", charging: int = 120, parked: int = 0, **more: object) -> Priced:
    tariff = parse_tariff({"id": "T", "currency": "EUR", "tax_included": "YES", "elements": list(elements)} | more)
    trial = Trial(EVENING, Decimal(kwh), timedelta(minutes=charging), timedelta(minutes=parked))
    return price_trial(trial, tariff, "Europe/Berlin", Policy())


def element(kind: str, price: float, **restrictions: object) -> Json:
    component = {"type": kind, "price": price, "vat": 19, "step_size": 1}
    return {"price_components": [component]} | ({"restrictions": restrictions} if restrictions else {})


def test_energy_is_even_over_a_change_of_price_without_interpolation() -> None:
    found = tried(element("ENERGY", 0.29, start_time="22:00", end_time="06:00"), element("ENERGY", 0.42)).rating
    assert [(line.quantity, line.unit_price, line.interpolated) for line in found.lines] == [
        (Decimal(15), Decimal("0.42"), False),
        (Decimal(15), Decimal("0.29"), False),
    ]
    assert found.total_gross == Decimal("10.65")


def test_a_third_of_the_time_takes_a_third_of_the_energy() -> None:
    found = tried(element("ENERGY", 0, max_duration=1800), element("ENERGY", 0.6), charging=180).rating
    assert [line.quantity for line in found.lines] == [Decimal(5), Decimal(25)]


def test_time_after_charging_is_parking() -> None:
    found = tried(element("ENERGY", 0.5), element("PARKING_TIME", 6), parked=45).rating
    assert [(line.item.value, line.quantity) for line in found.lines] == [
        ("ENERGY", Decimal(30)),
        ("PARKING_TIME", Decimal(2700)),
    ]


def test_power_decides_by_the_mean() -> None:
    elements = element("ENERGY", 0.39, max_power=11), element("ENERGY", 0.59)
    assert tried(*elements, kwh="20").rating.total_gross == Decimal("7.80")
    assert tried(*elements, kwh="22").rating.total_gross == Decimal("12.98")


@pytest.mark.parametrize(("kwh", "charging", "parked"), [("0", 0, 0), ("0", 0, 60), ("0", 30, 30), ("0.001", 1, 0)])
def test_the_smallest_sessions_have_a_price(kwh: str, charging: int, parked: int) -> None:
    found = tried(element("ENERGY", 0.5), kwh=kwh, charging=charging, parked=parked)
    assert found.rating.total_gross == Decimal("0.00")


def test_what_can_not_be_priced_says_why() -> None:
    with pytest.raises(UnratableError):
        tried(element("ENERGY", 0.5), x_spot={"lock": "interval", "series": "day-ahead"})
