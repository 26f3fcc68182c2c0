"""A TCP relay in front of a server, for stations on the host's network: cuts, holds, forgets, delays and narrows.

    station ---up---> [ relay ] ---up---> server
            <--down--           <--down--

`up` and `down` are the directions as the station sees them.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum

LOOPBACK = "127.0.0.1"
_PIECE = 1460
"""One TCP segment on Ethernet."""


class LinkState(StrEnum):
    """How the bytes of a link fare."""

    OPEN = "open"
    HELD = "held"
    """They wait, nobody is told, and they flow on when the link is open again: a hole in the coverage."""
    HALF_OPEN = "half_open"
    """They vanish, nobody is told, and a connection that lost some never comes back: a NAT that forgot its table."""
    CUT = "cut"
    """Connections are reset, and new ones are too."""


class Direction(StrEnum):
    """Which bytes are meant."""

    BOTH = "both"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Weather:
    """What a link does to its bytes.

    Args:
        state: see LinkState.
        direction: which bytes are held or vanish; CUT is always for both.
        delay_s: pause before each piece, in each direction, s.
        bytes_per_s: width in each direction; 0 = as wide as it is.
    """

    state: LinkState = LinkState.OPEN
    direction: Direction = Direction.BOTH
    delay_s: float = 0.0
    bytes_per_s: int = 0

    def hits(self, way: Direction, state: LinkState) -> bool:
        """Tell whether a state holds for the bytes of one direction."""
        return self.state is state and self.direction in (Direction.BOTH, way)


class Relay:
    """Carries connections to one server, as its weather lets it.

    Args:
        host: of the server.
        port: of the server.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._weather = Weather()
        self._changed = asyncio.Condition()
        self._open: set[asyncio.Task[None]] = set()
        self.connections = self.bytes_up = self.bytes_down = 0

    @property
    def weather(self) -> Weather:
        """What it does at present."""
        return self._weather

    async def set_weather(self, weather: Weather) -> None:
        """Let it do something else from now on. A cut resets what is open."""
        self._weather = weather
        if weather.state is LinkState.CUT:
            self.reset()
        async with self._changed:
            self._changed.notify_all()

    def reset(self) -> None:
        """End all connections that are open, without a farewell."""
        for task in self._open:
            task.cancel()

    @asynccontextmanager
    async def serve(self, port: int) -> AsyncIterator[int]:
        """Listen on the loopback until the block ends; gives the port, which may be asked for with 0.

        Raises:
            OSError: the port is taken.
        """
        async with asyncio.TaskGroup() as group:

            def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                task = group.create_task(self._accept(reader, writer))
                self._open.add(task)
                task.add_done_callback(self._open.discard)

            server = await asyncio.start_server(accept, LOOPBACK, port)
            try:
                yield server.sockets[0].getsockname()[1]
            finally:
                server.close()
                self.reset()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._carry(reader, writer)
        except asyncio.CancelledError:
            _reset(writer)
        finally:
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._weather.state is LinkState.CUT:
            _reset(writer)
            return
        while self._weather.state is not LinkState.OPEN:
            await self._change()
        try:
            far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        except OSError:
            _reset(writer)
            return
        try:
            async with asyncio.TaskGroup() as group:
                ways = [
                    group.create_task(self._pump(reader, far_writer, Direction.UP)),
                    group.create_task(self._pump(far_reader, writer, Direction.DOWN)),
                ]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in ways:
                    way.cancel()
        except asyncio.CancelledError:
            _reset(far_writer)
            raise
        finally:
            far_writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Direction) -> None:
        has_forgotten = False
        with contextlib.suppress(OSError):
            while data := await reader.read(_PIECE):
                await self._travel(len(data))
                while self._weather.hits(way, LinkState.HELD):
                    await self._change()
                has_forgotten = has_forgotten or self._weather.hits(way, LinkState.HALF_OPEN)
                if not has_forgotten:
                    self._count(way, len(data))
                    writer.write(data)
                    await writer.drain()
        while has_forgotten or self._weather.hits(way, LinkState.HALF_OPEN):
            await self._change()  # the farewell vanishes too

    async def _travel(self, size: int) -> None:
        weather = self._weather
        width_s = size / weather.bytes_per_s if weather.bytes_per_s else 0.0
        if weather.delay_s or width_s:
            await asyncio.sleep(weather.delay_s + width_s)

    async def _change(self) -> None:
        async with self._changed:
            await self._changed.wait()

    def _count(self, way: Direction, size: int) -> None:
        if way is Direction.UP:
            self.bytes_up += size
        else:
            self.bytes_down += size


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close without a farewell: the other end sees a reset."""
    taken: socket.socket | None = writer.get_extra_info("socket")
    if taken is not None:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    writer.transport.abort()
