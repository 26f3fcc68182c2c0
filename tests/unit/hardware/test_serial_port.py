import asyncio
from pathlib import Path

import pytest

from hardware.errors import PortError
from hardware.serial_port import SerialPort
from simulators.pty import Pty


async def open_error(path: Path, baud: int = 9600) -> str:
    with pytest.raises(PortError) as raised:
        async with SerialPort.open(str(path), baud, setting="modem.port"):
            pass
    text = str(raised.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def test_every_byte_comes_through_both_ways(tmp_path: Path) -> None:
    every_byte = bytes(range(256)) * 40

    async def run() -> None:
        async with Pty.open(tmp_path / "port") as pty, SerialPort.open(str(tmp_path / "port"), 115200) as port:

            async def receive(read: object) -> bytes:
                received = b""
                while len(received) < len(every_byte):
                    received += await (port.read() if read is port else pty.read())
                return received

            _, _, at_pty, at_port = await asyncio.gather(
                port.write(every_byte), pty.write(every_byte), receive(pty), receive(port)
            )
            assert at_pty == at_port == every_byte

    asyncio.run(run())


def test_the_device_sees_the_rate(tmp_path: Path) -> None:
    async def run() -> None:
        async with Pty.open(tmp_path / "port") as pty:
            for baud in (9600, 115200):
                async with SerialPort.open(str(tmp_path / "port"), baud):
                    assert pty.baud_of_client() == baud

    asyncio.run(run())


def test_what_came_before_opening_is_forgotten(tmp_path: Path) -> None:
    async def run() -> None:
        async with Pty.open(tmp_path / "port") as pty:
            await pty.write(b"old")
            async with SerialPort.open(str(tmp_path / "port"), 9600) as port:
                await pty.write(b"new")
                assert await port.read() == b"new"

    asyncio.run(run())


def test_missing_port(tmp_path: Path) -> None:
    text = asyncio.run(open_error(tmp_path / "ttyUSB9"))
    assert "does not exist" in text
    assert "modem.port" in text
    assert "present ports" in text


def test_port_in_use(tmp_path: Path) -> None:
    async def run() -> str:
        async with Pty.open(tmp_path / "port"), SerialPort.open(str(tmp_path / "port"), 9600):
            return await open_error(tmp_path / "port")

    assert "in use" in asyncio.run(run())


def test_no_serial_port(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "serial port" in asyncio.run(open_error(tmp_path / "file"))


def test_impossible_rate(tmp_path: Path) -> None:
    async def run() -> str:
        async with Pty.open(tmp_path / "port"):
            return await open_error(tmp_path / "port", baud=-3)

    assert "baud" in asyncio.run(run())


def test_port_that_goes_away(tmp_path: Path) -> None:
    async def run() -> None:
        async with Pty.open(tmp_path / "port") as pty, SerialPort.open(str(tmp_path / "port"), 9600) as port:
            waiting = asyncio.create_task(port.read())
            await asyncio.sleep(0)
            pty.close()
            with pytest.raises(PortError, match="went away"):
                await waiting
            with pytest.raises(PortError, match="went away"):
                await port.write(b"AT\r")

    asyncio.run(run())


def test_cancelled_reading_loses_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with Pty.open(tmp_path / "port") as pty, SerialPort.open(str(tmp_path / "port"), 9600) as port:
            for byte in b"abc":
                waiting = asyncio.create_task(port.read())
                await asyncio.sleep(0)
                waiting.cancel()
                await asyncio.wait([waiting])
                await pty.write(bytes([byte]))
                assert await port.read() == bytes([byte])

    asyncio.run(run())
