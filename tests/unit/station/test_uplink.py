"""The modem supervisor with a modem that does as it is told."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hardware.api import ModemIdentity, NetworkStatus, RadioQuality, Registration
from hardware.errors import HardwareError, LinkError, PortError, SimError
from shared.clock import ManualClock
from station.core.timekeeping import TimeSource
from station.errors import LinkLost
from station.journal_file import open_journal
from station.link_memory import LADDER_VALUE, LinkMemory
from station.timekeeper import Timekeeper, start_time
from station.uplink import HostBearer, HostUplink, ModemUplink
from station.uplink_settings import LadderSettings, UplinkSettings
from tests.link.csms import eventually

QUICK = LadderSettings(
    redial_wait_s=0, redial_tries=1, register_wait_s=0, register_tries=1, restart_wait_s=0, restart_tries=1
)
NOON = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)


@dataclass
class FakeModem:
    registration: Registration = Registration.HOME
    time: datetime | None = None
    fails: HardwareError | None = None
    connect_fails: HardwareError | None = None
    done: list[str] = field(default_factory=list)

    async def start(self) -> ModemIdentity:
        self.done.append("start")
        if self.fails:
            raise self.fails
        return ModemIdentity("Maker", "M1", "r1", "0", "0")

    async def network(self) -> NetworkStatus:
        if self.fails:
            raise self.fails
        return NetworkStatus(self.registration, "Op", -71)

    async def network_time(self) -> datetime | None:
        return self.time

    async def attach(self) -> None:
        self.done.append("attach")

    async def connect(self, host: str, port: int) -> socket.socket:
        self.done.append("connect")
        if self.connect_fails:
            raise self.connect_fails
        return socket.socket()

    async def quality(self) -> RadioQuality:
        return RadioQuality("LTE", "01A2D001", -99, -10, 13)

    async def last_cause(self) -> str:
        return "congestion"

    async def redial(self) -> None:
        self.done.append("redial")

    async def cycle_radio(self) -> None:
        self.done.append("cycle_radio")

    async def restart(self) -> None:
        self.done.append("restart")

    def use_access(self, name: str) -> None:
        self.done.append(f"use {name}")

    async def stop(self) -> None:
        self.done.append("stop")


@asynccontextmanager
async def uplink(folder: Path, modem: FakeModem) -> AsyncIterator[tuple[ModemUplink, Timekeeper]]:
    async with open_journal(folder / "j") as journal:
        keeper = await start_time(ManualClock(NOON, 10.0), journal, "a", clock_trusted=False)
        settings = UplinkSettings(poll_s=0.02, retry_s=0.02, reattach_after=2, ladder=QUICK)
        memory = LinkMemory(journal, keeper, UTC, timedelta(hours=3))
        made = ModemUplink(modem, settings, keeper, memory, accesses=("first.example", "second.example"))
        task = asyncio.create_task(made.run())
        try:
            yield made, keeper
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(20):
            await work()

    asyncio.run(within())


async def until(condition: Callable[[], object]) -> None:
    async def met() -> bool:
        return bool(condition())

    await eventually(met)


@pytest.fixture(autouse=True)
def _log_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_it_comes_up_and_gives_connections(tmp_path: Path) -> None:
    async def work() -> None:
        modem = FakeModem()
        async with uplink(tmp_path, modem) as (up, _):
            (await up.connect("h", 1)).close()
            assert modem.done == ["start", "attach", "connect"]

    run(work)


def test_a_connection_waits_for_coverage_and_the_loss_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        modem = FakeModem(Registration.SEARCHING)
        async with uplink(tmp_path, modem) as (up, _):
            asking = asyncio.create_task(up.connect("h", 1))
            await asyncio.sleep(0.2)
            assert not asking.done()
            modem.registration = Registration.ROAMING
            (await asking).close()
            modem.registration = Registration.SEARCHING
            await until(lambda: "coverage_lost" in caplog.text)
            await asyncio.sleep(0.2)
            modem.registration = Registration.HOME
            await until(lambda: modem.done.count("attach") == 2)

    run(work)
    assert [caplog.text.count(fact) for fact in ("no_coverage", "coverage_lost", "registered ")] == [1, 1, 2]


def test_the_network_tells_the_time(tmp_path: Path) -> None:
    async def work() -> None:
        modem = FakeModem()
        async with uplink(tmp_path, modem) as (_, keeper):
            await until(lambda: "attach" in modem.done)
            assert keeper.boot.source is TimeSource.UNSET
            modem.time = NOON + timedelta(hours=1)
            await until(lambda: keeper.boot.source is TimeSource.NETWORK)
            assert keeper.now().utc == NOON + timedelta(hours=1)

    run(work)


@pytest.mark.parametrize("error", [PortError("/dev/x does not exist"), LinkError("the modem is silent")])
def test_a_missing_modem_is_told_once_and_tried_for_ever(
    tmp_path: Path, error: HardwareError, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        modem = FakeModem(fails=error)
        async with uplink(tmp_path, modem) as (up, _):
            await until(lambda: modem.done.count("start") > 3)
            assert up.trouble == str(error)
            modem.fails = None
            (await up.connect("h", 1)).close()
            assert up.trouble == ""

    run(work)
    assert caplog.text.count("modem_lost") == 1


def test_a_sim_that_wants_a_person_is_not_pestered(tmp_path: Path) -> None:
    async def work() -> None:
        modem = FakeModem(fails=SimError("the SIM wants its PUK"))
        async with uplink(tmp_path, modem) as (up, _):
            await until(lambda: "PUK" in up.trouble)
            await asyncio.sleep(0.3)
            assert modem.done.count("start") == 1

    run(work)


def test_connections_without_a_reply_lead_up_the_ladder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        modem = FakeModem(connect_fails=LinkError("refused"))
        async with uplink(tmp_path, modem) as (up, _):
            for _ in range(3):
                up.tried()
                with pytest.raises(LinkLost, match="refused"):
                    await up.connect("h", 1)
            await until(lambda: "use second.example" in modem.done)
            up.proven()
            order = [what for what in modem.done if what in ("redial", "cycle_radio", "restart", "use second.example")]
            assert order[:4] == ["redial", "cycle_radio", "restart", "use second.example"]
            assert modem.done.count("start") == 2, "a modem that was restarted is started anew"
            await asyncio.sleep(0.2)
        async with open_journal(tmp_path / "j") as journal:
            kept = await journal.value(LADDER_VALUE) or ""
            assert '"access": "second.example"' in kept
            assert "congestion" in kept
            assert '"access": "+"' in kept

    run(work)
    assert "uplink_step step=redial reason='no OCPP reply' cause=congestion" in caplog.text.replace('"', "'")
    assert "uplink_recovered by=access" in caplog.text


def test_a_reply_proves_the_link(tmp_path: Path) -> None:
    async def work() -> None:
        modem = FakeModem()
        async with uplink(tmp_path, modem) as (up, _):
            for _ in range(10):
                up.tried()
                (await up.connect("h", 1)).close()
                up.proven()
            await asyncio.sleep(0.1)
            assert modem.done.count("attach") == 1

    run(work)


def test_connections_of_a_transfer_prove_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        modem = FakeModem()
        async with uplink(tmp_path, modem) as (up, _):
            for _ in range(10):
                (await up.connect("h", 1)).close()
            await asyncio.sleep(0.1)
            assert "redial" not in modem.done

    run(work)


def test_the_host_s_network_has_commands(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        mark = tmp_path / "dialled"
        ladder = replace(QUICK, redial_command=("touch", str(mark)), redial_wait_s=60)
        async with open_journal(tmp_path / "j") as journal:
            keeper = await start_time(ManualClock(NOON, 10.0), journal, "a", clock_trusted=False)
            memory = LinkMemory(journal, keeper, UTC, timedelta(hours=3))
            settings = UplinkSettings(poll_s=0.02, reattach_after=2, ladder=ladder)
            up = HostUplink(settings, keeper, memory, lambda: False)
            task = asyncio.create_task(up.run())
            for _ in range(3):
                up.tried()
            await until(mark.exists)
            up.proven()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    run(work)
    assert "uplink_recovered by=redial" in caplog.text


def test_the_host_s_own_network() -> None:
    async def work() -> None:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        (await HostBearer().connect("127.0.0.1", port)).close()
        server.close()
        await server.wait_closed()
        with pytest.raises(OSError, match=str(port)):
            await HostBearer().connect("127.0.0.1", port)

    run(work)
