"""Card readers that type like a keyboard: the kernel's input events to card numbers. Pure.

Source: include/uapi/linux/input.h and input-event-codes.h. The events are read as they are: the ABI is stable, and a
library for it would want a compiler on the station. The keys' codes tell their place, so a German layout changes
nothing for digits and A to F.
"""

import struct

from hardware.rfid.presence import PRESENCE_S, Presence

EVENT = struct.Struct("@llHHi")
"""Seconds, microseconds, type, code, value; the longs are the kernel's, 24 bytes on 64 bits, 16 on 32."""

EVIOCGRAB = 0x40044590
"""ioctl: the events go to us alone, and no number is typed on the console (_IOW('E', 0x90, int))."""

TYPE_SYN, TYPE_KEY = 0, 1
SYN_DROPPED = 3
PRESSED = 1

_DIGITS = {2: "1", 3: "2", 4: "3", 5: "4", 6: "5", 7: "6", 8: "7", 9: "8", 10: "9", 11: "0"}
_KEYPAD = {79: "1", 80: "2", 81: "3", 75: "4", 76: "5", 77: "6", 71: "7", 72: "8", 73: "9", 82: "0"}
_LETTERS = {30: "A", 48: "B", 46: "C", 32: "D", 18: "E", 33: "F"}
KEYS = _DIGITS | _KEYPAD | _LETTERS
ENDS = frozenset({28, 96, 15})
"""Enter, Enter of the keypad, Tab."""
_SILENT = frozenset({42, 54, 58, 69, 12, 39, 57, 74})
"""Shift, locks, and what stands between bytes: - : blank."""

GAP_S = 1.0
"""Readers type a number within some 100 ms; what stands still for so long was cut off."""
SHORTEST, LONGEST = 4, 36


class WedgeParser:
    """Turns events into presentations."""

    def __init__(self, *, decimal: bool = False, presence_s: float = PRESENCE_S) -> None:
        """Describe the reader.

        Args:
            decimal: it types decimal numbers, which are made hex.
            presence_s: the same number within this time, s, is the same presentation.
        """
        self._decimal = decimal
        self._presence = Presence(presence_s)
        self._bytes = b""
        self._typed = ""
        self._is_spoilt = False
        self._last = float("-inf")

    def receive(self, data: bytes, now: float) -> list[str]:
        """Take bytes of the device file in pieces of any size, at a steady time in s; give what was presented anew."""
        self._bytes += data
        found = []
        while len(self._bytes) >= EVENT.size:
            _, _, kind, code, value = EVENT.unpack(self._bytes[: EVENT.size])
            self._bytes = self._bytes[EVENT.size :]
            uid = self._take(kind, code, value, now)
            if uid and self._presence.is_new(uid, now):
                found.append(uid)
        return found

    def _take(self, kind: int, code: int, value: int, now: float) -> str | None:
        if kind == TYPE_SYN and code == SYN_DROPPED:
            self._is_spoilt = True  # the kernel's buffer overran: keys are missing
        if kind != TYPE_KEY or value != PRESSED:
            return None
        if now - self._last > GAP_S:
            self._typed, self._is_spoilt = "", False
        self._last = now
        if code in ENDS:
            typed, spoilt = self._typed, self._is_spoilt
            self._typed, self._is_spoilt = "", False
            return None if spoilt else uid_of(typed, decimal=self._decimal)
        if code not in _SILENT:
            self._is_spoilt |= code not in KEYS or len(self._typed) >= LONGEST
            self._typed += KEYS.get(code, "")
        return None


def uid_of(typed: str, *, decimal: bool) -> str | None:
    """Give the UID of what a reader typed, upper-case hex of whole bytes; None if it is none.

    Decimal numbers become 4, 5, 7 or 10 bytes, the fewest that hold them: the lengths that cards have.
    """
    if not SHORTEST <= len(typed) <= LONGEST:
        return None
    if not decimal:
        return typed.upper().zfill(len(typed) + len(typed) % 2)
    if not typed.isdecimal():
        return None
    number = int(typed)
    for length in (4, 5, 7, 10):
        if number < 1 << 8 * length:
            return number.to_bytes(length, "big").hex().upper()
    return None
