"""`meter scan` against a foreign Modbus server (pymodbus) on a line of ptys: several meters, other rates, bad lines."""

import asyncio
import os
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from hardware.bus import Framing
from hardware.errors import PortError
from hardware.meters.catalogue import table
from simulators.pty import Pty
from station.field.meter_scan import Findings, Target, scan
from tests.unit.station.field.scripted import Scripted

TABLES = tuple(table(model) for model in ("SDM630-V2", "SDM72DM-V2", "B23", "EM340", "PRO380"))
NORMAL = Framing()
Words = dict[int, int]
Spoil = Callable[[bytes], bytes]


def floats(values: dict[int, float]) -> Words:
    return {
        address + offset: word
        for address, value in values.items()
        for offset, word in enumerate(struct.unpack(">HH", struct.pack(">f", value)))
    }


def integers(values: dict[int, tuple[int, int]], *, low_first: bool = False) -> Words:
    """Lay out `(value, number of words)` by address."""
    found: Words = {}
    for address, (value, count) in values.items():
        words = struct.unpack(f">{count}H", value.to_bytes(2 * count, "big", signed=value < 0))
        found |= {address + offset: word for offset, word in enumerate(words[::-1] if low_first else words)}
    return found


def device(address: int, *, inputs: Words | None = None, holding: Words | None = None) -> SimDevice:
    """Make a device that has these registers alone; those between them read as zero up to the next 32."""

    def block(words: Words | None) -> list[SimData]:
        if not words:
            return [SimData(60_000, values=[0], datatype=DataType.REGISTERS)]
        areas: list[list[int]] = []
        for register in sorted(words):
            if areas and register - areas[-1][-1] <= 32:
                areas[-1].append(register)
            else:
                areas.append([register])
        return [
            SimData(
                area[0],
                values=[words.get(register, 0) for register in range(area[0], area[-1] + 1)],
                datatype=DataType.REGISTERS,
            )
            for area in areas
        ]

    bits = [SimData(0, values=[False] * 16, datatype=DataType.BITS)]
    return SimDevice(address, simdata=(bits, bits, block(holding), block(inputs)))


def sdm630(address: int) -> SimDevice:
    volts, rest = {0: 231.5, 2: 229.8, 4: 230.1}, {6: 1.5, 0x34: 345.0, 0x46: 49.98, 0x48: 4711.123, 0x4A: 0.5}
    return device(address, inputs=floats(volts | rest), holding=integers({0xFC00: (22411873, 2), 0xFC02: (0x70, 1)}))


def b23(address: int) -> SimDevice:
    holding = {0x5000: (1234567, 4), 0x5004: (0, 4), 0x5B00: (2301, 2), 0x5B02: (2302, 2), 0x5B04: (2299, 2)}
    holding |= {0x5B14: (10_000, 2), 0x5B2C: (5001, 1), 0x8900: (778899, 2)}
    return device(address, holding=integers(holding))


def em340(address: int) -> SimDevice:
    longs = {0: (2305, 2), 2: (2310, 2), 4: (2290, 2), 0x28: (3450, 2), 0x34: (98765, 2), 0x4E: (0, 2)}
    words = integers(longs, low_first=True) | integers({0x33: (500, 1)})
    return device(address, inputs={**words, 0x0B: 341})


@asynccontextmanager
async def rs485(
    folder: Path, devices: Sequence[SimDevice], framing: Framing = NORMAL, spoil: Spoil = bytes
) -> AsyncIterator[Target]:
    """A line: what the client sends at the right rate reaches the server; its answers may be spoilt."""
    present = {device.id for device in devices}
    async with Pty.open(folder / "near") as near, Pty.open(folder / "far") as far, asyncio.TaskGroup() as tasks:
        server = ModbusSerialServer(
            list(devices), port=str(folder / "far"), baudrate=framing.baud, ignore_missing_devices=True
        )

        async def there() -> None:
            while True:
                data = await near.read()
                if near.baud_of_client() == framing.baud:
                    await far.write(data)

        async def back() -> None:
            while True:
                answer = await far.read()
                if answer[0] in present:  # this server also refuses in the name of devices that are not there
                    await near.write(spoil(answer))

        jobs = [tasks.create_task(job()) for job in (there, back)]
        serving = asyncio.create_task(server.serve_forever())
        yield Target("rs485", str(folder / "near"))
        await server.shutdown()  # type: ignore[no-untyped-call]  # of pymodbus
        serving.cancel()
        for job in jobs:
            job.cancel()


