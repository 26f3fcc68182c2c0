"""The pilot logic of a GPIO board, look by look."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.api import PilotState
from hardware.evse.gpio_control import STATE_F, STEADY, Control, Drive, Seen
from hardware.evse.pilot import CLOSE_WITHIN_S, FAULT_OFF_WITHIN_S, OPEN_WITHIN_S, STOP_GRACE_S, Levels, duty

PERIOD_S = 0.02
VOLTS = {"A": 12.0, "B": 9.0, "C": 6.0, "D": 3.0, "E": 0.0}


class Bench:
    """A board on the bench: its vehicle sees the PWM, its mirror contact follows the contactor."""

    def __init__(self, control: Control | None = None) -> None:
        self.control = control or Control()
        self.now = 100.0
        self.vehicle = "A"
        self.diode = True
        self.tripped = False
        self.mirror: Callable[[bool], bool | None] = lambda closed: closed
        self.drives: list[tuple[float, Drive]] = []

    def run(self, seconds: float) -> Drive:
        end = self.now + seconds
        while self.now < end:
            self.now += PERIOD_S
            drive = self.control.drive
            seen = Seen(self.levels(drive.duty), self.tripped, self.mirror(drive.contactor))
            self.drives.append((self.now, self.control.see(seen, self.now)))
        return self.control.drive

    def levels(self, duty_cycle: float) -> Levels:
        high = VOLTS[self.vehicle]
        low = -12.0 if self.diode else -high
        if duty_cycle == STEADY:
            return Levels(high, high)
        return Levels(-12.0, -12.0) if duty_cycle == STATE_F else Levels(high, low)

    def charging(self) -> "Bench":
        self.vehicle = "B"
        self.run(0.1)
        self.control.allow(16)
        assert self.run(0.1) == Drive(duty(16), False)
        self.vehicle = "C"
        assert self.run(0.1) == Drive(duty(16), True)
        return self

    def opened_after(self, since: float) -> float:
        return next(at for at, drive in self.drives if at > since and not drive.contactor) - since


def test_nothing_is_offered_and_nothing_closed_without_being_told() -> None:
    bench = Bench()
    for bench.vehicle in "ABCDE":
        assert bench.run(1.0) == Drive(STEADY, False)


def test_a_charge() -> None:
    bench = Bench().charging()
    bench.vehicle = "B"
    assert bench.run(0.2) == Drive(duty(16), False)
    bench.vehicle = "C"
    assert bench.run(0.2) == Drive(duty(16), True)
    bench.control.allow(10)
    assert bench.run(0.1) == Drive(duty(10), True)


@pytest.mark.parametrize("state", ["A", "B", "E"])
def test_the_contactor_opens_when_the_vehicle_leaves_state_c(state: str) -> None:
    bench = Bench().charging()
    since, bench.vehicle = bench.now, state
    bench.run(1.0)
    assert bench.opened_after(since) <= OPEN_WITHIN_S


def test_the_contactor_follows_state_c_in_time() -> None:
    bench = Bench()
    bench.vehicle = "C"
    bench.run(0.1)
    since = bench.now
    bench.control.allow(16)
    bench.run(CLOSE_WITHIN_S)
    assert next(at for at, drive in bench.drives if drive.contactor) - since <= CLOSE_WITHIN_S / 10


def test_a_pilot_that_makes_no_sense_switches_off_in_time() -> None:
    bench = Bench().charging()
    since = bench.now
    bench.levels = lambda duty_cycle: Levels(-3.0, -3.0)  # type: ignore[method-assign]  # the bench's wire is loose
    bench.run(FAULT_OFF_WITHIN_S)
    assert bench.opened_after(since) <= FAULT_OFF_WITHIN_S / 10
    assert bench.control.faults


def test_pwm_is_not_wasted_on_an_empty_socket() -> None:
    bench = Bench()
    bench.control.allow(16)
    assert bench.run(1.0) == Drive(STEADY, False)


def test_on_stop_the_vehicle_may_end_its_current_by_itself() -> None:
    bench = Bench().charging()
    bench.control.stop(STOP_GRACE_S, bench.now)
    assert bench.run(2.0) == Drive(STEADY, True)
    since, bench.vehicle = bench.now, "B"
    bench.run(0.2)
    assert bench.opened_after(since) <= OPEN_WITHIN_S


def test_on_stop_a_vehicle_that_goes_on_is_cut_off_after_the_grace() -> None:
    bench = Bench().charging()
    since = bench.now
    bench.control.stop(STOP_GRACE_S, since)
    bench.run(8.0)
    assert bench.opened_after(since) == pytest.approx(STOP_GRACE_S, abs=2 * PERIOD_S)


def test_a_vehicle_that_wants_ventilation_charges_only_where_there_is_some() -> None:
    bench, airy = Bench(), Bench(Control(ventilated=True))
    for each in (bench, airy):
        each.vehicle = "B"
        each.run(0.1)
        each.control.allow(16)
        each.run(0.1)
        each.vehicle = "D"
        each.run(1.0)
    assert (bench.control.drive.contactor, set(bench.control.faults)) == (False, {"VentilationNotAvailable"})
    assert (airy.control.drive.contactor, set(airy.control.faults)) == (True, set())


def test_a_trip_of_the_rcd_opens_at_once_and_stays_until_the_vehicle_goes() -> None:
    bench = Bench().charging()
    since, bench.tripped = bench.now, True
    bench.run(0.1)
    assert bench.opened_after(since) <= OPEN_WITHIN_S
    assert bench.control.state is PilotState.F
    bench.tripped = False
    assert bench.run(5.0) == Drive(STEADY, False)
    assert bench.control.faults == {"GroundFailure"}
    bench.vehicle = "A"
    bench.run(0.2)
    assert bench.control.faults == set()
    bench.charging()


def test_a_trip_in_a_test_is_no_fault() -> None:
    bench = Bench()
    bench.control.rcd_is_tested, bench.tripped = True, True
    bench.run(1.0)
    assert bench.control.faults == set()
    bench.control.rcd_is_tested = False
    bench.run(0.1)
    assert bench.control.faults == {"GroundFailure"}


def test_a_vehicle_without_a_diode_gets_no_energy() -> None:
    bench = Bench()
    bench.vehicle, bench.diode = "B", False
    bench.run(0.1)
    bench.control.allow(16)
    bench.run(0.1)
    bench.vehicle = "C"
    bench.run(1.0)
    assert not any(drive.contactor for _, drive in bench.drives)
    assert bench.control.faults == {"DiodeFault"}


def test_a_pwm_that_does_not_come_out_is_a_fault_of_ours() -> None:
    bench = Bench().charging()
    bench.levels = lambda duty_cycle: Levels(6.0, 6.0)  # type: ignore[method-assign]  # the bench's wire is broken
    assert bench.run(1.0) == Drive(STEADY, False)
    assert bench.control.faults == {"InternalError"}


def test_a_contactor_that_does_not_open_is_told() -> None:
    bench = Bench().charging()
    bench.mirror = lambda closed: True
    bench.vehicle = "A"
    bench.run(0.4)
    assert (set(bench.control.faults), bench.control.is_closed) == (set(), True)
    bench.run(0.4)
    assert bench.control.faults == {"PowerSwitchFailure"}


def test_a_contactor_that_does_not_close_is_told_and_let_go() -> None:
    bench = Bench()
    bench.mirror = lambda closed: False
    bench.charging()
    assert bench.run(1.0) == Drive(STEADY, False)
    assert bench.control.faults == {"ContactorStaysOpen"}


def test_without_a_mirror_contact_the_command_counts() -> None:
    bench = Bench()
    bench.mirror = lambda closed: None
    bench.charging()
    bench.run(0.1)
    assert bench.control.is_closed


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["A", "B", "C", "D", "E", "allow", "stop", "trip", "untrip", "no diode", "diode"]),
        st.floats(0.02, 1.0),
    ),
    max_size=30,
)


@given(STEPS)
def test_whatever_happens_the_contactor_is_closed_only_when_it_may_be(steps: list[tuple[str, float]]) -> None:
    bench = Bench()
    for what, seconds in steps:
        if what in VOLTS:
            bench.vehicle = what
        elif what == "allow":
            bench.control.allow(16)
        elif what == "stop":
            bench.control.stop(1.0, bench.now)
        elif "trip" in what:
            bench.tripped = what == "trip"
        else:
            bench.diode = what == "diode"
        changed = bench.now
        before = len(bench.drives)
        bench.run(seconds)
        for at, drive in bench.drives[before:]:
            settled = at - changed > OPEN_WITHIN_S
            if drive.contactor and settled:
                assert bench.vehicle == "C"
                assert not bench.tripped
                assert not bench.control.faults
            assert drive.duty in (STEADY, STATE_F, duty(16))
