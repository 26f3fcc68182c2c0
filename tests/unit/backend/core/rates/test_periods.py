from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.rates.periods import MeterPoint, PeriodError, State, cut
from backend.core.tariffs.tariff import Tariff, parse_tariff
from shared.units import MilliAmp, Watt, Wh

BERLIN = ZoneInfo("Europe/Berlin")
EVENING = datetime(2026, 6, 15, 19, 0, tzinfo=UTC)  # 21:00 in Berlin


def tariff(*restrictions: dict[str, Any]) -> Tariff:
    elements = [
        {"price_components": [{"type": "ENERGY", "price": 0.3}], "restrictions": rules} for rules in restrictions
    ]
    return parse_tariff(
        {"id": "t", "currency": "EUR", "elements": [*elements, {"price_components": [{"type": "ENERGY", "price": 1}]}]}
    )


NIGHT = tariff({"start_time": "22:00", "end_time": "06:00"})


def point(minutes: float, energy: int, power: int | None = None, current: int | None = None) -> MeterPoint:
    return MeterPoint(
        EVENING + timedelta(minutes=minutes),
        Wh(energy),
        None if power is None else Watt(power),
        None if current is None else MilliAmp(current),
    )


def shape(periods: Any) -> list[tuple[float, float, int, bool]]:
    return [
        ((p.start - EVENING) / timedelta(minutes=1), (p.end - EVENING) / timedelta(minutes=1), p.energy, p.interpolated)
        for p in periods
    ]


def test_value_taken_at_the_boundary_is_used_as_it_is() -> None:
    periods = cut([point(0, 100), point(60, 9100), point(120, 20000)], NIGHT, BERLIN)
    assert shape(periods) == [(0, 60, 9000, False), (60, 120, 10900, False)]


def test_energy_between_two_values_is_interpolated_and_said_so() -> None:
    periods = cut([point(0, 0), point(50, 5000), point(80, 8001), point(120, 9000)], NIGHT, BERLIN)
    # 22:00 lies 10 of 30 minutes behind the value of 21:50: 5000 + 3001 / 3 = 6000.3
    assert shape(periods) == [(0, 60, 6000, True), (60, 120, 3000, True)]


def test_register_that_stands_still_needs_no_interpolation() -> None:
    periods = cut([point(0, 0), point(30, 5000), point(90, 5000)], NIGHT, BERLIN)
    assert [(p.state, p.energy, p.interpolated) for p in periods] == [
        (State.CHARGING, 5000, False),
        (State.PARKING, 0, False),
        (State.PARKING, 0, False),
    ]


def test_price_without_conditions_is_one_period() -> None:
    assert shape(cut([point(0, 0), point(60, 500), point(90, 700)], tariff(), BERLIN)) == [(0, 90, 700, False)]


def test_energy_threshold_is_cut_at_exactly_its_energy() -> None:
    tiers = tariff({"max_kwh": 20})
    periods = cut([point(0, 1000), point(60, 16000), point(120, 34700)], tiers, BERLIN)
    assert [p.energy for p in periods] == [20_000, 13_700]
    assert all(p.interpolated for p in periods)


def test_energy_threshold_met_by_a_value_is_not_interpolated() -> None:
    periods = cut([point(0, 0), point(60, 20000), point(90, 20000), point(120, 25000)], tariff({"min_kwh": 20}), BERLIN)
    assert shape(periods) == [(0, 60, 20000, False), (60, 90, 0, False), (90, 120, 5000, False)]


def test_duration_threshold_counts_from_the_start() -> None:
    periods = cut([point(0, 0), point(300, 30000)], tariff({"min_duration": 14400}), BERLIN)
    assert shape(periods) == [(0, 240, 24000, True), (240, 300, 6000, True)]


def test_weekday_changes_at_local_midnight() -> None:
    periods = cut([point(0, 0), point(240, 2400)], tariff({"day_of_week": ["MONDAY"]}), BERLIN)
    assert shape(periods) == [(0, 180, 1800, True), (180, 240, 600, True)]


def test_date_begins_at_local_midnight() -> None:
    periods = cut([point(0, 0), point(240, 2400)], tariff({"start_date": "2026-06-16"}), BERLIN)
    assert shape(periods) == [(0, 180, 1800, True), (180, 240, 600, True)]


