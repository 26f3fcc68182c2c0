"""Heat, mains, ventilation, a contactor that stays open, a lock, a sleeping vehicle: the rules and the scenes."""

import pytest

from hardware.api import EvseStatus, PilotState
from hardware.faults import Fault
from shared.ids import EvseId, TransactionKey
from shared.metering import MeterReading
from shared.transaction import Ended, StopReason
from shared.units import MilliVolt, Wh
from station.core.charging import Charging
from station.core.configuration import Configuration
from station.core.connector import Status
from station.core.current_limit import RAISE_S
from station.core.evse_events import (
    Allow,
    Authorized,
    FaultCleared,
    KeepHeld,
    LockPlug,
    MeterRead,
    Notify,
    PlugLocked,
    ReleasePlug,
    Stop,
    TagPresented,
    Tick,
)
from station.core.preparation import READING_S
from station.core.protection import (
    CLOSING_S,
    LOOKS,
    MAINS_S,
    SLEEPS_S,
    STEP_X1_S,
    WAKING_TRIES,
    Heat,
    Lasting,
    Protection,
    WakeUp,
)
from station.core.timekeeping import Now
from tests.unit.station.core.test_charging import CARD, NOON, Scene, board, read, recorded


def scene(protection: Protection | None = None) -> Scene:
    made = Scene()
    numbers = iter(range(1, 100))
    made.evse = Charging(
        EvseId(1),
        16,
        Configuration({}),
        lambda: TransactionKey(f"k{next(numbers)}"),
        protection=protection or Protection(),
    )
    return made


def volts(*phases: int) -> MeterRead:
    return MeterRead(MeterReading(Wh(1000), voltages=tuple(MilliVolt(volt * 1000) for volt in phases)))


@pytest.mark.parametrize(
    ("celsius", "offered"), [(None, 16), (25.0, 16), (70.0, 16), (77.5, 11), (84.9, 6), (85.0, 6), (120.0, 6)]
)
def test_the_warmer_the_less(celsius: float | None, offered: int) -> None:
    heat = Heat(Protection())
    heat.see(celsius)
    assert heat.cap_a(16) == offered
    assert heat.cap_a(6) == 6


def test_what_was_too_hot_must_cool() -> None:
    heat = Heat(Protection(stop_from_c=80.0))
    seen = []
    for celsius in (79.9, 80.0, 76.0, 75.1, 74.9, 79.0):
        heat.see(celsius)
        seen.append(heat.is_too_hot)
    assert seen == [False, True, True, True, False, False]


def test_lasting_needs_time_and_looks() -> None:
    lasting = Lasting(10)
    assert [lasting.see(True, at) for at in (0, 5, 9.9, 10)] == [False, False, False, True]
    assert [lasting.see(True, at) for at in (100, 200)] == [True, True]
    assert not lasting.see(False, 201)
    assert [lasting.see(True, at) for at in (300, 400, 500)] == [False, False, True]


def test_a_warm_board_is_told_to_offer_less_and_a_hot_one_nothing() -> None:
    made = scene().charging()
    assert made.do(board("C", 16, True, temperature_c=77.5)) == [Allow(11)]
    assert made.do(board("C", 11, True, temperature_c=86.0)) == [Stop(), KeepHeld(frozenset({Fault.HEAT}))]
    assert made.status() is Status.FAULTED
    assert made.do(board("B", 0, temperature_c=82.0)) == []
    made.seconds = RAISE_S
    assert made.do(board("B", 0, temperature_c=60.0)) == [Allow(16), KeepHeld(frozenset())]
    assert made.evse.transaction


def test_ventilation_that_is_not_there_is_refused_until_the_vehicle_has_gone() -> None:
    made = scene().charging()
    assert made.do(board("D", 16, True)) == [Stop(), KeepHeld(frozenset({Fault.VENTILATION}))]
    assert made.do(board("B")) == []
    assert "VentilationNotAvailable" in made.evse.faults
    made.do(board("A"), read(1000), board("B"))
    assert made.evse.faults == set()


def test_where_there_is_ventilation_state_d_charges() -> None:
    made = scene(Protection(ventilated=True)).charging()
    assert made.do(board("D", 16, True)) == []
    assert made.status() is Status.CHARGING


def test_a_tripped_residual_current_device_ends_the_charge_and_is_held_until_replug() -> None:
    made = scene().charging()
    actions = made.do(board("F", faults=frozenset({"GroundFailure"})), read(1500))
    (end,) = recorded(actions)
    assert isinstance(end, Ended)
    assert end.reason is StopReason.GROUND_FAULT
    made.do(board("B"), TagPresented(CARD))
    assert made.status() is Status.FAULTED
    assert made.told[-1].startswith("charge_refused: ")
    made.do(board("A"))
    assert made.status() is Status.AVAILABLE


def test_a_technician_may_clear_what_is_held_once_the_board_agrees() -> None:
    made = scene().idle()
    made.do(board("B", faults=frozenset({"GroundFailure"})))
    assert made.evse.fault_cause == "the board still reports the fault"
    made.do(FaultCleared())
    assert made.evse.kept_faults == {"GroundFailure"}
    made.do(board("B"), FaultCleared())
    assert made.evse.kept_faults == set()
    assert made.status() is Status.PREPARING


