"""Meters and boards that are odd, exchanged or broken, over a real pty."""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from hardware.api import PilotState
from hardware.errors import DeviceError, LinkError
from hardware.evse.simple_evse import SimpleEvse
from hardware.meters.catalogue import table
from hardware.meters.eastron import SDM72DM_V2
from hardware.meters.modbus_meter import ModbusMeter
from hardware.modbus import ModbusLine
from simulators.modbus_slave import ILLEGAL_ADDRESS, Refusal
from tests.link.bus import BAUD, BOARD, METER, answering


class Registers:
    """A device that is nothing but its registers; missing ones are refused."""

    def __init__(self, words: dict[int, int]) -> None:
        self.words = words

    def read(self, function: int, register: int, count: int) -> list[int]:
        try:
            return [self.words[number] for number in range(register, register + count)]
        except KeyError as error:
            raise Refusal(ILLEGAL_ADDRESS) from error

    def write(self, register: int, value: int) -> None:
        if register not in self.words:
            raise Refusal(ILLEGAL_ADDRESS)
        self.words[register] = value


def _meter(kwh: float, serial: int | None = 7) -> Registers:
    words = dict.fromkeys(range(0x50), 0)
    device = Registers(words)
    _set(device, 0x48, kwh)
    if serial is not None:
        words |= {0xFC00: 0, 0xFC01: serial}
    return device


def _set(device: Registers, register: int, value: float) -> None:
    device.words[register], device.words[register + 1] = struct.unpack(">HH", struct.pack(">f", value))


Scenario = Callable[[ModbusLine, set[int]], Awaitable[None]]


def _with(port: Path, device: Registers, scenario: Scenario) -> None:
    """Run a scenario with the device on the line; what is in the set doesn't answer."""

    async def run() -> None:
        async with answering(port, {METER: device, BOARD: device}) as slave:
            line = ModbusLine(str(port), BAUD, timeout_s=0.5, gap_s=0, rest_s=0, tries=1)
            try:
                await scenario(line, slave.faults.silent)
            finally:
                line.close()

    asyncio.run(run())


def test_a_meter_exchanged_while_away_is_refused(tmp_path: Path) -> None:
    device = _meter(100.0)

    async def scenario(line: ModbusLine, silent: set[int]) -> None:
        meter = ModbusMeter(line, METER, SDM72DM_V2, lambda: 0.0)
        assert (await meter.read()).energy_import == 100_000
        silent.add(METER)
        with pytest.raises(LinkError):
            await meter.read()
        device.words[0xFC01] = 8
        _set(device, 0x48, 500.0)
        silent.clear()
        for _ in range(2):
            with pytest.raises(DeviceError, match="serial number 8 instead of 7"):
                await meter.read()

    _with(tmp_path / "bus.tty", device, scenario)


def test_a_register_that_falls_is_a_fault_and_no_value(tmp_path: Path) -> None:
    device = _meter(100.0)

    async def scenario(line: ModbusLine, silent: set[int]) -> None:
        meter = ModbusMeter(line, METER, SDM72DM_V2, lambda: 0.0)
        await meter.read()
        _set(device, 0x48, 99.999)
        with pytest.raises(DeviceError, match="fell from 100000 to 99999 Wh"):
            await meter.read()
        _set(device, 0x48, 100.001)
        assert (await meter.read()).energy_import == 100_001

    _with(tmp_path / "bus.tty", device, scenario)


@pytest.mark.parametrize("kwh", [float("nan"), float("inf"), -1.0, 1e30])
def test_a_register_that_is_no_number_is_a_fault(tmp_path: Path, kwh: float) -> None:
    async def scenario(line: ModbusLine, silent: set[int]) -> None:
        with pytest.raises(DeviceError, match="no plausible import register"):
            await ModbusMeter(line, METER, SDM72DM_V2, lambda: 0.0).read()

    _with(tmp_path / "bus.tty", _meter(kwh), scenario)


def test_a_meter_without_serial_number_and_with_one_phase_is_read(tmp_path: Path) -> None:
    device = _meter(1.0, serial=None)
    _set(device, 0x00, 231.25)
    _set(device, 0x34, float("nan"))

    async def scenario(line: ModbusLine, silent: set[int]) -> None:
        meter = ModbusMeter(line, METER, SDM72DM_V2, lambda: 0.0)
        assert (await meter.identify()).serial == ""
        reading = await meter.read()
        assert reading.energy_import == 1000
        assert reading.voltages == (231_250,)
        assert reading.power is None

    _with(tmp_path / "bus.tty", device, scenario)


