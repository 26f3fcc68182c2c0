from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from backend.core.invoices.billing_period import Cycle, Plan, Source, Unbilled, Unfinished, plan_invoices

BERLIN = ZoneInfo("Europe/Berlin")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def session(number: int, cycle: Cycle, start: str, minutes: int = 60, customer: str = "C-1") -> Unbilled:
    begin = at(start)
    return Unbilled(Source.SESSION, number, customer, cycle, BERLIN, begin, begin + timedelta(minutes=minutes))


def plan(now: str, *sessions: Unbilled, running: tuple[Unfinished, ...] = ()) -> Plan:
    return plan_invoices(sessions, running, at(now).astimezone(UTC), grace=HOUR, hold=7 * DAY)


def numbers(found: Plan) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(one.id for one in group) for group in found.due)


EVENING = session(1, Cycle.MONTH, "2026-10-31 23:30")


def test_month_is_due_an_hour_after_local_midnight() -> None:
    assert plan("2026-11-01 00:59", EVENING) == Plan((), at("2026-11-01 01:00"))
    assert plan("2026-11-01 01:00", EVENING) == Plan(((EVENING,),), None)


def test_sessions_of_one_month_go_on_one_invoice_and_customers_apart() -> None:
    others = [session(2, Cycle.MONTH, "2026-10-03 10:00"), session(3, Cycle.MONTH, "2026-10-04 10:00", customer="C-2")]
    assert numbers(plan("2026-11-02 00:00", EVENING, *others)) == ((1, 2), (3,))


def test_late_session_of_an_earlier_month_is_billed_by_itself() -> None:
    assert numbers(plan("2026-12-02 00:00", EVENING, session(2, Cycle.MONTH, "2026-11-05 10:00"))) == ((1,), (2,))


def test_day_ends_at_local_midnight() -> None:
    late = session(4, Cycle.DAY, "2026-10-15 21:00", minutes=300)
    assert plan("2026-10-16 00:30", late).next_at == at("2026-10-16 01:00")
    assert numbers(plan("2026-10-16 01:00", late)) == ((4,),)


@pytest.mark.parametrize(("start", "waits"), [("2026-10-15 22:00", True), ("2026-10-16 00:10", False)])
def test_session_that_runs_is_waited_for_if_it_began_in_the_period(start: str, waits: bool) -> None:
    ended = session(4, Cycle.DAY, "2026-10-15 20:00")
    running = (Unfinished("C-1", at(start)), Unfinished("C-2", at("2026-10-15 20:00")))
    found = plan("2026-10-16 01:00", ended, running=running)
    assert found == (Plan((), at("2026-10-23 00:00")) if waits else Plan(((ended,),), None))


def test_session_that_runs_for_ever_is_waited_for_seven_days() -> None:
    running = (Unfinished("C-1", at("2026-10-15 20:00")),)
    assert numbers(plan("2026-10-23 00:00", session(4, Cycle.DAY, "2026-10-15 20:00"), running=running)) == ((4,),)


def test_at_once_waits_for_grace_and_takes_all() -> None:
    first, second = session(1, Cycle.AT_ONCE, "2026-10-15 20:00"), session(2, Cycle.AT_ONCE, "2026-10-15 23:00")
    assert plan("2026-10-15 21:59", first).next_at == at("2026-10-15 22:00")
    assert plan("2026-10-16 00:30", first, second).next_at == at("2026-10-16 01:00")
    assert numbers(plan("2026-10-16 01:00", first, second)) == ((1, 2),)


def test_at_once_a_correction_rides_along_and_does_not_make_others_wait() -> None:
    ended = session(1, Cycle.AT_ONCE, "2026-10-15 20:00")
    again = Unbilled(Source.CORRECTION, 9, "C-1", Cycle.AT_ONCE, BERLIN, at("2026-10-15 22:30"), at("2026-10-15 22:30"))
    running = (Unfinished("C-1", at("2026-10-15 21:30")),)
    assert plan("2026-10-15 22:30", again, ended, running=running).due == ((ended, again),)
    assert plan("2026-10-15 23:30", again).due == ((again,),)


def test_a_fee_belongs_to_the_period_in_which_its_span_ends() -> None:
    end = at("2026-11-01 00:00")
    fee = Unbilled(Source.FEE, 1, "C-1", Cycle.MONTH, BERLIN, end - timedelta(milliseconds=1), end)
    late = session(2, Cycle.MONTH, "2026-11-01 00:30")
    assert plan("2026-11-01 01:00", EVENING, fee, late).due == ((EVENING, fee),)


def test_at_once_does_not_wait_for_ever_when_session_follows_session() -> None:
    sessions = [session(i, Cycle.AT_ONCE, f"2026-10-{10 + i} 20:00") for i in range(8)]
    running = (Unfinished("C-1", at("2026-10-17 20:30")),)
    assert numbers(plan("2026-10-17 21:00", *sessions, running=running)) == (tuple(range(8)),)


def test_a_week_ends_on_sunday_and_a_quarter_with_its_third_month() -> None:
    week = session(1, Cycle.WEEK, "2026-10-25 23:30")  # a Sunday, when the clocks go back
    assert plan("2026-10-25 23:59", week).next_at == at("2026-10-26 01:00")
    assert numbers(plan("2026-10-26 01:00", week)) == ((1,),)
    quarter = session(2, Cycle.QUARTER, "2026-11-30 10:00")
    assert plan("2026-12-24 00:00", quarter).next_at == at("2027-01-01 01:00")
    assert numbers(plan("2027-01-01 01:00", quarter, session(3, Cycle.QUARTER, "2026-10-01 00:00"))) == ((2, 3),)
