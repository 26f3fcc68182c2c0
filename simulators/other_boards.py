"""Boards that watch their master and tell more faults: a Bender CC612 and a Walther basicEVO PRO.

Their register maps are the ones that the drivers cite, written down here a second time on purpose.
"""

from simulators.board import Board, Fault
from simulators.modbus_slave import ILLEGAL_ADDRESS, READ_HOLDING, READ_INPUT, Refusal

_DERATES_FROM_C = 70
_DERATED_A = 6
_WALTHER_MAXIMUM_A = 16


_BENDER_BITS = {
    Fault.RCD: 5,
    Fault.PILOT: 1,
    Fault.DIODE: 2,
    Fault.WELDED: 6,
    Fault.LOCK: 10,
    Fault.TILT: 13,
    Fault.OVER_CURRENT: 15,
    Fault.INTERNAL: 18,
    Fault.UNDER_VOLTAGE: 21,
}


class BenderSimulator(Board):
    """A CC612 set to free charging. In state D it charges: its site is ventilated."""

    shows = (
        Fault.NONE,
        Fault.RCD,
        Fault.DIODE,
        Fault.PILOT,
        Fault.WELDED,
        Fault.STUCK_OPEN,
        Fault.LOCK,
        Fault.OVER_CURRENT,
        Fault.UNDER_VOLTAGE,
        Fault.TILT,
        Fault.INTERNAL,
    )

    def read(self, function: int, register: int, count: int) -> list[int]:
        """See Device."""
        errors = 1 << _BENDER_BITS[self.fault] if self.fault in _BENDER_BITS else 0
        words = {
            100: 0x352E,
            101: 0x3232,
            105: errors >> 16,
            106: errors & 0xFFFF,
            122: {"A": 1, "B": 2, "C": 3, "D": 4, "E": 5, "F": 5}[self.pilot],
            131: self._safe_a,
            132: int(self._watch_s),
            706: self.offered_current_a,
            1000: self._configured_a,
        }
        return _take(words, function, register, count)

    def write(self, register: int, value: int) -> None:
        """See Device."""
        match register:
            case 131:
                self._safe_a = value
            case 132:
                self._watch_s = value
            case 1000:
                self._configured_a = value
            case _:
                raise Refusal(ILLEGAL_ADDRESS)

    @property
    def _closes(self) -> bool:
        return self.pilot in ("C", "D") and self.offered_current_a > 0


class WaltherSimulator(Board):
    """A basicEVO PRO. Warm, it offers less by itself; it tells its temperature."""

    shows = (Fault.NONE, Fault.WELDED, Fault.STUCK_OPEN, Fault.PILOT, Fault.LOCK, Fault.INTERNAL)

    def __init__(self, cable_current_a: int = 32, watch_s: float = 0.0, default_a: int = 0) -> None:
        """See Board."""
        super().__init__(min(cable_current_a, _WALTHER_MAXIMUM_A), watch_s, default_a)
        self._standby = self._unlocked = 0

    @property
    def offered_current_a(self) -> int:
        """See Board."""
        offered = super().offered_current_a
        return min(offered, _DERATED_A) if self._is_warm else offered

    def read(self, function: int, register: int, count: int) -> list[int]:
        """See Device."""
        if function == READ_HOLDING:
            held = {
                257: int(self._watch_s * 1000),
                258: self._standby,
                259: self._unlocked,
                261: self._configured_a * 10,
                262: self._safe_a * 10,
            }
            return _take(held, function, register, count)
        told = {4: 0x107, 5: self._state, **dict.fromkeys((6, 7, 8), 0), 9: self.temperature_c * 10 & 0xFFFF}
        told |= {10: 230, 11: 230, 12: 230, 13: int(self.fault is not Fault.LOCK), 100: _WALTHER_MAXIMUM_A, 101: 6}
        return _take(told, READ_HOLDING if function == READ_INPUT else 0, register, count)

    def write(self, register: int, value: int) -> None:
        """See Device."""
        match register:
            case 257:
                self._watch_s = value / 1000
            case 258:
                self._standby = value
            case 259:
                self._unlocked = value
            case 261:
                self._configured_a = value // 10
            case 262:
                self._safe_a = value // 10
            case _:
                raise Refusal(ILLEGAL_ADDRESS)

    @property
    def _is_warm(self) -> bool:
        return self.temperature_c >= _DERATES_FROM_C

    @property
    def _state(self) -> int:
        if self.fault is Fault.INTERNAL:
            return 11
        if self._is_warm and self.contactor_closed:
            return 8
        if self.contactor_closed:
            return 7
        state = {"A": 2, "B": 4, "C": 6, "D": 6, "E": 9, "F": 10}[self.pilot]
        return state + 1 if state <= 4 and self.offered_current_a else state


def _take(words: dict[int, int], function: int, register: int, count: int) -> list[int]:
    wanted = range(register, register + count)
    if function != READ_HOLDING or any(number not in words for number in wanted):
        raise Refusal(ILLEGAL_ADDRESS)
    return [words[number] for number in wanted]
