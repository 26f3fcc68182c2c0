"""The real driver against the simulated modem over a real pty: what the station's user would notice."""

import asyncio
import logging
import random
import socket
from collections.abc import Awaitable
from datetime import datetime
from pathlib import Path

import pytest

from hardware.api import Registration
from hardware.errors import HardwareError, LinkError, PortError
from hardware.modem.at_modem import AtModem
from hardware.modem.sim_memory import SimMemoryFile
from hardware.serial_port import SerialPort
from simulators.modem import Faults
from tests.link.link_time import run
from tests.link.modem_bench import NOW, QUICK, bench, new_modem


async def error_of(call: Awaitable[object], kind: type[HardwareError]) -> str:
    with pytest.raises(kind) as raised:
        await call
    text = str(raised.value)
    assert "\n" not in text
    return text


def test_bring_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with bench(tmp_path, coverage=None) as b:
            identity = await b.modem.start()
            assert (identity.manufacturer, identity.model) == ("Quectel", "EC25")
            assert identity.imei == "866758041234567"
            assert identity.iccid == "89490200001234567894"
            assert await b.modem.network_time() is None
            status = await b.modem.network()
            assert (status.registration, status.signal_dbm, status.operator) == (Registration.SEARCHING, None, "")
            b.sim.set_coverage(-83)
            await b.registered()
            status = await b.modem.network()
            assert (status.registration, status.signal_dbm) == (Registration.HOME, -83)
            assert status.operator == "Example Mobil"
            told: datetime | None = await b.modem.network_time()
            assert told == NOW

    run(story())


def test_hundred_kilobytes_both_ways_while_the_network_is_asked(tmp_path: Path) -> None:
    data = random.Random(1).randbytes(100_000)

    async def story() -> None:
        async with bench(tmp_path) as b:
            stream = await b.online()

            async def ask() -> int:
                for _ in range(20):
                    assert (await b.modem.network()).is_registered
                return 20

            _, received, asked = await asyncio.gather(stream.send(data), stream.receive(len(data)), ask())
            assert received == data
            assert b.server.received == data
            assert asked == 20
            assert (b.sim.counters.bytes_sent, b.sim.counters.bytes_received) == (len(data), len(data))
            await stream.close()
            await b.server.ended.wait()

    run(story())


@pytest.mark.parametrize("largest_piece", [1, 7])
def test_in_small_pieces_with_unsolicited_lines_between(tmp_path: Path, largest_piece: int) -> None:
    data = random.Random(2).randbytes(4000)
    faults = Faults(fragment=largest_piece, urcs=("+CREG: 5", '+CTZV: "+04"', "RING", "+QIND: PB DONE"), urc_chance=0.5)

    async def story() -> None:
        async with bench(tmp_path, faults=faults) as b:
            stream = await b.online()
            await stream.send(data)
            assert await stream.receive(len(data)) == data

    run(story())


def test_slow_line_and_slow_network(tmp_path: Path) -> None:
    data = random.Random(3).randbytes(3000)

    async def story() -> None:
        async with bench(tmp_path, latency_s=0.7, baud=9600) as b:
            stream = await b.online()
            await stream.send(data)
            assert await stream.receive(len(data)) == data

    run(story(), speed=10)


def test_coverage_lost_and_regained_keeps_the_connection(tmp_path: Path) -> None:
    async def story() -> None:
        async with bench(tmp_path) as b:
            stream = await b.online()
            await stream.send(b"before")
            assert await stream.receive(6) == b"before"
            b.sim.set_coverage(None)
            await stream.send(b"held back")
            assert (await b.modem.network()).registration is Registration.SEARCHING
            assert (await b.modem.network()).signal_dbm is None
            assert b.server.received == b"before"
            b.sim.set_coverage(-95)
            assert await stream.receive(9) == b"held back"
            assert b.sim.counters.connections == 1

    run(story())


