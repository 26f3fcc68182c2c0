"""What a GPIO board does about its pilot, its inputs and our wishes. Pure: readings and a time in, outputs out.

- The contactor closes only in state C (in D with ventilation) while PWM is seen, and with it the vehicle's diode, and
  nothing is wrong.
- It opens at once when the vehicle leaves that state or something is wrong, and on our request as soon as the vehicle
  has stopped drawing, at the latest after the grace.
- A fault of the vehicle or of the RCD is kept until the vehicle is unplugged. State F tells the vehicle of it for a
  moment; then steady +12 V lets us see the vehicle go.
- A contactor that does not follow within CONTACTOR_S is a fault. Welded or not is decided above, by the station.
"""

from dataclasses import dataclass

from hardware.api import PilotState
from hardware.evse.pilot import FAULT_HOLD_S, NEGATIVE_V, Levels, Pilot, duty
from hardware.faults import Fault

CONTACTOR_S = 0.5
"""A contactor and its mirror contact have moved after this time."""

STEADY, STATE_F = 1.0, 0.0
"""Duty cycles: steady +12 V, steady -12 V."""

_PLUGGED = (PilotState.B, PilotState.C, PilotState.D)


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at the inputs.

    Args:
        levels: of the pilot.
        rcd_tripped: whether the residual current device reports a fault.
        contactor_closed: what the mirror contact tells; None where none is wired.
    """

    levels: Levels
    rcd_tripped: bool = False
    contactor_closed: bool | None = None


@dataclass(frozen=True, slots=True)
class Drive:
    """What the outputs shall do: duty cycle of the pilot's PWM, and whether the contactor is closed."""

    duty: float = STEADY
    contactor: bool = False


class Control:
    """See the module. `ventilated` tells whether the site may serve vehicles in state D."""

    def __init__(self, *, ventilated: bool = False) -> None:
        self.offered_a = 0
        self.pilot = Pilot()
        self.levels = Levels(12.0, 12.0)
        self.drive = Drive()
        self._mirror_is_closed = False
        self.rcd_is_tested = False
        """While the RCD tests itself, its trip is expected."""
        self._charging_states = (PilotState.C, PilotState.D) if ventilated else (PilotState.C,)
        self._open_at = 0.0
        self._switched_at = float("-inf")
        self._kept: set[str] = set()
        self._present: set[str] = set()
        self._hold_until = float("-inf")
        self._good_pwm = self._bad_diode = self._no_pwm = 0

    @property
    def faults(self) -> frozenset[str]:
        """What is wrong, in the words of OCPP 1.6 ChargePointErrorCode."""
        return frozenset(self._kept | self._present)

    @property
    def state(self) -> PilotState:
        """The pilot's state; F while we tell the vehicle of a fault."""
        return PilotState.F if self.drive.duty == STATE_F else self.pilot.state

    @property
    def is_closed(self) -> bool:
        """Whether energy may flow: the contactor is told to close, or its mirror contact says that it is closed."""
        return self.drive.contactor or self._mirror_is_closed

    def allow(self, current_a: int) -> None:
        """Offer a current from the next look on.

        Raises:
            ValueError: it can't be offered.
        """
        duty(current_a)
        self.offered_a = current_a

    def stop(self, grace_s: float, now: float) -> None:
        """Offer nothing; the contactor opens when the vehicle has stopped, at the latest after `grace_s`."""
        if self.offered_a:
            self._open_at = now + grace_s
        self.offered_a = 0

    def see(self, seen: Seen, now: float) -> Drive:
        """Take in the inputs and give what the outputs shall do now."""
        if self.drive.duty != STATE_F:
            self.levels = seen.levels
            self.pilot.see(seen.levels.high)
        self._mirror_is_closed = bool(seen.contactor_closed)
        had_faults = bool(self.faults)
        self._judge(seen, now)
        if self.faults and not had_faults:
            self._hold_until = now + FAULT_HOLD_S
        closes = self._closes(now)
        if closes != self.drive.contactor:
            self._switched_at = now
        self.drive = Drive(self._duty(now), closes)
        return self.drive

    def _judge(self, seen: Seen, now: float) -> None:
        if self.pilot.state is PilotState.A and self.drive.duty != STATE_F:
            self._kept.clear()
        if seen.rcd_tripped and not self.rcd_is_tested:
            self._kept.add(Fault.GROUND)
        self._judge_pilot()
        self._present.clear()
        if seen.contactor_closed is not None and now - self._switched_at > CONTACTOR_S:
            if seen.contactor_closed and not self.drive.contactor:
                self._present.add(Fault.POWER_SWITCH)
            elif self.drive.contactor and not seen.contactor_closed:
                self._kept.add(Fault.NOT_CLOSED)
        if self.pilot.state is PilotState.D and PilotState.D not in self._charging_states:
            self._present.add(Fault.VENTILATION)
        if self.pilot.state in (PilotState.E, PilotState.F):
            self._present.add(Fault.PILOT)

    def _judge_pilot(self) -> None:
        """Look for the diode in the vehicle and for our own PWM; two bursts in a row decide."""
        if not STATE_F < self.drive.duty < STEADY or self.pilot.state not in _PLUGGED:
            self._good_pwm = self._bad_diode = self._no_pwm = 0
            return
        self._no_pwm = 0 if self.levels.has_pwm else self._no_pwm + 1
        diode_is_bad = self.levels.has_pwm and self.levels.low > NEGATIVE_V
        self._bad_diode = self._bad_diode + 1 if diode_is_bad else 0
        self._good_pwm = self._good_pwm + 1 if self.levels.has_pwm and not diode_is_bad else 0
        if self._bad_diode >= 2:
            self._kept.add(Fault.DIODE)
        if self._no_pwm >= 2:
            self._kept.add(Fault.INTERNAL)

    def _closes(self, now: float) -> bool:
        if self.faults or self.pilot.state not in self._charging_states:
            return False
        if self.offered_a:
            return self.drive.contactor or self._good_pwm >= 2
        return self.drive.contactor and now < self._open_at

    def _duty(self, now: float) -> float:
        if now < self._hold_until:
            return STATE_F
        if self.faults or not self.offered_a or self.pilot.state not in _PLUGGED:
            return STEADY
        return duty(self.offered_a)
