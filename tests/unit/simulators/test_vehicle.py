"""The charging curve, and that no energy is made or lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.units import Watt, Wh
from simulators.vehicle import UJ_PER_WH, Vehicle


def _vehicle(soc: float, *, max_power: int = 11_000, phases: int = 3, wants_energy: bool = True) -> Vehicle:
    return Vehicle(Wh(60_000), Wh(round(60_000 * soc)), Watt(max_power), phases=phases, wants_energy=wants_energy)


@pytest.mark.parametrize(
    ("soc", "offered", "phases", "power"),
    [
        (0.2, 32, 3, 11_000),
        (0.2, 10, 3, 6_900),
        (0.2, 10, 1, 2_300),
        (0.2, 5, 3, 0),
        (0.2, 0, 3, 0),
        (0.8, 32, 3, 11_000),
        (0.9, 32, 3, 6_050),
        (1.0, 32, 3, 0),
    ],
)
def test_power_follows_offer_and_curve(soc: float, offered: int, phases: int, power: int) -> None:
    assert _vehicle(soc).power(offered, phases) == power


def test_a_pause_of_the_vehicle_draws_nothing() -> None:
    vehicle = _vehicle(0.2, wants_energy=False)
    assert vehicle.step(1_000_000, 16) == 0
    vehicle.wants_energy = True
    assert vehicle.step(1_000_000, 16) > 0


def test_it_ends_full_and_then_asks_no_more() -> None:
    vehicle = _vehicle(0.95)
    steps = 0
    while vehicle.asks:
        vehicle.step(60_000_000, 16)
        steps += 1
        assert steps < 500
    assert vehicle.soc == 1.0
    assert vehicle.step(60_000_000, 16) == 0


@given(st.lists(st.tuples(st.integers(0, 5_000_000), st.integers(0, 32)), max_size=50))
def test_what_it_draws_is_what_it_stores(steps: list[tuple[int, int]]) -> None:
    vehicle = _vehicle(0.5)
    drawn = sum(vehicle.step(dt, offered) * dt for dt, offered in steps)
    assert vehicle.stored == (30_000 * UJ_PER_WH + drawn) // UJ_PER_WH
