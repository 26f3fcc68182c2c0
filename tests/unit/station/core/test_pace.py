"""How fast a backlog leaves."""

import pytest

from shared.ocpp.validation import Version
from station.core.delivery import boundaries_first
from station.core.pace import BURST, Pace


def sent(pace: Pace, seconds: float) -> int:
    """Send whenever it is allowed and count."""
    now, count = 1000.0, 0
    while (wait := pace.wait(now)) + now < 1000.0 + seconds:
        now += wait
        pace.take(now)
        count += 1
    return count


@pytest.mark.parametrize("per_minute", [1, 60, 120, 6000])
def test_a_long_backlog_leaves_at_its_pace(per_minute: int) -> None:
    assert sent(Pace(per_minute), 600) == pytest.approx(BURST + per_minute * 10, abs=1)


def test_everyday_traffic_does_not_wait() -> None:
    pace = Pace(1)
    for _ in range(BURST):
        assert pace.wait(0.0) == 0.0
        pace.take(0.0)
    assert pace.wait(0.0) == pytest.approx(60.0)
    assert pace.wait(45.0) == pytest.approx(15.0)
    assert pace.wait(1e6) == 0.0


def test_no_limit_means_none() -> None:
    pace = Pace(0)
    for _ in range(1000):
        pace.take(0.0)
    assert pace.wait(0.0) == 0.0


@pytest.mark.parametrize(
    ("order", "version", "is_first"),
    [
        ("auto", Version.V16, False),
        ("auto", Version.V201, True),
        ("chronological", Version.V201, False),
        ("boundaries", Version.V16, True),
    ],
)
def test_the_order_is_what_the_version_allows(order: str, version: Version, is_first: bool) -> None:
    assert boundaries_first(order, version) is is_first
