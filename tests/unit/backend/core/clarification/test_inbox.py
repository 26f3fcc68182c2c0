from datetime import UTC, datetime

import pytest

from backend.core.clarification.inbox import Kind, Ruling, acceptable, decided, is_withdrawn, offers, standing
from backend.core.transaction import Derived, Reading, State, Stop
from shared.transaction import StopReason
from shared.units import Wh

NOW = datetime(2026, 10, 31, tzinfo=UTC)
STOP = Stop(Reading(NOW, Wh(12_000)), StopReason.LOCAL)
NEVER = "connector 7 was never reported by this charge point"
UNKNOWN = "its token 04…EF is unknown"


def ruling(number: int, kind: Kind, value: str = "", undoes: int | None = None) -> Ruling:
    return Ruling(number, 1, kind, value, "", "anna", NOW, undoes)


@pytest.mark.parametrize(
    ("reason", "offered"),
    [
        (UNKNOWN, (Kind.TOKEN, Kind.WAIVE)),
        (f"{UNKNOWN}; {NEVER}", (Kind.TOKEN, Kind.ACCEPT, Kind.WAIVE)),
        ("no tariff is assigned to the customer, the charge point or the operator", (Kind.TARIFF, Kind.WAIVE)),
        ("the register falls from 9 to 1 Wh between 14:01 and 14:03", (Kind.WAIVE,)),
    ],
)
def test_what_is_offered_fits_the_reason(reason: str, offered: tuple[Kind, ...]) -> None:
    assert offers(reason) == offered


def test_only_the_problems_that_were_accepted_are_gone() -> None:
    assert acceptable(f"{UNKNOWN}; {NEVER}") == NEVER
    both = Derived(State.HELD, f"{UNKNOWN}; {NEVER}", STOP)
    accepted = [ruling(1, Kind.ACCEPT, NEVER)]
    assert decided(both, accepted) == Derived(State.HELD, UNKNOWN, STOP)
    assert decided(Derived(State.HELD, NEVER, STOP), accepted).state is State.ENDED
    assert decided(Derived(State.HELD, NEVER, None), accepted).state is State.RUNNING


def test_a_session_that_costs_nothing_still_has_to_end() -> None:
    waived = [ruling(1, Kind.WAIVE)]
    assert decided(Derived(State.HELD, NEVER, STOP), waived).state is State.WAIVED
    assert decided(Derived(State.HELD, NEVER, None), waived).state is State.HELD


def test_what_was_taken_back_counts_no_more() -> None:
    rulings = [ruling(1, Kind.WAIVE), ruling(2, Kind.UNDO, undoes=1)]
    assert standing(rulings) == ()
    assert is_withdrawn(rulings)
    assert decided(Derived(State.HELD, NEVER, STOP), rulings).state is State.HELD
    again = [*rulings, ruling(3, Kind.ACCEPT, NEVER)]
    assert [one.id for one in standing(again)] == [3]
    assert not is_withdrawn(again)
