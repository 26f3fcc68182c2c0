"""What profiles permit: cases, and a comparison with a naive evaluator that looks at each second."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.ids import EvseId, TransactionKey
from station.core.charging_profile import (
    ChargingProfile,
    Installed,
    Kind,
    Period,
    Profiles,
    Purpose,
    RateUnit,
    Recurrence,
    Schedule,
)
from station.core.charging_schedule import (
    UNLIMITED,
    Charge,
    Limit,
    changes,
    charge_limit,
    compose,
    compose_station,
    spans,
    station_limit,
)

T0 = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
KEY = TransactionKey("tx1")
ONE = EvseId(1)
CHARGE = Charge(ONE, KEY, T0)
IDLE = Charge(ONE, None, T0)
SIXTEEN = Limit(current_ma=16000)


def kept(
    limits: dict[int, float],
    purpose: Purpose = Purpose.TX_DEFAULT,
    *,
    evse: int = 1,
    level: int = 0,
    kind: Kind = Kind.ABSOLUTE,
    unit: str = "A",
    start: datetime | None = T0,
    duration: int | None = None,
    recurrence: Recurrence | None = None,
    valid: tuple[datetime | None, datetime | None] = (None, None),
    phases: int | None = None,
    transaction: TransactionKey | None = None,
    at: datetime = T0,
) -> Installed:
    periods = tuple(Period(second, Decimal(str(limit)), phases) for second, limit in limits.items())
    schedule = Schedule(RateUnit(unit), periods, None if kind is Kind.RELATIVE else start, duration)
    if purpose is Purpose.TX:
        transaction = transaction or KEY
    profile = ChargingProfile(1, level, purpose, kind, schedule, recurrence, *valid, transaction)
    return Installed(EvseId(evse), profile, at)


def current(profiles: Profiles, seconds: float, charge: Charge = CHARGE) -> float | None:
    ma = charge_limit(profiles, charge, T0 + timedelta(seconds=seconds)).current_ma
    return None if ma is None else ma / 1000


def test_the_periods_of_a_schedule_follow_each_other_and_end_with_its_duration() -> None:
    one = (kept({0: 10, 60: 6.5}, duration=100),)
    assert [current(one, s) for s in (-1, 0, 59.9, 60, 99, 100)] == [None, 10, 10, 6.5, 6.5, None]


def test_the_highest_stack_level_counts_even_if_it_permits_more_and_a_gap_falls_to_the_next() -> None:
    both = (kept({0: 6}), kept({0: 14}, level=2, duration=60))
    assert [current(both, s) for s in (0, 59, 60)] == [14, 14, 6]


def test_a_profile_of_the_evse_counts_before_one_of_the_station_of_the_same_level() -> None:
    own, common = kept({0: 14}), kept({0: 8}, evse=0)
    assert current((own, common), 0) == 14
    assert current((own, common), 0, Charge(EvseId(2), None, T0)) == 8
    assert current((own, kept({0: 8}, evse=0, level=1)), 0) == 8


def test_a_tx_profile_replaces_the_default_for_its_own_transaction_only_and_not_in_its_gaps() -> None:
    profiles = (kept({0: 8}, level=9), kept({0: 12}, Purpose.TX, duration=60))
    assert current(profiles, 0) == 12
    assert current(profiles, 60) == 8
    assert current(profiles, 0, IDLE) == 8
    assert current(profiles, 0, Charge(ONE, TransactionKey("other"), T0)) == 8


def test_a_relative_schedule_counts_from_the_begin_of_the_charge() -> None:
    later = Charge(ONE, KEY, T0 + timedelta(seconds=30))
    one = (kept({0: 10, 60: 6}, kind=Kind.RELATIVE),)
    assert [current(one, s, later) for s in (29, 30, 89, 90)] == [10, 10, 10, 6]


def test_an_absolute_one_without_a_begin_too_and_for_the_station_from_when_it_came() -> None:
    assert current((kept({0: 10, 60: 6}, start=None),), 60) == 6
    whole = kept({0: 10, 60: 6}, Purpose.STATION_MAX, evse=0, start=None, at=T0 - timedelta(seconds=60))
    assert station_limit((whole,), T0) == Limit(current_ma=6000)


def test_a_day_and_a_week_begin_again() -> None:
    night = kept({0: 6, 3600: 16}, kind=Kind.RECURRING, recurrence=Recurrence.DAILY, duration=7200)
    assert [current((night,), d * 86400 + s) for d in (0, 1, 400) for s in (0, 3600, 7200)] == [6, 16, None] * 3
    assert current((night,), -1) is None
    week = kept({0: 6, 86400: 16}, kind=Kind.RECURRING, recurrence=Recurrence.WEEKLY)
    assert [current((week,), d * 86400) for d in (0, 1, 6, 7, 8)] == [6, 16, 16, 6, 16]


def test_outside_its_validity_a_profile_is_silent() -> None:
    one = (kept({0: 6}, valid=(T0 + timedelta(seconds=10), T0 + timedelta(seconds=20))),)
    assert [current(one, s) for s in (9, 10, 19, 20)] == [None, 6, 6, None]


def test_watts_become_amperes_by_the_phases_that_are_used() -> None:
    assert Limit(power_w=4140).current_with(1) == 18000
    assert Limit(power_w=4140).current_with(3) == 6000
    assert Limit(current_ma=16000).power_with(3) == 11040
    assert Limit(5000, 1000, 1).both(Limit(None, 2000, 3)) == Limit(5000, 1000, 1)


def test_the_composite_schedule_in_both_units() -> None:
    profiles = (
        kept({0: 11040, 60: 4140}, unit="W"),
        kept({0: 32, 90: 10}, Purpose.STATION_MAX, evse=0),
    )
    amperes = compose(profiles, CHARGE, T0, 120, RateUnit.AMPERE, ceiling=SIXTEEN, phases=3)
    assert [(p.start_s, str(p.limit), p.phases) for p in amperes.periods] == [(0, "16.0", 3), (60, "6.0", 3)]
    watts = compose(profiles, CHARGE, T0, 120, RateUnit.WATT, ceiling=SIXTEEN, phases=3)
    assert [(p.start_s, str(p.limit)) for p in watts.periods] == [(0, "11040.0"), (60, "4140.0")]


def test_a_schedule_for_one_phase_says_so() -> None:
    composite = compose((kept({0: 10}, phases=1),), CHARGE, T0, 60, RateUnit.AMPERE, ceiling=SIXTEEN, phases=3)
    assert [(str(p.limit), p.phases) for p in composite.periods] == [("10.0", 1)]


def test_without_profiles_the_installation_is_told() -> None:
    composite = compose((), IDLE, T0, 60, RateUnit.AMPERE, ceiling=SIXTEEN, phases=3)
    assert [(p.start_s, str(p.limit)) for p in composite.periods] == [(0, "16.0")]


def test_the_station_s_schedule_is_the_sum_within_the_limit_of_the_whole() -> None:
    profiles = (kept({0: 10, 60: 6}), kept({0: 20, 90: 40}, Purpose.STATION_MAX, evse=0))
    charges = [(CHARGE, SIXTEEN, 3), (Charge(EvseId(2), None, T0), SIXTEEN, 3)]
    composite = compose_station(profiles, charges, T0, 120, RateUnit.AMPERE, ceiling=UNLIMITED)
    assert [(p.start_s, str(p.limit)) for p in composite.periods] == [(0, "20.0"), (90, "22.0")]


def test_a_change_between_two_seconds_counts_from_the_next() -> None:
    one = (kept({0: 10}, start=T0 + timedelta(seconds=5, milliseconds=300)),)
    assert changes(one, CHARGE, T0, 60) == [0, 6]


def naive(profiles: Profiles, charge: Charge, at: datetime) -> Limit:
    """Look at one second as the texts say it, with none of the code under test but the types."""

    def said(purpose: Purpose) -> Limit | None:
        best: tuple[tuple[int, bool, datetime], Limit] | None = None
        for each in profiles:
            p, s = each.profile, each.profile.schedule
            whole = purpose in (Purpose.STATION_MAX, Purpose.EXTERNAL)
            if p.purpose is not purpose or not (whole or each.evse_id in (0, charge.evse_id)):
                continue
            if purpose is Purpose.TX and p.transaction != charge.transaction:
                continue
            if not (p.valid_from or at) <= at < (p.valid_to or at + timedelta(seconds=1)):
                continue
            begin = s.start or (each.at if whole else charge.started)
            second = (at - begin).total_seconds()
            if second < 0 and s.start:
                continue
            second = max(second, 0)
            if p.recurrence is Recurrence.DAILY:
                second = second % 86400
            if p.recurrence is Recurrence.WEEKLY:
                second = second % 604800
            if s.duration_s is not None and second >= s.duration_s:
                continue
            period = [x for x in s.periods if x.start_s <= second][-1]
            phases = None if whole else period.phases
            limit = (
                Limit(None, int(period.limit), phases)
                if s.unit is RateUnit.WATT
                else Limit(int(period.limit * 1000), None, phases)
            )
            rank = (p.stack_level, each.evse_id != 0, each.at)
            if best is None or rank > best[0]:
                best = (rank, limit)
        return best[1] if best else None

    own = said(Purpose.TX) or said(Purpose.TX_DEFAULT) or UNLIMITED
    return own.both(said(Purpose.STATION_MAX) or UNLIMITED).both(said(Purpose.EXTERNAL) or UNLIMITED)


SECONDS = st.integers(-120, 120).map(lambda s: T0 + timedelta(seconds=s))


@st.composite
def some(draw: st.DrawFn) -> Installed:
    kind = draw(st.sampled_from(Kind))
    purpose = draw(st.sampled_from(Purpose))
    starts = [0, *sorted(draw(st.sets(st.integers(1, 100), max_size=3)))]
    return kept(
        {start: draw(st.sampled_from([0, 6, 7.5, 10, 16, 4140])) for start in starts},
        purpose,
        evse=0 if purpose in (Purpose.STATION_MAX, Purpose.EXTERNAL) else draw(st.integers(purpose is Purpose.TX, 2)),
        level=draw(st.integers(0, 2)),
        kind=kind,
        unit=draw(st.sampled_from("AW")),
        start=draw(SECONDS) - timedelta(days=draw(st.sampled_from([0, 1, 7]))),
        duration=draw(st.none() | st.integers(1, 150)),
        recurrence=draw(st.sampled_from(Recurrence)) if kind is Kind.RECURRING else None,
        valid=(draw(st.none() | SECONDS), draw(st.none() | SECONDS)),
        phases=draw(st.sampled_from([None, 1, 3])),
        transaction=TransactionKey(draw(st.sampled_from(["tx1", "tx2"]))),
        at=T0 - timedelta(seconds=draw(st.integers(0, 10_000))),
    )


@given(st.lists(some(), max_size=6, unique_by=lambda each: each.at), st.booleans())
@settings(max_examples=120, deadline=None)
def test_the_spans_are_what_a_look_at_each_second_finds(profiles: list[Installed], is_running: bool) -> None:
    charge = Charge(ONE, KEY if is_running else None, T0 - timedelta(seconds=20))
    found = spans(tuple(profiles), charge, T0, 150)
    for second in range(150):
        (present,) = [span for span in found if span.start_s <= second][-1:]
        assert present.limit == naive(tuple(profiles), charge, T0 + timedelta(seconds=second))
    assert [span.start_s for span in found] == sorted({span.start_s for span in found})
