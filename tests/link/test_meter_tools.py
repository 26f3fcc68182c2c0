"""`meter read`, `registers` and `verify` on a simulated bus, without the agent."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from shared.config import load
from station.errors import FieldError, ServiceError
from station.field import meter_tools
from station.field.keeping import keeping_path, kept
from station.journal_file import journal_lock
from station.service_client import Facts
from station.settings import StationSettings
from tests.link.bus import BAUD, BOARD, METER, open_bus
from tests.unit.station.field.scripted import NoLoans, Scripted

CONFIG = """
[identity]
charge_point_id = "CP1"
[csms]
url = "ws://csms.example.com/ocpp"
[journal]
path = "{folder}/journal.sqlite"
[uplink]
bearer = "host"
[[bus]]
name = "rs485"
port = "{folder}/bus.tty"
baud = {baud}
rest_s = 0.0
[[evse]]
board_bus = "rs485"
board_address = {board}
meter_bus = "rs485"
meter_address = {meter}
"""


class Stopped(NoLoans):
    async def call(self, operation: str, arguments: Mapping[str, object] = {}) -> Facts:
        raise ServiceError("the agent does not run")


class Running(NoLoans):
    async def call(self, operation: str, arguments: Mapping[str, object] = {}) -> Facts:
        facts: Facts = {"evse": 1, "energy_wh": 4_711_123, "power_w": 11_000, "age_s": 3.2, "voltages_mv": [230_100]}
        return {"meters": [{**facts, "model": "SDM72DM-V2", "serial": "22411873"} if arguments else facts]}


def on_a_bus(folder: Path, tool: Callable[[StationSettings], Awaitable[object]]) -> None:
    config = folder / "station.toml"
    config.write_text(CONFIG.format(folder=folder, baud=BAUD, board=BOARD, meter=METER))

    async def scene() -> None:
        async with open_bus(folder):
            await tool(load(config, StationSettings))

    asyncio.run(scene())


def test_read_shows_what_the_meter_says(tmp_path: Path) -> None:
    dialog = Scripted(["q"], "de")

    async def tool(settings: StationSettings) -> None:
        await meter_tools.read(dialog, Stopped(), settings)
        await meter_tools.read(dialog, Stopped(), settings, watch=True)

    on_a_bus(tmp_path, tool)
    assert "Ladepunkt 1  SDM72DM-V2 22411873\n    4711.123 kWh   0.00 kW\n    L1 230.0 V  0.00 A" in dialog.heard


def test_registers_shows_words_values_and_sources(tmp_path: Path) -> None:
    dialog = Scripted([])

    async def tool(settings: StationSettings) -> None:
        await meter_tools.registers(dialog, Stopped(), settings)

    on_a_bus(tmp_path, tool)
    assert "not yet verified on a bench" in dialog.heard
    assert "energy_import  4/0x0048 f32  4593 38FC           4711.123 kWh  [1] [2]" in dialog.heard
    assert "serial         3/0xFC00 u32  0155 FA61           22411873" in dialog.heard


@pytest.mark.parametrize(
    ("typed", "words"),
    [("4711,1", "agree"), ("47,1", "100 times too large"), ("5", "compare the serial number")],
)
def test_verify_compares_with_the_display_and_remembers(tmp_path: Path, typed: str, words: str) -> None:
    dialog = Scripted([typed])

    async def tool(settings: StationSettings) -> None:
        await meter_tools.verify(dialog, Stopped(), settings)

    on_a_bus(tmp_path, tool)
    assert words in dialog.heard
    check = kept(keeping_path(tmp_path / "journal.sqlite"))["meters"]["1"]
    assert check["passed"] is (words == "agree")
    assert check["register_wh"] == 4_711_123
    assert check["serial"] == "22411873"


def test_the_running_agent_is_asked_and_keeps_the_bus(tmp_path: Path) -> None:
    dialog = Scripted([False])

    async def tool(settings: StationSettings) -> None:
        with journal_lock(settings.journal.path):
            await meter_tools.read(dialog, Running(), settings)
            with pytest.raises(FieldError, match="the agent keeps the line"):
                await meter_tools.registers(dialog, Running(), settings)
            with pytest.raises(FieldError, match="systemctl stop emops-station"):
                await meter_tools.registers(dialog, Stopped(), settings)
        with pytest.raises(FieldError, match="there is no EVSE 7"):
            await meter_tools.registers(dialog, Running(), settings, evse=7)

    on_a_bus(tmp_path, tool)
    assert "4711.123 kWh   11.00 kW   3 s old" in dialog.heard
    assert "May EVSE 1 be out of service" in dialog.heard


def test_a_silent_meter_is_named(tmp_path: Path) -> None:
    dialog = Scripted([])

    async def tool(settings: StationSettings) -> None:
        import dataclasses

        evse = dataclasses.replace(settings.evse[0], meter_address=99)
        await meter_tools.read(dialog, Stopped(), dataclasses.replace(settings, evse=(evse,)))

    on_a_bus(tmp_path, tool)
    assert "no answer from Modbus address 99" in dialog.heard
