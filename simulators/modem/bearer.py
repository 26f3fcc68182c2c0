"""A TCP connection of the modem: really to a server on the loopback, with the radio link in between."""

import asyncio
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass

BUFFER_SIZE = 10240
"""Bytes that the modem holds in each direction."""
_PIECE = 1460

CONNECT_FAILED, DNS_FAILED = 566, 565
"""Errors of +QIOPEN (Quectel EC2x TCP/IP AT commands manual, summary of error codes)."""


@dataclass(slots=True)
class Counters:
    """What crossed the network, bytes of TCP payload."""

    bytes_sent: int = 0
    bytes_received: int = 0
    connections: int = 0


class Connection:
    """One TCP connection. `run` moves its bytes; the AT side reads and writes buffers.

    Args:
        reader: of the real connection.
        writer: of the real connection.
        path_open: set while bytes cross the network.
        latency_s: one way, link time.
        counters: of the modem.
        announce: called with `recv` or `closed`.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        path_open: asyncio.Event,
        latency_s: float,
        counters: Counters,
        announce: Callable[[str], None],
    ) -> None:
        self.is_open = True
        self._reader, self._writer = reader, writer
        self._path_open, self._latency_s = path_open, latency_s
        self._counters, self._announce = counters, announce
        self._up, self._down = bytearray(), bytearray()
        self._up_changed, self._down_has_room = asyncio.Event(), asyncio.Event()
        self._is_announced = self._is_detached = self._is_forgotten = False

    def send(self, data: bytes) -> bool:
        """Take bytes from the AT side; False when the buffer is full."""
        if len(self._up) + len(data) > BUFFER_SIZE:
            return False
        self._up += data
        self._up_changed.set()
        return True

    def receive(self, size: int) -> bytes:
        """Give the AT side at most so many bytes. New ones are announced after all have been fetched."""
        data = bytes(self._down[:size])
        del self._down[: len(data)]
        if not self._down:
            self._is_announced = False
        self._down_has_room.set()
        return data

    def close(self) -> None:
        """End it from the AT side. Without a path the server hears nothing of it."""
        self._is_detached = True
        self.is_open = False
        if not self._path_open.is_set():
            self._up.clear()
        self._up_changed.set()
        self._down_has_room.set()

    def abandon(self) -> None:
        """Forget it, as a network does that drops the context: the server is left with a half-open connection."""
        self._up.clear()
        self._is_detached = True
        self.is_open = False
        self._down_has_room.set()

    def forget(self) -> None:
        """Let all bytes of it vanish from now on, in both directions, and tell nobody."""
        self._is_forgotten = True

    async def run(self) -> None:
        """Move bytes until both sides are done with it."""
        try:
            async with asyncio.TaskGroup() as group:
                sender = group.create_task(self._carry_up())
                await self._carry_down()
                sender.cancel()
        finally:
            self._writer.close()

    async def _carry_up(self) -> None:
        while True:
            await self._up_changed.wait()
            self._up_changed.clear()
            while self._up:
                await self._path_open.wait()
                await asyncio.sleep(self._latency_s)
                piece = bytes(self._up[:_PIECE])
                del self._up[: len(piece)]
                if self._is_forgotten:
                    continue
                self._counters.bytes_sent += len(piece)
                self._writer.write(piece)
                try:
                    await self._writer.drain()
                except OSError:
                    return
            if self._is_detached and self._path_open.is_set():
                self._writer.close()
                return

    async def _carry_down(self) -> None:
        while data := await self._read():
            if not self._is_detached:
                await self._path_open.wait()
                await asyncio.sleep(self._latency_s)
            while len(self._down) >= BUFFER_SIZE and not self._is_detached:
                self._down_has_room.clear()
                await self._down_has_room.wait()
            if self._is_detached or self._is_forgotten:
                continue
            self._counters.bytes_received += len(data)
            self._down += data
            if not self._is_announced:
                self._is_announced = True
                self._announce("recv")
        if not self._is_detached:
            await self._path_open.wait()
            if not self._is_detached and not self._is_forgotten:
                self.is_open = False
                self._announce("closed")

    async def _read(self) -> bytes:
        try:
            return await self._reader.read(_PIECE)
        except OSError:
            return b""


def refusal(host: str) -> int:
    """Tell why the simulated network does not reach a host; 0 = it does. Only this machine can be reached."""
    if host == "localhost":
        return 0
    try:
        return 0 if ipaddress.ip_address(host).is_loopback else CONNECT_FAILED
    except ValueError:
        return DNS_FAILED
