"""A SimpleEVSE controller board with its contactor, as its Modbus master and its vehicle see it.

The register map is the one that `hardware.evse.simple_evse` cites, written down here a second time on purpose.
"""

from simulators.board import Board, Fault
from simulators.modbus_slave import ILLEGAL_ADDRESS, ILLEGAL_VALUE, READ_HOLDING, Refusal
from simulators.vehicle import MINIMUM_A

_FIRST, _SETTINGS = 1000, 2000
_CONFIGURED, _COMMANDS, _DEFAULT = 1000, 1004, 2000
_FIRMWARE = 18
_MAXIMUM_A = 80
_TURN_OFF, _TEST_RCD, _CLEAR_RCD = 1 << 0, 1 << 1, 1 << 2
_RCD_TESTS_NOW = 1 << 4
_RCD_IS_WIRED = 1 << 4
_TEST_LOOKS = 2
"""A test lasts for so many looks of the master."""

_FAULT_BITS = {Fault.RCD: 1 << 5, Fault.DIODE: 1 << 1}
_STATES = {"A": 1, "B": 2, "C": 3, "D": 4, "E": 5, "F": 5}


class BoardSimulator(Board):
    """A well set board offers nothing after power-on, until it is told to.

    It has no ventilation: in state D its contactor stays open. Its `watch_s` is no part of the real board.
    """

    shows = (
        Fault.NONE,
        Fault.RCD,
        Fault.RCD_IS_DEAD,
        Fault.DIODE,
        Fault.PILOT,
        Fault.WELDED,
        Fault.STUCK_OPEN,
        Fault.INTERNAL,
    )

    def __init__(self, cable_current_a: int = 32, watch_s: float = 0.0, default_a: int = 0) -> None:
        """See Board."""
        super().__init__(cable_current_a, watch_s, default_a)
        self._test_looks = 0

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
    def _closes(self) -> bool:
        vehicle = self.vehicle
        clings = vehicle is not None and vehicle.clings and vehicle.has_drawn and not self._turned_off
        return super()._closes or (clings and self.pilot == "C")

    def _words(self) -> list[int]:
        offered = self.offered_current_a
        bits = int(self.contactor_closed) | _FAULT_BITS.get(self.fault, 0)
        bits |= _RCD_TESTS_NOW if self._test_looks else 0
        evse_state = 3 if self._failed else 2 if offered else 1
        cable = self._cable_a if self.vehicle else 0
        commands = int(self._turned_off)
        return [self._configured_a, offered, _STATES[self.pilot], cable, commands, _FIRMWARE, evse_state, bits, 0, 0]

    def _settings(self) -> list[int]:
        return [self._default_a, 1, MINIMUM_A, 1, 0, _RCD_IS_WIRED, 0, 0]

    def _test(self) -> None:
        """Go on with the test of the residual current device, which trips it and lets it recover."""
        if self._test_looks:
            self._test_looks -= 1
            if not self._test_looks and self.fault is Fault.RCD_IS_DEAD:
                self.fault = Fault.RCD
