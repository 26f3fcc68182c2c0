"""What the station agent costs: memory, time to ready, idle CPU, an append, and a drain of many sessions.

    python -m tests.bench.bench_station [SESSIONS]

The agent is the real program with two EVSEs, each with a simulated meter and board on a Modbus line of its own, polled
once a second. A journal append is compared with a raw write and fsync of the same file system, in turns. The drain
runs in a process of its own against a central system that answers at once.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shared.clock import SystemClock
from shared.ids import EvseId, IdToken, MessageId, TransactionKey
from shared.metering import MeterReading, MeterValue
from shared.transaction import Ended, Started, StopReason, Updated
from shared.units import Watt, Wh
from station.core.configuration import Configuration
from station.core.delivery import Message
from station.core.timekeeping import BootTime, Floor, TimeSource, to_ms
from station.courier import Courier
from station.csms_connection import Refusal, Reply
from station.journal import Journal
from station.journal_file import open_journal
from station.ocpp16.dialect import Ocpp16
from station.settings import DeliverySettings
from station.timekeeper import start_time

IDLE_S = 10
PER_MINUTE = 24000
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BOOT, FLOOR = BootTime(1, "bench", to_ms(NOON), TimeSource.CSMS), Floor(NOON, TimeSource.CSMS)

SIM = """
[modem]
link = "{folder}/modem{n}.tty"
[bus]
link = "{folder}/bus{n}.tty"
register_file = "{folder}/meter{n}.json"
[rfid]
link = "{folder}/rfid{n}.tty"
[mailbox]
port = 0
folder = "{folder}/mail{n}"
[control]
port = 0
"""
EVSE = """
[[bus]]
name = "bus{n}"
port = "{folder}/bus{n}.tty"
[[evse]]
id = {n}
board_bus = "bus{n}"
meter_bus = "bus{n}"
board_address = 2
meter_address = 1
poll_s = 1
"""
STATION = """
[identity]
charge_point_id = "BENCH"
[csms]
version = "{version}"
url = "ws://127.0.0.1:9/ocpp"
[journal]
path = "{folder}/journal.sqlite"
[uplink]
bearer = "host"
"""


def report(name: str, value: float, unit: str, limit: float) -> None:
    print(f"{name:44} {value:9.2f} {unit:8} limit {limit:g}: {'good' if value <= limit else 'TOO MUCH'}")


def memory_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure_agent(folder: Path, version: str) -> None:
    """Run the agent beside two simulators."""
    print(f"OCPP {version}")
    config = STATION.format(folder=folder, version=version)
    children = []
    for n in (1, 2):
        (folder / f"sim{n}.toml").write_text(SIM.format(folder=folder, n=n))
        config += EVSE.format(folder=folder, n=n)
        children.append(start("simulators", "serve", "--config", f"{folder}/sim{n}.toml"))
    (folder / "station.toml").write_text(config)
    try:
        while not all((folder / f"bus{n}.tty").exists() for n in (1, 2)):
            time.sleep(0.05)
        begun = time.monotonic()
        agent = start("station", "run", "--config", f"{folder}/station.toml")
        children.append(agent)
        while not is_ready(folder / "journal.sqlite.status.json"):
            if agent.poll() is not None or time.monotonic() > begun + 60:
                raise SystemExit("the agent does not become ready")
            time.sleep(0.02)
        report("from process start to both EVSEs ready", time.monotonic() - begun, "s", 5)
        time.sleep(2)
        before, at = cpu_s(agent.pid), time.monotonic()
        time.sleep(IDLE_S)
        report("idle CPU of one core", 100 * (cpu_s(agent.pid) - before) / (time.monotonic() - at), "%", 2)
        report("resident memory", memory_mb(agent.pid), "MB", 60)
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.wait()


def start(*arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ
    )


def is_ready(path: Path) -> bool:
    try:
        state = json.loads(path.read_text())
    except (OSError, ValueError):
        return False
    return all(evse["status"] == "Available" and not evse["blocked_by"] for evse in state["evses"])


def value(minute: int) -> MeterValue:
    return MeterValue(NOON + timedelta(minutes=minute), MeterReading(Wh(1000 + minute), Watt(11000)))


async def measure_append(folder: Path) -> None:
    """Append and write raw in turns, so that both see the same disk."""
    raw = os.open(folder / "raw", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    appended, written = [], []
    async with open_journal(folder / "append.sqlite") as journal:
        await journal.set_time(BOOT, FLOOR)
        await journal.append(Started(TransactionKey("k"), EvseId(1), IdToken("AB"), value(0)), BOOT, FLOOR)
        for number in range(1, 1001):
            begun = time.perf_counter()
            await journal.append(Updated(TransactionKey("k"), number, EvseId(1), (value(number),)), BOOT, FLOOR)
            between = time.perf_counter()
            os.write(raw, bytes(300))
            os.fsync(raw)
            appended.append(between - begun)
            written.append(time.perf_counter() - between)
    os.close(raw)
    report(
        "durable append against raw write+fsync",
        statistics.median(appended) / statistics.median(written),
        "times",
        3,
    )


async def measure_drain(folder: Path, sessions: int) -> None:
    """Deliver many sessions: order, pace, memory."""
    async with open_journal(folder / "drain.sqlite") as journal:
        await journal.set_time(BOOT, FLOOR)
        for number in range(sessions):
            key = TransactionKey(f"k{number}")
            await journal.append(Started(key, EvseId(1), IdToken("AB"), value(2 * number)), BOOT, FLOOR)
            await journal.append(Ended(key, 1, EvseId(1), value(2 * number + 1), StopReason.LOCAL), BOOT, FLOOR)
        await drain(journal, sessions)


async def drain(journal: Journal, sessions: int) -> None:
    keeper = await start_time(SystemClock(), journal, "bench", clock_trusted=False)
    courier = Courier(
        journal,
        keeper,
        Configuration(),
        Ocpp16(),
        DeliverySettings(per_minute=PER_MINUTE),
        send_without_start=False,
        deauthorized=lambda _evse, _key: None,
        conflict=lambda _evse: None,
    )
    registers: list[int] = []

    async def call(_message_id: MessageId, message: Message) -> Reply | Refusal:
        start = message.payload.get("meterStart")
        registers.append(int(str(message.payload["meterStop"] if start is None else start)))
        return Reply({"transactionId": len(registers), "idTagInfo": {"status": "Accepted"}}, 0.0)

    await courier.begin()
    before, begun = memory_mb(os.getpid()), time.monotonic()
    while (wait_s := await courier.deliver(call)) != float("inf"):  # noqa: ASYNC110  it tells how long to wait
        await asyncio.sleep(wait_s)
    took = time.monotonic() - begun
    report(f"memory that grew in a drain of {sessions} sessions", memory_mb(os.getpid()) - before, "MB", 5)
    pace = len(registers) / took * 60
    order = "kept" if registers == sorted(registers) else "BROKEN"
    print(f"{'pace against its limit':44} {100 * pace / PER_MINUTE:9.2f} %        of {PER_MINUTE}/min")
    print(f"{'order':44} {order:>9} {len(registers)} messages")


def main() -> None:
    if sys.argv[1:2] == ["drain"]:
        asyncio.run(measure_drain(Path(sys.argv[2]), int(sys.argv[3])))
        return
    with tempfile.TemporaryDirectory() as name:
        for version in ("1.6", "2.0.1"):
            folder = Path(name) / version
            folder.mkdir()
            measure_agent(folder, version)
        asyncio.run(measure_append(Path(name)))
        sessions = sys.argv[1] if len(sys.argv) > 1 else "10000"
        subprocess.run([sys.executable, "-m", "tests.bench.bench_station", "drain", name, sessions], check=True)


if __name__ == "__main__":
    main()
