"""The journal's disk full or read-only in the middle of a charge: no kWh is lost, nothing new starts, it recovers."""

import asyncio
import contextlib
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardware.api import PilotState
from shared import sqlite
from shared.ids import IdToken
from shared.sqlite import _connect
from station.ledger_view import read_ledger
from tests.link.csms import Csms, eventually
from tests.unit.station.site import CARD, Site, settings, station

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "none", str(folder)], check=False)
    if made.returncode:
        pytest.skip("this machine lets nobody mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> None:
    with contextlib.suppress(OSError), (folder / "ballast").open("wb", buffering=0) as file:
        while file.write(bytes(1024)):
            pass


class Fault:
    """A disk that is full, or a journal that can only be read: a mounted disk in use can't be made so by anybody."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._folder, self._kind = folder, kind
        self.connections: list[sqlite3.Connection] = []

    def connect(self, path: Path, synchronous: str) -> sqlite3.Connection:
        self.connections.append(_connect(path, synchronous))
        return self.connections[-1]

    def begin(self) -> None:
        if self._kind == "full":
            fill(self._folder)
        else:
            self.connections[-1].execute("PRAGMA query_only = ON")

    def end(self) -> None:
        if self._kind == "full":
            (self._folder / "ballast").unlink()
        else:
            self.connections[-1].execute("PRAGMA query_only = OFF")


@pytest.mark.parametrize("kind", ["full", "read-only"])
@pytest.mark.parametrize("ends", ["while it stalls", "later"])
def test_a_charge_outlives_a_disk_that_can_t_be_written(
    small_disk: Path, kind: str, ends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault, site = Fault(small_disk, kind), Site()
    monkeypatch.setattr(sqlite, "_connect", fault.connect)

    async def blocked() -> None:
        site.unplug()
        await asyncio.sleep(0.3)
        site.plug()
        site.tap(IdToken("04A1B2C3D4"))
        await asyncio.sleep(0.6)
        assert not site.is_closed, "nothing new starts"
        site.unplug()

    async def work() -> None:
        async with Csms().serve() as csms, station(settings(small_disk, csms.port, sample_s=1), site) as task:
            site.plug()

            async def taps(*, charging: bool) -> None:
                site.tap()

                async def done() -> bool:
                    return site.is_closed is charging

                await eventually(done, 5)

            await asyncio.sleep(0.3)
            await taps(charging=True)
            await csms.until(lambda: csms.of("StartTransaction"))
            first = site.register
            fault.begin()
            await asyncio.sleep(2.5)
            assert site.is_closed, "the charge goes on"
            assert not task.done()
            if ends == "while it stalls":
                await taps(charging=False)
                stopped_at = site.register
                await blocked()
            fault.end()
            if ends == "later":
                await asyncio.sleep(0.5)
                await taps(charging=False)
                stopped_at = site.register
            await csms.until(lambda: csms.of("StopTransaction"), 25)
            starts, stops = csms.of("StartTransaction"), csms.of("StopTransaction")
            assert stops[0][1]["meterStop"] == stopped_at > first
            assert len({payload["timestamp"] for _, payload in starts}) == 1, "one charge, however often it was told"
            assert not task.done()

            async def settled() -> bool:
                return {row.state for row in read_ledger(small_disk / "journal.sqlite")} == {"acknowledged"}

            await eventually(settled, 25)

    asyncio.run(work())


def test_killed_while_it_stalls_the_next_start_ends_with_the_meter_s_register(small_disk: Path) -> None:
    fault, site = Fault(small_disk, "full"), Site()

    async def first() -> None:
        async with station(settings(small_disk, 9, sample_s=1), site) as task:
            site.plug()
            site.tap(CARD)

            async def closed() -> bool:
                return site.is_closed

            await eventually(closed, 5)
            fault.begin()
            await asyncio.sleep(1.5)
            task.cancel()

    async def second() -> None:
        later = Site(pilot=PilotState.A, register=site.register)
        async with Csms().serve() as csms, station(settings(small_disk, csms.port), later, "boot-b"):
            await csms.until(lambda: csms.of("StopTransaction"))
            stop = csms.of("StopTransaction")[0][1]
            assert (stop["meterStop"], stop["reason"]) == (site.register, "PowerLoss")

    asyncio.run(first())
    fault.end()
    asyncio.run(second())
