"""Prices of energy that change by the clock, and what has to be signed then."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from backend.core.proofs.signed_pair import SignedRegister
from backend.core.proofs.signed_record import Original
from backend.core.proofs.signed_time import energy_changes, sells_energy, signed_changes, with_signed
from backend.core.rates.periods import MeterPoint
from backend.core.rates.pricing import Inputs, UnratableError, price
from backend.core.rates.rating import Policy
from backend.core.tariffs.tariff import parse_tariff
from shared.units import Wh
from tests.unit.backend.billing_example import DAY_NIGHT, EVENING, VOLUME
from tests.unit.backend.signed_example import METER, reading

END = EVENING + timedelta(minutes=150)
REGISTER = "01-00:B2.08.00*FF"


def element(kind: str, amount: float, **restrictions: Any) -> dict[str, Any]:
    return {"price_components": [{"type": kind, "price": amount, "vat": 19}], "restrictions": restrictions}


def tariff(*elements: dict[str, Any]) -> dict[str, Any]:
    return {**DAY_NIGHT, "elements": list(elements)}


@pytest.mark.parametrize(
    ("body", "sells"),
    [
        (DAY_NIGHT, True),
        (VOLUME, True),
        (tariff(element("FLAT", 5)), False),
        (tariff(element("TIME", 2), element("ENERGY", 0)), False),
    ],
)
def test_a_tariff_sells_energy_or_not(body: dict[str, Any], sells: bool) -> None:
    assert sells_energy(parse_tariff(body)) is sells


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (DAY_NIGHT, 1),
        (VOLUME, 0),
        (tariff(element("ENERGY", 0.5, max_kwh=10), element("ENERGY", 0.4)), 0),
        (tariff(element("ENERGY", 0.5, max_duration=3600), element("ENERGY", 0.4)), 1),
        (tariff(element("ENERGY", 0.5, day_of_week=["MONDAY"]), element("ENERGY", 0.5)), 0),
        (tariff(element("ENERGY", 0.5), element("TIME", 2, start_time="22:00", end_time="06:00")), 0),
    ],
)
def test_only_a_change_of_the_energy_price_by_time_counts(body: dict[str, Any], count: int) -> None:
    points = (MeterPoint(EVENING, Wh(0)), MeterPoint(END, Wh(27_500)))
    read = parse_tariff(body)
    inputs = Inputs("Europe/Berlin", points, Policy())
    assert len(energy_changes(inputs, [read], price(inputs, read))) == count


def test_only_good_readings_at_changes_of_the_tariff_count() -> None:
    at = EVENING + timedelta(minutes=30)
    good = reading("T", at, 5)
    bad = [
        reading("C", at, 6),
        reading("T", at, 6, ST="D"),
        reading("T", at, 6, EF="E"),
        {**reading("T", at, 6), "TM": good["TM"].replace(" S", " I")},
        reading("T", at, 6, RI="01-00:C2.08.00*FF"),
    ]
    text = METER.record(3, good, *bad)
    told = [Original("OCMF", text), Original("OCMF", "OCMF|{|"), Original("ALFEN", text)]
    assert [(one.at, one.wh) for one in signed_changes(told, REGISTER)] == [(at, Decimal(5000))]


def test_a_signed_change_takes_its_place_and_bounds_the_values_beside_it() -> None:
    change = EVENING + timedelta(minutes=60)
    points = [
        MeterPoint(EVENING, Wh(0)),
        MeterPoint(change - timedelta(minutes=1), Wh(9100)),
        MeterPoint(change + timedelta(minutes=1), Wh(8900)),
        MeterPoint(END, Wh(27_500)),
    ]
    signed = SignedRegister(change + timedelta(seconds=4), Decimal("9000.7"), REGISTER, 0)
    found = with_signed(points, [change], [signed])
    assert [point.energy for point in found] == [0, 9000, 9000, 9000, 27_500]
    assert found[2].at == change
    late = replace(signed, at=change + timedelta(minutes=2))
    with pytest.raises(UnratableError, match="no register was signed at"):
        with_signed(points, [change], [late])
