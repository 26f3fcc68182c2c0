"""Monitors of variables: when they tell, and when they don't."""

from datetime import UTC, datetime, timedelta

import pytest

from station.core.timekeeping import Now
from station.ocpp201.monitors import MOST_MONITORS, Kind, Monitor, Monitors, Outcome, decode_monitors

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
COMPONENT = {"name": "EVSE", "evse": {"id": 1}}


def monitor(kind: Kind, value: str, *, severity: int = 5, number: int = 0, name: str = "Power") -> Monitor:
    return Monitor(number, kind, value, severity, False, COMPONENT, {"name": name})


def told(kind: Kind, value: str, texts: list[str], *, step_s: float = 1.0) -> list[tuple[int, str, bool]]:
    """Give at which look what was told."""
    monitors = Monitors()
    assert monitors.set(monitor(kind, value), is_number=texts[0].isdigit()) == (Outcome.ACCEPTED, 1)
    found = []
    for at, text in enumerate(texts):
        now = Now(100 + at * step_s, NOON + timedelta(seconds=at * step_s))
        found += [(at, alert.value, alert.is_cleared) for alert in monitors.look({1: text}, now)]
    return found


@pytest.mark.parametrize(
    ("kind", "value", "texts", "expected"),
    [
        (Kind.UPPER, "10", ["5", "10", "11", "12", "10", "11"], [(2, "11", False), (4, "10", True), (5, "11", False)]),
        (Kind.LOWER, "10", ["9", "10", "9"], [(0, "9", False), (1, "10", True), (2, "9", False)]),
        (Kind.DELTA, "3", ["5", "7", "8", "9", "5"], [(2, "8", False), (4, "5", False)]),
        (Kind.DELTA, "1", ["Available", "Available", "Occupied"], [(2, "Occupied", False)]),
        (Kind.PERIODIC, "2", ["5", "5", "5", "5", "5"], [(2, "5", False), (4, "5", False)]),
        (Kind.ALIGNED, "3", ["5", "5", "5", "6", "5"], [(3, "6", False)]),
    ],
)
def test_what_is_told_when(kind: Kind, value: str, texts: list[str], expected: list[tuple[int, str, bool]]) -> None:
    assert told(kind, value, texts) == expected


def test_what_is_less_severe_than_the_level_is_not_told() -> None:
    monitors = Monitors(level=4)
    monitors.set(monitor(Kind.UPPER, "1"), is_number=True)
    assert not monitors.look({1: "2"}, Now(0.0, NOON))


@pytest.mark.parametrize(
    ("wrong", "outcome"),
    [
        (monitor(Kind.UPPER, "1", severity=-1), Outcome.REJECTED),
        (monitor(Kind.DELTA, "-1"), Outcome.REJECTED),
        (monitor(Kind.PERIODIC, "0"), Outcome.REJECTED),
        (monitor(Kind.UPPER, "NaN"), Outcome.REJECTED),
        (monitor(Kind.UPPER, "1", number=4), Outcome.REJECTED),
    ],
)
def test_what_makes_no_sense_is_rejected(wrong: Monitor, outcome: Outcome) -> None:
    assert Monitors().set(wrong, is_number=True) == (outcome, 0)


def test_one_is_exchanged_by_its_number_on_its_own_variable_only() -> None:
    monitors = Monitors()
    monitors.set(monitor(Kind.UPPER, "1"), is_number=True)
    assert monitors.set(monitor(Kind.LOWER, "9", number=1), is_number=True) == (Outcome.ACCEPTED, 1)
    assert monitors.set(monitor(Kind.LOWER, "9", number=1, name="Other"), is_number=True)[0] is Outcome.REJECTED
    assert [m.kind for m in monitors] == [Kind.LOWER]


def test_numbers_are_not_used_twice_and_there_is_a_limit() -> None:
    monitors = Monitors()
    monitors.set(monitor(Kind.UPPER, "1"), is_number=True)
    assert monitors.clear(1)
    assert not monitors.clear(1)
    for at in range(MOST_MONITORS):
        assert monitors.set(monitor(Kind.UPPER, "1", name=f"v{at}"), is_number=True) == (Outcome.ACCEPTED, at + 2)
    assert monitors.set(monitor(Kind.UPPER, "1"), is_number=True) == (Outcome.REJECTED, 0)
    again = decode_monitors(monitors.encode())
    assert list(again) == list(monitors)
    assert again.last == monitors.last
