"""The last lines of the log, for people."""

import logging

from station.log_ring import RING_LINES, LogRing


def ring(count: int) -> LogRing:
    made = LogRing()
    for number in range(1, count + 1):
        made.emit(logging.LogRecord("station", logging.INFO, "", 0, f"fact number={number}", None, None))
    return made


def test_the_newest_lines_are_given_oldest_first() -> None:
    assert ring(5).after(0, 2) == ["fact number=4", "fact number=5"]
    assert ring(5).after(3, 10) == ["fact number=4", "fact number=5"]
    assert ring(5).after(5, 10) == []
    assert ring(5).after(0, 0) == []
    assert ring(0).after(0, 10) == []


def test_lines_are_chosen_by_their_words() -> None:
    assert ring(12).after(0, 10, "NUMBER=1") == ["fact number=1", "fact number=10", "fact number=11", "fact number=12"]


def test_old_lines_go_and_numbers_stay() -> None:
    full = ring(RING_LINES + 10)
    assert full.last == RING_LINES + 10
    assert full.after(0, 5000)[0] == "fact number=11"
    assert full.after(RING_LINES + 8, 5000) == [f"fact number={RING_LINES + 9}", f"fact number={RING_LINES + 10}"]