def scanned(
    folder: Path, devices: Sequence[SimDevice], framing: Framing = NORMAL, spoil: Spoil = bytes
) -> tuple[Findings, str]:
    async def scene() -> tuple[Findings, str]:
        dialog = Scripted([False])
        async with rs485(folder, devices, framing, spoil) as target:
            return await scan(dialog, target, tables=TABLES, answer_s=0.06), dialog.heard

    return asyncio.run(scene())


@pytest.mark.slow
def test_three_makes_on_one_line_are_named(tmp_path: Path) -> None:
    findings, heard = scanned(tmp_path, [sdm630(1), b23(5), em340(9)])
    best = {found.address: found.candidates[0] for found in findings.devices}
    assert {address: (c.table.model, c.energy_wh) for address, c in best.items()} == {
        1: ("SDM630-V2", 4_711_123),
        5: ("B23", 12_345_670),
        9: ("EM340", 9_876_500),
    }
    assert best[1].serial == "22411873"
    assert "it calls itself SDM630" in heard
    assert 'meter = "EM340"\nmeter_address = 9' in heard
    assert "Swap A and B" not in heard


@pytest.mark.slow
def test_another_rate_is_found_and_written_down(tmp_path: Path) -> None:
    findings, heard = scanned(tmp_path, [sdm630(3)], Framing(2400))
    assert [(found.address, found.framing.baud) for found in findings.devices] == [(3, 2400)]
    assert "baud = 2400" in heard


@pytest.mark.slow
def test_a_silent_line_suggests_to_swap_a_and_b(tmp_path: Path) -> None:
    findings, heard = scanned(tmp_path, [sdm630(200)])
    assert not findings.devices
    assert "Swap A and B" in heard


@pytest.mark.slow
def test_a_garbled_answer_is_told_with_its_address(tmp_path: Path) -> None:
    findings, heard = scanned(tmp_path, [sdm630(2)], spoil=lambda data: data[:-1] + bytes([data[-1] ^ 0xFF]))
    assert not findings.devices
    assert "Address 2 answers garbled at 9600 baud 8N1: two devices may have this address" in heard


@pytest.mark.slow
def test_an_adapter_that_hears_itself_is_recognised(tmp_path: Path) -> None:
    async def scene() -> str:
        dialog = Scripted([False])
        async with Pty.open(tmp_path / "near") as near, asyncio.TaskGroup() as tasks:

            async def echo() -> None:
                while True:
                    await near.write(await near.read())

            job = tasks.create_task(echo())
            await scan(dialog, Target("rs485", str(tmp_path / "near")), tables=TABLES, answer_s=0.06)
            job.cancel()
        return dialog.heard

    assert "the adapter hears itself" in asyncio.run(scene())


@pytest.mark.slow
def test_what_was_found_is_told_when_the_scan_is_stopped(tmp_path: Path) -> None:
    async def scene() -> str:
        dialog = Scripted([])
        async with rs485(tmp_path, [sdm630(1)]) as target:
            task = asyncio.create_task(scan(dialog, target, tables=TABLES, answer_s=0.06))
            while "address 4:" not in dialog.heard:  # noqa: ASYNC110  a dialog tells nobody that it was told
                await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        return dialog.heard

    assert 'meter = "SDM630-V2"' in asyncio.run(scene())


@pytest.mark.slow
def test_a_gateway_is_searched_with_its_own_framing(tmp_path: Path) -> None:
    async def scene() -> tuple[Findings, str]:
        dialog = Scripted([False])
        server = ModbusTcpServer([b23(7)], address=("127.0.0.1", 0), ignore_missing_devices=True)
        await server.listen()
        port = server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined]  # it is a server
        findings = await scan(dialog, Target("gateway", f"tcp://127.0.0.1:{port}"), tables=TABLES, answer_s=0.06)
        await server.shutdown()  # type: ignore[no-untyped-call]  # of pymodbus
        return findings, dialog.heard

    findings, heard = asyncio.run(scene())
    assert [found.candidates[0].table.model for found in findings.devices] == ["B23"]
    assert "baud =" not in heard


def test_a_missing_port_is_named(tmp_path: Path) -> None:
    with pytest.raises(PortError, match="does not exist"):
        asyncio.run(scan(Scripted([]), Target("rs485", os.fspath(tmp_path / "nosuch")), tables=TABLES, answer_s=0.06))
