"""The link hour by hour, and what is learned of it."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from station.core.link_history import (
    KEPT_HOURS,
    Hour,
    Look,
    dead_hours,
    decode,
    hour_of,
    hour_of_week,
    recent,
    until_dead,
)

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 11, 2, tzinfo=UTC)


def hour(at: datetime, alive: int, looks: int = 360) -> Hour:
    return Hour(hour_of(at), looks, alive, looks)


def test_an_hour_sums_up_its_looks() -> None:
    made = Hour(hour_of(MONDAY))
    for dbm, cell in ((-80, "A"), (-90, "B"), (None, "")):
        made = made.plus(Look(dbm != -90, True, "Example Mobil" if cell else "", "LTE", cell, dbm, rsrq_db=-10))
    assert (made.looks, made.alive, made.registered, made.cells) == (3, 2, 3, 1)
    assert (made.operator, made.technology, made.cell) == ("Example Mobil", "LTE", "B")
    assert (made.rssi_dbm.mean, made.rssi_dbm.least, made.rssi_dbm.most) == (-85, -90, -80)
    assert made.sinr_db.mean is None
    assert decode(made.encode()) == made
    assert made.begin == MONDAY


@pytest.mark.parametrize("text", ["", "{}", "[1]x", "7", '[1, 2, 3, 4, "", "", "", 0, 5]'])
def test_what_is_no_hour_is_none(text: str) -> None:
    assert decode(text) is None


def test_forty_days_are_kept_in_as_many_places() -> None:
    hours = [hour(MONDAY + timedelta(hours=h), 1) for h in range(KEPT_HOURS + 50)]
    now = hours[-1].begin
    assert len(recent(hours, now)) == KEPT_HOURS
    assert len({one.slot for one in hours}) == KEPT_HOURS
    assert recent([hour(now + timedelta(days=400), 1)], now) == []


def test_hours_that_fail_week_after_week_are_learned_in_local_time() -> None:
    hours = []
    for day in range(21):
        for h in range(24):
            at = MONDAY + timedelta(days=day, hours=h)
            hours.append(hour(at, 0 if at.weekday() == 1 and h in (1, 2) else 350))
    tuesday = 24
    assert dead_hours(hours, BERLIN) == {tuesday + 2, tuesday + 3}


def test_one_bad_week_is_no_habit_and_one_good_one_ends_it() -> None:
    week = timedelta(days=7)
    assert dead_hours([hour(MONDAY, 0)], UTC) == frozenset()
    assert dead_hours([hour(MONDAY, 0), hour(MONDAY + week, 0)], UTC) == {0}
    assert dead_hours([hour(MONDAY, 0), hour(MONDAY + week, 0), hour(MONDAY + 2 * week, 300)], UTC) == frozenset()
    assert dead_hours([hour(MONDAY, 0, 2), hour(MONDAY + week, 0, 2)], UTC) == frozenset(), "too few looks"


def test_the_next_dead_hour() -> None:
    now = MONDAY + timedelta(hours=12, minutes=30)
    assert until_dead(frozenset(), now, UTC) is None
    assert until_dead(frozenset({12}), now, UTC) == timedelta()
    assert until_dead(frozenset({14}), now, UTC) == timedelta(hours=1, minutes=30)
    assert until_dead(frozenset({11}), now, UTC) == timedelta(days=6, hours=22, minutes=30)


def test_hours_of_the_week_follow_summer_time() -> None:
    assert hour_of_week(datetime(2026, 7, 6, 22, tzinfo=UTC), BERLIN) == 24
    assert hour_of_week(datetime(2026, 11, 2, 23, tzinfo=UTC), BERLIN) == 24
