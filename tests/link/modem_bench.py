"""The real driver, the simulated modem and a real server, joined by a real pty."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hardware.modem.at_modem import AtModem
from hardware.modem.finding import Probing
from hardware.modem.sim_memory import SimMemoryFile
from shared.clock import ManualClock
from shared.ids import Secret
from simulators.modem import ModemSimulator
from simulators.pty import Pty

NOW = datetime(2026, 10, 31, 17, 40, 5, tzinfo=UTC)
QUICK = Probing(answer_s=0.4, guard_s=0.2)


@dataclass
class Server:
    """Keeps what it receives; with `echoes` it also sends it back."""

    echoes: bool
    port: int = 0
    received: bytearray = field(default_factory=bytearray)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        try:
            while data := await reader.read(4096):
                self.received += data
                self.heard.set()
                if self.echoes:
                    writer.write(data)
                    await writer.drain()
        except OSError:
            pass
        finally:
            self.ended.set()
            writer.close()


def new_modem(path: Path, baud: int = 115200, pin: str = "", apn: str = "internet.example") -> AtModem:
    """A program on that port; what it remembers of the SIM lies beside."""
    memory = SimMemoryFile(path.parent / "sim.json")
    return AtModem(str(path), baud, apn=apn, pin=Secret(pin), sim_memory=memory, probing=QUICK)


@dataclass
class Bench:
    pty: Pty
    path: Path
    sim: ModemSimulator
    running: asyncio.Task[None]
    modem: AtModem
    server: Server
    streams: list["Stream"] = field(default_factory=list)

    async def unplug(self) -> None:
        """Power off the modem and pull its plug."""
        self.running.cancel()
        await asyncio.wait([self.running])
        self.pty.close()

    async def online(self) -> "Stream":
        """Start, wait for the network, attach and connect to the server."""
        await self.modem.start()
        await self.registered()
        await self.modem.attach()
        return await self.connect()

    async def registered(self) -> None:
        """Wait for registration as a program does, by asking."""
        async with asyncio.timeout(20):
            while not (await self.modem.network()).is_registered:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def connect(self) -> "Stream":
        sock = await self.modem.connect("127.0.0.1", self.server.port)
        self.streams.append(Stream(*await asyncio.open_connection(sock=sock)))
        return self.streams[-1]


@dataclass
class Stream:
    """The program's end of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def receive(self, size: int) -> bytes:
        return await self.reader.readexactly(size)

    async def read_to_end(self) -> bytes:
        data = b""
        try:
            while piece := await self.reader.read(4096):
                data += piece
        except OSError:
            pass
        return data

    async def close(self) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()


# Any: the simulator's own keyword arguments.
@asynccontextmanager
async def bench(folder: Path, *, pin: str = "", echoes: bool = True, **sim: Any) -> AsyncIterator[Bench]:
    settings = {"boot_s": 0.0, "register_s": 0.05} | sim
    baud = sim.get("baud", 115200)
    path, server = folder / "modem", Server(echoes)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    async with Pty.open(path) as pty:
        simulator = ModemSimulator(pty, ManualClock(NOW), **settings)
        running = asyncio.create_task(simulator.run())
        made = Bench(pty, path, simulator, running, new_modem(path, baud, pin), server)
        try:
            yield made
        finally:
            await made.modem.stop()
            await made.unplug()
            for stream in made.streams:
                await stream.close()
            listener.close()
            for writer in server.writers:
                writer.close()
            await asyncio.sleep(0)
