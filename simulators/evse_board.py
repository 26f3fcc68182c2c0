"""A SimpleEVSE controller board with its contactor, as its Modbus master and its vehicle see it.

The register map is the one that `hardware.evse.simple_evse` cites, written down here a second time on purpose.
"""

from enum import StrEnum

from simulators.modbus_slave import ILLEGAL_ADDRESS, ILLEGAL_VALUE, READ_HOLDING, Refusal
from simulators.vehicle import MINIMUM_A, Vehicle

_FIRST, _SETTINGS = 1000, 2000
_CONFIGURED, _COMMANDS, _DEFAULT = 1000, 1004, 2000
_FIRMWARE = 18
_MAXIMUM_A = 80
_TURN_OFF, _TEST_RCD, _CLEAR_RCD = 1 << 0, 1 << 1, 1 << 2
_RCD_TESTS_NOW = 1 << 4
_RCD_IS_WIRED = 1 << 4
_TEST_LOOKS = 2
"""A test lasts for so many looks of the master."""


class Fault(StrEnum):
    """What can be wrong at the board."""

    NONE = ""
    RCD = "rcd"
    DIODE = "diode"
    WELDED = "welded"
    RCD_IS_DEAD = "rcd_is_dead"
    """The residual current device does not trip, which only its test shows."""


_FAULT_BITS = {Fault.RCD: 1 << 5, Fault.DIODE: 1 << 1}


class BoardSimulator:
    """Keeps the pilot and the contactor: closes when current is offered and the vehicle asks, opens by itself.

    A well set board offers nothing after power-on, until it is told to.
    """

    def __init__(self, cable_current_a: int = 32, watch_s: float = 0.0, default_a: int = 0) -> None:
        """Describe the board.

        Args:
            cable_current_a: what the cable carries by its proximity resistor, A.
            watch_s: after so many seconds without a request it offers nothing; 0 = it doesn't watch.
            default_a: what it offers after power-on, A.
        """
        self._cable_a, self._watch_s = cable_current_a, watch_s
        self._configured_a, self._turned_off = default_a, False
        self._default_a = default_a
        self._heard_at = 0.0
        self._test_looks = 0
        self.vehicle: Vehicle | None = None
        self.fault = Fault.NONE

    @property
    def offered_current_a(self) -> int:
        """What the vehicle is offered by PWM, A; 0 = steady +12 V."""
        if self._configured_a < MINIMUM_A or self._turned_off or self.vehicle is None or self._failed:
            return 0
        return min(self._configured_a, self._cable_a)

    @property
    def pilot(self) -> str:
        """State of the control pilot: A, B, C or F."""
        if self._failed:
            return "F"
        if self.vehicle is None:
            return "A"
        return "C" if self.vehicle.asks and self.offered_current_a else "B"

    @property
    def contactor_closed(self) -> bool:
        """Whether energy can flow."""
        return self.pilot == "C" or self.fault is Fault.WELDED

    def heard(self, now: float) -> None:
        """Note a request of the master, at a steady time in s."""
        self._heard_at = now

    def watch(self, now: float) -> None:
        """Offer nothing when the master has been silent for too long."""
        if self._watch_s and now - self._heard_at > self._watch_s:
            self._configured_a = 0

    def read(self, function: int, register: int, count: int) -> list[int]:
        """See Device."""
        is_setting = register >= _SETTINGS
        words = self._settings() if is_setting else self._words()
        start = register - (_SETTINGS if is_setting else _FIRST)
        if function != READ_HOLDING or start < 0 or start + count > len(words):
            raise Refusal(ILLEGAL_ADDRESS)
        if not is_setting:
            self._test()
        return words[start : start + count]

    def write(self, register: int, value: int) -> None:
        """See Device."""
        if register == _CONFIGURED:
            if value != 0 and not MINIMUM_A <= value <= _MAXIMUM_A:
                raise Refusal(ILLEGAL_VALUE)
            self._configured_a = value
        elif register == _COMMANDS:
            self._turned_off = bool(value & _TURN_OFF)
            if value & _CLEAR_RCD and self.fault is Fault.RCD:
                self.fault = Fault.NONE
            if value & _TEST_RCD:
                self._test_looks = _TEST_LOOKS
        elif register == _DEFAULT:
            self._default_a = value
        else:
            raise Refusal(ILLEGAL_ADDRESS)

    @property
    def _failed(self) -> bool:
        return self.fault in _FAULT_BITS

    def _words(self) -> list[int]:
        vehicle_state = {"A": 1, "B": 2, "C": 3, "F": 5}[self.pilot]
        offered = self.offered_current_a
        bits = int(self.contactor_closed) | _FAULT_BITS.get(self.fault, 0)
        bits |= _RCD_TESTS_NOW if self._test_looks else 0
        evse_state = 3 if self._failed else 2 if offered else 1
        cable = self._cable_a if self.vehicle else 0
        commands = int(self._turned_off)
        return [self._configured_a, offered, vehicle_state, cable, commands, _FIRMWARE, evse_state, bits, 0, 0]

    def _settings(self) -> list[int]:
        return [self._default_a, 1, MINIMUM_A, 1, 0, _RCD_IS_WIRED, 0, 0]

    def _test(self) -> None:
        """Go on with the test of the residual current device, which trips it and lets it recover."""
        if self._test_looks:
            self._test_looks -= 1
            if not self._test_looks and self.fault is Fault.RCD_IS_DEAD:
                self.fault = Fault.RCD
