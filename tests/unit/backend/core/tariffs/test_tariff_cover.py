"""The box cover test: what never gets a turn, and what nothing covers."""

from datetime import date, time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.tariffs.tariff_cover import Cover, CoverError
from backend.core.tariffs.tariff_model import Calendar, DurationCounter, Restrictions

ALWAYS = Restrictions()


def cover(*rules: Restrictions, first: date | None = None, last: date | None = None) -> Cover:
    return Cover(rules, first, last)


def window(start: int, end: int) -> Restrictions:
    return Restrictions(start_time=time(start % 24), end_time=time(end % 24))


@pytest.mark.parametrize(
    ("rules", "german"),
    [
        ((window(22, 6),), "06:00–22:00 Uhr"),
        ((window(6, 20), window(20, 5)), "05:00–06:00 Uhr"),
        ((Restrictions(weekdays=(0, 1, 2, 3, 4)),), "Sa, So"),
        ((Restrictions(max_kwh=Decimal(20)),), "ab 20 kWh"),
        ((Restrictions(max_kwh=Decimal(20)), Restrictions(min_kwh=Decimal(25))), "ab 20 kWh, unter 25 kWh"),
        ((Restrictions(start_date=date(2026, 7, 12)),), "vor dem 12.07.2026"),
        ((Restrictions(min_duration=0, max_duration=3600),), "nach 1 h"),
    ],
)
def test_a_gap_is_told_in_words(rules: tuple[Restrictions, ...], german: str) -> None:
    found = cover(*rules).gap()
    assert found
    assert found.text_de == german


@pytest.mark.parametrize(
    "rules",
    [
        (ALWAYS,),
        (window(22, 6), window(6, 22)),
        (window(0, 24),),
        (window(7, 7),),
        (Restrictions(start_time=time(6)), Restrictions(end_time=time(6))),
        (Restrictions(weekdays=(0, 1, 2, 3)), Restrictions(weekdays=(4, 5, 6))),
        (Restrictions(max_kwh=Decimal(20)), Restrictions(min_kwh=Decimal(15))),
        (Restrictions(end_date=date(2026, 7, 12)), Restrictions(start_date=date(2026, 7, 12))),
        (Restrictions(min_kwh=Decimal(0)),),
    ],
)
def test_what_is_covered_has_no_gap(rules: tuple[Restrictions, ...]) -> None:
    assert cover(*rules).gap() is None


def test_two_axes_are_covered_only_together() -> None:
    night, day_but_weekends = window(22, 6), Restrictions(weekdays=(0, 1, 2, 3, 4))
    found = cover(night, day_but_weekends).gap()
    assert found
    assert (found.text_de, found.text_en) == ("Sa, So, 06:00–22:00 Uhr", "Sat, Sun, 06:00–22:00")
    assert cover(night, day_but_weekends, Restrictions(weekdays=(5, 6))).gap() is None


def test_power_limits_leave_the_unknown_and_the_swinging_uncovered() -> None:
    slow, fast = Restrictions(max_power=Decimal(16)), Restrictions(min_power=Decimal(16))
    found = cover(slow, fast).gap()
    assert found
    assert found.text_de == "Leistung teils ab 16 kW, teils darunter, innerhalb eines Messabschnitts"
    assert cover(slow, fast, ALWAYS).gap() is None
    current = cover(Restrictions(max_current=Decimal(32)), ALWAYS)
    assert current.gap() is None
    assert current.use(1)


def test_a_rule_behind_one_that_covers_it_is_of_no_use() -> None:
    rules = cover(window(20, 8), window(22, 6), ALWAYS, window(10, 11))
    assert [rules.use(place) is None for place in range(4)] == [False, True, False, True]
    assert all(rules.ever(place) for place in range(4))


def test_several_rules_together_make_one_useless() -> None:
    rules = cover(window(0, 12), window(12, 24), Restrictions(min_kwh=Decimal(5)))
    assert rules.use(2) is None


