"""A site for tests: board, meter, vehicle and reader that fulfil hardware.api, and a station with one EVSE of them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hardware.api import EvseBoard, EvseStatus, MeterIdentity, PilotState
from hardware.errors import LinkError
from shared.clock import Clock, SystemClock
from shared.config import parse
from shared.ids import EvseId, IdToken
from shared.metering import MeterReading
from shared.units import Watt, Wh
from station.app import run_station
from station.devices import EvseHardware, Hardware
from station.settings import StationSettings, check

CARD = IdToken("04A1B2C3D4")

SETTINGS = """
[identity]
charge_point_id = "CP1"
[csms]
url = "ws://127.0.0.1:{port}/ocpp"
reply_timeout_s = 2
authorize_timeout_s = 0.5
retry_wait_s = 0.1
retry_random_s = 0
retry_doublings = 0
boot_retry_s = 0.5
[journal]
path = "{folder}/journal.sqlite"
[uplink]
bearer = "host"
[ocpp]
MeterValueSampleInterval = {sample_s}
MinimumStatusDuration = 0
[[bus]]
name = "bus"
port = "/dev/null"
[[evse]]
board_bus = "bus"
meter_bus = "bus"
poll_s = 0.1
[[local_list]]
id_token = "04a1b2c3d4"
"""


def settings(folder: Path, port: int, sample_s: int = 0, version: str = "1.6") -> StationSettings:
    text = SETTINGS.format(folder=folder, port=port, sample_s=sample_s)
    made = parse(text.replace("[csms]\n", f'[csms]\nversion = "{version}"\n'), StationSettings)
    check(made)
    return made


@dataclass
class Site(EvseBoard):
    """Energy flows while a vehicle asks for it and the board offers: a Wh for each look at the meter."""

    pilot: PilotState = PilotState.A
    offered: int = 0
    register: int = 1000
    serial: str = "1"
    meter_is_dead: bool = False
    board_is_dead: bool = False
    stops: int = 0
    cards: "asyncio.Queue[IdToken]" = field(default_factory=asyncio.Queue)

    @property
    def is_closed(self) -> bool:
        return self.offered > 0 and self.pilot is PilotState.C

    async def status(self) -> EvseStatus:
        if self.board_is_dead:
            raise LinkError("the board does not answer")
        return EvseStatus(self.pilot, self.is_closed, self.offered)

    async def allow(self, current_a: int) -> None:
        self.offered = current_a

    async def stop(self) -> None:
        self.offered = 0
        self.stops += 1

    async def identify(self) -> MeterIdentity:
        return MeterIdentity("fake", self.serial)

    async def read(self) -> MeterReading:
        if self.meter_is_dead:
            raise LinkError("the meter does not answer")
        self.register += self.is_closed
        return MeterReading(Wh(self.register), Watt(11000))

    async def tags(self) -> AsyncIterator[IdToken]:
        while True:
            yield await self.cards.get()

    def plug(self) -> None:
        self.pilot = PilotState.C

    def unplug(self) -> None:
        self.pilot = PilotState.A

    def tap(self, card: IdToken = CARD) -> None:
        self.cards.put_nowait(card)

    def hardware(self) -> Hardware:
        one = EvseId(1)
        return Hardware({one: EvseHardware(self, self)}, ((self, (one,)),))


@asynccontextmanager
async def station(
    made: StationSettings, site: Site, kernel_boot_id: str = "boot-a", clock: Clock | None = None
) -> AsyncIterator["asyncio.Task[None]"]:
    """Run a station; leaving asks it to stop and waits."""
    stop = asyncio.Event()
    task = asyncio.create_task(
        run_station(made, site.hardware(), clock=clock or SystemClock(), kernel_boot_id=kernel_boot_id, stop=stop)
    )
    try:
        yield task
    finally:
        stop.set()
        async with asyncio.timeout(5):
            with contextlib.suppress(asyncio.CancelledError):
                await task
