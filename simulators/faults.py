"""A serial line that treats its bytes badly, the same way each time for the same seed."""

import asyncio
import random
from typing import Protocol


class Line(Protocol):
    """A device's end of a serial line, such as `simulators.pty.Pty`."""

    async def read(self) -> bytes:
        """Wait for at least one byte. Cancelling loses nothing."""
        ...

    async def write(self, data: bytes) -> None:
        """Send all bytes."""
        ...

    def baud_of_client(self) -> int:
        """Tell the rate that the client has set, bits per second."""
        ...


class FaultyLine:
    """Wraps a line. Both directions get one byte at a time, and each byte may be lost, doubled or changed.

    One task reads, one writes, as with the line inside.
    """

    def __init__(
        self,
        line: Line,
        *,
        seed: int = 0,
        loss: float = 0.0,
        duplication: float = 0.0,
        corruption: float = 0.0,
        delay_s: float = 0.0,
    ) -> None:
        """Wrap `line`.

        Args:
            line: the device's end.
            seed: of the chances.
            loss: chance that a byte vanishes, 0 to 1.
            duplication: chance that it comes twice.
            corruption: chance that one of its bits flips.
            delay_s: pause before each byte towards the client, s.
        """
        self._line, self._random, self._delay_s = line, random.Random(seed), delay_s
        self._loss, self._duplication, self._corruption = loss, duplication, corruption
        self._waiting = b""

    async def read(self) -> bytes:
        """Give the next byte from the client."""
        while not self._waiting:
            self._waiting = self._harm(await self._line.read())
        byte, self._waiting = self._waiting[:1], self._waiting[1:]
        return byte

    async def write(self, data: bytes) -> None:
        """Send what is left of the bytes, one at a time."""
        for value in self._harm(data):
            await asyncio.sleep(self._delay_s)
            await self._line.write(bytes([value]))

    def baud_of_client(self) -> int:
        """See Line."""
        return self._line.baud_of_client()

    def _harm(self, data: bytes) -> bytes:
        harmed = bytearray()
        for byte in data:
            if self._random.random() < self._loss:
                continue
            value = byte ^ (1 << self._random.randrange(8)) if self._random.random() < self._corruption else byte
            harmed += bytes([value]) * (2 if self._random.random() < self._duplication else 1)
        return bytes(harmed)
