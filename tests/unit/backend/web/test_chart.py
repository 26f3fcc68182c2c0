"""The chart as numbers."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from backend.web.chart import BOTTOM, LEFT, MAX_POINTS, RIGHT, TOP, chart, value_step

BEGIN = datetime(2026, 10, 27, 14, 30, tzinfo=UTC)


def points(*values: str, minutes: int = 10) -> list[tuple[datetime, Decimal]]:
    return [(BEGIN + timedelta(minutes=minutes * i), Decimal(value)) for i, value in enumerate(values)]


def test_it_spans_the_plot_and_rises_with_the_value() -> None:
    drawing = chart(points("0", "5", "10"))
    assert drawing is not None
    assert drawing.line == f"M{float(LEFT)} {float(BOTTOM)}L256.0 96.0L{float(RIGHT)} {float(TOP)}"
    assert drawing.last == (RIGHT, TOP)


@pytest.mark.parametrize("largest", ["0.003", "0.9", "1", "8.95", "10.7", "11", "49.9", "50.1", "350"])
def test_the_largest_value_is_below_the_top_line_and_lines_are_few(largest: str) -> None:
    drawing = chart(points("0", largest))
    assert drawing is not None
    assert drawing.ticks[-1].value >= Decimal(largest)
    assert drawing.ticks[0].value == 0
    assert 3 <= len(drawing.ticks) <= 6
    assert drawing.ticks[-1].place == TOP


def test_steps_are_round() -> None:
    assert [value_step(Decimal(n)) for n in (0, 5, 7, 11, 22, 40)] == [1, 1, 2, Decimal("2.5"), 5, 10]


def test_time_ticks_stand_at_round_wall_times_in_odd_time_zones_too() -> None:
    drawing = chart(points("0", "1", "2", minutes=60), timedelta(hours=5, minutes=45))
    assert drawing is not None
    walls = [(tick.at + timedelta(hours=5, minutes=45)).strftime("%H:%M") for tick in drawing.times]
    assert walls == ["20:30", "21:00", "21:30", "22:00"]
    assert all(left.place < right.place for left, right in pairwise(drawing.times))


@pytest.mark.parametrize("values", [[], points("1"), [(BEGIN, Decimal(1)), (BEGIN, Decimal(2))]])
def test_without_two_times_there_is_no_chart(values: list[tuple[datetime, Decimal]]) -> None:
    assert chart(values) is None


def test_values_that_never_leave_zero_make_a_flat_line() -> None:
    drawing = chart(points("0", "0"))
    assert drawing is not None
    assert drawing.line == f"M{float(LEFT)} {float(BOTTOM)}L{float(RIGHT)} {float(BOTTOM)}"


def test_of_very_many_points_some_are_drawn_and_the_last_always() -> None:
    drawing = chart(points(*("3",) * 5000, "7", minutes=1))
    assert drawing is not None
    assert drawing.line.count("L") <= MAX_POINTS + 1
    assert drawing.last[0] == RIGHT
    assert drawing.line.endswith(f"{drawing.last[0]} {drawing.last[1]}")
