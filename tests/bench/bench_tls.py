"""What a station costs the port: memory while it idles, CPU when all come back at once, plain and over TLS (ECDSA).

    python -m tests.bench.bench_tls [STATIONS]

The server is a process of its own; memory is the slope of its resident size between a third of the stations and all of
them, CPU its user and system time for a reconnect of all at once, each followed by a heartbeat. Targets: 25 KiB plain,
60 KiB over TLS.
"""

import asyncio
import os
import ssl
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from backend.csms.connections import Connections
from backend.csms.server import OcppServer, OcppSettings
from backend.csms.tls import TlsSettings
from shared.clock import ManualClock
from simulators.authority import Authority
from tests.unit.backend.world import MASTER, NOW, open_world

STATIONS = 500
AT_ONCE = 100
"""Handshakes that the client has under way: its own CPU is on the same machine."""


async def serve(folder: Path, mode: str, count: int) -> None:
    """Be the server, until standard input ends."""
    master = MASTER + "".join(f'\n[[charge_point]]\nid = "S-{i}"\noperator = "muster"\n' for i in range(count))
    tls = TlsSettings(str(folder / "server.chain.pem"), str(folder / "server.key.pem")) if mode == "tls" else None
    (folder / mode).mkdir()
    async with open_world(folder / mode, master) as store:
        server = OcppServer(store, Connections(), ManualClock(NOW), OcppSettings(), tls=tls)
        async with server.listen("127.0.0.1", 0) as port:
            print(port, flush=True)
            await asyncio.to_thread(sys.stdin.read)


async def come(port: int, numbers: range, context: ssl.SSLContext | None) -> list[ClientConnection]:
    """Connect stations and have each heartbeat answered."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> ClientConnection:
        async with gate:
            url = f"{'wss' if context else 'ws'}://localhost:{port}/ocpp/S-{number}"
            socket = await connect(
                url, subprotocols=[Subprotocol("ocpp1.6")], ssl=context, ping_interval=None, open_timeout=120
            )
            await socket.send('[2,"1","Heartbeat",{}]')
            await socket.recv()
            return socket

    return list(await asyncio.gather(*(one(number) for number in numbers)))


def resident_kib(pid: int) -> int:
    """Give the resident size of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def cpu_s(pid: int) -> float:
    """Give user and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(folder: Path, mode: str, count: int, context: ssl.SSLContext | None) -> None:
    """Run one server through idling and the return of all."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.bench_tls", "serve", str(folder), mode, str(count)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    port, third = int(await process.stdout.readline()), count // 3
    sockets = await come(port, range(third), context)
    before = resident_kib(process.pid)
    sockets += await come(port, range(third, count), context)
    each = (resident_kib(process.pid) - before) / (count - third)
    for socket in sockets:
        socket.transport.abort()
    cpu, began = cpu_s(process.pid), perf_counter()
    sockets = await come(port, range(count), context)
    spent, took = cpu_s(process.pid) - cpu, perf_counter() - began
    print(
        f"{mode}: {each:.0f} KiB for each idle station; {len(sockets)} of {count} back in {took:.1f} s, "
        f"{1000 * spent / count:.2f} ms of CPU each"
    )
    for socket in sockets:
        socket.transport.abort()
    process.terminate()
    await process.wait()


async def main(count: int) -> None:
    """Print both."""
    root = Authority("Bench Root")
    with TemporaryDirectory() as name:
        folder = Path(name)
        root.server("localhost", "127.0.0.1").write(folder, "server")
        await measure(folder, "plain", count, None)
        await measure(folder, "tls", count, ssl.create_default_context(cadata=root.pem))


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(serve(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
    else:
        asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else STATIONS))
