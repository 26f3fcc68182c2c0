"""A running agent lends its bus to a tool and takes it back: the real agent, a real line of ptys, the real scan."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from hardware.errors import PortError
from hardware.meters.catalogue import table
from shared.clock import SystemClock
from shared.config import parse
from shared.units import Wh
from simulators.evse_board import BoardSimulator
from simulators.meter import MeterSimulator
from simulators.site import Site
from station.app import run_station
from station.devices import build_hardware
from station.errors import ServiceError
from station.field import meter_scan
from station.field.meter_tools import registers
from station.report import reasons, status_of
from station.service_client import ServiceClient
from station.settings import StationSettings
from tests.link.bus import BAUD, BOARD, METER, answering, car
from tests.link.csms import Csms, eventually
from tests.unit.station.field.scripted import Scripted

CONFIG = """
[identity]
charge_point_id = "CP1"
[csms]
url = "ws://127.0.0.1:{port}/ocpp"
[journal]
path = "{folder}/journal.sqlite"
[uplink]
bearer = "host"
[ocpp]
MinimumStatusDuration = 0
AuthorizeRemoteTxRequests = false
[[bus]]
name = "rs485"
port = "{folder}/bus.tty"
baud = {baud}
timeout_s = 0.3
rest_s = 0.0
[[evse]]
board_bus = "rs485"
board_address = {board}
meter_bus = "rs485"
meter_address = {meter}
poll_s = 0.1
"""

HOLDER = """
import asyncio, sys
from pathlib import Path
from station.service_client import ServiceClient

async def hold():
    async with ServiceClient(Path(sys.argv[1])).borrow("lend_bus", {"bus": "rs485"}):
        print("held", flush=True)
        await asyncio.sleep(60)