def test_more_than_the_modem_holds_waits_and_is_not_lost(tmp_path: Path) -> None:
    data = random.Random(4).randbytes(40_000)

    async def story() -> None:
        async with bench(tmp_path) as b:
            stream = await b.online()
            b.sim.cut()
            sending = asyncio.create_task(stream.send(data))
            await asyncio.sleep(3)
            assert not b.server.received
            assert (await b.modem.network()).is_registered
            b.sim.heal()
            assert await stream.receive(len(data)) == data
            await sending

    run(story(), speed=5)


def test_context_dropped_ends_the_connection_and_a_new_one_works(tmp_path: Path) -> None:
    async def story() -> None:
        async with bench(tmp_path, drop_after_s=0.3) as b:
            stream = await b.online()
            b.sim.set_coverage(None)
            await stream.send(b"lost")
            async with asyncio.timeout(5):
                assert await stream.read_to_end() == b""
            await error_of(b.modem.attach(), LinkError)
            b.sim.set_coverage(-71)
            await b.registered()
            await b.modem.attach()
            stream = await b.connect()
            await stream.send(b"anew")
            assert await stream.receive(4) == b"anew"
            assert b.server.received == b"anew"

    run(story())


def test_server_closes_after_its_last_words(tmp_path: Path) -> None:
    async def story() -> None:
        async with bench(tmp_path, echoes=False) as b:
            stream = await b.online()
            await stream.send(b"hello")
            await b.server.heard.wait()
            b.server.writers[0].write(b"bye" * 1000)
            b.server.writers[0].close()
            async with asyncio.timeout(5):
                assert await stream.read_to_end() == b"bye" * 1000

    run(story())


def test_a_new_connection_closes_the_last(tmp_path: Path) -> None:
    async def story() -> None:
        async with bench(tmp_path) as b:
            first = await b.online()
            second = await b.connect()
            assert await first.read_to_end() == b""
            await b.server.ended.wait()
            await second.send(b"second")
            assert await second.receive(6) == b"second"

    run(story())


@pytest.mark.parametrize("modem_baud", [9600, 460800])
def test_another_baud_rate_is_found_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture, modem_baud: int) -> None:
    async def story() -> None:
        async with bench(tmp_path, baud=modem_baud) as b:
            modem = b.modem = new_modem(b.path, baud=57600)
            identity = await modem.start()
            assert identity.model == "EC25"

    caplog.set_level(logging.WARNING, "hardware.modem")
    run(story(), speed=3)
    [line] = [record.getMessage() for record in caplog.records if "modem_baud_differs" in record.getMessage()]
    assert f"configured=57600 found={modem_baud} correct=modem.baud" in line


def test_missing_port(tmp_path: Path) -> None:
    modem = AtModem("/dev/ttyMISSING", 115200, apn="", sim_memory=SimMemoryFile(tmp_path / "sim.json"), probing=QUICK)
    text = run(error_of(modem.start(), PortError))
    assert "/dev/ttyMISSING does not exist" in text
    assert "modem.port" in text


def test_silent_modem(tmp_path: Path) -> None:
    async def story() -> str:
        async with bench(tmp_path) as b:
            b.sim.hang()
            return await error_of(b.modem.start(), LinkError)

    text = run(story(), speed=5)
    assert str(tmp_path / "modem") in text
    assert "115200 baud" in text
    assert "modem.baud" in text


def test_modem_that_only_echoes_does_not_answer(tmp_path: Path) -> None:
    async def story() -> None:
        async with bench(tmp_path) as b:
            b.sim.hang(echoing=True)
            await error_of(b.modem.start(), LinkError)

    run(story(), speed=5)


def test_modem_falls_silent_ends_the_connection_until_started_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with bench(tmp_path) as b:
            stream = await b.online()
            b.sim.hang()
            for _ in range(3):
                assert "no answer" in await error_of(b.modem.network(), LinkError)
            assert "no longer answers" in await error_of(b.modem.network(), LinkError)
            assert "no longer answers" in await error_of(b.modem.attach(), LinkError)
            assert await stream.read_to_end() == b""
            b.sim.restart()
            await asyncio.sleep(0.1)
            stream = await b.online()
            await stream.send(b"again")
            assert await stream.receive(5) == b"again"

    run(story(), speed=5)


