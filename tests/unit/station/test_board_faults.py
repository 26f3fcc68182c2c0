"""The whole agent and a board that fails: tested at its first answer, a weld kept over restarts, cards remembered."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from hardware.api import BoardCapabilities, EvseStatus, Light
from hardware.errors import DeviceError
from shared.clock import SystemClock
from shared.config import ConfigError, parse
from shared.ids import EvseId
from station.devices import build_hardware
from station.errors import ServiceError
from station.service import socket_path
from station.service_client import ServiceClient
from station.settings import StationSettings, check
from tests.link.csms import Csms, eventually
from tests.unit.station.site import CARD, SETTINGS, Site, settings, station

NOBODY = 9
"""A port where no central system listens."""


@dataclass
class FailingSite(Site):
    """A site whose board can do all there is, and fails on demand."""

    welded: bool = False
    rcd_fails: bool = False
    tests: int = 0
    phases: int = 0
    lights: list[Light] = field(default_factory=list)

    @property
    def capabilities(self) -> BoardCapabilities:
        return BoardCapabilities(maximum_a=10, rcd_test=True, lights=True, phase_switching=True)

    @property
    def is_closed(self) -> bool:
        return self.welded or super().is_closed

    async def status(self) -> EvseStatus:
        faults = frozenset({"PowerSwitchFailure"}) if self.welded and not self.offered else frozenset[str]()
        return replace(await super().status(), faults=faults)

    async def test_rcd(self) -> None:
        self.tests += 1
        if self.rcd_fails:
            raise DeviceError("it did not trip")

    async def switch_phases(self, phases: int) -> None:
        self.phases = phases

    async def show(self, light: Light) -> None:
        self.lights.append(light)


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(30):
            await work()

    asyncio.run(within())


async def until(condition: Callable[[], object]) -> None:
    async def met() -> bool:
        return bool(condition())

    await eventually(met)


def made(folder: Path, extra: str = "") -> StationSettings:
    text = SETTINGS.format(folder=folder, port=NOBODY, sample_s=0).replace("poll_s = 0.1", f"poll_s = 0.1\n{extra}")
    return parse(text, StationSettings)


def service(folder: Path) -> ServiceClient:
    return ServiceClient(socket_path(folder / "journal.sqlite", ""))


@pytest.fixture(autouse=True)
def _log_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_the_board_is_tested_at_its_first_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        site = FailingSite()
        async with station(made(tmp_path, "phases = 1"), site):
            await until(lambda: Light.READY in site.lights)
            assert (site.tests, site.phases) == (1, 1)
            site.plug()
            site.tap()
            await until(lambda: site.offered)
            assert site.offered == 10  # the installation carries 16 A, the board can do 10
            await until(lambda: Light.CHARGING in site.lights)
            assert site.tests == 1

    run(work)
    assert "board_fit" in caplog.text


def test_a_failed_test_blocks_until_it_passes(tmp_path: Path) -> None:
    async def work() -> None:
        site = FailingSite(rcd_fails=True)
        async with station(made(tmp_path), site):
            await until(lambda: Light.FAULT in site.lights)
            site.plug()
            site.tap()
            await asyncio.sleep(0.3)
            assert not site.offered
            site.rcd_fails = False
            result = await service(tmp_path).call("self_test")
            assert result["passed"]
            await until(lambda: site.lights[-1] is Light.BUSY)
            site.tap()
            await until(lambda: site.offered)

    run(work)


def test_before_each_charge_if_the_site_wants_it(tmp_path: Path) -> None:
    async def work() -> None:
        site = FailingSite()
        async with station(made(tmp_path, 'rcd_test = "charge"'), site):
            await until(lambda: site.tests == 1)
            site.plug()
            site.tap()
            await until(lambda: site.offered)
            assert site.tests == 2
            site.tap()
            await until(lambda: not site.offered)
            site.rcd_fails = True
            site.unplug()
            await asyncio.sleep(0.3)
            site.plug()
            site.tap()
            await until(lambda: site.tests == 3)
            await asyncio.sleep(0.3)
            assert not site.offered

    run(work)


def test_a_weld_is_kept_over_a_restart_and_cleared_by_a_technician(tmp_path: Path) -> None:
    async def work() -> None:
        site = FailingSite()
        async with station(made(tmp_path), site):
            site.plug()
            site.tap()
            await until(lambda: site.offered)
            site.welded = True
            site.tap()
            await until(lambda: Light.FAULT in site.lights)
        site.welded = False  # it came loose with the knock of the power cut: still nobody may be connected to it
        async with station(made(tmp_path), site, "boot-b"):
            site.lights.clear()
            await until(lambda: Light.FAULT in site.lights)
            site.tap()
            await asyncio.sleep(0.3)
            assert not site.offered
            assert (await service(tmp_path).call("clear_fault"))["cleared"] == ["PowerSwitchFailure"]
            await until(lambda: site.lights[-1] is Light.BUSY)
            with pytest.raises(ServiceError, match="keeps no fault"):
                await service(tmp_path).call("clear_fault")
        async with station(made(tmp_path), site, "boot-c"):
            site.tap()
            await until(lambda: site.offered)

    run(work)


def test_a_weld_that_is_there_can_t_be_cleared(tmp_path: Path) -> None:
    async def work() -> None:
        site = FailingSite(welded=True)
        async with station(made(tmp_path), site):
            await until(lambda: Light.FAULT in site.lights)
            with pytest.raises(ServiceError, match="Repair it first"):
                await service(tmp_path).call("clear_fault")

    run(work)


def test_cards_are_shown_to_the_technician_and_masked_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        site = FailingSite()
        async with station(made(tmp_path), site):
            site.tap()
            await until(lambda: "authorized" in caplog.text)
            (shown,) = (await service(tmp_path).call("cards"))["shown"]
            assert (shown["token"], shown["known"], shown["accepted"]) == (CARD.value, True, True)
            assert 0 <= shown["age_s"] < 20

    run(work)
    assert CARD.value not in caplog.text


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        ('board = "gpio"', "evse 1: evse.gpio.contactor is missing"),
        ('board = "gpio"\ngpio.contactor = "17"', "is no GPIO line"),
        ("phases = 2", "write 1 or 3"),
        ("board_safe_current_a = 5", "0 or 6 and more"),
        ("board_watchdog_s = 1\npoll_s = 1", "three times poll_s"),
    ],
)
def test_settings_of_boards_that_make_no_sense(tmp_path: Path, extra: str, says: str) -> None:
    text = SETTINGS.format(folder=tmp_path, port=NOBODY, sample_s=0).replace("poll_s = 0.1", extra)
    with pytest.raises(ConfigError, match=says):
        check(parse(text, StationSettings))


def test_a_gpio_board_needs_no_bus(tmp_path: Path) -> None:
    text = SETTINGS.format(folder=tmp_path, port=NOBODY, sample_s=0).replace('board_bus = "bus"', 'board = "gpio"')
    text = text.replace('board = "gpio"', 'board = "gpio"\ngpio.contactor = "gpiochip0:17"')
    made = parse(text, StationSettings)
    check(made)
    board = build_hardware(made, SystemClock()).evses[EvseId(1)].board
    assert board.capabilities.pilot_voltage


@dataclass
class LockingSite(FailingSite):
    """A site with a lock."""

    locked: bool = True
    sticks: bool = False

    @property
    def capabilities(self) -> BoardCapabilities:
        return BoardCapabilities(lock=True)

    async def lock(self) -> None:
        self.locked = True

    async def unlock(self) -> None:
        if self.sticks:
            raise DeviceError("the plug can't be unlocked")
        self.locked = False


def test_the_central_system_frees_a_plug(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])

    async def work() -> None:
        site, csms = LockingSite(), Csms(port=port)
        async with csms.serve(), station(settings(tmp_path, port), site):
            await csms.until(lambda: csms.of("BootNotification"))
            site.plug()
            site.tap()
            await until(lambda: site.offered)
            site.locked = True
            assert await csms.ask("UnlockConnector", {"connectorId": 1}) == [3, {"status": "Unlocked"}]
            assert (site.offered, site.locked) == (0, False)
            await csms.until(lambda: csms.of("StopTransaction"))
            assert csms.of("StopTransaction")[0][1]["reason"] == "UnlockCommand"
            site.sticks = True
            assert await csms.ask("UnlockConnector", {"connectorId": 1}, "c2") == [3, {"status": "UnlockFailed"}]
            assert await csms.ask("UnlockConnector", {"connectorId": 2}, "c3") == [3, {"status": "NotSupported"}]

    run(work)


def test_a_tripped_residual_current_device_outlives_a_restart_of_the_agent(tmp_path: Path) -> None:
    @dataclass
    class Tripping(FailingSite):
        has_tripped: bool = False

        async def status(self) -> EvseStatus:
            faults = frozenset({"GroundFailure"}) if self.has_tripped else frozenset[str]()
            return replace(await super().status(), faults=faults)

    async def work() -> None:
        site = Tripping()
        async with station(made(tmp_path), site):
            await until(lambda: Light.READY in site.lights)
            site.plug()
            site.has_tripped = True
            await until(lambda: site.lights[-1] is Light.FAULT)
            site.has_tripped = False
        site.lights.clear()
        async with station(made(tmp_path), site):
            await until(lambda: Light.FAULT in site.lights)
            site.tap()
            await asyncio.sleep(0.4)
            assert not site.offered
            site.unplug()
            await until(lambda: site.lights[-1] is Light.READY)

    run(work)
