"""The modem's UART: framing of what comes in, and of what goes out with the faults that a test asks for."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from simulators.pty import Pty


@dataclass(frozen=True, slots=True)
class Faults:
    """What the serial line does to bytes.

    Args:
        fragment: what the modem sends arrives in pieces of 1 to so many bytes; 0 = as a whole.
        urcs: unsolicited lines, one of which is put in before a line with `urc_chance`.
        urc_chance: 0 to 1.
        lose_sent: numbers of bytes sent by the modem that are lost, counted from 0.
        lose_received: the same for bytes sent to it.
        seed: of the random numbers.
    """

    fragment: int = 0
    urcs: tuple[str, ...] = ()
    urc_chance: float = 0.0
    lose_sent: frozenset[int] = field(default_factory=frozenset)
    lose_received: frozenset[int] = field(default_factory=frozenset)
    seed: int = 0


class SerialSide:
    """Reads commands and payload from a pty, sends lines to it.

    Args:
        pty: the line.
        baud: rate of the modem. A client at another rate is not understood, and receives noise.
        faults: of the line.
        execute: called with each command line, without its CR.
    """

    def __init__(self, pty: Pty, baud: int, faults: Faults, execute: Callable[[str], Awaitable[None]]) -> None:
        self.baud, self.is_echoing, self.is_muted = baud, True, False
        self._pty, self._faults, self._execute = pty, faults, execute
        self._random = random.Random(faults.seed)
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()
        self._line = bytearray()
        self._payload = bytearray()
        self._payload_size = 0
        self._take_payload: Callable[[bytes], None] = lambda _payload: None
        self._received = self._sent = 0

    def send_line(self, text: str) -> None:
        """Send a line with its CR LF before and behind."""
        if self._random.random() < self._faults.urc_chance:
            self.send(b"\r\n" + self._random.choice(self._faults.urcs).encode() + b"\r\n")
        self.send(b"\r\n" + text.encode() + b"\r\n")

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        if not self.is_muted:
            self._outgoing.put_nowait(data)

    def expect_payload(self, size: int, take: Callable[[bytes], None]) -> None:
        """Send the prompt and take the next bytes as payload, whatever they are."""
        self._payload.clear()
        self._payload_size, self._take_payload = size, take
        self.send(b"\r\n> ")

    def reset(self) -> None:
        """Forget what was half received, as power-on does."""
        self._line.clear()
        self._payload_size = 0
        self.is_echoing = True

    async def run(self) -> None:
        """Move bytes. Never ends."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._speak())

    async def _listen(self) -> None:
        while True:
            data = self._lose(await self._pty.read(), self._received, self._faults.lose_received)
            self._received += len(data)
            if self._pty.baud_of_client() != self.baud:
                continue
            while data:
                data = self._listen_payload(data) if self._payload_size else await self._listen_command(data)

    def _listen_payload(self, data: bytes) -> bytes:
        """Take what belongs to the payload, give the rest."""
        piece = data[: self._payload_size - len(self._payload)]
        self._payload += piece
        if self.is_echoing:
            self.send(piece)
        if len(self._payload) == self._payload_size:
            self._payload_size = 0
            self._take_payload(bytes(self._payload))
        return data[len(piece) :]

    async def _listen_command(self, data: bytes) -> bytes:
        """Take one command line, or a part of it, and give the rest."""
        part, end, rest = data.partition(b"\r")
        self._line += part.replace(b"\n", b"")
        if self.is_echoing:
            self.send(part + end)
        if end:
            text = self._line.decode("latin-1")
            self._line.clear()
            await self._execute(text)
        return rest

    async def _speak(self) -> None:
        while True:
            data = await self._outgoing.get()
            kept = self._lose(data, self._sent, self._faults.lose_sent)
            self._sent += len(data)
            if self._pty.baud_of_client() != self.baud:
                kept = self._random.randbytes(max(1, len(kept) // 2))
            for piece in self._pieces(kept):
                await self._pty.write(piece)
                await asyncio.sleep(0)

    def _pieces(self, data: bytes) -> list[bytes]:
        if not self._faults.fragment:
            return [data]
        pieces = []
        while data:
            size = self._random.randint(1, self._faults.fragment)
            pieces.append(data[:size])
            data = data[size:]
        return pieces

    @staticmethod
    def _lose(data: bytes, offset: int, lost: frozenset[int]) -> bytes:
        if not lost:
            return data
        return bytes(byte for number, byte in enumerate(data, offset) if number not in lost)
