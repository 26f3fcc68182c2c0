"""What time it is: sources, floors, boots."""

from datetime import UTC, datetime, timedelta

import pytest

from station.core.timekeeping import (
    EARLIEST,
    BootTime,
    Floor,
    Lesson,
    TimeJudge,
    TimeSource,
    begin_boot,
    from_ms,
    raised,
    to_ms,
)

NOON = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
FLOOR = Floor(NOON, TimeSource.CSMS)


def at_noon(source: TimeSource, uptime: float = 100.0) -> BootTime:
    return BootTime(1, "boot-a", to_ms(NOON) - int(uptime * 1000), source)


def learn(
    boot: BootTime, floor: Floor, source: TimeSource, told: datetime, *, asked_at: float, answered_at: float
) -> Lesson:
    return TimeJudge().hear(boot, floor, source, told, asked_at=asked_at, answered_at=answered_at)


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


@pytest.mark.parametrize(
    "shown", [datetime(1970, 1, 1, tzinfo=UTC), NOON - timedelta(seconds=1), NOON + timedelta(days=3650)]
)
def test_a_trusted_clock_that_is_far_from_what_was_stored_is_not_believed(shown: datetime) -> None:
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
    assert "no time of this station's life" in lesson.refused
    assert lesson.moved_ms == 0


def test_time_does_not_run_back_behind_what_was_stored() -> None:
    early = NOON - timedelta(minutes=5)
    lesson = learn(at_noon(TimeSource.UNSET), FLOOR, TimeSource.CSMS, early, asked_at=100, answered_at=100)
    assert "before the last time stored" in lesson.refused


def test_a_better_source_overrules_a_floor_of_a_worse_one() -> None:
    wrong = Floor(NOON + timedelta(days=5000), TimeSource.RTC)
    lesson = learn(at_noon(TimeSource.RTC), wrong, TimeSource.CSMS, NOON, asked_at=200, answered_at=200)
    assert not lesson.refused
    assert lesson.floor == Floor(NOON, TimeSource.CSMS)


def test_the_floor_rises_and_counting_on_keeps_its_worth() -> None:
    later = NOON + timedelta(seconds=5)
    assert raised(FLOOR, later, TimeSource.UNSET) == Floor(later, TimeSource.CSMS)
    assert raised(FLOOR, later, TimeSource.RTC) == Floor(later, TimeSource.RTC)
    assert raised(FLOOR, NOON - timedelta(seconds=1), TimeSource.CSMS) == FLOOR


def test_milliseconds_there_and_back() -> None:
    assert from_ms(to_ms(NOON + timedelta(milliseconds=7))) == NOON + timedelta(milliseconds=7)


DECADE = timedelta(days=3652)


class Station:
    """Hears sources through a judge, as station.timekeeper does, and counts uptime in minutes."""

    def __init__(self, boot: BootTime, floor: Floor = FLOOR) -> None:
        self.boot, self.floor, self.judge, self.uptime = boot, floor, TimeJudge(), 100.0

    def hear(self, source: TimeSource, off: timedelta, *, minutes: float = 5) -> bool:
        """A minute later a source tells the true time plus `off`; true = our time moved."""
        self.uptime += minutes * 60
        told = NOON + timedelta(seconds=self.uptime - 100) + off
        lesson = self.judge.hear(self.boot, self.floor, source, told, asked_at=self.uptime, answered_at=self.uptime)
        moved = abs(lesson.boot.offset_ms - self.boot.offset_ms) > 5000
        self.boot, self.floor = lesson.boot, lesson.floor
        return moved

    @property
    def error(self) -> timedelta:
        return self.boot.stamp(self.uptime) - (NOON + timedelta(seconds=self.uptime - 100))


