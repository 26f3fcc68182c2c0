"""What is wrong with an EVSE beyond what its board reports: a welded contactor, a failed test, a greedy vehicle.

- A contactor that stays closed when it must be open is welded. That is kept over reboots and cleared by a technician
  only: the next driver must not be connected to it.
- A test of the residual current device or of the lock that failed blocks until the same test passes.
- A vehicle that draws more than it was offered is cut off, and shown as such until it is unplugged.
"""

from hardware.api import EvseStatus
from hardware.evse.pilot import OverCurrent
from shared.metering import MeterReading
from station.core.timekeeping import Now

WELDED = "PowerSwitchFailure"
RCD_FAILED = "GroundFailure"
OVER_CURRENT = "OverCurrentFailure"
"""In the words of OCPP 1.6 ChargePointErrorCode (§7.6)."""

OPENING_S = 10.0
"""A contactor is given this long to open, world time."""
OPENING_LOOKS = 3
"""... and as many looks, for a world that runs faster than the bus."""


class BoardHealth:
    """See the module. `latched` are the faults that were kept over the last reboot."""

    def __init__(self, latched: frozenset[str] = frozenset()) -> None:
        self.latched = latched
        self.failed_tests: frozenset[str] = frozenset()
        self._over_current = OverCurrent()
        self._draws_too_much = False
        self._closed_since: float | None = None
        self._closed_looks = 0
        self._cause = ""

    @property
    def faults(self) -> frozenset[str]:
        """All of them, in the words of OCPP 1.6."""
        return self.latched | self.failed_tests | (frozenset({OVER_CURRENT}) if self._draws_too_much else frozenset())

    @property
    def cause(self) -> str:
        """Say why what is latched can't be cleared now; empty if it can."""
        return self._cause

    def see_board(self, status: EvseStatus, now: Now, *, may_be_closed: bool) -> bool:
        """Take in what the board said; tell whether a welded contactor was found just now."""
        self._cause = ""
        if status.contactor_closed and not may_be_closed:
            self._cause = "the contactor is still closed"
            self._closed_looks += 1
            if self._closed_since is None:
                self._closed_since = now.uptime
        else:
            self._closed_since, self._closed_looks = None, 0
        if WELDED in status.faults:
            self._cause = "the board still reports its contactor as faulty"
        late = self._closed_since is not None and now.uptime >= self._closed_since + OPENING_S
        found = WELDED in status.faults or (late and self._closed_looks >= OPENING_LOOKS)
        if not found or WELDED in self.latched:
            return False
        self.latched |= {WELDED}
        return True

    def see_unplugged(self) -> None:
        """Forget what the vehicle did."""
        self._draws_too_much = False

    def see_reading(self, reading: MeterReading, offered_a: int, now: Now) -> bool:
        """Take in the currents during a charge; tell whether the vehicle was found to draw too much just now."""
        drawn_a = max(reading.currents, default=0) / 1000
        if self._draws_too_much or not self._over_current.see(drawn_a, offered_a, now.uptime):
            return False
        self._draws_too_much = True
        return True

    def clear(self) -> None:
        """Forget what was kept: a technician has seen to it."""
        self.latched = frozenset()