def test_modem_restarts_by_itself(tmp_path: Path) -> None:
    async def story() -> None:
        async with bench(tmp_path) as b:
            stream = await b.online()
            b.sim.restart()
            async with asyncio.timeout(5):
                assert await stream.read_to_end() == b""
            assert "restarted by itself" in await error_of(b.modem.network(), LinkError)
            stream = await b.online()
            await stream.send(b"again")
            assert await stream.receive(5) == b"again"

    run(story())


def test_port_goes_away(tmp_path: Path) -> None:
    async def story() -> None:
        async with bench(tmp_path) as b:
            stream = await b.online()
            await b.unplug()
            assert await stream.read_to_end() == b""
            assert "went away" in await error_of(b.modem.network(), PortError)

    run(story())


def test_program_killed_while_it_was_sending(tmp_path: Path) -> None:
    """The modem still waits for payload: whatever the next program says at first is taken for it."""

    async def story() -> None:
        async with bench(tmp_path) as b:
            stream = await b.online()
            await stream.close()
            await b.modem.stop()
            async with SerialPort.open(str(b.path), 115200) as port:
                for command in (f'AT+QIOPEN=1,0,"TCP","127.0.0.1",{b.server.port},0,0', "AT+QISEND=0,1460"):
                    await port.write(command.encode() + b"\r")
                    await asyncio.sleep(0.1)
                await port.write(b"half of it")
            stream = await b.online()
            await stream.send(b"again")
            assert await stream.receive(5) == b"again"

    run(story())


def test_cancelled_calls_do_no_harm(tmp_path: Path) -> None:
    async def story() -> None:
        async with bench(tmp_path, latency_s=0.05) as b:
            await b.modem.start()
            await b.registered()
            for wait_s in (0.0, 0.01, 0.03, 0.06, 0.1):
                await b.modem.attach()  # a cancelled one may have got as far as giving the old context up
                for call in (b.modem.connect("127.0.0.1", b.server.port), b.modem.network(), b.modem.attach()):
                    task = asyncio.ensure_future(call)
                    await asyncio.sleep(wait_s)
                    task.cancel()
                    await asyncio.wait([task])
                    if not task.cancelled() and isinstance(left := task.result(), socket.socket):
                        left.close()
                assert (await b.modem.network()).is_registered
            await b.modem.attach()
            stream = await b.connect()
            await stream.send(b"hello")
            assert await stream.receive(5) == b"hello"

    run(story())


def test_stop_ends_a_connection_attempt(tmp_path: Path) -> None:
    async def story() -> None:
        async with bench(tmp_path) as b:
            await b.modem.start()
            await b.registered()
            await b.modem.attach()
            b.sim.cut()
            connecting = asyncio.create_task(b.modem.connect("127.0.0.1", b.server.port))
            await asyncio.sleep(0.3)
            await b.modem.stop()
            async with asyncio.timeout(1):
                await error_of(connecting, LinkError)

    run(story())


def test_nothing_of_it_runs_after_stop(tmp_path: Path) -> None:
    async def story() -> None:
        async with bench(tmp_path) as b:
            await asyncio.sleep(0.2)  # the simulator's own tasks have begun
            before = len(asyncio.all_tasks())
            stream = await b.online()
            await b.modem.stop()
            assert await stream.read_to_end() == b""
            await stream.close()
            await b.server.ended.wait()
            await asyncio.sleep(0.05)
            assert len(asyncio.all_tasks()) == before
            assert "not started" in await error_of(b.modem.network(), LinkError)
            async with SerialPort.open(str(b.path), 9600):
                pass

    run(story())


def test_refused_connections(tmp_path: Path) -> None:
    async def story() -> None:
        async with bench(tmp_path, apn="right.example") as b:
            await b.modem.start()
            await b.registered()
            assert "modem.apn" in await error_of(b.modem.attach(), LinkError)
            await b.modem.stop()
            b.modem = new_modem(b.path, apn="right.example")
            await b.modem.start()
            await b.modem.attach()
            assert "192.0.2.7:80 (its error 566)" in await error_of(b.modem.connect("192.0.2.7", 80), LinkError)
            assert "error 565" in await error_of(b.modem.connect("csms.example", 443), LinkError)
            await b.connect()

    run(story())
