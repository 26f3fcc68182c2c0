"""What counts as a meter's word and what doesn't."""

from collections.abc import Iterable
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.meters.plausibility import ImportCounter, Limits, ScaleCheck, is_another_map
from hardware.meters.register_map import Quantity
from shared.units import MilliAmp, MilliVolt, Watt, Wh

LIMITS = Limits(rated_a=100, phases=3)
A_SECOND = LIMITS.counted_within(1.0)


def _judge(readings: Iterable[tuple[float, int]], step: int = 1) -> list[str]:
    counter = ImportCounter(LIMITS)
    return [counter.judge(Wh(register), at, Wh(step)) for at, register in readings]


def test_the_first_value_needs_a_second_one() -> None:
    doubts = _judge([(0, 100_000), (0.1, 100_000), (1, 100_003)])
    assert doubts[0] == "shows 100000 Wh, which no second reading has confirmed"
    assert doubts[1:] == ["", ""]


def test_a_wrong_first_value_is_never_confirmed_by_the_right_ones() -> None:
    assert [not doubt for doubt in _judge([(0, 9_999_000), (0.1, 100_000), (0.2, 100_000)])] == [False, False, True]


def test_a_register_counts_no_faster_than_its_load_can() -> None:
    history: list[tuple[float, int]] = [(0, 100_000), (0, 100_000)]
    assert _judge([*history, (1, 100_000 + A_SECOND + 1)])[-1] == ""
    doubt = _judge([*history, (1, 100_000 + A_SECOND + 2)])[-1]
    assert doubt == (
        f"leapt from 100000 to {100_002 + A_SECOND} Wh in 1 s, more than it can count: it was exchanged or is faulty"
    )
    assert _judge([*history, (1, 100_000 + 100)], step=100)[-1] == ""


def test_one_bad_value_between_good_ones_does_no_harm() -> None:
    doubts = _judge([(0, 5000), (0, 5000), (1, 9_000_000), (1.1, 5003), (2, 0), (2.1, 5006)])
    assert [not doubt for doubt in doubts] == [False, True, False, True, False, True]


@pytest.mark.parametrize("other", [0, 90_000, 200_000, 9_000_000])
def test_another_meter_never_counts_however_long_one_waits(other: int) -> None:
    readings = [(0.0, 100_000), (0.0, 100_000), *((float(10 + hour * 3600), other) for hour in range(400))]
    readings[2:5] = [(10.0, other), (10.1, other), (10.2, other + 1)]
    assert all(_judge(readings)[2:])


def test_a_meter_that_forgot_its_last_wh_counts_again_when_it_has_caught_up() -> None:
    readings = [(0, 100_000), (0, 100_000), *((10 + n, 99_995 + n) for n in range(8))]
    assert [not doubt for doubt in _judge(readings)[2:]] == [False] * 5 + [True] * 3


@given(st.lists(st.tuples(st.floats(0, 3600), st.integers(0, 30_000_000)), max_size=40))
def test_what_counts_never_falls_and_never_leaps(readings: list[tuple[float, int]]) -> None:
    counter, at = ImportCounter(LIMITS), 0.0
    counted: list[tuple[float, int]] = []
    for pause, register in readings:
        at += pause
        if not counter.judge(Wh(register), at, Wh(1)):
            counted.append((at, register))
    for (before, low), (after, high) in pairwise(counted):
        assert 0 <= high - low <= LIMITS.counted_within(after - before) + 1


def test_windows() -> None:
    assert [LIMITS.voltage(MilliVolt(mv)) for mv in (0, 79_999, 80_000, 300_000, 300_001)] == [
        False,
        False,
        True,
        True,
        False,
    ]
    assert [LIMITS.current(MilliAmp(ma)) for ma in (-150_000, 150_000, 150_001)] == [True, True, False]
    assert [LIMITS.register(Wh(wh)) for wh in (-1, 0, 15_000_000_000, 16_000_000_000)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("watts", "is_good"), [(10_980, True), (-10_980, True), (1098, True), (109_800, False), (1_000_000, False)]
)
def test_a_power_that_is_ten_times_volts_times_amperes_is_none(watts: int, is_good: bool) -> None:
    currents, voltages = (MilliAmp(15_900),) * 3, (MilliVolt(230_000),) * 3
    assert LIMITS.power(Watt(watts), currents, voltages) is is_good
    assert LIMITS.power(Watt(watts), (), voltages) is (abs(watts) < 135_000)


@pytest.mark.parametrize(
    ("volts", "is_another"), [("230", False), ("0", False), ("3.1", False), ("15073280", True), ("1e-38", True)]
)
def test_an_impossible_voltage_shows_another_map(volts: str, is_another: bool) -> None:
    assert is_another_map({Quantity.VOLTAGE_L1: Decimal(volts)}) is is_another
    assert not is_another_map({})


def _charge(factor: float, *, gap: float = 1.0, watts: int = 11_000, seconds: int = 3600) -> str:
    check = ScaleCheck()
    for second in range(seconds):
        at = second * gap
        counted = Wh(int(100_000 + factor * watts * at / 3600))
        if doubt := check.contradicts(counted, Watt(watts), at, Wh(1)):
            return doubt
    return ""


@pytest.mark.parametrize("factor", [0.001, 0.1, 10, 1000])
def test_a_register_of_the_wrong_scale_is_found_within_minutes(factor: float) -> None:
    assert "while its power register told" in _charge(factor, seconds=300)


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_a_register_that_fits_its_power_is_let_be(factor: float) -> None:
    assert not _charge(factor)


def test_rare_readings_prove_nothing() -> None:
    assert not _charge(1000, gap=11.0)
