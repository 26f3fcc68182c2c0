"""A GPIO board with its loop: PWM in a tree of files, vehicle and lines made up. Test machines have no such chip."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from hardware.api import EvseStatus, Light, PilotState
from hardware.errors import DeviceError, LinkError, PortError
from hardware.evse import gpio_board
from hardware.evse.gpio_board import GpioBoard
from hardware.evse.self_test import self_test
from hardware.evse.wiring import INPUTS, OUTPUTS, GpioWiring
from shared.ids import EvseId
from station.devices import EvseHardware, Hardware
from tests.link.csms import eventually
from tests.unit.station.site import Site, settings, station

VOLTS = {"A": 12.0, "B": 9.0, "C": 6.0, "D": 3.0}
ALL_WIRED = GpioWiring(
    **{name: f"gpiochip0:{number}" for number, name in enumerate(OUTPUTS + INPUTS)},  # type: ignore[arg-type]  # texts
    proximity="iio:device0:1",
)


@dataclass
class Bench:
    """Everything around the board."""

    sys: Path
    vehicle: str = "A"
    outputs: dict[str, bool] = field(default_factory=dict)
    history: list[tuple[str, bool]] = field(default_factory=list)
    opened: int = 0
    beats: int = 0
    welded: bool = False
    rcd_works: bool = True
    lock_sticks: bool = False
    locked: bool = False
    broken: bool = False
    proximity_v: float = 3.3 * 220 / 1220
    _phase: int = 0

    # --- lines ---
    def open_lines(self, wiring: GpioWiring) -> "Bench":
        self.opened += 1
        self.outputs = dict.fromkeys(wiring.lines(OUTPUTS), False)
        return self

    def set(self, name: str, on: bool) -> None:
        if self.broken:
            raise PortError("the chip went away")
        if name == "heartbeat":
            self.beats += on != self.outputs[name]
        else:
            self.history.append((name, on))
        self.outputs[name] = on
        if name in ("lock_close", "lock_open") and on and not self.lock_sticks:
            self.locked = name == "lock_close"

    def get(self, name: str) -> bool:
        match name:
            case "feedback":
                return self.welded or self.outputs.get("contactor", False)
            case "rcd_trip":
                return self.rcd_works and self.outputs.get("rcd_test", False)
            case _:
                return self.locked

    def close(self) -> None:
        pass

    # --- pilot ---
    @property
    def duty(self) -> float:
        channel = self.sys / "class" / "pwm" / "pwmchip0" / "pwm0"
        return int((channel / "duty_cycle").read_text()) / 1_000_000

    def open_channel(self, name: str) -> "Pin":
        return Pin(self, name)


@dataclass
class Pin:
    """An analogue input. The pilot is read at another moment of the PWM's period each time."""

    bench: Bench
    name: str

    def read_v(self) -> float:
        bench = self.bench
        if bench.broken:
            raise PortError("the converter went away")
        if self.name.endswith(":1"):
            return bench.proximity_v
        bench._phase = (bench._phase + 37) % 100
        return (VOLTS[bench.vehicle] if bench._phase < bench.duty * 100 else -12.0) / 10

    def close(self) -> None:
        pass


@asynccontextmanager
async def served(tmp_path: Path, wiring: GpioWiring = ALL_WIRED) -> AsyncIterator[tuple[Bench, GpioBoard]]:
    channel = tmp_path / "class" / "pwm" / "pwmchip0" / "pwm0"
    channel.mkdir(parents=True)
    bench = Bench(tmp_path)
    board = GpioBoard(
        wiring, bench.open_lines, open_channel=bench.open_channel, sys=tmp_path, stop_s=0.3, phase_pause_s=0.1
    )
    async with asyncio.TaskGroup() as tasks:
        job = tasks.create_task(board.run())
        try:
            await until(board, lambda status: status.pilot is PilotState.A)
            yield bench, board
        finally:
            job.cancel()


async def until(board: GpioBoard, met: Callable[[EvseStatus], bool]) -> EvseStatus:
    async with asyncio.timeout(5):
        while True:
            try:
                status = await board.status()
            except LinkError:
                status = None
            if status and met(status):
                return status
            await asyncio.sleep(0.01)


