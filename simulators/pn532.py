"""A PN532 on its serial line (HSU), down to the byte: asleep after power-on, silent until it is set up.

The frames are written down here a second time, so that reader and simulator can't share a mistake.
Source: NXP UM0701-02.
"""

import asyncio

from simulators.faults import Line

_ACK = bytes.fromhex("0000ff00ff00")
_NACK = bytes.fromhex("0000ffff0000")
_ERROR = bytes.fromhex("0000ff01ff7f8100")
_DIGITS = (8, 14, 20)
_SEARCH_S = 0.05
"""What a look for a card takes when there is none."""


class Pn532Simulator:
    """The reader's end of its serial line."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._buffer = b""
        self._last = b""
        self._is_awake = False
        self._card = b""
        self.asked = 0
        """How often it was told to look for a card."""

    async def run(self) -> None:
        """Answer until cancelled."""
        while True:
            self._buffer += await self._line.read()
            while (command := self._take()) is not None:
                await self._answer(command)

    async def present(self, uid: str, seconds: float = 0.5) -> None:
        """Hold a card to the reader for a while.

        Args:
            uid: 8, 14 or 20 hex digits.
            seconds: how long.

        Raises:
            ValueError: no card has so many digits.
        """
        if len(uid) not in _DIGITS:
            raise ValueError("a card of this reader has 8, 14 or 20 hex digits")
        self.hold(uid)
        await asyncio.sleep(seconds)
        self.hold("")

    def hold(self, uid: str) -> None:
        """Put a card on the reader, or with "" take it away."""
        self._card = bytes.fromhex(uid)

    def cut_power(self) -> None:
        """Lose the supply for a moment: all that was set up is gone."""
        self._is_awake, self._buffer = False, b""

    def _take(self) -> bytes | None:
        """Cut the next good command off; what is none is dropped, as the chip does."""
        while True:
            start = self._buffer.find(b"\x00\xff")
            if start < 0:
                self._wake(self._buffer)
                self._buffer = self._buffer[-1:]
                return None
            self._wake(self._buffer[:start])
            rest = self._buffer[start + 2 :]
            if len(rest) < 2:
                return None
            length = rest[0]
            if length == 0xFF and rest[1] == 0x00:
                self._buffer = rest[2:]
                return _NACK
            if (length + rest[1]) % 256 or length == 0:
                self._buffer = rest
                continue
            if len(rest) < length + 3:
                return None
            body, check = rest[2 : 2 + length], rest[2 + length]
            self._buffer = rest[3 + length :]
            if (sum(body) + check) % 256 == 0 and body[0] == 0xD4:
                return body[1:]

    def _wake(self, data: bytes) -> None:
        self._is_awake = self._is_awake or b"\x55" in data

    async def _answer(self, command: bytes) -> None:
        if not self._is_awake:
            return
        if command == _NACK:
            await self._line.write(self._last)
            return
        await self._line.write(_ACK)
        match command[0]:
            case 0x02:
                data = bytes([0x32, 0x01, 0x06, 0x07])
            case 0x14 | 0x32:
                data = b""
            case 0x52:
                data = b"\x00"
            case 0x4A:
                self.asked += 1
                if not self._card:
                    await asyncio.sleep(_SEARCH_S)
                data = self._found()
            case _:
                self._last = _ERROR
                await self._line.write(_ERROR)
                return
        self._last = _frame(bytes([0xD5, command[0] + 1]) + data)
        await self._line.write(self._last)

    def _found(self) -> bytes:
        if not self._card:
            return b"\x00"
        return bytes([1, 1, 0x00, 0x44, 0x00, len(self._card)]) + self._card


def _frame(body: bytes) -> bytes:
    return b"\x00\x00\xff" + bytes([len(body), (256 - len(body)) % 256]) + body + bytes([-sum(body) % 256, 0])
