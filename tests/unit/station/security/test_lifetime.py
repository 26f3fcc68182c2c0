"""Certificates against a time that is certain, and against one that is not."""

from datetime import UTC, datetime, timedelta

import pytest

from station.security.lifetime import Moment, Span, invalidity, renewal_due, warning_due

BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
SPAN = Span(BEGIN, END)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("at", "is_certain", "is_valid"),
    [
        (BEGIN - DAY, True, False),
        (BEGIN - DAY, False, True),
        (BEGIN, True, True),
        (END, True, True),
        (END + DAY, True, False),
        (END + DAY, False, False),
    ],
)
def test_validity(at: datetime, is_certain: bool, is_valid: bool) -> None:
    assert (invalidity(SPAN, Moment(at, is_certain)) == "") == is_valid


@pytest.mark.parametrize(
    ("days_left", "told", "due"),
    [
        (61, None, None),
        (60, None, 60),
        (59, 60, None),
        (30, 60, 30),
        (30, None, 30),
        (7, 30, 7),
        (6, 7, None),
        (-5, None, 7),
    ],
)
def test_a_warning_is_due_once_for_each_step(days_left: int, told: int | None, due: int | None) -> None:
    assert warning_due(SPAN, Moment(END - days_left * DAY, is_certain=True), told) == due


def test_a_certificate_of_a_month_is_complained_of_in_its_last_third_only() -> None:
    short = Span(BEGIN, BEGIN + 30 * DAY)
    assert warning_due(short, Moment(BEGIN + 15 * DAY, is_certain=True), None) is None
    assert warning_due(short, Moment(BEGIN + 21 * DAY, is_certain=True), None) == 30
    assert warning_due(short, Moment(BEGIN + 24 * DAY, is_certain=True), 30) == 7


@pytest.mark.parametrize(
    ("life_days", "left_days", "due"), [(365, 91, False), (365, 89, True), (90, 31, False), (90, 29, True)]
)
def test_renewal_begins_in_time(life_days: int, left_days: int, due: bool) -> None:
    span = Span(END - life_days * DAY, END)
    assert renewal_due(span, Moment(END - left_days * DAY, is_certain=True)) is due