def test_dates_and_weekdays_that_never_meet_are_known() -> None:
    sunday = Restrictions(start_date=date(2026, 7, 12), end_date=date(2026, 7, 13))
    never = Restrictions(start_date=sunday.start_date, end_date=sunday.end_date, weekdays=(0,))
    rules = cover(never, sunday)
    assert not rules.ever(0)
    assert rules.ever(1)
    assert not cover(sunday, first=date(2026, 7, 13)).ever(0)
    assert cover(sunday, first=date(2026, 7, 12), last=date(2026, 7, 12)).gap() is None


def test_a_calendar_covers_its_days_and_the_rest_the_others() -> None:
    holidays = Calendar("BE", frozenset({2026}), frozenset({date(2026, 12, 25), date(2026, 12, 26)}))
    on, off = Restrictions(calendar=holidays), Restrictions(not_calendar=holidays)
    assert cover(on, off).gap() is None
    found = cover(off).gap()
    assert found
    assert "25.12.2026" in found.text_de


def test_counters_do_not_cover_each_other() -> None:
    session = Restrictions(max_duration=900)
    since_end = Restrictions(min_duration=900, duration_counter=DurationCounter.SINCE_CHARGING_END)
    assert cover(session, since_end).gap()
    own = Restrictions(min_duration=900, duration_counter=DurationCounter.IN_WINDOW)
    assert cover(own, Restrictions(max_duration=900, duration_counter=DurationCounter.IN_WINDOW)).gap()


def test_a_price_list_of_a_week_in_quarter_hours_is_checked() -> None:
    rules = [
        Restrictions(
            start_date=date(2026, 7, 6 + day),
            end_date=date(2026, 7, 7 + day),
            start_time=time(quarter // 4, quarter % 4 * 15),
            end_time=time((quarter + 1) // 4 % 24, (quarter + 1) % 4 * 15),
        )
        for day in range(7)
        for quarter in range(96)
    ]
    week = cover(*rules, first=date(2026, 7, 6), last=date(2026, 7, 12))
    assert week.gap() is None
    assert week.use(671)
    assert cover(*rules[:-1], first=date(2026, 7, 6), last=date(2026, 7, 12)).gap()


def test_too_many_entangled_rules_are_told_not_guessed() -> None:
    rules = [
        Restrictions(
            min_kwh=Decimal(i * 29 % 61 + 1),
            min_power=Decimal(i * 53 % 97 + 1),
            max_current=Decimal(i * 71 % 89 + 1),
            start_time=time(i % 24),
            end_time=time((i * 5 + 1) % 24),
        )
        for i in range(90)
    ]
    with pytest.raises(CoverError):
        cover(*rules, Restrictions(max_duration=3600), Restrictions(min_duration=3600)).gap()


def test_a_list_of_thousands_is_not_tried() -> None:
    many = cover(*[Restrictions(max_kwh=Decimal(n + 1)) for n in range(1001)])
    with pytest.raises(CoverError):
        many.gap()
    with pytest.raises(CoverError):
        many.ever(0)


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(1, 4)), min_size=1, max_size=6
    )
)
def test_it_agrees_with_trying_every_point(rows: list[tuple[int, int, int, int]]) -> None:
    rules = [
        Restrictions(
            start_time=time(a * 6), end_time=time(b * 6), min_kwh=Decimal(c), max_kwh=Decimal(c + d) if d < 4 else None
        )
        for a, b, c, d in rows
    ]
    boxes = [_box(*row) for row in rows]
    every = {(t, k) for t in range(4) for k in range(8)}
    asked = cover(*rules)
    assert (asked.gap() is None) == (set().union(*boxes) == every)
    for place, box in enumerate(boxes):
        assert (asked.use(place) is None) == (box <= set().union(set(), *boxes[:place]))


def _box(a: int, b: int, c: int, d: int) -> set[tuple[int, int]]:
    times = [t for t in range(4) if (a <= t < b if a < b else a == b or (b == 0 and t >= a) or t >= a or t < b)]
    return {(t, k) for t in times for k in range(8) if k >= c and (d == 4 or k < c + d)}
