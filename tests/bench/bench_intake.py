"""What a message costs from the wire to the disk and back, against other servers in the same run.

    python -m tests.bench.bench_intake [STATIONS] [--only PART ...] [--outage-stations N]

Parts: `cpu` (1.6 and 2.0.1, also against an echo of the same frames, the `ocpp` package with an ORM, and Node's
`ocpp-rpc` in strict mode where node and npm are there), `group` (group commit against raw fdatasync, and bytes of a
session), `burst`, `outage`. Servers and stations are processes of their own on loopback; CPU is user and system time
of the server's process. Compare ratios: absolute figures are this machine's.
"""

import argparse
import asyncio
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

from backend.csms.handlers import make_handlers
from backend.csms.handling import Sender
from backend.services.apply import apply
from backend.services.master_data import parse_master_data
from backend.store.migrate import migrate
from backend.store.writer import Store, open_store
from shared.ids import ChargePointId, MessageId
from shared.ocpp.session import Payload, dumps, loads
from shared.ocpp.validation import Version
from tests.bench.servers import OCPP_RPC
from tests.bench.stations import T0, TAG, Load, Seen, at, samples
from tests.unit.backend.world import MASTER, NOW

READINGS = 60
VERSIONS = ("1.6", "2.0.1")


@dataclass(frozen=True)
class Server:
    """A server that runs: its port, and its process."""

    port: int
    pid: int

    def cpu_s(self) -> float:
        """Give user and system time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Result:
    """What stations saw, and the CPU time that the server took meanwhile."""

    seen: Seen
    cpu_s: float

    @property
    def per_message_us(self) -> float:
        return self.cpu_s / len(self.seen.calls) * 1e6


@asynccontextmanager
async def started(*command: str, cwd: Path | None = None) -> AsyncIterator[Server]:
    """Run a server that writes its port, or a line that ends so."""
    null, pipe = asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=null, cwd=cwd)
    assert process.stdout
    line = (await process.stdout.readline()).decode()
    try:
        port = line.partition("ocpp=ws://127.0.0.1:")[2].partition("/")[0] or line
        yield Server(int(port), process.pid)
    finally:
        process.terminate()
        await process.wait()


def master(stations: int) -> str:
    """Make master data with so many stations."""
    return MASTER + "".join(
        f'[[charge_point]]\nid = "S-{i}"\noperator = "muster"\n' for i in (*range(stations), 10_000)
    )


@asynccontextmanager
async def emops(folder: Path, stations: int) -> AsyncIterator[Server]:
    """Run the backend on a database of its own."""
    migrate(folder / "db")
    async with open_store(folder / "db") as store:
        await store.write(lambda unit: apply(unit, parse_master_data(master(stations)), NOW))
    config = folder / "backend.toml"
    config.write_text(f'[server]\nocpp_port = 0\nweb_port = 0\n[store]\npath = "{folder}/db"\n')
    async with started(sys.executable, "-m", "backend", "serve", "--config", str(config)) as server:
        yield server


@dataclass(frozen=True)
class Stations:
    """Stations that are ready, in a process of their own."""

    process: asyncio.subprocess.Process

    def tell(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line.encode() + b"\n")

    async def line(self) -> bytes:
        assert self.process.stdout
        return await self.process.stdout.readline()

    async def seen(self) -> Seen:
        return Seen(**json.loads(await self.line()))


async def _stations(load: Load) -> Stations:
    command = (sys.executable, "-m", "tests.bench.stations", json.dumps(asdict(load)))
    pipe = asyncio.subprocess.PIPE
    stations = Stations(await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, limit=2**26))
    assert (await stations.line()).strip() == b"ready"
    return stations


async def play(server: Server, load: Load) -> Result:
    """Let stations talk to a server."""
    stations = await _stations(load)
    before = server.cpu_s()
    stations.tell("go")
    seen = await stations.seen()
    cpu = server.cpu_s() - before
    stations.tell("end")
    await stations.process.wait()
    return Result(seen, cpu)


def percentile(values: Sequence[float], share: float) -> float:
    """Give the value that `share` of all don't exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


async def install_ocpp_rpc(folder: Path) -> Path | None:
    """Install Node's package into a folder; None where node or npm is not there, or the registry."""
    if not (shutil.which("node") and shutil.which("npm")):
        return None
    (folder / "server.js").write_text(OCPP_RPC)
    null = asyncio.subprocess.DEVNULL
    command = ("npm", "install", "--no-fund", "--no-audit", "--prefix", str(folder), "ocpp-rpc")
    process = await asyncio.create_subprocess_exec(*command, stdout=null, stderr=null)
    return folder if await process.wait() == 0 else None


