"""The simulated modem, byte by byte as on the wire."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hardware.serial_port import SerialPort
from shared.clock import ManualClock
from simulators.app import follow_coverage
from simulators.modem import ModemSimulator
from simulators.pty import Pty
from simulators.settings import CoverageStep

OK = b"\r\nOK\r\n"


class Wire:
    """The port as a terminal program sees it."""

    def __init__(self, port: SerialPort) -> None:
        self._port, self._held = port, b""

    async def ask(self, sent: bytes, *expected: bytes) -> None:
        """Send, and see exactly these bytes come."""
        await self._port.write(sent)
        await self.see(b"".join(expected))

    async def see(self, expected: bytes) -> None:
        async with asyncio.timeout(5):
            while len(self._held) < len(expected):
                self._held += await self._port.read()
        assert self._held[: len(expected)] == expected
        self._held = self._held[len(expected) :]

    async def read_some(self) -> bytes:
        async with asyncio.timeout(5):
            return await self._port.read()


# Any: the simulator's own keyword arguments.
@asynccontextmanager
async def modem(folder: Path, client_baud: int = 115200, **settings: Any) -> AsyncIterator[tuple[ModemSimulator, Wire]]:
    clock = ManualClock(datetime(2026, 10, 31, 17, 40, 5, tzinfo=UTC))
    async with Pty.open(folder / "modem") as pty, SerialPort.open(str(folder / "modem"), client_baud) as port:
        simulator = ModemSimulator(pty, clock, **{"boot_s": 0.0, "register_s": 0.0} | settings)
        running = asyncio.create_task(simulator.run())
        try:
            yield simulator, Wire(port)
        finally:
            running.cancel()
            await asyncio.wait([running])


BOOT = b"\r\nRDY\r\n\r\n+CPIN: READY\r\n\r\n+QUSIM: 1\r\n\r\n+QIND: SMS DONE\r\n\r\n+QIND: PB DONE\r\n"


def test_boot_echo_and_signal(tmp_path: Path) -> None:
    async def story() -> None:
        async with modem(tmp_path) as (_, wire):
            await wire.see(BOOT)
            await wire.ask(b"AT\r", b"AT\r", OK)
            await wire.ask(b"ATE0\r", b"ATE0\r", OK)
            await wire.ask(b"AT+CSQ\r", b"\r\n+CSQ: 21,99\r\n", OK)
            await wire.ask(b"AT+CGMM\r\n", b"\r\nEC25\r\n", OK)
            await wire.ask(b"AT+CCLK?\r", b'\r\n+CCLK: "26/10/31,18:40:05+04"\r\n', OK)
            await wire.ask(b"AT+NONSENSE\r", b"\r\nERROR\r\n")
            await wire.ask(b"noise\rAT\r", OK)

    asyncio.run(story())


def test_coverage_comes_and_goes(tmp_path: Path) -> None:
    async def story() -> None:
        async with modem(tmp_path, coverage=None) as (simulator, wire):
            await wire.see(BOOT)
            await wire.ask(b"ATE0\r", b"ATE0\r", OK)
            await wire.ask(b"AT+CSQ\r", b"\r\n+CSQ: 99,99\r\n", OK)
            await wire.ask(b"AT+CCLK?\r", b'\r\n+CCLK: "80/01/06,00:00:12+00"\r\n', OK)
            await wire.ask(b"AT+CEREG=1\r", OK)
            await wire.ask(b"AT+CEREG?\r", b"\r\n+CEREG: 1,2\r\n", OK)
            simulator.set_coverage(-83)
            await wire.see(b"\r\n+CEREG: 1\r\n")
            await wire.ask(b"AT+CSQ\r", b"\r\n+CSQ: 15,99\r\n", OK)
            await wire.ask(b"AT+COPS?\r", b'\r\n+COPS: 0,0,"Example Mobil",7\r\n', OK)
            simulator.set_coverage(None)
            await wire.see(b"\r\n+CEREG: 2\r\n")
            await wire.ask(b"AT+QIACT=1\r", b"\r\nERROR\r\n")

    asyncio.run(story())


def test_coverage_follows_its_script(tmp_path: Path) -> None:
    async def story() -> None:
        clock = ManualClock(datetime(2026, 10, 31, tzinfo=UTC))
        async with modem(tmp_path, coverage=None) as (simulator, wire):
            await wire.see(BOOT)
            await wire.ask(b"ATE0\r", b"ATE0\r", OK)
            await wire.ask(b"AT+CREG=1\r", OK)
            script = (CoverageStep(0), CoverageStep(60, -71), CoverageStep(180))
            following = asyncio.create_task(follow_coverage(script, simulator, clock))
            await asyncio.sleep(0)
            clock.advance(60)
            await wire.see(b"\r\n+CREG: 1\r\n")
            clock.advance(120)
            await wire.see(b"\r\n+CREG: 2\r\n")
            await following

    asyncio.run(story())


def test_pin_counter_down_to_the_puk(tmp_path: Path) -> None:
    async def story() -> None:
        async with modem(tmp_path, sim_pin="4711", sim_tries=2) as (_, wire):
            await wire.see(b"\r\nRDY\r\n\r\n+CPIN: SIM PIN\r\n\r\n+QUSIM: 1\r\n")
            await wire.ask(b"ATE0\r", b"ATE0\r", OK)
            await wire.ask(b"AT+CMEE=1\r", OK)
            await wire.ask(b"AT+QPINC?\r", b'\r\n+QPINC: "SC",2,10\r\n\r\n+QPINC: "P2",3,10\r\n', OK)
            await wire.ask(b"AT+COPS?\r", b"\r\n+CME ERROR: 11\r\n")
            await wire.ask(b'AT+CPIN="0000"\r', b"\r\n+CME ERROR: 16\r\n")
            await wire.ask(b'AT+CSIM=10,"0020000100"\r', b'\r\n+CSIM: 4,"63C1"\r\n', OK)
            await wire.ask(b'AT+CPIN="0000"\r', b"\r\n+CME ERROR: 12\r\n")
            await wire.ask(b"AT+CPIN?\r", b"\r\n+CPIN: SIM PUK\r\n", OK)
            await wire.ask(b'AT+CPIN="4711"\r', b"\r\n+CME ERROR: 12\r\n")

    asyncio.run(story())


def test_a_connection_in_literal_bytes(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(5) == b"hello"
        writer.write(b"\r\nOK\r\n")
        await reader.readexactly(1)
        writer.close()

    async def story() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with modem(tmp_path) as (simulator, wire):
            await wire.see(BOOT)
            await wire.ask(b"ATE0\r", b"ATE0\r", OK)
            await wire.ask(b"AT+QISEND=0,5\r", b"\r\nERROR\r\n")
            await wire.ask(b"AT+QIACT=1\r", OK)
            await wire.ask(b"AT+QIACT?\r", b'\r\n+QIACT: 1,1,1,"10.64.0.7"\r\n', OK)
            await wire.ask(f'AT+QIOPEN=1,0,"TCP","127.0.0.1",{port},0,0\r'.encode(), OK, b"\r\n+QIOPEN: 0,0\r\n")
            await wire.ask(b"AT+QIRD=0,1500\r", b"\r\n+QIRD: 0\r\n", OK)
            await wire.ask(b"AT+QISEND=0,5\r", b"\r\n> ")
            await wire.ask(b"hello", b"\r\nSEND OK\r\n", b'\r\n+QIURC: "recv",0\r\n')
            await wire.ask(b"AT+QIRD=0,4\r", b"\r\n+QIRD: 4\r\n\r\nOK\r\n", OK)
            await wire.ask(b"AT+QIRD=0,1500\r", b"\r\n+QIRD: 2\r\n\r\n\r\n", OK)
            await wire.ask(b"AT+QISEND=0,1\r", b"\r\n> ")
            await wire.ask(b"!", b"\r\nSEND OK\r\n", b'\r\n+QIURC: "closed",0\r\n')
            await wire.ask(b"AT+QISEND=0,5\r", b"\r\nERROR\r\n")
            await wire.ask(b"AT+QICLOSE=0\r", OK)
            assert (simulator.counters.bytes_sent, simulator.counters.bytes_received) == (6, 6)
        server.close()

    asyncio.run(story())


def test_half_open_fills_up_and_the_context_drops(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def story() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with modem(tmp_path, drop_after_s=0.3) as (simulator, wire):
            await wire.see(BOOT)
            await wire.ask(b"ATE0\r", b"ATE0\r", OK)
            await wire.ask(b"AT+QIACT=1\r", OK)
            await wire.ask(f'AT+QIOPEN=1,0,"TCP","127.0.0.1",{port},0,0\r'.encode(), OK, b"\r\n+QIOPEN: 0,0\r\n")
            simulator.set_coverage(None)
            for _ in range(7):
                await wire.ask(b"AT+QISEND=0,1460\r", b"\r\n> ")
                await wire.ask(b"x" * 1460, b"\r\nSEND OK\r\n")
            await wire.ask(b"AT+QISEND=0,1460\r", b"\r\n> ")
            await wire.ask(b"x" * 1460, b"\r\nSEND FAIL\r\n")
            await wire.see(b'\r\n+QIURC: "pdpdeact",1\r\n')
            assert simulator.counters.bytes_sent == 0
            simulator.set_coverage(-71)
            while not simulator.is_registered:  # noqa: ASYNC110  it has no event for programs
                await asyncio.sleep(0)
            await wire.ask(b"AT+QIACT=1\r", b"\r\nERROR\r\n")
            await wire.ask(b"AT+QIDEACT=1\r", OK)
            await wire.ask(b"AT+QIACT=1\r", OK)
        server.close()

    asyncio.run(story())


def test_only_this_machine_can_be_reached(tmp_path: Path) -> None:
    async def story() -> None:
        async with modem(tmp_path) as (_, wire):
            await wire.see(BOOT)
            await wire.ask(b"ATE0\r", b"ATE0\r", OK)
            await wire.ask(b'AT+QIOPEN=1,0,"TCP","127.0.0.1",9,0,0\r', b"\r\nERROR\r\n")
            await wire.ask(b"AT+QIACT=1\r", OK)
            await wire.ask(b'AT+QIOPEN=1,0,"TCP","192.0.2.1",80,0,0\r', OK, b"\r\n+QIOPEN: 0,566\r\n")
            await wire.ask(b'AT+QIOPEN=1,0,"TCP","csms.example",80,0,0\r', OK, b"\r\n+QIOPEN: 0,565\r\n")

    asyncio.run(story())


def test_another_baud_rate_is_noise(tmp_path: Path) -> None:
    async def story() -> None:
        async with modem(tmp_path, client_baud=9600) as (_, wire):
            assert b"RDY" not in await wire.read_some()

    asyncio.run(story())


@pytest.mark.parametrize(("echoing", "seen"), [(True, b"AT\r"), (False, b"")])
def test_hanging(tmp_path: Path, echoing: bool, seen: bytes) -> None:
    async def story() -> None:
        async with modem(tmp_path) as (simulator, wire):
            await wire.see(BOOT)
            simulator.hang(echoing=echoing)
            await wire.ask(b"AT\r", seen)
            await asyncio.sleep(0.05)  # long enough to have been heard
            simulator.restart()
            await wire.see(BOOT)

    asyncio.run(story())