def test_a_contactor_that_does_not_close_is_told() -> None:
    made = scene().charging()
    for look in range(LOOKS + 1):
        made.seconds += CLOSING_S / LOOKS
        assert made.evse.faults == set(), look
        made.do(board("C", 16, False))
    assert made.evse.faults == {"ContactorStaysOpen"}
    now = made.evse.condition
    assert now.error == ("PowerSwitchFailure", "ContactorStaysOpen")
    assert made.do(board("B", 16)) == [Stop()]


@pytest.mark.parametrize(
    ("phases", "fault"), [((180, 230, 230), "UnderVoltage"), ((230, 270, 230), "OverVoltage"), ((230, 0, 0), None)]
)
def test_bad_mains_stop_a_charge_while_they_last(phases: tuple[int, ...], fault: str | None) -> None:
    made = scene().charging()
    for _ in range(LOOKS + 1):
        made.seconds += MAINS_S / LOOKS
        made.do(volts(*phases), board("C", 16, True))
    assert made.evse.faults == ({fault} if fault else set())
    assert made.status() is (Status.FAULTED if fault else Status.CHARGING)
    made.do(volts(230, 230, 230), board("C", 16, True))
    assert made.status() is Status.CHARGING


def test_a_lock_that_fails_refuses_the_start() -> None:
    made = scene(Protection(locks=True)).idle()
    assert LockPlug() in made.do(board("B"), TagPresented(CARD), Authorized(CARD))
    assert made.do(read(1000)) == []
    assert made.do(PlugLocked("the lock does not move")) == [ReleasePlug()]
    assert made.evse.refusal == "the plug can't be locked: the lock does not move"
    assert recorded(made.do(read(1000))) == []


def test_a_locked_plug_lets_the_charge_begin_and_is_let_go_if_it_does_not() -> None:
    made = scene(Protection(locks=True)).idle()
    made.do(board("B"), TagPresented(CARD), Authorized(CARD), PlugLocked())
    assert ReleasePlug() in made.do(MeterRead(None))
    made.do(read(1000), TagPresented(CARD), Authorized(CARD), PlugLocked())
    assert recorded(made.do(read(1000)))


def test_a_lock_that_answers_after_the_driver_gave_up_is_opened() -> None:
    made = scene(Protection(locks=True)).idle()
    made.do(board("B"), TagPresented(CARD), Authorized(CARD), TagPresented(CARD))
    assert made.do(PlugLocked()) == [ReleasePlug()]


def test_the_first_register_is_not_waited_for_for_ever() -> None:
    made = scene().idle()
    made.do(board("B"), TagPresented(CARD), Authorized(CARD))
    for _ in range(LOOKS + 2):
        made.seconds += READING_S / LOOKS
        made.do(Tick())
    assert made.evse.refusal == "the meter gave no register in time"


def _sleeps(wake_up: WakeUp, seconds: float, start: float = 0.0) -> list[float]:
    """Give when the offer went away; a look each second."""
    away, was = [], False
    for second in range(int(seconds)):
        offered = 0 if wake_up.is_waking else 16
        wake_up.see(EvseStatus(PilotState.B, False, offered), start + second)
        if wake_up.is_waking and not was:
            away.append(start + second)
        was = wake_up.is_waking
    return away


def test_a_sleeping_vehicle_is_woken_a_few_times() -> None:
    wake_up = WakeUp(Protection())
    wake_up.begin()
    away = _sleeps(wake_up, 20 * SLEEPS_S)
    assert len(away) == WAKING_TRIES
    assert away[0] == SLEEPS_S
    assert away[1] >= away[0] + STEP_X1_S + 2 * SLEEPS_S


def test_a_vehicle_that_has_asked_is_left_alone() -> None:
    wake_up = WakeUp(Protection())
    wake_up.begin()
    wake_up.see(EvseStatus(PilotState.C, True, 16), 0)
    assert _sleeps(wake_up, 20 * SLEEPS_S) == []


def test_waking_can_be_switched_off() -> None:
    assert _sleeps(WakeUp(Protection(wakes_vehicles=False)), 20 * SLEEPS_S) == []


def test_the_offer_goes_away_and_comes_back() -> None:
    made = scene().idle()
    made.do(board("B"), TagPresented(CARD), Authorized(CARD), read(1000))
    actions = []
    for _ in range(4):
        actions += made.do(board("B", 16))
        made.seconds += SLEEPS_S / 3
    assert actions == [Stop()]
    made.seconds += STEP_X1_S
    assert made.do(board("B")) == [Allow(16)]


def test_the_report_names_what_ocpp_1_6_has_no_word_for() -> None:
    made = scene()
    told = []
    for event in (board("A"), board("A", faults=frozenset({"Tilt"}))):
        told += [action for action in made.evse.handle(event, Now(0, NOON)) if isinstance(action, Notify)]
    assert told[-1] == Notify(Status.FAULTED, "OtherError", "Tilt")
