"""The control port over HTTP, with the whole simulated world behind it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from hardware.rfid.rdm6300 import Presentations
from hardware.rfid.readers import Pn532Reader, SerialReader
from shared.config import parse
from simulators.app import open_world
from simulators.settings import Settings
from simulators.signing_meter import SigningMeter
from simulators.world import World


def settings(folder: Path, more: str = "") -> Settings:
    text = f"""
        [modem]
        link = "{folder}/modem.tty"
        [bus]
        link = "{folder}/bus.tty"
        register_file = "{folder}/meter.json"
        [rfid]
        link = "{folder}/rfid.tty"
        [mailbox]
        port = 0
        folder = "{folder}/mailbox"
        [control]
        port = 0
        {more}"""
    return parse(text, Settings)


Scenario = Callable[[httpx.AsyncClient, World], Awaitable[None]]


def _with(folder: Path, scenario: Scenario) -> None:
    async def run() -> None:
        async with (
            open_world(settings(folder)) as (world, ports),
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports.control}") as client,
        ):
            await scenario(client, world)

    asyncio.run(run())


def test_state_tells_all(tmp_path: Path) -> None:
    async def scenario(client: httpx.AsyncClient, world: World) -> None:
        state = (await client.get("/state")).json()
        assert state["evses"]["1"] == {
            "plugged": False,
            "pilot": "A",
            "contactor_closed": False,
            "offered_a": 0,
            "power_w": 0,
            "register_wh": 4_711_000,
            "soc": None,
            "soc_kwh": None,
            "wants_energy": None,
            "fault": "",
            "temperature_c": 25,
            "watches": False,
            "safe_current_a": 0,
            "board_answering": True,
            "meter_answering": True,
        }
        assert set(state["modem"]) == {"dbm", "registered", "bytes_sent", "bytes_received"}
        assert state["relay"] is None
        assert state["power"] == {"on": True, "controller_pid": None}
        assert state["mailbox"] == {"accepting": True, "count": 0}

    _with(tmp_path, scenario)


def test_a_vehicle_comes_charges_pauses_and_leaves(tmp_path: Path) -> None:
    async def scenario(client: httpx.AsyncClient, world: World) -> None:
        body = {"evse": 1, "battery_kwh": 58.5, "soc_kwh": 11.7, "max_power_w": 7400, "phases": 1}
        evse = (await client.post("/plug", json=body)).json()["evses"]["1"]
        assert (evse["pilot"], evse["soc"], evse["soc_kwh"]) == ("B", 0.2, 11.7)
        world.evses[1].board.write(1000, 16)
        evse = (await client.get("/state")).json()["evses"]["1"]
        assert (evse["pilot"], evse["contactor_closed"], evse["power_w"]) == ("C", True, 3680)
        evse = (await client.post("/vehicle", json={"wants_energy": False})).json()["evses"]["1"]
        assert (evse["pilot"], evse["contactor_closed"], evse["power_w"]) == ("B", False, 0)
        assert (await client.post("/plug")).status_code == 409
        evse = (await client.post("/unplug", json={"evse": 1})).json()["evses"]["1"]
        assert (evse["plugged"], evse["pilot"]) == (False, "A")
        assert (await client.post("/unplug")).status_code == 409
        assert (await client.post("/vehicle", json={"wants_energy": True})).status_code == 409

    _with(tmp_path, scenario)


def test_a_tag_reaches_the_reader(tmp_path: Path) -> None:
    async def scenario(client: httpx.AsyncClient, world: World) -> None:
        tags = SerialReader(str(tmp_path / "rfid.tty"), 9600, Presentations()).tags()

        async def next_tag() -> str:
            return (await anext(tags)).value

        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            tag = tasks.create_task(next_tag())
            await asyncio.sleep(0.05)
            assert (await client.post("/tag", json={"token": "04a1b2c3d4"})).status_code == 200
            assert await tag == "04A1B2C3D4"

    _with(tmp_path, scenario)


def test_a_tag_reaches_a_pn532(tmp_path: Path) -> None:
    async def run() -> None:
        made = settings(tmp_path)
        made = replace(made, rfid=replace(made.rfid, kind="pn532", baud=115200))
        async with (
            open_world(made) as (_, ports),
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports.control}") as client,
            asyncio.timeout(10),
            asyncio.TaskGroup() as tasks,
        ):
            tags = Pn532Reader(str(tmp_path / "rfid.tty"), 115200).tags()

            async def next_tag() -> str:
                return (await anext(tags)).value

            tag = tasks.create_task(next_tag())
            assert (await client.post("/tag", json={"token": "04a1b2c3d4e5f6"})).status_code == 200
            assert await tag == "04A1B2C3D4E5F6"

    asyncio.run(run())


def test_the_board_fails_and_is_mended(tmp_path: Path) -> None:
    async def scenario(client: httpx.AsyncClient, world: World) -> None:
        for fault, closed in (("welded", True), ("rcd", False), ("", False)):
            evse = (await client.post("/board", json={"fault": fault})).json()["evses"]["1"]
            assert (evse["contactor_closed"], evse["pilot"]) == (closed, "F" if fault == "rcd" else "A")

    _with(tmp_path, scenario)


def test_a_signing_meter_loses_its_power(tmp_path: Path) -> None:
    async def run() -> None:
        made = settings(tmp_path)
        signing = replace(made, bus=replace(made.bus, meter="EM580"))
        async with (
            open_world(signing) as (world, ports),
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports.control}") as client,
        ):
            meter = world.evses[1].site.meter
            assert isinstance(meter, SigningMeter)
            for register, word in zip(range(0x7032, 0x7036), (0x5300, 0x6904, 0, 0), strict=True):
                meter.write(register, word)
            assert meter.clock is not None
            assert (await client.post("/meter", json={"loses_power": True})).status_code == 200
            assert meter.clock is None

    asyncio.run(run())


def test_another_meter_forgets_nothing_without_power(tmp_path: Path) -> None:
    async def scenario(client: httpx.AsyncClient, _world: World) -> None:
        assert (await client.post("/meter", json={"loses_power": True})).status_code == 409

    _with(tmp_path, scenario)


def test_coverage_meter_and_mailbox_are_switched(tmp_path: Path) -> None:
    async def scenario(client: httpx.AsyncClient, world: World) -> None:
        for dbm in (-101, None):
            state = (await client.post("/coverage", json={"dbm": dbm})).json()
            assert state["modem"]["dbm"] == dbm
        for switch in (False, True):
            state = (await client.post("/meter", json={"answering": switch})).json()
            assert state["evses"]["1"]["meter_answering"] is switch
            state = (await client.post("/mailbox", json={"accepting": switch})).json()
            assert state["mailbox"]["accepting"] is switch

    _with(tmp_path, scenario)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/plug", b"{", "body"),
        ("/plug", b"[]", "body"),
        ("/plug", b"\xff", "body"),
        ("/plug", b'{"evse": 2}', "evse"),
        ("/plug", b'{"battery_kwh": 0}', "battery_kwh"),
        ("/plug", b'{"battery_kwh": NaN}', "battery_kwh"),
        ("/plug", b'{"battery_kwh": 50, "soc_kwh": 51}', "soc_kwh"),
        ("/plug", b'{"max_power_w": "11000"}', "max_power_w"),
        ("/plug", b'{"max_power_w": true}', "max_power_w"),
        ("/plug", b'{"phases": 2.5}', "phases"),
        ("/plug", b'{"wants_energy": 1}', "wants_energy"),
        ("/plug", b'{"soc": 0.5}', "soc"),
        ("/vehicle", b"{}", "wants_energy"),
        ("/tag", b"{}", "token"),
        ("/tag", b'{"token": "04A1B2C3"}', "token"),
        ("/tag", b'{"token": 4711}', "token"),
        ("/board", b'{"fault": "tired"}', "fault"),
        ("/board", b'{"fault": "tilt"}', "fault"),
        ("/tag", b'{"token": "04A1B2C3D4", "reader": 2}', "reader"),
        ("/link", b'{"state": "bad"}', "state"),
        ("/link", b'{"link": "modem", "direction": "up"}', "direction"),
        ("/power", b"{}", "on"),
        ("/coverage", b"{}", "dbm"),
        ("/coverage", b'{"dbm": 10}', "dbm"),
        ("/meter", b'{"answering": "no"}', "answering"),
        ("/mailbox", b'{"accepting": null}', "accepting"),
    ],
)
def test_what_is_not_understood_names_the_field(tmp_path: Path, path: str, body: bytes, field: str) -> None:
    async def scenario(client: httpx.AsyncClient, world: World) -> None:
        before = (await client.get("/state")).json()
        answer = await client.post(path, content=body)
        assert answer.status_code == 422
        assert answer.json()["field"] == field
        assert answer.json()["error"].startswith(f"{field}: ")
        assert (await client.get("/state")).json() == before

    _with(tmp_path, scenario)


def test_what_does_not_exist_is_not_found(tmp_path: Path) -> None:
    async def scenario(client: httpx.AsyncClient, world: World) -> None:
        assert (await client.post("/nowhere")).status_code == 404
        assert (await client.get("/tag")).status_code == 405

    _with(tmp_path, scenario)
