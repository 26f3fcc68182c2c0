"""Wrong PINs lock the console, longer each time, and nothing but time or the right PIN helps."""

import pytest

from station.console.lockout import FREE_TRIES, Tries, decode


def after(count: int, boot: str = "a", uptime: float = 1000.0) -> Tries:
    tries = Tries()
    for _ in range(count):
        tries = tries.one_more(boot, uptime)
    return tries


@pytest.mark.parametrize(
    ("count", "wait"), [(0, 0), (2, 0), (3, 30), (4, 60), (5, 120), (9, 1920), (10, 3600), (99, 3600)]
)
def test_the_wait_grows(count: int, wait: float) -> None:
    assert after(count).locked_s("a", 1000.0) == wait
    assert after(count).locked_s("a", 1000.0 + wait) == 0


def test_a_boot_begins_the_wait_anew() -> None:
    assert after(3).locked_s("b", 5.0) == 25
    assert after(3).locked_s("b", 31.0) == 0


def test_a_clock_that_runs_backwards_shortens_nothing() -> None:
    assert after(3).locked_s("a", 10.0) == 30


def test_tries_survive_their_file() -> None:
    assert decode(after(4).encode()) == after(4)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", "null", '{"count": "x", "boot": "", "uptime": 0}', '{"count": 1e999}']
)
def test_a_broken_file_lets_nobody_in(text: str) -> None:
    assert decode(text).count == FREE_TRIES
    assert decode(text).locked_s("a", 0.0) == 30
