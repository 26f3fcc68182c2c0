"""The Modbus line, its meter and its board over a real pty that loses, changes, doubles and delays bytes."""

import asyncio
from pathlib import Path

import pytest

from hardware.api import MeterIdentity, PilotState
from hardware.bus import Priority
from hardware.errors import DeviceError, LinkError, PortError
from hardware.modbus import ModbusLine
from simulators.board import Fault
from simulators.faults import FaultyLine
from simulators.meter import MeterSimulator
from simulators.modbus_slave import Refusal
from tests.link.bus import BAUD, BOARD, METER, TIMEOUT_S, answering, car, open_bus, pass_time


def _loss_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage().split(" port=")[0] for record in caplog.records if record.name == "hardware.modbus"]


def test_meter_is_identified_and_read(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_bus(tmp_path, timeout_s=2.0) as bus:
            assert await bus.meter.identify() == MeterIdentity("SDM72DM-V2", "22411873")
            reading = await bus.meter.read()
            assert (reading.energy_import, reading.power) == (4_711_123, 0)
            bus.site.plug(car())
            await bus.board.allow(16)
            pass_time(bus, 3600)
            reading = await bus.meter.read()
            assert (reading.energy_import, reading.power) == (4_722_123, 11_000)
            assert reading.voltages == (230_000, 230_000, 230_000)
            assert reading.currents == (15_942, 15_942, 15_942)
            assert bus.line.statistics(METER).errors == 0

    asyncio.run(scenario())


def test_a_meter_that_accepts_short_blocks_only_is_read_too(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_bus(tmp_path, max_words=10, timeout_s=2.0) as bus:
            for _ in range(2):
                reading = await bus.meter.read()
                assert reading.energy_import == 4_711_123
                assert reading.voltages == (230_000, 230_000, 230_000)
            # identity 2, the long block once, then 4 short ones for each look, and two looks at first
            assert bus.line.statistics(METER).requests == 2 + 1 + 4 * 3

    asyncio.run(scenario())


def test_one_byte_at_a_time(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_bus(tmp_path, wrap=FaultyLine, timeout_s=2.0) as bus:
            assert (await bus.meter.read()).energy_import == 4_711_123
            assert bus.line.statistics(METER).errors == 0

    asyncio.run(scenario())


@pytest.mark.parametrize("seed", range(6))
def test_loss_and_noise_never_make_a_wrong_reading(tmp_path: Path, seed: int) -> None:
    async def scenario() -> int:
        def wrap(line: object) -> FaultyLine:
            return FaultyLine(line, seed=seed, loss=0.002, duplication=0.001, corruption=0.002)  # type: ignore[arg-type]  # a Pty

        good = 0
        async with open_bus(tmp_path, wrap=wrap, timeout_s=0.05, tries=2) as bus:
            bus.site.plug(car())
            bus.site.board.write(1000, 16)
            for _ in range(12):
                pass_time(bus, 60)
                try:
                    reading = await bus.meter.read()
                except LinkError:
                    continue
                assert reading.energy_import == bus.site.meter.register
                assert reading.power == 11_000
                assert set(reading.voltages) == {230_000}
                good += 1
            assert bus.line.statistics(METER).errors > 0
        return good

    assert asyncio.run(scenario()) > 0


def test_a_flipped_bit_is_asked_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_bus(tmp_path) as bus:
            await bus.meter.identify()
            bus.slave.faults.corrupt_every = 2
            for _ in range(3):
                assert (await bus.meter.read()).energy_import == 4_711_123
            assert bus.line.statistics(METER).errors > 0

    asyncio.run(scenario())


def test_a_late_answer_is_not_taken_for_that_of_the_next_request(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_bus(tmp_path, tries=1) as bus:
            bus.slave.faults.delay_s = 1.5 * TIMEOUT_S
            with pytest.raises(LinkError):
                await bus.line.read_input(METER, 0x48, 2)
            bus.slave.faults.delay_s = 0
            # Same device, function and length: the frames differ in their data alone.
            assert await bus.line.read_input(METER, 0x46, 2) == (0x4248, 0)

    asyncio.run(scenario())


def test_the_answer_to_a_cancelled_request_is_not_taken_either(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_bus(tmp_path, tries=1) as bus:
            await bus.line.read_input(METER, 0x48, 2)
            bus.slave.faults.delay_s = 0.5 * TIMEOUT_S
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2 * TIMEOUT_S):
                    await bus.line.read_input(METER, 0x48, 2)
            assert await bus.line.read_input(METER, 0x46, 2) == (0x4248, 0)
            assert (await bus.board.status()).pilot is PilotState.A

    asyncio.run(scenario())


def test_a_write_does_not_wait_for_the_answer_to_a_cancelled_read(tmp_path: Path) -> None:
    """At its end the program cancels what it asks the board, and then must open the contactor within seconds."""

    async def scenario() -> None:
        async with open_bus(tmp_path, timeout_s=30.0) as bus:
            bus.slave.faults.delay_s = 0.2
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await bus.line.read_holding(BOARD, 1000, 8)
            bus.slave.faults.delay_s = 0
            async with asyncio.timeout(15.0):  # a read would wait twice 30 s
                await bus.line.write_register(BOARD, 1000, 0, priority=Priority.SAFETY)

    asyncio.run(scenario())


def test_a_dead_meter_is_told_once_and_does_not_hold_up_the_board(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    async def scenario() -> None:
        async with open_bus(tmp_path) as bus:
            await bus.board.status()
            await bus.meter.read()
            bus.slave.faults.silent.add(METER)
            async with asyncio.TaskGroup() as tasks:
                dead = [tasks.create_task(_error_of(bus.meter.read())) for _ in range(2)]
                await asyncio.sleep(0.01)
                loop = asyncio.get_running_loop()
                start = loop.time()
                await bus.board.status()
                assert loop.time() - start < 5 * TIMEOUT_S  # one try of the meter, not its six
            for task in dead:
                assert "no answer from Modbus address 1 on " in task.result()
                assert "at 115200 baud 8N1: others on this line answer, so check this device" in task.result()
            bus.slave.faults.silent.clear()
            assert (await bus.meter.read()).energy_import == 4_711_123

    asyncio.run(scenario())
    assert _loss_lines(caplog) == ["modbus_device_lost", "modbus_device_is_back"]


async def _error_of(reading: object) -> str:
    with pytest.raises(LinkError) as caught:
        await reading  # type: ignore[misc]  # any awaitable
    return str(caught.value)


def test_a_wrong_baud_rate_says_what_to_try(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_bus(tmp_path) as bus:
            line = ModbusLine(bus.port, 19200, timeout_s=0.05, gap_s=0, rest_s=0, tries=1)
            with pytest.raises(LinkError) as caught:
                await line.read_input(METER, 0x48, 2)
            line.close()
            assert "at 19200 baud 8N1: swap A and B, then check address, baud rate and parity" in str(caught.value)

    asyncio.run(scenario())


def test_a_missing_port_says_which_setting(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        line = ModbusLine(str(tmp_path / "none"), BAUD, setting="bus.port")
        for _ in range(3):
            with pytest.raises(PortError, match=r"none does not exist.* setting bus\.port"):
                await line.read_input(METER, 0x48, 2)

    asyncio.run(scenario())
    assert _loss_lines(caplog) == ["modbus_port_lost"]


def test_a_port_that_went_away_is_used_again_when_it_is_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    async def scenario() -> None:
        port = tmp_path / "bus.tty"
        line = ModbusLine(str(port), BAUD, timeout_s=TIMEOUT_S, gap_s=0, rest_s=0)
        meter = MeterSimulator(1, 4711_000)  # type: ignore[arg-type]  # Wh
        for _ in range(2):
            async with answering(port, {METER: meter}):
                assert await line.read_holding(METER, 0xFC02, 1) == (0x0089,)
            with pytest.raises(PortError):
                await line.read_holding(METER, 0xFC02, 1)
            with pytest.raises(PortError):
                await line.read_holding(METER, 0xFC02, 1)
        line.close()

    asyncio.run(scenario())
    assert _loss_lines(caplog) == ["modbus_port_lost", "modbus_port_is_back", "modbus_port_lost"]


def test_the_board_goes_before_the_meter(tmp_path: Path) -> None:
    order: list[str] = []

    class Recorder:
        def __init__(self, name: str) -> None:
            self.name = name

        def read(self, function: int, register: int, count: int) -> list[int]:
            order.append(self.name)
            return [0] * count

        def write(self, register: int, value: int) -> None:
            raise Refusal(1)

    async def scenario() -> None:
        port = tmp_path / "bus.tty"
        line = ModbusLine(str(port), BAUD, timeout_s=0.5, gap_s=0, rest_s=0)
        async with answering(port, {METER: Recorder("meter"), BOARD: Recorder("board")}) as slave:
            await line.read_input(METER, 0, 1)
            slave.faults.delay_s = 0.02
            async with asyncio.TaskGroup() as tasks:
                for _ in range(3):
                    tasks.create_task(line.read_input(METER, 0, 1))
                await asyncio.sleep(0)
                tasks.create_task(line.read_holding(BOARD, 0, 1, priority=Priority.SAFETY))
            line.close()

    asyncio.run(scenario())
    assert order == ["meter", "meter", "board", "meter", "meter"]


def test_a_refusal_is_not_asked_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_bus(tmp_path, timeout_s=2.0) as bus:
            with pytest.raises(DeviceError, match=r"Modbus address 1 .* refuses the read of register 40000: it has no"):
                await bus.line.read_input(METER, 40000, 2)
            with pytest.raises(DeviceError, match="write of register 7"):
                await bus.line.write_register(METER, 7, 1)
            assert bus.line.statistics(METER).requests == 2

    asyncio.run(scenario())


def test_a_charge_from_plug_to_stop(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_bus(tmp_path) as bus:
            status = await bus.board.status()
            assert (status.pilot, status.contactor_closed, status.offered_current_a) == (PilotState.A, False, 0)
            bus.site.plug(car())
            status = await bus.board.status()
            assert (status.pilot, status.contactor_closed, status.cable_current_a) == (PilotState.B, False, 32)
            await bus.board.allow(13)
            status = await bus.board.status()
            assert (status.pilot, status.contactor_closed, status.offered_current_a) == (PilotState.C, True, 13)
            await bus.board.stop()
            status = await bus.board.status()
            assert (status.pilot, status.contactor_closed, status.offered_current_a) == (PilotState.B, False, 0)
            await bus.board.allow(6)
            assert (await bus.board.status()).contactor_closed

    asyncio.run(scenario())


def test_a_welded_contactor_is_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_bus(tmp_path) as bus:
            bus.site.plug(car())
            await bus.board.allow(16)
            bus.site.board.fault = Fault.WELDED
            with pytest.raises(DeviceError, match="keeps its contactor closed"):
                await bus.board.stop()

    asyncio.run(scenario())


@pytest.mark.parametrize(("fault", "told"), [(Fault.RCD, "GroundFailure"), (Fault.DIODE, "DiodeFault")])
def test_faults_of_the_board_are_told(tmp_path: Path, fault: Fault, told: str) -> None:
    async def scenario() -> None:
        async with open_bus(tmp_path) as bus:
            bus.site.plug(car())
            await bus.board.allow(16)
            bus.site.board.fault = fault
            status = await bus.board.status()
            assert (status.pilot, status.contactor_closed, status.faults) == (PilotState.F, False, frozenset({told}))

    asyncio.run(scenario())