async def bench_cpu(stations: int, node: Path | None) -> None:
    """Print CPU per message, each answered before the next one."""
    print(f"CPU us per message: {stations} stations, a session of {READINGS} readings with 10 values each, loopback")
    for version in VERSIONS:
        found: dict[str, Result] = {}
        with TemporaryDirectory() as name:
            async with emops(Path(name), stations) as server:
                found["emops, stored"] = await play(server, Load(server.port, version, stations, READINGS))
            for label, kind, sessions in (
                ("emops, nothing stored", "lean", READINGS),
                ("echo of the same frames", "echo", READINGS),
                ("ocpp package with an ORM, stored", "package", 3),
            ):
                async with started(sys.executable, "-m", "tests.bench.servers", kind, name) as server:
                    found[label] = await play(server, Load(server.port, version, stations, sessions))
        if node:
            async with started("node", "server.js", cwd=node) as server:
                found["ocpp-rpc (Node), strict, nothing stored"] = await play(
                    server, Load(server.port, version, stations, READINGS)
                )
        base = found["echo of the same frames"].per_message_us
        for label, result in found.items():
            rate = len(result.seen.calls) / result.seen.seconds
            refused = f"  {result.seen.refused} refused: {result.seen.refusal[:90]}" if result.seen.refused else ""
            cost = result.per_message_us
            print(f"  {version:<6}{label:<42}{cost:8.0f} us {cost / base:7.1f} x echo {rate:8.0f}/s{refused}")
        stored = found["emops, stored"].per_message_us
        package = found["ocpp package with an ORM, stored"].per_message_us
        print(f"  {version:<6}stored / package with ORM: 1/{package / stored:.1f}")
        if node:
            share = found["emops, nothing stored"].per_message_us
            share /= found["ocpp-rpc (Node), strict, nothing stored"].per_message_us
            print(f"  {version:<6}nothing stored / ocpp-rpc: {share:.2f}")
    if not node:
        print("  ocpp-rpc: left out, as node, npm or the registry is not there")


def fdatasync_rate(folder: Path) -> float:
    """Give how often in a second 4 KiB can be appended durably."""
    count, block = 300, b"x" * 4096
    with (folder / "raw").open("wb", buffering=0) as file:
        begin = perf_counter()
        for _ in range(count):
            file.write(block)
            os.fdatasync(file.fileno())
        return count / (perf_counter() - begin)


def reading(number: int, step: int) -> Payload:
    """Make MeterValues of a transaction, as a station's text is read."""
    told = [
        {"value": value, "measurand": name, "unit": unit, **({"phase": phase} if phase else {})}
        for name, phase, value, unit in samples(step)
    ]
    text = dumps(
        {"connectorId": 1, "transactionId": number, "meterValue": [{"timestamp": at(step), "sampledValue": told}]}
    )
    payload: Any = loads(text)  # Any: JSON
    return payload  # type: ignore[no-any-return]


async def write_sessions(store: Store, stations: int) -> tuple[float, float]:
    """Store a session of each station, all at once: seconds, and seconds of CPU."""
    handlers = make_handlers(300, lambda _transaction_id: None)[Version.V16]

    async def tell(name: str, action: str, payload: Payload) -> Payload:
        sender = Sender(ChargePointId(name), MessageId(f"{name}-{action}"))
        return await store.write(lambda unit: handlers[action](payload, sender, unit, T0))

    async def begin(i: int) -> int:
        start = {"connectorId": 1, "idTag": TAG, "meterStart": 0, "timestamp": at(i)}
        return int(str((await tell(f"S-{i}", "StartTransaction", start))["transactionId"]))

    numbers = await asyncio.gather(*(begin(i) for i in range(stations)))
    told = [[reading(number, step) for step in range(1, READINGS + 1)] for number in numbers]

    async def charge(i: int) -> None:
        for payload in told[i]:
            await tell(f"S-{i}", "MeterValues", payload)

    wall, cpu = perf_counter(), process_time()
    await asyncio.gather(*(charge(i) for i in range(stations)))
    return perf_counter() - wall, process_time() - cpu


