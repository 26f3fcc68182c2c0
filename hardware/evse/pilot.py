"""Control pilot and proximity of IEC 61851-1, for boards whose pilot we keep ourselves. Pure: volts and a time in.

Sources: IEC 61851-1 tables A.2 to A.8 for levels, duty cycle and timings; annex B for the proximity resistor. Where the
table gives a range, the middle between two ranges is the border here, with a hysteresis. Timings and the soft limit for
over-current are those that EVerest and SmartEVSE use.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hardware.api import PilotState

PWM_HZ = 1000
"""Frequency of the pilot's PWM."""

CLOSE_WITHIN_S = 3.0
"""The contactor follows state C within this time while PWM is on."""
OPEN_WITHIN_S = 0.1
"""The contactor follows the end of state C within this time."""
FAULT_OFF_WITHIN_S = 3.0
"""A pilot that says nothing sensible opens the contactor within this time."""
STOP_GRACE_S = 6.0
"""A vehicle whose PWM has gone is given this long to leave state C; then the contactor opens under load."""
FAULT_HOLD_S = 0.3
"""State F lasts at least this long, so that the vehicle notices."""
PHASE_SWITCH_PAUSE_S = 10.0
"""Between one phase and three the contactor stays open for so long."""

BORDERS_V = (10.5, 7.5, 4.5, 1.5)
"""Between +12 (A), +9 (B), +6 (C), +3 (D) and 0 V (E)."""
HYSTERESIS_V = 0.4
"""A level must go so far beyond a border to count as the other side's."""
NEGATIVE_V = -10.0
"""The lower half wave is -12 V: above this there is no diode in the vehicle, or something else loads the pilot."""

MINIMUM_A, MAXIMUM_A = 6, 80

_STATES = (PilotState.A, PilotState.B, PilotState.C, PilotState.D, PilotState.E)

CABLES_OHM = ((50, 150, 63), (150, 330, 32), (330, 1000, 20), (1000, 2700, 13))
"""Proximity resistor from, to, and what the cable carries, A: 100, 220, 680 and 1500 Ohm with the tolerances in use."""


@dataclass(frozen=True, slots=True)
class Levels:
    """The two levels of the pilot, V. Without PWM they are the same."""

    high: float
    low: float

    @property
    def has_pwm(self) -> bool:
        """Tell whether there are two levels."""
        return self.high - self.low > 5.0


def levels(samples: Sequence[float]) -> Levels:
    """Find the levels in a burst of samples that knows nothing of the PWM's phase.

    The outermost sample of a burst on either side is left out: it may have caught an edge or a spike.

    Args:
        samples: V, four at least.
    """
    ordered = sorted(samples)
    return Levels(high=ordered[-2], low=ordered[1])


def duty(current_a: int) -> float:
    """Give the duty cycle that offers a current, 0 to 1 (IEC 61851-1 table A.7).

    Raises:
        ValueError: it can't be offered, 6 to 80 A can.
    """
    if not MINIMUM_A <= current_a <= MAXIMUM_A:
        raise ValueError(f"a current of {current_a} A can't be offered: {MINIMUM_A} to {MAXIMUM_A} A")
    return current_a / 60 if current_a <= 51 else current_a / 250 + 0.64


def current(duty_cycle: float) -> float | None:
    """Give the current that a duty cycle offers, A (IEC 61851-1 table A.8).

    Returns:
        0 where charging is not allowed, None for the 5 % that mean digital communication.
    """
    percent = duty_cycle * 100
    if 3 <= percent <= 7:
        return None
    if percent < 8 or percent > 97:
        return 0.0
    if percent < 10:
        return 6.0
    return percent * 0.6 if percent <= 85 else min((percent - 64) * 2.5, MAXIMUM_A)


def cable_current(ohm: float) -> int | None:
    """Give what a cable carries by its proximity resistor, A; None if there is no cable or it is none that exists."""
    for low, high, carries in CABLES_OHM:
        if low <= ohm < high:
            return carries
    return None


def proximity_ohm(volts: float, supply_v: float, pull_up_ohm: float) -> float:
    """Give the resistor between proximity and earth from the voltage across it; infinite for an open contact."""
    return pull_up_ohm * max(0.0, volts) / (supply_v - volts) if volts < supply_v else float("inf")


def classify(high_v: float, last: PilotState) -> PilotState:
    """Give the state of a level, with hysteresis around the last one."""
    if high_v < -HYSTERESIS_V - 1.5:
        return PilotState.F
    if last in _STATES:
        place = _STATES.index(last)
        upper = BORDERS_V[place - 1] + HYSTERESIS_V if place else float("inf")
        lower = BORDERS_V[place] - HYSTERESIS_V if place < len(BORDERS_V) else float("-inf")
        if lower <= high_v <= upper:
            return last
    return _STATES[sum(high_v < border for border in BORDERS_V)]


class Pilot:
    """Follows the pilot's state; a new one counts when two bursts in a row agree."""

    def __init__(self) -> None:
        self.state = PilotState.A
        self._next = PilotState.A

    def see(self, high_v: float) -> PilotState:
        """Take in the upper level of a burst, and give the state that now counts."""
        state = classify(high_v, self.state)
        if state is self._next:
            self.state = state
        self._next = state
        return self.state


class OverCurrent:
    """Notices a vehicle that draws more than it is offered: limit x 1.10 + 0.5 A, for 7 s."""

    SHARE, MARGIN_A, LAST_S = 1.10, 0.5, 7.0

    def __init__(self) -> None:
        self._since: float | None = None

    def see(self, drawn_a: float, offered_a: int, now: float) -> bool:
        """Tell whether it has gone on for too long.

        Args:
            drawn_a: largest current of all phases, A.
            offered_a: what is offered, A; 0 = nothing, then nothing is judged.
            now: any steady clock, s.
        """
        if not offered_a or drawn_a <= offered_a * self.SHARE + self.MARGIN_A:
            self._since = None
            return False
        if self._since is None:
            self._since = now
        return now - self._since >= self.LAST_S
