"""A station as a process that can be killed: its board, meter and reader are files, see test_station_killed."""

import asyncio
import fcntl
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

from hardware.api import EvseBoard, EvseStatus, MeterIdentity, PilotState
from shared.clock import SystemClock, boot_id
from shared.ids import EvseId, IdToken
from shared.log import start_logging
from shared.metering import MeterReading
from shared.units import Wh
from station.app import run_station
from station.devices import EvseHardware, Hardware
from tests.unit.station.site import settings


class FileSite(EvseBoard):
    """The board obeys through `offered`; `pilot`, `register` and `card` are the test's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def status(self) -> EvseStatus:
        pilot, offered = PilotState(self.get("pilot")), int(self.get("offered"))
        return EvseStatus(pilot, offered > 0 and pilot is PilotState.C, offered)

    async def allow(self, current_a: int) -> None:
        self.put("offered", str(current_a))

    async def stop(self) -> None:
        with self.quiet():
            self.put("offered", "0")

    async def identify(self) -> MeterIdentity:
        return MeterIdentity("file", "1")

    async def read(self) -> MeterReading:
        return MeterReading(Wh(int(self.get("register"))))

    async def tags(self) -> AsyncIterator[IdToken]:
        while True:
            await asyncio.sleep(0.02)
            if card := self.get("card"):
                self.put("card", "")
                yield IdToken(card)

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Keep the contactor from moving while the vehicle draws, and the other way round."""
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def get(self, name: str) -> str:
        return (self._folder / name).read_text()

    def put(self, name: str, text: str) -> None:
        new = self._folder / f"{name}.new"
        new.write_text(text)
        new.replace(self._folder / name)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    site = FileSite(folder)
    start_logging()
    one = EvseId(1)
    hardware = Hardware({one: EvseHardware(site, site)}, ((site, (one,)),))
    made = settings(folder, int(sys.argv[2]), sample_s=1)
    asyncio.run(run_station(made, hardware, clock=SystemClock(), kernel_boot_id=boot_id(), stop=asyncio.Event()))
