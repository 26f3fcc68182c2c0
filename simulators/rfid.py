"""A 125 kHz card reader that sends RDM6300 frames while a card is near."""

from functools import reduce
from operator import xor

from simulators.faults import Line

_REPEATS = 4
"""Frames of one short presentation; readers repeat until the card is taken away."""


class RfidSimulator:
    """The reader's end of its serial line."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def present(self, uid: str) -> None:
        """Hold a card to the reader for a moment.

        Args:
            uid: ten hex digits.
        """
        await self._line.write(frame(uid) * _REPEATS)


def frame(uid: str) -> bytes:
    """Give the frame of a card number of ten hex digits: start, digits, checksum, end."""
    checksum = reduce(xor, bytes.fromhex(uid))
    return b"\x02" + f"{uid.upper()}{checksum:02X}".encode("ascii") + b"\x03"