@pytest.mark.parametrize("jump", [DECADE, -DECADE / 4])
def test_one_wrong_word_of_the_central_system_moves_nothing(jump: timedelta) -> None:
    station = Station(at_noon(TimeSource.CSMS))
    for off in (jump, timedelta(0), jump, jump, timedelta(0), jump):
        assert not station.hear(TimeSource.CSMS, off)
    assert station.floor.at < NOON + timedelta(hours=1), "the floor does not rise with it"


@pytest.mark.parametrize("jump", [DECADE, -DECADE / 4])
def test_what_it_says_again_and_again_is_believed_and_so_is_the_way_back(jump: timedelta) -> None:
    station = Station(at_noon(TimeSource.CSMS))
    assert [station.hear(TimeSource.CSMS, jump) for _ in range(3)] == [False, False, True]
    assert abs(station.error - jump) < timedelta(seconds=5)
    assert [station.hear(TimeSource.CSMS, timedelta(0)) for _ in range(3)] == [False, False, True]
    assert abs(station.error) < timedelta(seconds=5)
    assert abs(station.floor.at - station.boot.stamp(station.uptime)) < timedelta(minutes=1)


def test_words_in_quick_succession_count_once() -> None:
    station = Station(at_noon(TimeSource.CSMS))
    assert not any(station.hear(TimeSource.CSMS, DECADE, minutes=0.1) for _ in range(9))


def test_two_sources_outvote_a_central_system_for_as_long_as_it_insists() -> None:
    station = Station(at_noon(TimeSource.CSMS))
    while not station.hear(TimeSource.CSMS, DECADE):
        pass
    assert not station.hear(TimeSource.NETWORK, timedelta(0))
    station.judge.note_clock(station.boot, station.uptime, NOON + timedelta(seconds=station.uptime - 100))
    assert station.hear(TimeSource.NETWORK, timedelta(0))
    assert not any(station.hear(TimeSource.CSMS, DECADE) for _ in range(10))
    assert abs(station.error) < timedelta(seconds=5)


def test_a_floor_from_the_future_is_left_again_after_a_boot() -> None:
    poisoned = Floor(NOON + DECADE, TimeSource.CSMS)
    boot = begin_boot(at_noon(TimeSource.CSMS), poisoned, "boot-b", 100.0, None)
    station = Station(boot, poisoned)
    assert [station.hear(TimeSource.CSMS, timedelta(0)) for _ in range(3)] == [False, False, True]
    assert station.floor.at < NOON + timedelta(hours=1)
    both = Station(boot, poisoned)
    both.judge.note_clock(boot, 100.0, NOON)
    assert both.hear(TimeSource.CSMS, timedelta(0)), "with a witness the first word counts"


def test_a_new_station_believes_the_first_word_and_a_better_source_a_day() -> None:
    fresh = Station(
        begin_boot(None, Floor(EARLIEST, TimeSource.UNSET), "a", 100.0, None), Floor(EARLIEST, TimeSource.UNSET)
    )
    assert fresh.hear(TimeSource.CSMS, timedelta(0))
    clock = Station(at_noon(TimeSource.RTC))
    assert clock.hear(TimeSource.CSMS, timedelta(hours=2)), "a clock set to local time"
    assert not Station(at_noon(TimeSource.RTC)).hear(TimeSource.CSMS, timedelta(days=40))


def test_the_order_says_who_is_heard() -> None:
    judge = TimeJudge((TimeSource.NTP, TimeSource.CSMS))
    boot = at_noon(TimeSource.CSMS)
    unheard = judge.hear(boot, FLOOR, TimeSource.NETWORK, NOON + timedelta(hours=1), asked_at=100, answered_at=100)
    assert unheard.boot is boot
    better = judge.hear(boot, FLOOR, TimeSource.NTP, NOON + timedelta(hours=1), asked_at=100, answered_at=100)
    assert better.boot.source is TimeSource.NTP
    worse = judge.hear(better.boot, FLOOR, TimeSource.CSMS, NOON, asked_at=100, answered_at=100)
    assert worse.boot is better.boot
