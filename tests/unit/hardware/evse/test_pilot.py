"""Levels to states, currents to duty cycles, resistors to cables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.api import PilotState
from hardware.evse import pilot
from hardware.evse.pilot import OverCurrent, Pilot, classify, duty, levels

A, B, C, D, E, F = PilotState.A, PilotState.B, PilotState.C, PilotState.D, PilotState.E, PilotState.F


@pytest.mark.parametrize("last", list(PilotState))
@pytest.mark.parametrize(
    ("volts", "state"),
    [
        *((12.0, A), (11.0, A), (10.0, B), (9.0, B), (8.0, B), (7.0, C), (6.0, C), (5.0, C)),
        *((4.0, D), (3.0, D), (2.0, D), (1.0, E), (0.0, E), (-1.0, E), (-11.0, F), (-12.0, F), (-13.0, F)),
    ],
)
def test_every_level_of_the_standard_is_its_state_wherever_it_comes_from(
    volts: float, state: PilotState, last: PilotState
) -> None:
    assert classify(volts, last) is state


@pytest.mark.parametrize(("border", "upper", "lower"), [(10.5, A, B), (7.5, B, C), (4.5, C, D), (1.5, D, E)])
def test_a_level_at_a_border_stays_what_it_was(border: float, upper: PilotState, lower: PilotState) -> None:
    for volts in (border - 0.39, border, border + 0.39):
        assert classify(volts, upper) is upper
        assert classify(volts, lower) is lower
    assert classify(border - 0.41, upper) is lower
    assert classify(border + 0.41, lower) is upper


@given(st.floats(-15, 15), st.sampled_from(list(PilotState)))
def test_a_state_once_found_is_stable(volts: float, last: PilotState) -> None:
    state = classify(volts, last)
    assert classify(volts, state) is state


def test_one_odd_burst_is_no_state() -> None:
    seen = Pilot()
    states = [seen.see(volts) for volts in (12, 9, 12, 9, 9, 6, 9, 6, 6, 0, 6, 6)]
    assert states == [A, A, A, A, B, B, B, B, C, C, C, C]


@pytest.mark.parametrize(
    ("current_a", "percent"),
    [(6, 10), (10, 16.667), (16, 26.667), (32, 53.333), (51, 85), (52, 84.8), (63, 89.2), (80, 96)],
)
def test_a_current_has_its_duty_cycle(current_a: int, percent: float) -> None:
    assert duty(current_a) * 100 == pytest.approx(percent, abs=0.001)


@pytest.mark.parametrize("current_a", [-1, 0, 5, 81])
def test_what_can_t_be_offered_is_refused(current_a: int) -> None:
    with pytest.raises(ValueError, match="6 to 80"):
        duty(current_a)


@given(st.integers(6, 80))
def test_a_vehicle_reads_what_was_offered(current_a: int) -> None:
    # 52 A is written on the steeper line just below the bend, where a vehicle reads it on the flatter one.
    assert pilot.current(duty(current_a)) == pytest.approx(current_a, abs=1.2 if current_a == 52 else 0.001)


@pytest.mark.parametrize(
    ("percent", "amperes"), [(0, 0), (5, None), (7.5, 0), (8, 6), (9.9, 6), (97, 80), (98, 0), (100, 0)]
)
def test_the_ends_of_the_scale(percent: float, amperes: float | None) -> None:
    assert pilot.current(percent / 100) == amperes


@pytest.mark.parametrize(
    ("ohm", "carries"), [(100, 63), (220, 32), (680, 20), (1500, 13), (40, None), (0, None), (3000, None), (1e6, None)]
)
def test_a_cable_tells_what_it_carries(ohm: float, carries: int | None) -> None:
    assert pilot.cable_current(ohm) == carries
    # ... and with resistors of 10 % behind a pull-up of 1 kOhm at 3.3 V
    if carries:
        for real in (0.9 * ohm, 1.1 * ohm):
            assert pilot.cable_current(pilot.proximity_ohm(3.3 * real / (1000 + real), 3.3, 1000)) == carries


def test_an_open_proximity_contact_is_no_cable() -> None:
    assert pilot.cable_current(pilot.proximity_ohm(3.3, 3.3, 1000)) is None
    assert pilot.cable_current(pilot.proximity_ohm(-0.01, 3.3, 1000)) is None


@given(st.integers(10, 96), st.integers(0, 31), st.floats(-0.3, 0.3))
def test_a_burst_shows_both_levels_whatever_the_phase(percent: int, start: int, noise: float) -> None:
    samples = [9.0 + noise if (start + 3.1 * n) % 32 < 0.32 * percent else -12.0 + noise for n in range(32)]
    found = levels([*samples, 55.0, -55.0])  # two spikes are no levels
    assert [found.high, found.low] == pytest.approx([9.0 + noise, -12.0 + noise])
    assert found.has_pwm


def test_steady_voltage_is_one_level() -> None:
    assert not levels([12.0] * 16).has_pwm


def test_a_vehicle_that_draws_too_much_is_noticed_after_seven_seconds() -> None:
    watch = OverCurrent()
    assert not watch.see(18.1, 16, 0.0)  # 16 x 1.10 + 0.5
    assert not watch.see(18.2, 16, 1.0)
    assert not watch.see(18.2, 16, 7.9)
    assert watch.see(18.2, 16, 8.0)
    assert not watch.see(18.0, 16, 9.0)
    assert not watch.see(30.0, 16, 10.0)
    assert not watch.see(30.0, 0, 100.0)  # nothing offered: the contactor is opening
