"""Which faults are told, and when they are gone."""

from datetime import UTC, datetime

from shared.ids import EvseId
from station.core.problem_reports import ProblemReports, decode_problems
from station.core.status_reports import Report

NONE: frozenset[str] = frozenset()


def report(minute: int = 0) -> Report:
    return Report(1, "Faulted", "OtherError", "", datetime(2026, 10, 31, 18, minute, tzinfo=UTC))


def tell(problems: ProblemReports) -> list[tuple[int, str, bool]]:
    said = []
    while (found := problems.next()) is not None:
        about, fault, is_there = found
        said.append((about.at.minute, fault, is_there))
        problems.told(EvseId(about.evse_id), fault, is_there=is_there)
    return said


def test_a_fault_is_told_with_the_time_at_which_it_came_and_once() -> None:
    problems = ProblemReports()
    problems.set(report(1), frozenset({"B"}))
    problems.set(report(2), frozenset({"A", "B"}))
    assert tell(problems) == [(2, "A", True), (1, "B", True)]
    problems.set(report(3), frozenset({"B"}))
    assert tell(problems) == [(3, "A", False)]
    assert problems.number == 3


def test_what_came_and_went_unheard_is_no_news() -> None:
    problems = ProblemReports()
    problems.set(report(1), frozenset({"A"}))
    problems.set(report(2), NONE)
    assert problems.next() is None


def test_after_a_restart_what_is_gone_is_told_once_the_evse_has_been_seen_and_numbers_go_on() -> None:
    before = ProblemReports()
    before.set(report(1), frozenset({"A", "B"}))
    tell(before)
    after = decode_problems(before.encode())
    assert after.next() is None
    after.set(report(5), frozenset({"B"}))
    assert tell(after) == [(5, "A", False)]
    assert after.number == 3
    assert decode_problems("") == ProblemReports()
