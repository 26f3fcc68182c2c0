"""Card readers with their devices: a PN532 on a pty, byte by byte, and a keyboard that is a FIFO."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hardware.api import TagReader
from hardware.registry import make_reader
from hardware.rfid import pn532
from hardware.rfid.readers import Pn532Reader, ReversedBytes, WedgeReader
from hardware.rfid.wedge import WedgeParser
from shared.ids import IdToken
from simulators.faults import FaultyLine, Line
from simulators.pn532 import Pn532Simulator
from simulators.pty import Pty
from tests.unit.hardware.rfid.test_wedge import typed

CARD = "04A1B2C3D4E5F6"


class Collected:
    """A reader's cards as they come."""

    def __init__(self) -> None:
        self.tags: list[str] = []
        self.came = asyncio.Event()

    async def collect(self, reader: TagReader) -> None:
        async for token in reader.tags():
            self.tags.append(token.value)
            self.came.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.tags) < count:
                self.came.clear()
                await self.came.wait()


@asynccontextmanager
async def pn532_on(
    link: Path, wrap: Callable[[Pty], Line] = lambda pty: pty
) -> AsyncIterator[tuple[Pn532Simulator, Collected]]:
    async with Pty.open(link) as pty, asyncio.TaskGroup() as tasks:
        simulator, found = Pn532Simulator(wrap(pty)), Collected()
        jobs = [
            tasks.create_task(simulator.run()),
            tasks.create_task(found.collect(Pn532Reader(str(link), 115200, retry_s=0.05))),
        ]
        yield simulator, found
        for job in jobs:
            job.cancel()


@pytest.mark.parametrize("uid", ["04A1B2C3", CARD, "04A1B2C3D4E5F60718AA"])
def test_a_card_comes_through_once_while_it_stays(tmp_path: Path, uid: str) -> None:
    async def scenario() -> None:
        async with pn532_on(tmp_path / "rfid.tty") as (simulator, found):
            simulator.hold(uid)
            await found.until(1)
            looks = simulator.asked
            await asyncio.sleep(0.6)
            assert simulator.asked > looks + 1
            assert found.tags == [uid]
            simulator.hold("0BADC0DE")
            await found.until(2)
            assert found.tags == [uid, "0BADC0DE"]

    asyncio.run(scenario())


def test_a_line_that_damages_bytes_gives_no_other_card(tmp_path: Path) -> None:
    async def scenario() -> None:
        def wrap(pty: Pty) -> Line:
            return FaultyLine(pty, seed=532, loss=0.005, corruption=0.01)

        async with pn532_on(tmp_path / "rfid.tty", wrap) as (simulator, found):
            for uid in ("04A1B2C3", CARD):
                simulator.hold(uid)
                await found.until(len(found.tags) + 1)
            assert found.tags == ["04A1B2C3", CARD]

    asyncio.run(scenario())


def test_a_reader_that_lost_its_supply_works_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pn532, "ANSWER_S", 0.2)
    caplog.set_level("INFO")

    async def scenario() -> None:
        async with pn532_on(tmp_path / "rfid.tty") as (simulator, found):
            simulator.hold("04A1B2C3")
            await found.until(1)
            simulator.cut_power()
            simulator.hold(CARD)
            await found.until(2)

    asyncio.run(scenario())
    assert not [record for record in caplog.records if record.name == "hardware.rfid.readers"]  # too short to tell


def test_a_dead_reader_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pn532, "ACK_S", 0.02)
    caplog.set_level("INFO")

    async def scenario() -> None:
        async with Pty.open(tmp_path / "rfid.tty") as pty, asyncio.TaskGroup() as tasks:
            found = Collected()
            reader = tasks.create_task(found.collect(Pn532Reader(str(tmp_path / "rfid.tty"), 115200)))
            await asyncio.sleep(0.3)
            simulator = Pn532Simulator(pty)
            simulator.hold(CARD)
            device = tasks.create_task(simulator.run())
            await found.until(1)
            reader.cancel()
            device.cancel()

    asyncio.run(scenario())
    lines = [record.getMessage().split()[0] for record in caplog.records if record.name == "hardware.rfid.readers"]
    assert lines == ["card_reader_lost", "card_reader_is_back"]
    assert "switches for HSU" in caplog.text


def test_a_keyboard_types_cards_for_us_alone(tmp_path: Path) -> None:
    device, grabbed = tmp_path / "event0", list[int]()
    os.mkfifo(device)

    async def scenario() -> None:
        found = Collected()
        reader = ReversedBytes(WedgeReader(str(device), WedgeParser(), retry_s=0.01, grab=grabbed.append))
        async with asyncio.TaskGroup() as tasks:
            job = tasks.create_task(found.collect(reader))
            for number, card in enumerate(("04A1B2C3", "0000000001"), 1):
                await asyncio.sleep(0.05)
                keyboard = os.open(device, os.O_WRONLY)
                for byte in typed(card):
                    os.write(keyboard, bytes([byte]))
                await found.until(number)
                os.close(keyboard)  # unplugged, and plugged in again
            job.cancel()
        assert found.tags == ["C3B2A104", "0100000000"]
        assert len(grabbed) >= 2

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "does not exist: check the reader's cable and rfid.port"),
        (lambda path: path.write_bytes(b""), "is no input device: correct rfid.port"),
    ],
)
def test_what_is_no_keyboard_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, make: Callable[[Path], object], says: str
) -> None:
    make(tmp_path / "event0")

    async def scenario() -> None:
        tags = make_reader("keyboard", str(tmp_path / "event0")).tags()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await anext(tags)

    asyncio.run(scenario())
    assert caplog.text.count("card_reader_lost") == 1
    assert says in caplog.text


def test_masked_in_text() -> None:
    assert CARD not in f"{IdToken.parse(CARD)} {IdToken.parse(CARD)!r}"