def test_a_meter_that_knows_its_energy_alone_is_read(tmp_path: Path) -> None:
    device = Registers({0xFC00: 0, 0xFC01: 7})
    _set(device, 0x48, 12.5)
    _set(device, 0x4A, 0.0)

    async def scenario(line: ModbusLine, silent: set[int]) -> None:
        reading = await ModbusMeter(line, METER, SDM72DM_V2, lambda: 0.0).read()
        assert (reading.energy_import, reading.power, reading.voltages) == (12_500, None, ())

    _with(tmp_path / "bus.tty", device, scenario)


@pytest.mark.parametrize(
    ("code", "refused"), [(71, "Set its model to EM24"), (1648, "Set its model to EM24-E1"), (340, "")]
)
def test_a_meter_of_another_family_is_refused_by_its_code(tmp_path: Path, code: int, refused: str) -> None:
    """An EM24 read with the map of the EM340 would bill some other counter."""
    device = Registers(dict.fromkeys(range(0x60), 0) | dict.fromkeys(range(0x5000, 0x5007), 0))

    class Identified(Registers):
        def read(self, function: int, register: int, count: int) -> list[int]:
            return [code] if (register, count) == (0x0B, 1) else super().read(function, register, count)

    async def scenario(line: ModbusLine, silent: set[int]) -> None:
        meter = ModbusMeter(line, METER, table("EM340"), lambda: 0.0)
        if refused:
            with pytest.raises(DeviceError, match=refused):
                await meter.read()
        else:
            assert (await meter.read()).energy_import == 0

    _with(tmp_path / "bus.tty", Identified(device.words), scenario)


@pytest.mark.parametrize("serial", ["7", "8"])
def test_a_meter_must_have_the_serial_number_of_the_settings(tmp_path: Path, serial: str) -> None:
    async def scenario(line: ModbusLine, silent: set[int]) -> None:
        meter = ModbusMeter(line, METER, SDM72DM_V2, lambda: 0.0, serial=serial)
        if serial == "7":
            assert (await meter.read()).energy_import == 100_000
        else:
            with pytest.raises(DeviceError, match="serial number 7 instead of 8"):
                await meter.read()

    _with(tmp_path / "bus.tty", _meter(100.0), scenario)


@pytest.mark.parametrize("kwh", [0.0, 20.0, 101.5, 5000.0])
def test_a_meter_exchanged_in_the_middle_of_a_charge_never_counts(tmp_path: Path, kwh: float) -> None:
    """Not even one without a serial number that nobody saw leave."""
    device = _meter(100.0, serial=None)
    time = [0.0]

    async def scenario(line: ModbusLine, silent: set[int]) -> None:
        meter = ModbusMeter(line, METER, SDM72DM_V2, lambda: time[0])
        assert (await meter.read()).energy_import == 100_000
        _set(device, 0x48, kwh)
        for hour in range(1, 50):
            time[0] = 1.0 if hour == 1 else hour * 3600.0
            with pytest.raises(DeviceError, match="it was exchanged or is faulty"):
                await meter.read()

    _with(tmp_path / "bus.tty", device, scenario)


def test_one_frame_of_nonsense_is_read_again(tmp_path: Path) -> None:
    device = _meter(100.0)
    reads = [0]

    class Shaken(Registers):
        def read(self, function: int, register: int, count: int) -> list[int]:
            reads[0] += count > 10
            return [0xFFFF] * count if reads[0] == 4 and count > 10 else super().read(function, register, count)

    async def scenario(line: ModbusLine, silent: set[int]) -> None:
        meter = ModbusMeter(line, METER, SDM72DM_V2, lambda: 0.0)
        for _ in range(4):
            assert (await meter.read()).energy_import == 100_000
        assert reads[0] == 6

    _with(tmp_path / "bus.tty", Shaken(device.words), scenario)


def test_words_in_the_other_order_make_no_reading(tmp_path: Path) -> None:
    """Sources differ on the word order of the EM112: 0.1 kWh in the wrong one would be 6553.6 kWh."""
    words = dict.fromkeys(range(0x30), 0) | {0x01: 2305, 0x03: 15_900, 0x05: 36_640, 0x11: 1}

    async def scenario(line: ModbusLine, silent: set[int]) -> None:
        with pytest.raises(DeviceError, match="no plausible import register: is the model EM112 right"):
            await ModbusMeter(line, METER, table("EM112"), lambda: 0.0).read()

    _with(tmp_path / "bus.tty", Registers(words), scenario)


def test_a_meter_that_is_wired_backwards_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    device = _meter(100.0)
    _set(device, 0x34, -10_980.0)

    async def scenario(line: ModbusLine, silent: set[int]) -> None:
        meter = ModbusMeter(line, METER, SDM72DM_V2, lambda: 0.0)
        for _ in range(3):
            assert (await meter.read()).power == -10_980

    _with(tmp_path / "bus.tty", device, scenario)
    assert caplog.text.count("meter_counts_backwards") == 1


