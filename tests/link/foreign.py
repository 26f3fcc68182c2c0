"""A Modbus server that is not ours, over TCP or on a pty, with the registers of a device behind it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymodbus import FramerType
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from hardware.modbus import ModbusLine
from simulators.pty import Pty

_NONE = {0: 0}
_COILS, _HOLDING, _INPUT = (1, 5, 15), (3, 6, 16), (4,)


@dataclass
class Foreign:
    """The device: what it holds, and what was written to it. Subclasses react to writes."""

    address: int
    holding: dict[int, int] = field(default_factory=dict)
    input: dict[int, int] = field(default_factory=dict)
    coils: dict[int, int] = field(default_factory=dict)
    written: list[tuple[int, int]] = field(default_factory=list)
    silent: bool = False

    def wrote(self, table: dict[int, int], register: int, value: int) -> None:
        """Take a written value."""
        table[register] = value

    def device(self) -> SimDevice:
        blocks = (
            [
                SimData(number, values=[bool(on)], datatype=DataType.BITS)
                for number, on in (self.coils or {0: 0}).items()
            ],
            [SimData(0, values=[False], datatype=DataType.BITS)],
            [
                SimData(number, values=word, datatype=DataType.REGISTERS)
                for number, word in (self.holding or _NONE).items()
            ],
            [
                SimData(number, values=word, datatype=DataType.REGISTERS)
                for number, word in (self.input or _NONE).items()
            ],
        )
        return SimDevice(self.address, simdata=blocks, use_bit_addressing=True, action=self._act)

    async def _act(
        self,
        function: int,
        start: int,
        address: int,
        count: int,
        registers: list[int],
        values: list[Any] | None,
    ) -> ExcCodes | None:
        if self.silent:
            await asyncio.sleep(60)
        table = self.coils if function in _COILS else self.holding if function in _HOLDING else self.input
        wanted = range(address, address + count)
        if any(number not in table for number in wanted):
            return ExcCodes.ILLEGAL_ADDRESS
        for number, value in zip(wanted, values or [], strict=False):
            self.written.append((number, int(value)))
            self.wrote(table, number, int(value))
        for number in wanted:
            if function in _COILS:  # the server keeps them in the bits of registers; they are asked one at a time
                registers[number // 16 - start] = table[number] << number % 16
            else:
                registers[number - start] = table[number]
        return None


@asynccontextmanager
async def over_tcp(device: Foreign, *, timeout_s: float = 0.5) -> AsyncIterator[ModbusLine]:
    """Serve the device over Modbus TCP and give a line to it."""
    server = ModbusTcpServer(device.device(), address=("127.0.0.1", 0))
    await server.listen()
    listener: Any = server.transport  # an asyncio server, which the package does not say
    port = listener.sockets[0].getsockname()[1]
    line = ModbusLine(f"tcp://127.0.0.1:{port}", timeout_s=timeout_s, rest_s=0.0, tries=1)
    try:
        yield line
    finally:
        line.close()
        await server.shutdown()  # type: ignore[no-untyped-call]  # of the package


@asynccontextmanager
async def over_pty(device: Foreign, folder: Path, *, timeout_s: float = 0.5) -> AsyncIterator[ModbusLine]:
    """Serve the device on a serial line and give a line to it: two ptys, joined byte by byte."""
    ours, theirs = folder / "ours.tty", folder / "theirs.tty"
    async with Pty.open(ours) as left, Pty.open(theirs) as right, asyncio.TaskGroup() as tasks:
        joints = [tasks.create_task(_join(left, right)), tasks.create_task(_join(right, left))]
        server = ModbusSerialServer(device.device(), framer=FramerType.RTU, port=str(theirs), baudrate=19200)
        await server.listen()
        line = ModbusLine(str(ours), 19200, timeout_s=timeout_s, gap_s=0.0, rest_s=0.0, tries=1)
        try:
            yield line
        finally:
            line.close()
            await server.shutdown()  # type: ignore[no-untyped-call]  # likewise
            for joint in joints:
                joint.cancel()


async def _join(source: Pty, sink: Pty) -> None:
    while True:
        await sink.write(await source.read())