def run(work: Awaitable[None]) -> None:
    async def within() -> None:
        async with asyncio.timeout(30):
            await work

    asyncio.run(within())


def test_a_charge_from_plug_to_unplug(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as (bench, board):
            status = await board.status()
            assert (status.cable_current_a, status.pilot_v, status.locked) == (32, 12.0, False)
            bench.vehicle = "B"
            await board.allow(16)
            assert bench.locked
            await until(board, lambda status: status.offered_current_a == 16)
            assert bench.duty == pytest.approx(16 / 60, abs=1e-5)
            bench.vehicle = "C"
            await until(board, lambda status: status.contactor_closed)
            with pytest.raises(DeviceError, match="stays locked"):
                await board.unlock()
            with pytest.raises(DeviceError, match="while a vehicle charges"):
                await board.test_rcd()
            await board.stop()  # the vehicle goes on drawing: it is cut off
            assert (bench.outputs["contactor"], bench.duty, bench.locked) == (False, 1.0, False)
            bench.vehicle = "A"
            status = await until(board, lambda status: status.pilot is PilotState.A)
            assert not status.contactor_closed
            assert not status.faults

    run(scenario())


def test_the_heartbeat_beats_while_the_loop_runs_and_not_without(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as (bench, _board):
            before = bench.beats
            await asyncio.sleep(0.5)
            assert 12 <= bench.beats - before <= 26  # 25 looks of 20 ms, on a busy machine
        after = bench.beats
        await asyncio.sleep(0.1)
        assert bench.beats == after

    run(scenario())


def test_leaving_the_loop_for_any_reason_opens_the_contactor(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as (bench, board):
            bench.vehicle = "C"
            await board.allow(16)
            await until(board, lambda status: status.contactor_closed)
        assert (bench.outputs["contactor"], bench.duty) == (False, 1.0)
        opened = bench.opened
        await board.stop()  # the agent's last act; nobody serves the board any more
        assert bench.opened == opened + 1
        await asyncio.sleep(gpio_board.STALE_S)
        with pytest.raises(LinkError, match="not served"):
            await board.status()

    run(scenario())


def test_hardware_that_goes_away_is_a_lost_link_and_is_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(gpio_board, "RETRY_S", 0.05)
    caplog.set_level("INFO")

    async def scenario() -> None:
        async with served(tmp_path) as (bench, board):
            bench.broken = True
            await asyncio.sleep(0.2 + gpio_board.STALE_S)
            with pytest.raises(LinkError, match="went away"):
                await board.status()
            with pytest.raises(LinkError, match="went away"):
                await board.allow(16)
            bench.broken = False
            await until(board, lambda status: status.pilot is PilotState.A)

    run(scenario())
    lines = [record.getMessage().split()[0] for record in caplog.records if record.name == gpio_board.__name__]
    assert [line for line in lines if line.startswith("gpio_board_") and "released" not in line] == [
        "gpio_board_lost",
        "gpio_board_is_back",
    ]


def test_the_self_test_tries_rcd_and_lock(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as (bench, board):
            result = await self_test(board, rcd=True)
            assert {check.name: check.passed for check in result.checks} == {
                "answers": True,
                "faults": True,
                "contactor": True,
                "settings": True,
                "rcd": True,
                "lock": True,
            }
            assert ("rcd_test", True) in bench.history
            bench.rcd_works, bench.lock_sticks, bench.locked = False, True, False
            result = await self_test(board, rcd=True)
            assert result.faults == {"GroundFailure", "ConnectorLockFailure"}
            assert not bench.outputs["rcd_test"]
            assert not bench.outputs["lock_close"]

    run(scenario())


def test_with_a_vehicle_the_lock_is_left_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as (bench, board):
            bench.vehicle = "B"
            await until(board, lambda status: status.pilot is PilotState.B)
            result = await self_test(board, rcd=True)
            assert [check.passed for check in result.checks if check.name == "lock"] == [None]
            assert not any(name.startswith("lock") for name, _ in bench.history)

    run(scenario())


def test_a_welded_contactor_is_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as (bench, board):
            bench.vehicle = "C"
            await board.allow(16)
            await until(board, lambda status: status.contactor_closed)
            bench.welded = True
            with pytest.raises(DeviceError, match="may be welded"):
                await board.stop()
            status = await until(board, lambda status: bool(status.faults))
            assert status.faults == {"PowerSwitchFailure"}
            assert status.contactor_closed
            assert bench.locked  # the plug is not let go

    run(scenario())


def test_phases_are_switched_without_load(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as (bench, board):
            await board.switch_phases(3)
            assert bench.outputs["three_phase"]
            bench.vehicle = "C"
            await board.allow(16)
            await until(board, lambda status: status.contactor_closed)
            bench.history.clear()
            await board.switch_phases(1)
            await until(board, lambda status: status.contactor_closed)
            moves = [step for step in bench.history if step[0] in ("contactor", "three_phase")]
            assert moves == [("contactor", False), ("three_phase", False), ("contactor", True)]
            with pytest.raises(ValueError, match="2 phases"):
                await board.switch_phases(2)

    run(scenario())


def test_lights(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as (bench, board):
            for light, lit in ((Light.CHARGING, "led_ready led_busy"), (Light.FAULT, "led_fault"), (Light.OFF, "")):
                await board.show(light)
                assert [name for name, on in bench.outputs.items() if on and name.startswith("led")] == lit.split()

    run(scenario())


def test_a_bare_board_offers_what_it_has(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path, GpioWiring(contactor="gpiochip0:1")) as (bench, board):
            can = board.capabilities
            assert not any(
                (can.lock, can.rcd_test, can.lights, can.weld_feedback, can.phase_switching, can.cable_current)
            )
            bench.vehicle = "C"
            await board.allow(6)
            await until(board, lambda status: status.contactor_closed)
            await board.stop()
            for refused in (board.lock(), board.test_rcd(), board.switch_phases(1)):
                with pytest.raises(DeviceError, match=r"evse\.gpio"):
                    await refused
            notes = " ".join((await board.describe()).notes)
            assert "contactor may stay closed" in notes
            assert "welded contactor goes unnoticed" in notes

    run(scenario())


def test_a_wiring_that_makes_no_board_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="contactor is missing"):
        GpioBoard(replace(ALL_WIRED, contactor=""), Bench(tmp_path).open_lines)


class GpioSite(Site):
    """A site whose board is the one on the bench; its meter counts while the contactor is closed."""

    def __init__(self, bench: Bench, board: GpioBoard) -> None:
        super().__init__()
        self.bench, self.board = bench, board

    @property
    def is_closed(self) -> bool:
        return self.bench.outputs.get("contactor", False)

    def hardware(self) -> Hardware:
        one = EvseId(1)
        return Hardware({one: EvseHardware(self.board, self)}, ((self, (one,)),))


def test_the_agent_charges_with_it_and_leaves_it_open(tmp_path: Path) -> None:
    async def scenario() -> None:
        channel = tmp_path / "class" / "pwm" / "pwmchip0" / "pwm0"
        channel.mkdir(parents=True)
        bench = Bench(tmp_path)
        board = GpioBoard(ALL_WIRED, bench.open_lines, open_channel=bench.open_channel, sys=tmp_path, stop_s=0.2)
        site = GpioSite(bench, board)

        async def met(condition: Callable[[], object]) -> None:
            async def is_met() -> bool:
                return bool(condition())

            await eventually(is_met, 15)

        async with station(settings(tmp_path, 9), site):
            await met(lambda: ("lock_open", False) in bench.history)  # the self-test has ended
            bench.vehicle = "B"
            site.tap()
            await met(lambda: bench.duty < 1)
            bench.vehicle = "C"
            await met(lambda: site.register > 1002)
            assert bench.locked
        assert (bench.outputs["contactor"], bench.duty) == (False, 1.0)
        async with station(settings(tmp_path, 9), site):
            await met(lambda: site.is_closed)  # the transaction goes on
            site.tap()
            await met(lambda: not site.is_closed and not bench.locked)
            bench.vehicle = "A"

    run(scenario())