def test_a_register_of_another_scale_than_the_power_is_refused(tmp_path: Path) -> None:
    device = _meter(100.0)
    for phase in range(3):
        _set(device, 2 * phase, 230.0)
        _set(device, 6 + 2 * phase, 16.0)
    _set(device, 0x34, 11_040.0)
    time = [0.0]

    async def scenario(line: ModbusLine, silent: set[int]) -> None:
        meter = ModbusMeter(line, METER, SDM72DM_V2, lambda: time[0])

        async def charge() -> None:
            for second in range(300):
                time[0] = float(second)
                _set(device, 0x48, 100.0 + second * 11.04 / 3600 / 10)
                await meter.read()

        with pytest.raises(DeviceError, match=r"while its power register told .* is the model SDM72DM-V2 right"):
            await charge()

    _with(tmp_path / "bus.tty", device, scenario)


def _board(**words: int) -> Registers:
    return Registers(dict.fromkeys(range(1000, 1008), 0) | {int(name[1:]): value for name, value in words.items()})


@pytest.mark.parametrize(
    ("words", "pilot", "faults"),
    [
        ({"r1002": 1}, PilotState.A, set()),
        ({"r1002": 2}, PilotState.B, set()),
        ({"r1002": 3, "r1007": 1}, PilotState.C, set()),
        ({"r1002": 4}, PilotState.D, set()),
        ({"r1002": 5}, PilotState.F, {"InternalError"}),
        ({"r1002": 5, "r1007": 0x10}, PilotState.F, {"GroundFailure"}),
        ({"r1002": 2, "r1007": 0x10}, PilotState.B, set()),
        ({"r1002": 5, "r1007": 0x20}, PilotState.F, {"GroundFailure"}),
        ({"r1002": 5, "r1007": 0x02}, PilotState.F, {"DiodeFault"}),
        ({"r1002": 4, "r1007": 0x04}, PilotState.D, {"VentilationNotAvailable"}),
    ],
)
def test_the_board_tells_pilot_and_faults(
    tmp_path: Path, words: dict[str, int], pilot: PilotState, faults: set[str]
) -> None:
    async def scenario(line: ModbusLine, silent: set[int]) -> None:
        status = await SimpleEvse(line, BOARD).status()
        assert (status.pilot, set(status.faults)) == (pilot, faults)
        assert status.contactor_closed is bool(words.get("r1007", 0) & 1)

    _with(tmp_path / "bus.tty", _board(**words), scenario)


def test_a_device_that_is_no_board_is_found_out(tmp_path: Path) -> None:
    async def scenario(line: ModbusLine, silent: set[int]) -> None:
        with pytest.raises(DeviceError, match="vehicle state 0"):
            await SimpleEvse(line, BOARD).status()

    _with(tmp_path / "bus.tty", _board(), scenario)


class Stubborn(Registers):
    """A board that keeps its own current."""

    def write(self, register: int, value: int) -> None:
        if register != 1000:
            super().write(register, value)


@pytest.mark.parametrize(("kept", "good"), [(0, False), (10, True), (16, True), (32, False)])
def test_what_was_set_is_read_back(tmp_path: Path, kept: int, good: bool) -> None:
    device = Stubborn(_board(r1000=kept).words)

    async def scenario(line: ModbusLine, silent: set[int]) -> None:
        board = SimpleEvse(line, BOARD)
        if good:
            await board.allow(16)
        else:
            with pytest.raises(DeviceError, match=f"keeps {kept} A instead of 16 A"):
                await board.allow(16)
        if kept:
            with pytest.raises(DeviceError, match=f"keeps {kept} A instead of 0 A"):
                await board.stop()
        for wrong in (0, 5, 81):
            with pytest.raises(ValueError, match="6 to 80"):
                await board.allow(wrong)

    _with(tmp_path / "bus.tty", device, scenario)


class LongTaker(Registers):
    """A board whose vehicle goes on drawing: the contactor opens only when told to."""

    def write(self, register: int, value: int) -> None:
        super().write(register, value)
        if register == 1004 and value & 1:
            self.words[1007] = 0


def test_a_vehicle_that_does_not_stop_is_cut_off(tmp_path: Path) -> None:
    device = LongTaker(_board(r1000=16, r1002=3, r1007=1).words)

    async def scenario(line: ModbusLine, silent: set[int]) -> None:
        await SimpleEvse(line, BOARD, stop_s=0.05).stop()
        assert (device.words[1000], device.words[1004], device.words[1007]) == (0, 1, 0)

    _with(tmp_path / "bus.tty", device, scenario)