def size_of(path: Path) -> int:
    """Give the bytes in use in a database that nobody has open."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages, free, size = (
        connection.execute(f"PRAGMA {n}").fetchone()[0] for n in ("page_count", "freelist_count", "page_size")
    )
    connection.close()
    return int((pages - free) * size)


async def bench_group(stations: int) -> None:
    """Print durable messages per second against the disk's own rate, and what a session takes."""
    print(f"Group commit: {stations} stations at once, MeterValues with 10 values, decoded and stored, no network")
    with TemporaryDirectory() as name:
        folder = Path(name)
        migrate(folder / "db")
        async with open_store(folder / "db") as store:
            await store.write(lambda unit: apply(unit, parse_master_data(master(stations)), NOW))
        before = size_of(folder / "db")
        raw = fdatasync_rate(folder)
        async with open_store(folder / "db") as store:
            wall, cpu = await write_sessions(store, stations)
        raw = (raw + fdatasync_rate(folder)) / 2
        count = stations * READINGS
        print(f"  raw fdatasync {raw:8.0f}/s")
        rate, cost = count / wall, cpu / count * 1e6
        print(f"  stored        {rate:8.0f}/s  {rate / raw:5.1f} times raw  {cost:5.0f} us CPU each")
        print(f"  a session of {READINGS} readings takes {(size_of(folder / 'db') - before) / stations:.0f} bytes")


async def bench_burst(stations: int) -> None:
    """Print the latencies of a burst, and check what is stored."""
    print(f"Burst: {stations} stations, each start, 10 readings, stop, at the same moment")
    for version in VERSIONS:
        with TemporaryDirectory() as name:
            async with emops(Path(name), stations) as server:
                result = await play(server, Load(server.port, version, stations, 10))
            connection = sqlite3.connect(Path(name) / "db")
            ended = "SELECT count(*) FROM charging_transaction WHERE meter_stop IS NOT NULL AND state <> 'held'"
            sessions = connection.execute(ended).fetchone()[0]
            events = connection.execute("SELECT count(*) FROM transaction_event").fetchone()[0]
            connection.close()
        times, seen = result.seen.calls, result.seen
        print(
            f"  {version:<6}{len(times)} calls in {seen.seconds:.2f} s, p50 {percentile(times, 0.5) * 1000:.0f} ms,"
            f" p95 {percentile(times, 0.95) * 1000:.0f} ms; {sessions} sessions and {events} messages stored,"
            f" {seen.refused} refused"
        )


async def bench_outage(stations: int, node: Path | None) -> None:
    """Print how long all take to tell what was queued, and what a driver waits meanwhile."""
    print(f"After an outage: {stations} stations return at once with {READINGS} queued readings each")
    for version in VERSIONS:
        with TemporaryDirectory() as name:
            async with emops(Path(name), stations) as server:
                await _outage(f"{version}, emops", server, Load(server.port, version, stations, READINGS))
        if node:
            async with started("node", "server.js", cwd=node) as server:
                label = f"{version}, ocpp-rpc (Node), nothing stored"
                await _outage(label, server, Load(server.port, version, stations, READINGS))


async def _outage(label: str, server: Server, load: Load) -> None:
    driver = await _stations(replace(load, drives=True))
    driver.tell("go")
    result = await play(server, replace(load, after_outage=True))
    driver.tell("end")
    seen = replace(result.seen, authorize=(await driver.seen()).authorize)
    rate, wait = len(seen.calls) / seen.seconds, percentile(seen.authorize, 0.99) * 1000
    print(
        f"  {label:<42}{seen.seconds:6.1f} s, {rate:6.0f}/s, server CPU {result.cpu_s:.1f} s;"
        f" Authorize p99 {wait:.0f} ms of {len(seen.authorize)}; {seen.refused} refused"
    )


async def main(options: argparse.Namespace) -> None:
    """Run what was asked for."""
    with TemporaryDirectory() as name:
        node = await install_ocpp_rpc(Path(name)) if {"cpu", "outage"} & set(options.only) else None
        if "group" in options.only:
            await bench_group(options.stations)
        if "cpu" in options.only:
            await bench_cpu(options.stations, node)
        if "burst" in options.only:
            await bench_burst(options.stations)
        if "outage" in options.only:
            await bench_outage(options.outage_stations, node)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("stations", nargs="?", type=int, default=100)
    parser.add_argument("--only", nargs="+", default=["group", "cpu", "burst", "outage"], metavar="PART")
    parser.add_argument("--outage-stations", type=int, default=1000)
    asyncio.run(main(parser.parse_args()))
