"""How soon the console answers while the agent logs 1,000 lines a second, beside a bare echo on the same kind of line.

Three processes, as on a station: the agent with its log, the console on a serial port (a pty), and this one as the
technician. `status` asks the agent through its socket; a key is only echoed.

    python -m tests.bench.bench_console
"""

import asyncio
import logging
import os
import select
import subprocess
import sys
import tempfile
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.clock import SystemClock
from shared.config import load
from shared.log import Log, start_logging
from station.app import run_station
from station.log_ring import LogRing
from station.settings import StationSettings
from tests.unit.station.site import SETTINGS, Site

LINES_PER_S = 1000
ROUNDS = 200
LIMIT_MS = 100.0
PROMPT = b"Nummer oder Wort: "


async def agent(config: Path) -> None:
    """Run an agent whose log is flooded."""
    ring = LogRing()
    start_logging("INFO", logging.StreamHandler(), ring)
    settings = load(config, StationSettings)
    stop = asyncio.Event()
    hardware = Site().hardware()
    async with asyncio.TaskGroup() as group:
        group.create_task(flood())
        await run_station(settings, hardware, clock=SystemClock(), kernel_boot_id="bench", stop=stop, log=ring)


async def flood() -> None:
    """Log so many lines a second, in bursts of ten."""
    log = Log("station.bench")
    loop = asyncio.get_running_loop()
    begin, done = loop.time(), 0
    while True:
        while done < (loop.time() - begin) * LINES_PER_S:
            done += 1
            log.info("fact", number=done, text="something happened that somebody may want to read later")
        await asyncio.sleep(10 / LINES_PER_S)


def echo(path: str) -> None:
    """Send back what comes."""
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(fd)
    os.write(fd, b"!")
    while True:
        os.write(fd, os.read(fd, 4096))


@contextmanager
def line() -> Iterator[tuple[int, str]]:
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    try:
        yield ours, os.ttyname(theirs)
    finally:
        os.close(ours)
        os.close(theirs)


def until(fd: int, text: bytes, for_s: float = 20.0) -> bytes:
    """Read until a text has come."""
    seen, end = b"", time.monotonic() + for_s
    while text not in seen:
        if not select.select([fd], [], [], max(0.0, end - time.monotonic()))[0]:
            raise TimeoutError(f"{text!r} never came: {seen[-300:]!r}")
        seen += os.read(fd, 4096)
    return seen


def measure(ask: Callable[[], None]) -> list[float]:
    """Give how long each round took, ms, sorted."""
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        ask()
        times.append((time.perf_counter() - begin) * 1000)
        time.sleep(0.01)
    return sorted(times)


def report(name: str, times: list[float], base: float = 0.0) -> None:
    p50, p95, worst = times[len(times) // 2], times[int(len(times) * 0.95)], times[-1]
    ratio = f"   {p50 / base:6.1f} x the bare echo" if base else ""
    print(f"{name:34} p50 {p50:7.2f} ms   p95 {p95:7.2f} ms   max {worst:7.2f} ms{ratio}")


def typed(fd: int, keys: bytes, answer: bytes) -> None:
    os.write(fd, keys)
    until(fd, answer)


def main() -> None:
    """Print the figures."""
    here = [sys.executable, "-m", "tests.bench.bench_console"]
    with tempfile.TemporaryDirectory() as name, line() as (echo_fd, echo_path), line() as (fd, path):
        folder = Path(name)
        config = folder / "station.toml"
        config.write_text(SETTINGS.format(folder=folder, port=9, sample_s=0))
        with (folder / "log").open("w") as log:
            processes = [
                subprocess.Popen([*here, "echo", echo_path]),
                subprocess.Popen([*here, "agent", str(config)], stderr=log),
                subprocess.Popen(
                    [sys.executable, "-m", "station", "console", "--config", str(config), "--port", path, "--plain"],
                    stderr=subprocess.DEVNULL,
                ),
            ]
            try:
                until(echo_fd, b"!")
                bare = measure(lambda: typed(echo_fd, b"status\r", b"status\r"))
                while not (folder / "journal.sqlite.service").exists():
                    time.sleep(0.1)
                time.sleep(2)
                typed(fd, b"\r", PROMPT)
                lines_before, begin = (folder / "log").read_bytes().count(b"\n"), time.monotonic()
                keys = measure(lambda: typed(fd, b"x\x7f", b"x\b \b"))
                answers = measure(lambda: typed(fd, b"status\r", PROMPT))
                lines = (folder / "log").read_bytes().count(b"\n") - lines_before
                rate = lines / (time.monotonic() - begin)
            finally:
                for process in processes:
                    process.terminate()
                    process.wait()
    base = bare[len(bare) // 2]
    print(f"while the agent logs {rate:.0f} lines a second:")
    report("bare echo on a pty", bare)
    report("console: a key is echoed", keys, base)
    report("console: `status` is answered", answers, base)
    verdict = "held" if answers[-1] < LIMIT_MS else "NOT held"
    print(f"limit {LIMIT_MS:.0f} ms for every answer: {verdict}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["agent", path]:
            asyncio.run(agent(Path(path)))
        case ["echo", path]:
            echo(path)
        case _:
            main()
