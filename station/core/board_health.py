"""What is wrong with an EVSE beyond what its board reports: a welded contactor, a failed test, a greedy vehicle.

- A contactor that stays closed when it must be open is welded. That is kept over reboots and cleared by a technician
  only: the next driver must not be connected to it.
- A test of the residual current device or of the lock that failed blocks until the same test passes.
- What a vehicle has brought about is held until it is unplugged, or a technician clears it: a tripped residual current
  device, more current than it was offered, a wish for ventilation that there is not, a contactor that stays open.
- Heat and mains voltage block while they last (station.core.protection).

What is held, and heat that has not cooled yet, outlives a restart of the program.
"""

from hardware.api import EvseStatus, PilotState
from hardware.evse.pilot import OverCurrent
from hardware.faults import Fault
from shared.metering import MeterReading
from station.core.protection import CLOSING_S, LOOKS, Heat, Lasting, Mains, Protection
from station.core.timekeeping import Now

WELDED = Fault.POWER_SWITCH
RCD_FAILED = Fault.GROUND
OVER_CURRENT = Fault.OVER_CURRENT

OPENING_S = 20.0
"""A vehicle is given so long to stop by itself where the board does not open under load; then the contactor must be
open, world time (EVerest's grace for a stop)."""
OPENING_LOOKS = LOOKS
"""... and as many looks, for a world that runs faster than the bus."""

_HELD = frozenset({Fault.GROUND, Fault.OVER_CURRENT})
"""Faults of the board that are held until the vehicle has gone."""


class BoardHealth:
    """See the module. `latched` and `held` are the faults that were kept over the last restart."""

    def __init__(
        self,
        latched: frozenset[str] = frozenset(),
        protection: Protection = Protection(),  # noqa: B008  frozen
        held: frozenset[str] = frozenset(),
    ) -> None:
        self.latched = latched
        self.failed_tests: frozenset[str] = frozenset()
        self.held = held - {Fault.HEAT}
        self.heat = Heat(protection)
        self.heat.is_too_hot = Fault.HEAT in held
        self._mains = Mains()
        self._is_ventilated = protection.ventilated
        self._over_current = OverCurrent()
        self._welded, self._not_closed = Lasting(OPENING_S), Lasting(CLOSING_S)
        self._cause = ""

    @property
    def faults(self) -> frozenset[str]:
        """All of them, in the words of `hardware.faults`."""
        return self.latched | self.failed_tests | self.must_stop

    @property
    def lasting(self) -> frozenset[str]:
        """Those that a restart of the program must not forget, beside the latched ones."""
        return self.held | ({Fault.HEAT} if self.heat.is_too_hot else set())

    @property
    def must_stop(self) -> frozenset[str]:
        """Those for which the board must be told to offer nothing: it may not know of them."""
        return self.lasting | ({self._mains.fault} if self._mains.fault else set())

    @property
    def cause(self) -> str:
        """Say why what is kept can't be cleared now; empty if it can."""
        return self._cause

    def see_board(self, status: EvseStatus, now: Now, *, may_be_closed: bool) -> bool:
        """Take in what the board said; tell whether a welded contactor was found just now."""
        self.heat.see(status.temperature_c)
        self.held |= status.faults & _HELD
        if status.pilot is PilotState.D and not self._is_ventilated:
            self.held |= {Fault.VENTILATION}
        asks = status.pilot is PilotState.C and status.offered_current_a > 0 and not status.faults
        if self._not_closed.see(asks and may_be_closed and not status.contactor_closed, now.uptime):
            self.held |= {Fault.NOT_CLOSED}
        return self._see_contactor(status, now, may_be_closed=may_be_closed)

    def _see_contactor(self, status: EvseStatus, now: Now, *, may_be_closed: bool) -> bool:
        is_wrong = status.contactor_closed and not may_be_closed
        self._cause = "the contactor is still closed" if is_wrong else ""
        if status.faults & _HELD:
            self._cause = "the board still reports the fault"
        if WELDED in status.faults:
            self._cause = "the board still reports its contactor as faulty"
        found = self._welded.see(is_wrong, now.uptime) or WELDED in status.faults
        if not found or WELDED in self.latched:
            return False
        self.latched |= {WELDED}
        return True

    def see_unplugged(self) -> None:
        """Forget what the vehicle did."""
        self.held = frozenset()

    def see_reading(self, reading: MeterReading, now: Now) -> None:
        """Take in the voltages."""
        self._mains.see(reading.voltages, now.uptime)

    def see_currents(self, reading: MeterReading, offered_a: int, now: Now) -> bool:
        """Take in the currents during a charge; tell whether the vehicle was found to draw too much just now."""
        drawn_a = max(reading.currents, default=0) / 1000
        if OVER_CURRENT in self.held or not self._over_current.see(drawn_a, offered_a, now.uptime):
            return False
        self.held |= {OVER_CURRENT}
        return True

    def clear(self) -> None:
        """Forget what was kept and held: a technician has seen to it."""
        self.latched = self.held = frozenset()
