"""A line chart as numbers for an SVG: paths and places of labels. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal

WIDTH, HEIGHT = 480, 210
"""Of the drawing, in units of its viewBox."""

LEFT, RIGHT, TOP, BOTTOM = 46, 466, 14, 178
"""Edges of the plot inside it; the rest is for labels."""

MAX_POINTS = 400
"""More could not be seen at this width."""

_LINES = 5
_STEPS_MIN = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080, 43200)


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled place on an axis, in units of the viewBox."""

    place: float
    value: Decimal


@dataclass(frozen=True, slots=True)
class TimeTick:
    """A labelled place on the time axis."""

    place: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Chart:
    """What the template draws. `line` and `area` are values of the `d` attribute of a path."""

    line: str
    area: str
    ticks: tuple[Tick, ...]
    times: tuple[TimeTick, ...]
    last: tuple[float, float]


def chart(points: Sequence[tuple[datetime, Decimal]], zone_offset: timedelta = timedelta()) -> Chart | None:
    """Lay out a chart from 0 to a round value above the largest; None with fewer than two different times.

    Args:
        points: times and values in order of time.
        zone_offset: of the wall clock from UTC, so that the ticks stand at round wall times.
    """
    if not points or points[0][0] == points[-1][0]:
        return None
    begin, end = points[0][0], points[-1][0]
    largest = max(value for _, value in points)
    step = value_step(largest)
    lines = max(1, int((largest / step).to_integral_value(ROUND_CEILING)))
    top = step * lines

    def x(at: datetime) -> float:
        return round(LEFT + (RIGHT - LEFT) * ((at - begin) / (end - begin)), 1)

    def y(value: Decimal) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * float(max(value, Decimal(0)) / top), 1)

    drawn = [(x(at), y(value)) for at, value in _thinned(points)]
    line = "M" + "L".join(f"{px} {py}" for px, py in drawn)
    return Chart(
        line,
        f"{line}L{RIGHT} {BOTTOM}L{LEFT} {BOTTOM}Z",
        tuple(Tick(y(step * i), step * i) for i in range(lines + 1)),
        tuple(TimeTick(x(at), at) for at in _round_times(begin, end, zone_offset)),
        drawn[-1],
    )


def value_step(largest: Decimal) -> Decimal:
    """Give the distance of at most five grid lines that reach `largest`: 1, 2, 2.5 or 5 times a power of ten."""
    if largest <= 0:
        return Decimal(1)
    unit = Decimal(1).scaleb((largest / _LINES).adjusted())
    steps = (unit * factor for factor in (1, 2, Decimal("2.5"), 5, 10))
    return next(step for step in steps if step * _LINES >= largest)


def _thinned(points: Sequence[tuple[datetime, Decimal]]) -> list[tuple[datetime, Decimal]]:
    stride = -(-len(points) // MAX_POINTS)
    kept = list(points[::stride])
    return kept if kept[-1] is points[-1] else [*kept, points[-1]]


def _round_times(begin: datetime, end: datetime, zone_offset: timedelta) -> list[datetime]:
    span_min = (end - begin) / timedelta(minutes=1)
    minutes = next((step for step in _STEPS_MIN if span_min / step <= 5), _STEPS_MIN[-1])
    step, zero = timedelta(minutes=minutes), datetime(2001, 1, 1, tzinfo=begin.tzinfo) - zone_offset
    at = zero + step * -((zero - begin) // step)
    found: list[datetime] = []
    while at <= end and len(found) < 50:
        found.append(at)
        at += step
    return found
