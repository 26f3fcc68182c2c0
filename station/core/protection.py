"""What the station watches beside its board: heat, mains voltage, a contactor that stays open, a vehicle that sleeps.

The board keeps the safety loop; these are the slow protections, whose facts the board or the meter tell. Pure: all
times are world time, and what must last has to be seen a number of times too, for a world faster than the bus.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hardware.api import EvseStatus, PilotState
from hardware.faults import Fault
from shared.units import MilliVolt

LOOKS = 3
"""What lasts must be seen so often."""

CLOSING_S = 6.0
"""A vehicle in state C with a current on offer gets it within 3 s (IEC 61851-1); twice that, for slow boards."""

MAINS_LOW_MV, MAINS_HIGH_MV = 184_000, 264_500
"""20 % below and 15 % above 230 V: beyond what EN 50160 lets the mains do."""
MAINS_S = 10.0
"""So long, or it is a start of a motor somewhere."""
NO_PHASE_MV = 50_000
"""Below, the phase is not connected to the meter at all."""

COOLED_BY_C = 5.0
"""What was too hot must cool by so much."""
MINIMUM_A = 6
"""The least that can be offered (IEC 61851-1)."""

SLEEPS_S = 60.0
"""A vehicle that has not asked for energy so long after the offer may sleep."""
STEP_X1_S = 3.0
"""The offer is taken away for so long to wake it (T_STEP_X1 of EVerest)."""
WAKING_TRIES = 2


@dataclass(frozen=True, slots=True)
class Protection:
    """How an EVSE is protected beyond what its board does.

    Args:
        ventilated: vehicles that ask for ventilation (state D) may charge.
        derate_from_c: from this temperature of the board on less is offered, °C.
        stop_from_c: from this one on nothing is, °C.
        wakes_vehicles: whether a vehicle that never asks for energy is woken.
        locks: whether the plug must be locked before a charge begins.
    """

    ventilated: bool = False
    derate_from_c: float = 70.0
    stop_from_c: float = 85.0
    wakes_vehicles: bool = True
    locks: bool = False


class Lasting:
    """Notices what goes on for a time and a number of looks."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: float | None = None
        self._looks = 0

    def see(self, is_so: bool, uptime: float) -> bool:
        """Take in a look; tell whether it has lasted."""
        if not is_so:
            self._since, self._looks = None, 0
            return False
        if self._since is None:
            self._since = uptime
        self._looks += 1
        return uptime >= self._since + self._seconds and self._looks >= LOOKS


class Heat:
    """Follows the board's temperature: offers less, then nothing, until it has cooled."""

    def __init__(self, protection: Protection) -> None:
        self._from_c, self._stop_c = protection.derate_from_c, protection.stop_from_c
        self._celsius: float | None = None
        self.is_too_hot = False

    def see(self, celsius: float | None) -> None:
        """Take in a temperature, None where the board does not tell."""
        self._celsius = celsius
        if celsius is None:
            self.is_too_hot = False
        else:
            self.is_too_hot = celsius >= self._stop_c - (COOLED_BY_C if self.is_too_hot else 0.0)

    def cap_a(self, maximum_a: int) -> int:
        """Give what may be offered, A: a straight line from the maximum down to 6 A."""
        if self._celsius is None or self._celsius <= self._from_c:
            return maximum_a
        share = max(0.0, (self._stop_c - self._celsius) / (self._stop_c - self._from_c))
        return min(maximum_a, MINIMUM_A + int(share * (maximum_a - MINIMUM_A)))


class Mains:
    """Judges the voltages that the meter tells."""

    def __init__(self) -> None:
        self._low, self._high = Lasting(MAINS_S), Lasting(MAINS_S)
        self.fault: Fault | None = None

    def see(self, voltages: Sequence[MilliVolt], uptime: float) -> None:
        """Take in the voltages of the phases; phases that are not there are passed over."""
        there = [voltage for voltage in voltages if voltage >= NO_PHASE_MV]
        is_low = self._low.see(bool(there) and min(there) < MAINS_LOW_MV, uptime)
        is_high = self._high.see(bool(there) and max(there) > MAINS_HIGH_MV, uptime)
        self.fault = Fault.OVER_VOLTAGE if is_high else Fault.UNDER_VOLTAGE if is_low else None


class WakeUp:
    """Wakes a vehicle that was offered a current and never asked for it: the offer goes away for a moment.

    One that has asked since the offer began pauses by its own will and is left alone.
    """

    def __init__(self, protection: Protection) -> None:
        self._is_on = protection.wakes_vehicles
        self._sleeping = Lasting(SLEEPS_S)
        self._tries = 0
        self._has_asked = False
        self._until: float | None = None

    @property
    def has_asked(self) -> bool:
        """Tell whether the vehicle has asked for energy in this charge."""
        return self._has_asked

    @property
    def is_waking(self) -> bool:
        """Tell whether the offer is away now to wake it."""
        return self._until is not None

    def begin(self, *, has_asked: bool = False) -> None:
        """Take note that a charge begins, or goes on after a restart with a vehicle that has asked before or not."""
        self._tries, self._has_asked, self._until = 0, has_asked, None
        self._sleeping = Lasting(SLEEPS_S)

    def see(self, status: EvseStatus, uptime: float) -> None:
        """Take in a look at the board during a charge."""
        if status.pilot in (PilotState.C, PilotState.D):
            self._has_asked, self._until = True, None
        if self._until is not None and uptime >= self._until:
            self._until = None
        sleeps = status.pilot is PilotState.B and status.offered_current_a > 0 and not self._has_asked
        if self._sleeping.see(sleeps, uptime) and self._is_on and self._tries < WAKING_TRIES:
            self._tries += 1
            self._until = uptime + STEP_X1_S
            self._sleeping = Lasting(SLEEPS_S * (self._tries + 1))