asyncio.run(hold())
"""


@dataclass(frozen=True, slots=True)
class Place:
    settings: StationSettings
    service: ServiceClient
    csms: Csms
    site: Site
    clock: SystemClock
    socket: Path

    def statuses(self) -> list[tuple[str, str]]:
        found = [payload for _, payload in self.csms.of("StatusNotification") if payload["connectorId"] == 1]
        return [(payload["status"], payload.get("info", "")) for payload in found]

    async def until_status(self, *wanted: tuple[str, str]) -> None:
        await self.csms.until(lambda: self.statuses()[-len(wanted) :] == list(wanted))

    async def kwh_known(self) -> bool:
        meters = (await self.service.call("meters"))["meters"]
        return meters[0]["age_s"] is not None and float(meters[0]["age_s"]) < 1

    async def is_charging(self) -> bool:
        return bool((await self.service.call("evse"))["evses"][0]["transaction"])


@asynccontextmanager
async def agent(folder: Path) -> AsyncIterator[Place]:
    """The agent with a board and a meter on a line, connected to its central system."""
    clock = SystemClock()
    site = Site(clock, MeterSimulator(22411873, Wh(4_711_123)), BoardSimulator())
    async with (
        Csms().serve() as csms,
        answering(folder / "bus.tty", {METER: site.meter, BOARD: site.board}),
    ):
        text = CONFIG.format(folder=folder, port=csms.port, baud=BAUD, board=BOARD, meter=METER)
        settings = parse(text, StationSettings)
        stop, socket = asyncio.Event(), folder / "journal.sqlite.service"
        hardware = build_hardware(settings, clock)
        task = asyncio.create_task(run_station(settings, hardware, clock=clock, kernel_boot_id="b", stop=stop))
        place = Place(settings, ServiceClient(socket, keep_loan_s=0.05), csms, site, clock, socket)
        try:
            await csms.until(lambda: place.statuses()[-1:] == [("Available", "")])
            await eventually(place.kwh_known)
            yield place
        finally:
            stop.set()
            async with asyncio.timeout(10):
                await task
            for line in hardware.lines.values():
                line.close()


def play(folder: Path, scene: Callable[[Place], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(30), agent(folder) as place:
            await scene(place)

    asyncio.run(run())


async def charge(place: Place) -> None:
    place.site.plug(car())
    tag = {"idTag": "04A1B2C3D4", "connectorId": 1}
    assert await place.csms.ask("RemoteStartTransaction", tag) == [3, {"status": "Accepted"}]
    await eventually(place.is_charging)


def test_a_scan_beside_the_running_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter_scan, "all_tables", lambda: (table("SDM72DM-V2"),))
    monkeypatch.setattr(meter_scan, "ANSWER_S", 0.05)

    async def scene(place: Place) -> None:
        dialog = Scripted([True, False])
        await meter_scan.run(dialog, place.service, place.settings)
        assert "May EVSE 1 be out of service until this is done?" in dialog.heard
        assert "SDM72DM-V2: 4711.123 kWh" in dialog.heard
        await place.until_status(("Unavailable", "maintenance"), ("Available", ""))
        await eventually(place.kwh_known)
        await charge(place)

    play(tmp_path, scene)


def test_registers_beside_the_running_agent(tmp_path: Path) -> None:
    async def scene(place: Place) -> None:
        dialog = Scripted([True])
        await registers(dialog, place.service, place.settings)
        assert "4711.123 kWh" in dialog.heard
        await eventually(place.kwh_known)

    play(tmp_path, scene)


def test_while_it_is_lent_nothing_starts_and_why_says_so(tmp_path: Path) -> None:
    async def scene(place: Place) -> None:
        async with place.service.borrow("lend_bus", {"bus": "rs485"}) as lent:
            assert lent == {"evses": [1]}
            await place.until_status(("Unavailable", "maintenance"))

            async def told() -> bool:
                return any("maintenance" in line for line in reasons(status_of(place.settings)))

            await eventually(told)
            place.site.plug(car())
            tag = {"idTag": "04A1B2C3D4", "connectorId": 1}
            await place.csms.ask("RemoteStartTransaction", tag)
            with pytest.raises(ServiceError, match="EVSE 1 is in maintenance: another tool has its lines"):
                await place.service.call("self_test", {"evse": 1})
            with pytest.raises(ServiceError, match="in maintenance"):
                async with place.service.borrow("lend_bus", {"bus": "rs485"}):
                    pass
            with pytest.raises(ServiceError, match="lent to a technician's tool"):
                await place.service.call("meters", {"identify": True})
            await asyncio.sleep(0.3)  # the agent looks three times, and the loan is kept up
            assert not await place.is_charging()
            assert not place.site.board.contactor_closed
        await place.until_status(("Preparing", ""))
        assert not await place.is_charging()

    play(tmp_path, scene)


def test_nothing_is_lent_while_somebody_charges(tmp_path: Path) -> None:
    async def scene(place: Place) -> None:
        await charge(place)
        with pytest.raises(ServiceError, match="EVSE 1 is in use: wait until nobody charges there"):
            await meter_scan.run(Scripted([True]), place.service, place.settings)
        with pytest.raises(ServiceError, match="there is no bus 'can'; there are: rs485"):
            async with place.service.borrow("lend_bus", {"bus": "can"}):
                pass
        assert await place.is_charging()
        assert await place.kwh_known()

    play(tmp_path, scene)


def test_a_killed_tool_gives_the_bus_back(tmp_path: Path) -> None:
    async def scene(place: Place) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", HOLDER, str(place.socket), stdout=asyncio.subprocess.PIPE, env={**os.environ}
        )
        assert process.stdout
        assert await process.stdout.readline() == b"held\n"
        await place.until_status(("Unavailable", "maintenance"))
        process.send_signal(signal.SIGKILL)
        await process.wait()
        await place.until_status(("Unavailable", "maintenance"), ("Available", ""))
        assert (await place.service.call("self_test", {"evse": 1}))["passed"]

    play(tmp_path, scene)


def test_a_tool_hears_that_the_agent_has_ended(tmp_path: Path) -> None:
    held = asyncio.Event()

    async def hold(service: ServiceClient) -> None:
        async with service.borrow("lend_bus", {"bus": "rs485"}):
            held.set()
            await asyncio.Event().wait()

    async def scene() -> None:
        async with agent(tmp_path) as place:
            holding = asyncio.create_task(hold(ServiceClient(place.socket)))
            await held.wait()
        with pytest.raises(ServiceError, match="the agent has ended, and the loan with it"):
            await holding

    asyncio.run(scene())


def test_a_lent_line_opens_no_port(tmp_path: Path) -> None:
    async def scene(place: Place) -> None:
        hardware = build_hardware(place.settings, place.clock)
        line = hardware.lines["rs485"]
        async with place.service.borrow("lend_bus", {"bus": "rs485"}):
            await line.read_input(METER, 0x48, 2)
            await line.lend()
            with pytest.raises(PortError, match="lent to a technician's tool"):
                await line.read_input(METER, 0x48, 2)
            line.take_back()
            await line.read_input(METER, 0x48, 2)
            line.close()

    play(tmp_path, scene)
