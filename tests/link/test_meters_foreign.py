"""Every family of meters, served by pymodbus's own server over RTU, TCP, and RTU over TCP."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pymodbus import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from hardware.bus import Direction, Framing
from hardware.errors import DeviceError, LinkError, PortError
from hardware.meters.catalogue import MODELS, table
from hardware.meters.modbus_meter import ModbusMeter
from hardware.meters.register_map import Quantity
from hardware.modbus import ModbusLine
from simulators.pty import Pty
from tests.link.meter_dumps import DUMPS, Dump

ADDRESSES = {dump.model: number for number, dump in enumerate(DUMPS, start=1)}


def _device(dump: Dump) -> SimDevice:
    def data(function: int) -> list[SimData]:
        image = dump.image(function) or {0: 0}
        return [SimData(address, values=[word], datatype=DataType.REGISTERS) for address, word in image.items()]

    bits = [SimData(0, values=[False] * 16, datatype=DataType.BITS)]
    return SimDevice(ADDRESSES[dump.model], simdata=(bits, bits, data(3), data(4)))


def _devices() -> list[SimDevice]:
    return [_device(dump) for dump in DUMPS]


@asynccontextmanager
async def _over_tcp(_folder: Path, framer: FramerType = FramerType.SOCKET) -> AsyncIterator[str]:
    server = ModbusTcpServer(_devices(), framer=framer, address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    port = server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined]  # an asyncio.Server
    try:
        yield f"{'tcp' if framer is FramerType.SOCKET else 'rtu+tcp'}://127.0.0.1:{port}"
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]  # as pymodbus is


@asynccontextmanager
async def _rtu_over_tcp(folder: Path) -> AsyncIterator[str]:
    async with _over_tcp(folder, FramerType.RTU) as port:
        yield port


@asynccontextmanager
async def _over_rtu(folder: Path) -> AsyncIterator[str]:
    """Two ports of one wire: what goes in at one comes out at the other."""

    async def carry(source: Pty, target: Pty) -> None:
        while True:
            await target.write(await source.read())

    ours, theirs = folder / "ours.tty", folder / "theirs.tty"
    async with Pty.open(ours) as left, Pty.open(theirs) as right, asyncio.TaskGroup() as tasks:
        jobs = [tasks.create_task(carry(left, right)), tasks.create_task(carry(right, left))]
        server = ModbusSerialServer(_devices(), port=str(theirs), baudrate=115200)
        await server.serve_forever(background=True)
        yield str(ours)
        await server.shutdown()  # type: ignore[no-untyped-call]  # as pymodbus is
        for job in jobs:
            job.cancel()


def _line(port: str) -> ModbusLine:
    return ModbusLine(port, 115200, timeout_s=2.0, rest_s=0.0, gap_s=0.001, setting="bus.port")


def test_there_is_a_dump_of_every_family() -> None:
    assert [dump.model for dump in DUMPS] == list(MODELS)


@pytest.mark.parametrize("serve", [_over_rtu, _over_tcp, _rtu_over_tcp])
def test_every_family_is_read(
    tmp_path: Path, serve: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def scenario() -> None:
        async with serve(tmp_path) as port:  # type: ignore[attr-defined]  # an async context manager
            line = _line(port)
            for dump in DUMPS:
                meter = ModbusMeter(line, ADDRESSES[dump.model], table(dump.model), lambda: 0.0)
                identity = await meter.identify()
                assert (identity.serial, identity.model) == (dump.serial, dump.told or dump.model), dump.model
                reading = await meter.read()
                found = (reading.energy_import, reading.power, reading.currents, reading.voltages)
                assert found == (dump.energy, dump.power, dump.currents, dump.voltages), dump.model
                assert line.statistics(ADDRESSES[dump.model]).errors == 0
            line.close()

    asyncio.run(scenario())


def test_a_technician_sees_every_number_of_a_table(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _over_tcp(tmp_path) as port:
            line = _line(port)
            for dump in DUMPS:
                model = table(dump.model)
                values = await ModbusMeter(line, ADDRESSES[dump.model], model, lambda: 0.0).read_all()
                assert set(values) == {row.quantity for row in model.registers} - {
                    Quantity.SERIAL,
                    Quantity.MODEL,
                    Quantity.MODEL_CODE,
                }
                assert values[Quantity.ENERGY_IMPORT] is not None, dump.model
            line.close()

    asyncio.run(scenario())


def test_a_setting_that_changes_the_registers_is_asked_for_first(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _over_tcp(tmp_path) as port:
            line = _line(port)
            meter = ModbusMeter(line, ADDRESSES["EM340"], table("EM24-E1"), lambda: 0.0)
            with pytest.raises(DeviceError, match="refuses the read of register 40960"):
                await meter.read()
            line.close()

    asyncio.run(scenario())


def test_a_gateway_that_is_away_says_what_to_check(tmp_path: Path) -> None:
    async def scenario() -> None:
        line = ModbusLine("tcp://127.0.0.1:1", setting="port of bus b")
        with pytest.raises(PortError, match=r"the gateway tcp://127.0.0.1:1 does not take connections.*port of bus b"):
            await line.read_input(1, 0, 1)

    asyncio.run(scenario())


def test_a_gateway_that_comes_back_is_used_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _over_tcp(tmp_path) as port:
            line = ModbusLine(port, timeout_s=0.1, rest_s=0)
            first = await line.read_input(1, 0x48, 2)
        with pytest.raises(LinkError):
            await line.read_input(1, 0x48, 2)
        server = ModbusTcpServer(_devices(), address=("127.0.0.1", int(port.rsplit(":", 1)[1])))
        await server.serve_forever(background=True)
        assert await line.read_input(1, 0x48, 2) == first
        line.close()
        await server.shutdown()  # type: ignore[no-untyped-call]  # as pymodbus is

    asyncio.run(scenario())


@asynccontextmanager
async def _gateway(answers: Callable[[bytes], list[tuple[float, bytes]]]) -> AsyncIterator[ModbusLine]:
    """A line to a Modbus TCP gateway that gives any answers, each after its delay."""
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.read(260):
            for delay_s, answer in answers(request):
                await asyncio.sleep(delay_s)
                writer.write(answer)
                await writer.drain()
        writer.close()
        await writer.wait_closed()
        gone.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        line = ModbusLine(f"tcp://127.0.0.1:{port}", timeout_s=0.5, rest_s=0, tries=2)
        yield line
        line.close()
        await gone.wait()


def test_a_late_answer_of_a_gateway_is_told_by_its_number(tmp_path: Path) -> None:
    def answers(request: bytes) -> list[tuple[float, bytes]]:
        number = int.from_bytes(request[:2], "big")
        late = (number - 1).to_bytes(2, "big") + bytes([0, 0, 0, 5, 1, 4, 2, 0x47, 0x11])
        right = number.to_bytes(2, "big") + bytes([0, 0, 0, 5, 1, 4, 2, 0x08, 0x15])
        return [(0, late), (0.02, right)]

    async def scenario() -> None:
        async with _gateway(answers) as line:
            for _ in range(3):
                assert await line.read_input(1, 0, 1) == (0x0815,)

    asyncio.run(scenario())


@pytest.mark.parametrize("code", [10, 11])
def test_a_gateway_that_reaches_no_device_counts_as_silence(tmp_path: Path, code: int) -> None:
    async def scenario() -> None:
        async with _gateway(lambda request: [(0, request[:5] + bytes([3, request[6], 0x84, code]))]) as line:
            with pytest.raises(LinkError, match="no answer from Modbus address 7"):
                await line.read_input(7, 0, 1)
            assert line.statistics(7).silent == 2

    asyncio.run(scenario())


def test_a_port_that_cannot_switch_by_rts_says_what_to_set(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Pty.open(tmp_path / "bus.tty"):
            line = ModbusLine(str(tmp_path / "bus.tty"), direction=Direction.RTS, setting="port of bus b")
            with pytest.raises(PortError, match=r"can't switch an RS-485 transceiver by RTS.*port of bus b"):
                await line.read_input(1, 0, 1)

    asyncio.run(scenario())


def test_devices_of_different_framing_share_a_line(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _over_rtu(tmp_path) as port:
            line = ModbusLine(port, 9600, timeout_s=2.0, rest_s=0.0)
            line.set_framing(2, Framing(19200))
            for address in (1, 2, 1):
                assert len(await line.read_input(address, 0x48, 2)) == 2
            assert line.framing == Framing(9600)
            line.close()

    asyncio.run(scenario())
