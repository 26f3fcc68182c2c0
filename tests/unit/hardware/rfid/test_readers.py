"""The card reader on a real pty."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hardware.rfid.rdm6300 import Presentations
from hardware.rfid.readers import SerialReader
from shared.ids import IdToken
from simulators.faults import FaultyLine
from simulators.pty import Pty
from simulators.rfid import RfidSimulator


async def _next(tags: AsyncIterator[IdToken]) -> IdToken:
    return await anext(tags)


def test_a_card_comes_through_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        link = tmp_path / "rfid.tty"
        async with Pty.open(link) as pty:
            tags = SerialReader(str(link), 9600, Presentations()).tags()
            simulator = RfidSimulator(FaultyLine(pty))
            async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
                first = tasks.create_task(_next(tags))
                await asyncio.sleep(0.05)  # the reader forgets what came before it opened the port
                await simulator.present("04a1b2c3d4")
                await simulator.present("0000000001")
                assert await first == IdToken("04A1B2C3D4")
                assert await anext(tags) == IdToken("0000000001")
            await tags.aclose()  # type: ignore[attr-defined]  # an async generator

    asyncio.run(scenario())


def test_a_missing_reader_is_waited_for_and_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    link = tmp_path / "rfid.tty"

    async def scenario() -> None:
        tags = SerialReader(str(link), 9600, Presentations(), retry_s=0.01, setting="rfid.port").tags()
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            card = tasks.create_task(_next(tags))
            await asyncio.sleep(0.05)
            async with Pty.open(link) as pty:
                await asyncio.sleep(0.05)
                await RfidSimulator(pty).present("04A1B2C3D4")
                assert (await card).value == "04A1B2C3D4"
                again = tasks.create_task(_next(tags))
                await asyncio.sleep(0)
            await asyncio.sleep(0.05)
            again.cancel()

    asyncio.run(scenario())
    lines = [record.getMessage() for record in caplog.records if record.name == "hardware.rfid.readers"]
    assert [line.split(" port=")[0] for line in lines] == [
        "card_reader_lost",
        "card_reader_is_back",
        "card_reader_lost",
    ]
    assert "rfid.port" in lines[0]
