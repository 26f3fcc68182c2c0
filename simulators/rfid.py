"""A card reader at its serial line: what all kinds have in common, and a 125 kHz reader that sends RDM6300 frames."""

from functools import reduce
from operator import xor
from typing import Protocol

from simulators.faults import Line

_DIGITS = 10
_REPEATS = 4
"""Frames of one short presentation; readers repeat until the card is taken away."""


class CardReader(Protocol):
    """A simulated card reader."""

    async def present(self, uid: str) -> None:
        """Hold a card to it for a moment; its number as hex digits, as many as the kind has."""
        ...

    async def run(self) -> None:
        """Answer until cancelled."""
        ...


class RfidSimulator:
    """The reader's end of its serial line."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def present(self, uid: str) -> None:
        """Hold a card to the reader for a moment.

        Args:
            uid: ten hex digits.

        Raises:
            ValueError: there are more or fewer.
        """
        if len(uid) != _DIGITS:
            raise ValueError(f"a card of this reader has {_DIGITS} hex digits")
        await self._line.write(frame(uid) * _REPEATS)

    async def run(self) -> None:
        """Do nothing: it speaks only when a card comes."""


def frame(uid: str) -> bytes:
    """Give the frame of a card number of ten hex digits: start, digits, checksum, end."""
    checksum = reduce(xor, bytes.fromhex(uid))
    return b"\x02" + f"{uid.upper()}{checksum:02X}".encode("ascii") + b"\x03"
