"""What all simulated EVSE controller boards have in common: pilot, contactor, cable and watchdog. Pure.

Such a board keeps the safety loop alone: it closes its contactor when a current is offered and the vehicle asks, and
opens it by itself. What its master sees of that is the register map of its kind.
"""

from abc import ABC, abstractmethod
from enum import StrEnum

from simulators.vehicle import MINIMUM_A, Vehicle


class Fault(StrEnum):
    """What can be wrong at a board. Which of them it can tell is for its kind to say."""

    NONE = ""
    RCD = "rcd"
    RCD_IS_DEAD = "rcd_is_dead"
    """The residual current device does not trip, which only its test shows."""
    DIODE = "diode"
    PILOT = "pilot"
    """The control pilot is shorted: state E."""
    WELDED = "welded"
    STUCK_OPEN = "stuck_open"
    """The contactor does not close, and the board does not know."""
    LOCK = "lock"
    OVER_CURRENT = "over_current"
    UNDER_VOLTAGE = "under_voltage"
    TILT = "tilt"
    INTERNAL = "internal"


_OFF = (Fault.RCD, Fault.DIODE, Fault.LOCK, Fault.OVER_CURRENT, Fault.UNDER_VOLTAGE, Fault.TILT, Fault.INTERNAL)
"""Faults with which a board goes to state F and offers nothing."""


class Board(ABC):
    """The physical side of a board. Its kinds add a register map; it is a `simulators.modbus_slave.Device`."""

    shows: tuple[Fault, ...] = ()
    """The faults that a board of this kind can have."""

    def __init__(self, cable_current_a: int = 32, watch_s: float = 0.0, default_a: int = 0) -> None:
        """Describe the board.

        Args:
            cable_current_a: what the cable carries by its proximity resistor, A.
            watch_s: after so many seconds without a request it falls to its safe current; 0 = it doesn't watch.
            default_a: what it offers after power-on, A.
        """
        self._cable_a, self._watch_s, self._safe_a = cable_current_a, watch_s, 0
        self._default_a = self._configured_a = default_a
        self._turned_off = self._is_powerless = False
        self._heard_at = 0.0
        self.vehicle: Vehicle | None = None
        self.fault = Fault.NONE
        self.temperature_c = 25

    @abstractmethod
    def read(self, function: int, register: int, count: int) -> list[int]:
        """See Device."""

    @abstractmethod
    def write(self, register: int, value: int) -> None:
        """See Device."""

    @property
    def offered_current_a(self) -> int:
        """What the vehicle is offered by PWM, A; 0 = steady +12 V."""
        is_off = self._configured_a < MINIMUM_A or self._turned_off or self.vehicle is None or self._failed
        return 0 if is_off or self.fault is Fault.PILOT else min(self._configured_a, self._cable_a)

    @property
    def pilot(self) -> str:
        """State of the control pilot: A to F."""
        if self._failed:
            return "F"
        if self.fault is Fault.PILOT:
            return "E"
        if self.vehicle is None:
            return "A"
        if not self.vehicle.asks or not (self.offered_current_a or self.vehicle.clings):
            return "B"
        return "D" if self.vehicle.needs_ventilation else "C"

    @property
    def contactor_closed(self) -> bool:
        """Whether energy can flow."""
        if self._is_powerless or self.fault is Fault.STUCK_OPEN:
            return False
        return self._closes or self.fault is Fault.WELDED

    @property
    def watches(self) -> bool:
        """Whether it falls to its safe current when its master is silent."""
        return bool(self._watch_s)

    @property
    def safe_current_a(self) -> int:
        """What it offers at most when its master is silent, A."""
        return self._safe_a

    def heard(self, now: float) -> None:
        """Note a request of the master, at a steady time in s."""
        self._heard_at = now

    def watch(self, now: float) -> None:
        """Fall to the safe current when the master has been silent for too long."""
        if self._watch_s and now - self._heard_at > self._watch_s:
            self._configured_a = min(self._configured_a, self._safe_a)

    def lose_power(self) -> None:
        """Open the contactor: the supply is gone."""
        self._is_powerless = True

    def get_power(self) -> None:
        """Begin anew, with what it offers after power-on."""
        self._is_powerless = self._turned_off = False
        self._configured_a = self._default_a

    @property
    def _closes(self) -> bool:
        """Whether pilot and offer close the contactor."""
        return self.pilot == "C" and self.offered_current_a > 0

    @property
    def _failed(self) -> bool:
        return self.fault in _OFF or self._is_powerless