def test_hour_that_the_clock_shows_twice_is_one_window() -> None:
    start = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)  # 00:00 summer time
    points = [MeterPoint(start, Wh(0)), MeterPoint(start + timedelta(hours=5), Wh(5000))]
    window = tariff({"start_time": "02:00", "end_time": "03:00"})
    starts = [p.start for p in cut(points, window, BERLIN)]
    # 02:00 summer time is 00:00 UTC, 03:00 winter time is 02:00 UTC; between them the clock is set back.
    assert datetime(2026, 10, 25, 0, 0, tzinfo=UTC) in starts
    assert datetime(2026, 10, 25, 2, 0, tzinfo=UTC) in starts


def test_window_that_begins_in_the_missing_hour_begins_when_the_clock_is_set() -> None:
    start = datetime(2026, 3, 28, 23, 0, tzinfo=UTC)
    points = [MeterPoint(start, Wh(0)), MeterPoint(start + timedelta(hours=5), Wh(5000))]
    starts = [p.start for p in cut(points, tariff({"start_time": "02:30", "end_time": "04:00"}), BERLIN)]
    assert datetime(2026, 3, 29, 1, 0, tzinfo=UTC) in starts  # 02:00 becomes 03:00


def test_power_decides_at_each_value_of_the_meter() -> None:
    periods = cut(
        [point(0, 0, 6000, 9000), point(10, 1000, 48000, 70000), point(60, 41000, 47000, 69000)],
        tariff({"max_power": 16}),
        BERLIN,
    )
    assert [(p.min_power, p.max_power) for p in periods] == [(Decimal(6), Decimal(48)), (Decimal(47), Decimal(48))]
    assert [p.max_current for p in periods] == [Decimal(70), Decimal(70)]


def test_slow_charge_between_two_steps_of_the_register_is_not_parking() -> None:
    periods = cut([point(0, 0, 1400), point(1, 0, 1400), point(2, 50, 1400)], tariff(), BERLIN)
    assert [p.state for p in periods] == [State.CHARGING]


def test_values_outside_the_session_are_left_out() -> None:
    periods = cut([point(0, 100), point(-5, 3000), point(60, 200)], tariff(), BERLIN)
    assert shape(periods) == [(0, 60, 100, False)]


@pytest.mark.parametrize("registers", [(1000, 990, 2000), (1000, 2005, 2000)])
def test_rounding_of_the_register_is_passed_over(registers: tuple[int, int, int]) -> None:
    points = [point(i * 30, energy) for i, energy in enumerate(registers)]
    assert sum(p.energy for p in cut(points, NIGHT, BERLIN)) == 1000


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([point(0, 100)], "one at its end"),
        ([point(10, 100), point(0, 200)], "before it starts"),
        ([point(0, 100), point(10, 99)], "runs backwards"),
        ([point(0, 100), point(5, 500), point(10, 400)], "runs backwards"),
        ([point(0, 100), point(5, 500), point(7, 300), point(10, 600)], "from 500 to 300 Wh"),
        ([point(0, 100), point(7, 300), point(5, 500), point(10, 600)], "not in order of time"),
    ],
)
def test_contradiction_is_refused(points: list[MeterPoint], said: str) -> None:
    with pytest.raises(PeriodError, match=said):
        cut(points, tariff(), BERLIN)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 20_000), st.integers(0, 30_000)), min_size=1, max_size=8),
    st.integers(0, 370 * 24 * 60),
)
def test_no_watt_hour_is_lost_or_counted_twice(steps: list[tuple[int, int]], minutes: int) -> None:
    at, energy = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes), 12345
    points = [MeterPoint(at, Wh(energy))]
    for seconds, gain in steps:
        at, energy = at + timedelta(seconds=seconds), energy + gain
        points.append(MeterPoint(at, Wh(energy)))
    rules = ({"start_time": "02:30", "end_time": "22:00"}, {"max_kwh": 7.5}, {"min_duration": 900})
    periods = cut(points, tariff(*rules), BERLIN)
    assert sum(p.energy for p in periods) == points[-1].energy - points[0].energy
    assert (periods[0].start, periods[-1].end) == (points[0].at, points[-1].at)
    assert all(before.end == after.start for before, after in pairwise(periods))
    assert all(p.energy >= 0 for p in periods)
