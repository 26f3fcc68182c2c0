"""A simulated station with several EVSEs, boards of several kinds, two readers and a relay."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from hardware.api import EvseBoard, PilotState, Watchdog
from hardware.errors import LinkError
from hardware.meters.eastron import SDM72DM_V2
from hardware.meters.modbus_meter import ModbusMeter
from hardware.modbus import ModbusLine
from hardware.registry import make_board
from hardware.rfid.rdm6300 import Presentations
from hardware.rfid.readers import SerialReader
from shared.clock import SystemClock
from shared.config import ConfigError, parse
from simulators.app import Ports, open_world
from simulators.settings import Settings
from simulators.world import World

TEXT = """
[modem]
link = "{folder}/modem.tty"
[bus]
link = "{folder}/bus.tty"
baud = 115200
[[evse]]
meter_address = 11
board_address = 21
register_file = "{folder}/meter1.json"
[[evse]]
meter_address = 12
board_address = 22
meter_serial = 4712
initial_kwh = 1.5
register_file = "{folder}/meter2.json"
board = "bender-cc612"
[[evse]]
meter_address = 13
board_address = 23
register_file = "{folder}/meter3.json"
board = "walther-basicevo-pro"
[[reader]]
link = "{folder}/one.tty"
[[reader]]
link = "{folder}/two.tty"
[mailbox]
port = 0
folder = "{folder}/mailbox"
[control]
port = 0
[relay]
target = "127.0.0.1:1"
port = 0
[power]
program = ["{python}", "-c", "import time; time.sleep(60)"]
"""


class Place:
    """The simulated world as its control port and the drivers see it."""

    def __init__(self, world: World, ports: Ports, client: httpx.AsyncClient, line: ModbusLine) -> None:
        self.world, self.ports, self._client, self.line = world, ports, client, line

    async def post(self, path: str, **body: object) -> dict[str, object]:
        answer = await self._client.post(path, json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, object] = answer.json()
        return found

    async def evse(self, number: int) -> dict[str, object]:
        evses: dict[str, dict[str, object]] = (await self._client.get("/state")).json()["evses"]
        return evses[str(number)]

    async def text(self) -> str:
        return (await self._client.get("/")).text

    def board(self, number: int) -> EvseBoard:
        kind = ("simple-evse", "bender-cc612", "walther-basicevo-pro")[number - 1]
        return make_board(kind, self.line, 20 + number, Watchdog(1, 6))


def _settings(folder: Path) -> Settings:
    return parse(TEXT.format(folder=folder, python=sys.executable), Settings)


def _with(folder: Path, scenario: Callable[[Place], Awaitable[None]]) -> None:
    async def run() -> None:
        line = ModbusLine(
            str(folder / "bus.tty"), 115200, timeout_s=0.3, gap_s=0.0, rest_s=0.0, tries=2, setting="port"
        )
        async with (
            asyncio.timeout(20),
            open_world(_settings(folder)) as (world, ports),
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports.control}") as client,
        ):
            try:
                await scenario(Place(world, ports, client, line))
            finally:
                line.close()

    asyncio.run(run())


@pytest.mark.parametrize("number", [1, 2, 3])
def test_each_evse_has_its_own_vehicle_board_and_meter(tmp_path: Path, number: int) -> None:
    async def scenario(place: Place) -> None:
        board = place.board(number)
        await place.post("/plug", evse=number, max_power_w=3680, phases=1)
        assert (await board.status()).pilot is PilotState.B
        await board.allow(16)
        status = await board.status()
        assert (status.pilot, status.contactor_closed, status.offered_current_a) == (PilotState.C, True, 16)
        assert (await place.evse(number))["power_w"] == 3680
        others = [await place.evse(other) for other in (1, 2, 3) if other != number]
        assert all((other["power_w"], other["plugged"]) == (0, False) for other in others)
        await board.stop()
        assert not (await board.status()).contactor_closed

    _with(tmp_path, scenario)


@pytest.mark.parametrize("number", [2, 3])
def test_a_board_falls_to_its_safe_current_when_its_master_is_silent(tmp_path: Path, number: int) -> None:
    async def scenario(place: Place) -> None:
        board = place.board(number)
        await place.post("/plug", evse=number)
        await board.status()
        await board.allow(16)
        evse = await place.evse(number)
        assert (evse["offered_a"], evse["watches"], evse["safe_current_a"]) == (16, True, 6)
        await asyncio.sleep(1.5)
        assert (await place.evse(number))["offered_a"] == 6

    _with(tmp_path, scenario)


@pytest.mark.parametrize(
    ("number", "fault", "told"),
    [
        (1, "rcd", "GroundFailure"),
        (1, "diode", "DiodeFault"),
        (1, "internal", "InternalError"),
        (2, "lock", "ConnectorLockFailure"),
        (2, "over_current", "OverCurrentFailure"),
        (2, "under_voltage", "UnderVoltage"),
        (2, "tilt", "Tilt"),
        (2, "welded", "PowerSwitchFailure"),
        (3, "internal", "InternalError"),
    ],
)
def test_a_fault_is_raised_and_cleared(tmp_path: Path, number: int, fault: str, told: str) -> None:
    async def scenario(place: Place) -> None:
        board = place.board(number)
        await place.post("/board", evse=number, fault=fault)
        assert (await board.status()).faults == {told}
        await place.post("/board", evse=number, fault="")
        assert (await board.status()).faults == set()

    _with(tmp_path, scenario)


def test_a_warm_board_offers_less(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        board = place.board(3)
        await place.post("/plug", evse=3)
        await board.status()
        await board.allow(16)
        await place.post("/board", evse=3, temperature_c=75)
        assert (await board.status()).temperature_c == 75
        assert (await place.evse(3))["offered_a"] == 6

    _with(tmp_path, scenario)


def test_a_vehicle_draws_too_much_and_one_clings(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        board = place.board(1)
        await place.post("/plug", greed=1.5, clings=True, phases=1, max_power_w=43000)
        assert (await place.evse(1))["pilot"] == "C"
        await board.allow(10)
        assert (await place.evse(1))["power_w"] == 10 * 1.5 * 230
        await asyncio.sleep(0.1)
        place.line.close()
        await board.stop()
        assert (await place.evse(1))["contactor_closed"] is False

    _with(tmp_path, scenario)


def test_a_tag_comes_at_its_reader(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        tags = SerialReader(str(tmp_path / "two.tty"), 9600, Presentations()).tags()

        async def next_tag() -> str:
            return (await anext(tags)).value

        async with asyncio.TaskGroup() as tasks:
            tag = tasks.create_task(next_tag())
            await asyncio.sleep(0.05)
            await place.post("/tag", token="04A1B2C3D5", reader=2)
            assert await tag == "04A1B2C3D5"

    _with(tmp_path, scenario)


def test_a_meter_is_exchanged_and_slow(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        meter = ModbusMeter(place.line, 12, SDM72DM_V2, SystemClock().uptime)
        assert ((await meter.identify()).serial, (await meter.read()).energy_import) == ("4712", 1500)
        await place.post("/meter", evse=2, new_serial=99, new_register_kwh=0.25)
        other = ModbusMeter(place.line, 12, SDM72DM_V2, SystemClock().uptime)
        assert ((await other.identify()).serial, (await other.read()).energy_import) == ("99", 250)
        await place.post("/meter", evse=2, delay_s=2)
        with pytest.raises(LinkError):
            await other.read()

    _with(tmp_path, scenario)


def test_the_power_goes_with_everything_and_comes_back(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        board = place.board(2)
        await place.post("/plug", evse=2)
        await board.status()
        await board.allow(16)
        first = place.world.supply.controller_pid
        state = await place.post("/power", on=False)
        assert state["power"] == {"on": False, "controller_pid": None}
        assert (await place.evse(2))["contactor_closed"] is False
        with pytest.raises(LinkError):
            await board.status()
        await place.post("/power", on=True)
        assert place.world.supply.controller_pid not in (None, first)
        assert (await board.status()).offered_current_a == 0

    _with(tmp_path, scenario)


def test_the_link_is_cut_held_and_forgotten(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        assert place.ports.relay
        body = {"state": "half_open", "direction": "down", "delay_s": 0.5, "bytes_per_s": 1200}
        state = await place.post("/link", **body)
        counts = {"connections": 0, "bytes_sent": 0, "bytes_received": 0}
        assert state["relay"] == body | counts
        for modem in ("held", "half_open", "cut", "open"):
            await place.post("/link", link="modem", state=modem)

    _with(tmp_path, scenario)


def test_the_help_names_every_action_and_fault(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        from simulators.board import Fault
        from simulators.control import ACTIONS

        text = await place.text()
        assert all(f"POST {path}" in text for path in ACTIONS)
        assert all(fault in text for fault in Fault)

    _with(tmp_path, scenario)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("board_address = 22", "board_address = 21", "the same Modbus address 21"),
        ("meter2.json", "meter1.json", "the same register_file"),
        ("two.tty", "one.tty", "the same link"),
        ("127.0.0.1:1", "nowhere", "write for instance 127.0.0.1:9000"),
    ],
)
def test_devices_that_collide_are_refused(tmp_path: Path, old: str, new: str, text: str) -> None:
    made = parse(TEXT.format(folder=tmp_path, python=sys.executable).replace(old, new), Settings)
    with pytest.raises(ConfigError, match=text):
        made.check()
