"""Welded contactors, failed tests and greedy vehicles, told as scenes; and the cards shown last."""

from dataclasses import replace

import pytest

from hardware.api import EvseStatus, PilotState
from shared.ids import EvseId, IdToken, TransactionKey
from shared.metering import MeterReading
from shared.transaction import Ended, StopReason
from shared.units import MilliAmp, Watt, Wh
from station.core.board_health import OPENING_LOOKS, OPENING_S, BoardHealth
from station.core.charging import Charging
from station.core.configuration import Configuration
from station.core.connector import Status
from station.core.evse_events import (
    Action,
    Allow,
    Authorize,
    Authorized,
    BoardSeen,
    CheckRcd,
    Event,
    FaultCleared,
    KeepFaults,
    KeepHeld,
    MeterRead,
    Notify,
    RcdTested,
    SelfTested,
    Stop,
    TagPresented,
)
from station.core.recent_cards import KEPT, WAITING, RecentCards
from station.core.timekeeping import Now
from tests.unit.station.core.test_charging import CARD, NOON, OTHER, Scene, board, read, recorded

WELDED = frozenset({"PowerSwitchFailure"})


def charging(latched: frozenset[str] = frozenset(), *, tests_rcd: bool = False) -> Scene:
    scene = Scene()
    scene.evse = Charging(
        EvseId(1), 16, Configuration({}), lambda: TransactionKey("k1"), latched=latched, tests_rcd=tests_rcd
    )
    return scene


def looks(scene: Scene, *events: Event, count: int = OPENING_LOOKS + 1) -> list[Action]:
    """Look again and again, for longer than a contactor may take."""
    actions = []
    for _ in range(count):
        scene.seconds += OPENING_S / OPENING_LOOKS
        actions += scene.do(*events)
    return actions


def test_a_contactor_that_stays_closed_after_the_charge_is_welded() -> None:
    scene = Scene().charging()
    assert Stop() in scene.do(TagPresented(CARD))
    actions = looks(scene, board("C", 0, True), read(2000))
    assert actions.count(KeepFaults(WELDED)) == 1
    (end,) = recorded(actions)
    assert isinstance(end, Ended)
    assert scene.status() is Status.FAULTED
    assert "technician" in scene.evse.blocked_by
    assert Authorize(CARD) not in scene.do(TagPresented(CARD))


def test_a_contactor_that_closes_without_a_charge_is_welded() -> None:
    scene = Scene().idle()
    actions = looks(scene, board("A", 0, True))
    assert KeepFaults(WELDED) in actions
    assert Stop() in actions


def test_a_contactor_that_opens_late_is_none() -> None:
    scene = Scene().charging()
    scene.do(TagPresented(CARD))
    for seconds, closed in ((1, True), (9, True), (9.5, False), (20, True), (29, True), (29.5, False)):
        scene.seconds = seconds
        assert KeepFaults(WELDED) not in scene.do(board("B", 0, closed), read(2000))


def test_a_closed_contactor_in_a_charge_is_as_it_should_be() -> None:
    scene = Scene().charging()
    assert KeepFaults(WELDED) not in looks(scene, board("C", 16, True), read(2000), count=50)


def test_a_board_that_finds_its_contactor_welded_is_believed() -> None:
    scene = Scene().idle()
    assert scene.do(board("A", faults=WELDED)) == [KeepFaults(WELDED)]
    assert scene.do(board("A"), read(1000)) == []
    assert scene.status() is Status.FAULTED


def test_a_welded_contactor_blocks_over_a_reboot_until_a_technician_clears_it() -> None:
    scene = charging(WELDED).idle()
    assert scene.status() is Status.FAULTED
    assert scene.do(board("B"), TagPresented(CARD)) == []
    assert scene.do(FaultCleared()) == [KeepFaults(frozenset())]
    assert scene.evse.latched == set()
    assert scene.do(TagPresented(CARD)) == [Authorize(CARD)]


@pytest.mark.parametrize(
    ("shows", "says"),
    [(board("A", 0, True), "still closed"), (board("A", faults=WELDED), "still reports")],
)
def test_a_weld_that_is_still_there_is_not_cleared(shows: BoardSeen, says: str) -> None:
    scene = charging(WELDED).idle()
    scene.do(shows)
    assert says in scene.evse.fault_cause
    assert KeepFaults(frozenset()) not in scene.do(FaultCleared())
    assert scene.evse.latched == WELDED


def test_the_central_system_hears_of_the_weld_by_its_name() -> None:
    evse = charging(WELDED).evse
    notices = [
        action
        for action in evse.handle(BoardSeen(EvseStatus(PilotState.A, False, 0)), Now(1000.0, NOON))
        if isinstance(action, Notify)
    ]
    assert notices == [Notify(Status.FAULTED, "PowerSwitchFailure", "the contactor did not open")]


