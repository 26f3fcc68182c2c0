"""A charge whose limits change: what the board is told, what is shown, phases never switched under load."""

from hypothesis import given, settings
from hypothesis import strategies as st

from station.core.board_offer import ALLOW_AGAIN_S, SWITCH_S
from station.core.charging_schedule import Limit
from station.core.connector import Status
from station.core.current_limit import RAISE_S, Cap, CurrentRules, LimitSource
from station.core.evse_events import (
    Allow,
    Authorized,
    BoardLost,
    LimitsSeen,
    PhasesSwitched,
    Stop,
    SwitchPhases,
    TagPresented,
)
from tests.unit.station.core.test_charging import CARD, Scene, board, found_open, read


def site(ampere: float | None = None, *, watt: int | None = None) -> LimitsSeen:
    limit = Limit(None if ampere is None else int(ampere * 1000), watt)
    return LimitsSeen((Cap(LimitSource.SITE, limit),))


def test_a_lower_limit_is_told_to_the_board_at_once_and_a_higher_one_later() -> None:
    scene = Scene().charging()
    assert scene.do(site(10)) == [Allow(10)]
    assert scene.evse.limit_text == "limited to 10 A by the site limit"
    assert scene.do(board("C", 10, True), site(13)) == []
    scene.seconds += RAISE_S
    assert scene.do(board("C", 10, True)) == [Allow(13)]
    assert scene.statuses[-1] == "Charging"


def test_less_than_six_amperes_pauses_and_the_transaction_goes_on() -> None:
    scene = Scene().charging()
    assert scene.do(site(5)) == [Stop()]
    assert scene.status() is Status.SUSPENDED_EVSE
    assert scene.evse.limit_text == "paused by the site limit"
    assert scene.do(board("B")) == []
    scene.seconds += 60
    assert scene.do(site(8)) == [Allow(8)]
    scene.do(board("C", 8, True))
    assert scene.status() is Status.CHARGING
    assert scene.evse.transaction is not None


def test_a_pause_that_the_contactor_does_not_follow_is_a_welded_contactor() -> None:
    scene = Scene().charging()
    scene.do(site(0))
    for _ in range(10):
        scene.seconds += 5
        scene.do(board("C", 0, True))
    assert scene.status() is Status.FAULTED


def test_a_charge_may_begin_paused() -> None:
    scene = Scene().idle()
    scene.do(site(0), board("B"), TagPresented(CARD))
    actions = scene.do(Authorized(CARD), read(1000))
    assert not any(isinstance(action, Allow) for action in actions)
    assert scene.evse.transaction is not None
    assert scene.status() is Status.SUSPENDED_EVSE


def test_after_a_restart_the_limit_is_known_before_the_board_is_told() -> None:
    scene = Scene(transaction=found_open())
    assert scene.do(site(9), board("C", 16, True)) == [Allow(9)]


def test_a_board_that_offers_less_than_it_was_told_is_told_again_now_and_then() -> None:
    scene = Scene().charging()
    assert scene.do(board("C", 13, True)) == []
    scene.seconds += ALLOW_AGAIN_S
    assert scene.do(board("C", 13, True)) == [Allow(16)]
    scene.do(BoardLost())
    assert scene.do(board("C", 6, True)) == [Allow(16)]


def test_what_an_idle_evse_may_not_take_is_not_its_business() -> None:
    scene = Scene().idle()
    assert scene.do(site(0), board("A")) == []
    assert scene.evse.limit_text == ""
    assert scene.status() is Status.AVAILABLE


def switching() -> Scene:
    return Scene(rules=CurrentRules(switches=True)).charging()


def test_phases_are_switched_after_the_contactor_has_been_open_for_a_while() -> None:
    scene = switching()
    assert scene.do(site(watt=2300)) == [Stop()]
    assert scene.status() is Status.SUSPENDED_EVSE
    assert "one and three phases" in scene.evse.limit_text
    assert scene.do(board("C", 0, True)) == [Stop()]
    assert scene.do(board("B")) == []
    scene.seconds += SWITCH_S - 0.1
    assert scene.do(board("B")) == []
    scene.seconds += 0.1
    assert scene.do(board("B")) == [SwitchPhases(1)]
    assert scene.do(board("B")) == [SwitchPhases(1)]
    assert scene.do(PhasesSwitched(1), board("B")) == [Allow(10)]
    scene.do(board("C", 10, True))
    assert scene.status() is Status.CHARGING


@given(
    st.lists(
        st.tuples(st.one_of(st.none(), st.integers(0, 12000)), st.sampled_from([0.5, 5, 10, 700]), st.booleans()),
        max_size=25,
    )
)
@settings(max_examples=150, deadline=None)
def test_whatever_the_limit_does_phases_are_never_switched_under_load_and_no_offer_is_above_it(
    steps: list[tuple[int | None, float, bool]],
) -> None:
    scene, offered, closed, open_since, phases, watt = switching(), 16, True, None, 3, 12000
    for limit, seconds, obeys in steps:
        scene.seconds += seconds
        watt = watt if limit is None else limit
        for action in scene.do(site(watt=watt), board("C" if closed else "B", offered, closed)):
            match action:
                case Allow(current):
                    assert current * 230 * phases <= watt
                    offered, closed, open_since = current, True, None
                case Stop():
                    offered = 0
                    if closed and obeys:
                        closed, open_since = False, scene.seconds
                case SwitchPhases(wanted):
                    assert not closed
                    assert open_since is not None
                    assert scene.seconds >= open_since + SWITCH_S
                    phases = wanted
                    scene.do(PhasesSwitched(phases))
                case _:
                    pass
        if "PowerSwitchFailure" in scene.evse.faults:
            return
