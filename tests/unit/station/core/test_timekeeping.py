"""What time it is: sources, floors, boots."""

from datetime import UTC, datetime, timedelta

import pytest

from station.core.timekeeping import (
    EARLIEST,
    BootTime,
    Floor,
    TimeSource,
    begin_boot,
    from_ms,
    learn,
    raised,
    to_ms,
)

NOON = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
FLOOR = Floor(NOON, TimeSource.CSMS)


def at_noon(source: TimeSource, uptime: float = 100.0) -> BootTime:
    return BootTime(1, "boot-a", to_ms(NOON) - int(uptime * 1000), source)


def test_a_stamp_is_offset_plus_uptime_to_the_millisecond() -> None:
    assert at_noon(TimeSource.CSMS).stamp(100.0) == NOON
    assert at_noon(TimeSource.CSMS).stamp(160.0019) == NOON + timedelta(minutes=1, milliseconds=1)


def test_the_first_boot_without_a_clock_begins_at_the_earliest_time() -> None:
    boot = begin_boot(None, Floor(EARLIEST, TimeSource.UNSET), "boot-a", 20.0, None)
    assert (boot.number, boot.source, boot.stamp(20.0)) == (1, TimeSource.UNSET, EARLIEST)


def test_a_new_boot_without_a_clock_begins_at_the_last_known_time() -> None:
    boot = begin_boot(at_noon(TimeSource.CSMS), FLOOR, "boot-b", 20.0, None)
    assert (boot.number, boot.source, boot.stamp(21.0)) == (2, TimeSource.UNSET, NOON + timedelta(seconds=1))


def test_a_program_restarted_in_the_same_boot_keeps_its_time() -> None:
    last = at_noon(TimeSource.CSMS)
    assert begin_boot(last, FLOOR, "boot-a", 500.0, NOON + timedelta(days=1)) is last


def test_a_trusted_clock_gives_the_time_at_boot() -> None:
    boot = begin_boot(None, FLOOR, "boot-a", 10.0, NOON + timedelta(hours=1))
    assert (boot.source, boot.stamp(10.0)) == (TimeSource.RTC, NOON + timedelta(hours=1))


@pytest.mark.parametrize("shown", [datetime(1970, 1, 1, tzinfo=UTC), NOON - timedelta(seconds=1)])
def test_a_trusted_clock_that_runs_behind_what_was_stored_is_not_believed(shown: datetime) -> None:
    assert begin_boot(None, FLOOR, "boot-a", 10.0, shown).source is TimeSource.UNSET


def test_true_time_moves_the_offset() -> None:
    lesson = learn(
        at_noon(TimeSource.UNSET), FLOOR, TimeSource.CSMS, NOON + timedelta(hours=3), asked_at=99.0, answered_at=101.0
    )
    assert lesson.moved_ms == 3 * 3600 * 1000
    assert lesson.boot.stamp(100.0) == NOON + timedelta(hours=3)
    assert lesson.boot.source is TimeSource.CSMS


def test_a_slow_link_does_not_shake_a_clock_that_is_right() -> None:
    told = NOON - timedelta(seconds=20)  # the answer was 40 s under way and agrees with what we showed in between
    lesson = learn(at_noon(TimeSource.NETWORK), FLOOR, TimeSource.CSMS, told, asked_at=60.0, answered_at=100.0)
    assert lesson.moved_ms == 0
    assert not lesson.refused
    assert lesson.boot.source is TimeSource.CSMS


def test_a_worse_source_is_not_heard() -> None:
    boot = at_noon(TimeSource.CSMS)
    lesson = learn(boot, FLOOR, TimeSource.NETWORK, NOON + timedelta(days=1), asked_at=100, answered_at=100)
    assert lesson.boot is boot


@pytest.mark.parametrize("told", [datetime(1980, 1, 6, tzinfo=UTC), datetime(2004, 1, 1, tzinfo=UTC)])
def test_a_clock_that_was_never_set_is_not_believed(told: datetime) -> None:
    lesson = learn(at_noon(TimeSource.UNSET), FLOOR, TimeSource.CSMS, told, asked_at=100, answered_at=100)
    assert "before 2024" in lesson.refused
    assert lesson.moved_ms == 0


def test_time_does_not_run_back_behind_what_was_stored() -> None:
    early = NOON - timedelta(minutes=5)
    lesson = learn(at_noon(TimeSource.UNSET), FLOOR, TimeSource.CSMS, early, asked_at=100, answered_at=100)
    assert "before the last time stored" in lesson.refused


def test_a_better_source_overrules_a_floor_of_a_worse_one() -> None:
    wrong = Floor(NOON + timedelta(days=5000), TimeSource.RTC)
    lesson = learn(at_noon(TimeSource.RTC), wrong, TimeSource.CSMS, NOON, asked_at=200, answered_at=200)
    assert not lesson.refused
    assert raised(wrong, lesson.boot.stamp(200), TimeSource.CSMS) == Floor(NOON, TimeSource.CSMS)


def test_the_floor_rises_and_counting_on_keeps_its_worth() -> None:
    later = NOON + timedelta(seconds=5)
    assert raised(FLOOR, later, TimeSource.UNSET) == Floor(later, TimeSource.CSMS)
    assert raised(FLOOR, later, TimeSource.RTC) == Floor(later, TimeSource.RTC)
    assert raised(FLOOR, NOON - timedelta(seconds=1), TimeSource.CSMS) == FLOOR


def test_milliseconds_there_and_back() -> None:
    assert from_ms(to_ms(NOON + timedelta(milliseconds=7))) == NOON + timedelta(milliseconds=7)