def test_a_failed_self_test_blocks_until_one_passes() -> None:
    scene = Scene().idle()
    scene.do(SelfTested(frozenset({"GroundFailure"})))
    assert scene.status() is Status.FAULTED
    assert "residual current device" in scene.evse.blocked_by
    assert scene.do(board("B"), TagPresented(CARD)) == []
    scene.do(SelfTested(frozenset()))
    assert scene.do(TagPresented(CARD)) == [Authorize(CARD)]


def test_the_rcd_is_tested_before_the_charge() -> None:
    scene = charging(tests_rcd=True).idle()
    scene.do(board("B"), TagPresented(CARD))
    assert scene.do(Authorized(CARD)) == [CheckRcd()]
    assert scene.do(read(1005), board("B"), read(1005)) == []  # nothing is recorded nor offered before the answer
    assert scene.do(RcdTested()) == []
    assert scene.do(read(1005))[1:] == [Allow(16)]


@pytest.mark.parametrize(("definite", "status"), [(True, Status.FAULTED), (False, Status.PREPARING)])
def test_a_charge_whose_rcd_test_fails_does_not_begin(definite: bool, status: Status) -> None:
    scene = charging(tests_rcd=True).idle()
    scene.do(TagPresented(CARD), Authorized(CARD))
    assert scene.do(board("B")) == [CheckRcd()]
    scene.do(RcdTested("it did not trip", definite))
    assert scene.told[-1] == "charge_refused: it did not trip"
    assert scene.do(read(1005)) == []
    assert scene.status() is status
    assert scene.do(TagPresented(OTHER)) == ([] if definite else [Authorize(OTHER)])


def draws(milliamps: int) -> MeterRead:
    return MeterRead(MeterReading(Wh(2000), Watt(11000), (MilliAmp(0), MilliAmp(milliamps), MilliAmp(0))))


def test_a_vehicle_that_draws_too_much_is_cut_off_and_shown_until_it_goes() -> None:
    scene = Scene().charging()
    actions = []
    for second in range(1, 10):
        scene.seconds = second
        actions += scene.do(board("C", 16, True), draws(18_200))
    assert Stop() in actions
    assert any(fact.startswith("vehicle_draws_too_much: more than the 16 A") for fact in scene.told)
    (end,) = recorded(scene.do(board("B"), draws(0)))
    assert isinstance(end, Ended)
    assert end.reason is StopReason.OVERCURRENT_FAULT
    assert scene.status() is Status.FAULTED
    scene.do(board("A"))
    assert scene.status() is Status.AVAILABLE


def test_a_peak_is_no_reason_to_stop() -> None:
    scene = Scene().charging()
    for second in range(60):
        scene.seconds = second
        assert Stop() not in scene.do(board("C", 16, True), draws(30_000 if second % 5 else 16_000))


def test_the_cards_shown_last_wait_for_the_technician() -> None:
    cards = RecentCards()
    cards.decide(CARD, True, "remote")  # nobody showed it here
    for number in range(KEPT + 2):
        cards.show(IdToken(f"{number:08}"), float(number))
    cards.decide(IdToken("00000011"), False, "unknown")
    newest = cards.newest()
    assert [card.token.value for card in newest] == [f"{number:08}" for number in range(KEPT + 1, 1, -1)]
    assert (newest[0].accepted, newest[0].reason) == (False, "unknown")
    assert (newest[1].accepted, newest[1].reason) == (None, WAITING)
    assert "00000011" not in f"{newest[0]}"  # what reaches a log by mistake is masked
    cards.show(IdToken("00000011"), 99.0)
    cards.decide(IdToken("00000011"), True, "local_list")
    assert [card.accepted for card in cards.newest()[:2]] == [True, False]


def test_what_is_held_outlives_a_restart_until_the_vehicle_has_gone() -> None:
    scene = charging()
    ground = frozenset({"GroundFailure"})
    assert KeepHeld(ground) in scene.do(board("B", faults=ground))
    scene = Scene()
    scene.evse = Charging(EvseId(1), 16, Configuration({}), lambda: TransactionKey("k1"), held=ground)
    assert KeepHeld(ground) not in scene.do(board("B"), read(1000))
    assert "GroundFailure" in scene.evse.faults
    assert Authorize(CARD) not in scene.do(TagPresented(CARD))
    assert KeepHeld(frozenset()) in scene.do(board("A"))
    assert not scene.evse.faults


def test_heat_that_has_not_cooled_outlives_a_restart_too() -> None:
    health = BoardHealth(held=frozenset({"HighTemperature"}))
    status = EvseStatus(PilotState.B, contactor_closed=False, offered_current_a=0, temperature_c=82.0)
    now = Now(0.0, NOON)
    health.see_board(status, now, may_be_closed=False)
    assert health.must_stop == {"HighTemperature"}
    health.see_board(replace(status, temperature_c=79.0), now, may_be_closed=False)
    assert not health.lasting
