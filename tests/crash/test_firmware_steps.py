"""An update that is cut at every durable step: it comes to its end, once, and the central system hears of it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn, cast

import pytest

from shared.clock import ManualClock
from station.bearer_turns import BearerTurns
from station.core.delivery import Message
from station.core.firmware import FirmwareOrder, FirmwareStatus
from station.csms_connection import Reply
from station.csms_link import CsmsLink
from station.firmware import VALUE, FirmwareUpdates
from station.firmware_download import Limits
from station.firmware_parts import Rules, Surroundings
from station.http_transfer import HttpTransfer
from station.journal import Journal
from station.journal_file import open_journal
from station.ocpp16.dialect import Ocpp16
from station.security.certificates import parse_chain
from station.security.lifetime import Moment
from station.security.reporter import SecurityReporter
from station.timekeeper import start_time
from station.uplink import HostBearer
from tests.link.files import FileServer
from tests.link.firmware_maker import Maker, QuickSlots, image_of

NOW = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
MOST_STEPS = 60
OLD, NEW = "1.0", "2.0"


class Cut(BaseException):
    """The power is gone."""


@dataclass
class World:
    """What outlives a cut: the disk, the maker, and what the central system was told."""

    folder: Path
    server: FileServer
    maker: Maker
    steps_left: int
    refuses_new: bool = False
    told: list[str] = field(default_factory=list)

    def step(self) -> None:
        self.steps_left -= 1
        if self.steps_left == 0:
            raise Cut

    @property
    def root(self) -> Path:
        return self.folder / "opt"

    @property
    def running(self) -> str:
        """The version that the service manager starts."""
        return (self.root / "current/bin/emops-station").read_text()


class Link:
    """A central system that takes whatever it is told."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.is_online = not (world.refuses_new and world.running == NEW)

    async def call(self, message: Message) -> Reply | None:
        if not self.is_online:
            return None
        self._world.told.append(str(message.payload["status"]))
        return Reply({}, 0.1)


class CutSlots(QuickSlots):
    """The power may go before and after everything that it does."""

    def __init__(self, world: World) -> None:
        super().__init__(world.root, "", None)
        self._world = world

    def arm(self, slot: str) -> None:
        self._world.step()
        super().arm(slot)
        self._world.step()

    def switch(self, slot: str) -> None:
        self._world.step()
        super().switch(slot)
        self._world.step()

    def disarm(self) -> None:
        self._world.step()
        super().disarm()
        self._world.step()


async def live(world: World) -> bool:
    """Live until the end of the update (True), a restart, or a cut."""
    clock, restarted = ManualClock(NOW), asyncio.Event()
    async with open_journal(world.folder / "journal.sqlite") as journal:
        _cut_writes(journal, world)
        timekeeper = await start_time(clock, journal, "boot", clock_trusted=True)
        link = cast(CsmsLink, Link(world))
        root = parse_chain(world.maker.root.pem)[0]
        around = Surroundings(
            journal=journal,
            timekeeper=timekeeper,
            link=link,
            dialect=Ocpp16(),
            reporter=SecurityReporter(journal.security_events, timekeeper),
            evses={},
            roots=lambda: {root.fingerprint: root.pem},
            moment=lambda: Moment(NOW, is_certain=True),
            transfer=lambda: HttpTransfer(BearerTurns(HostBearer()), _no_tls, 0),
            may_fetch=_nothing,
            free=lambda: 10**9,
            version=world.running,
            restart=restarted.set,
        )
        rules = Rules(world.folder / "firmware", Limits(10**6, 0, 16384), trial_s=0.3)
        updates = FirmwareUpdates(rules, around, CutSlots(world))
        await updates.load()
        if updates.update is None:
            await updates.order(_order(world))
        task = asyncio.create_task(updates.run())
        try:
            while not (updates.update and updates.update.is_over and not updates.update.untold):
                if task.done() or restarted.is_set():
                    break
                await asyncio.sleep(0.005)
            return bool(updates.update and updates.update.is_over and not updates.update.untold)
        finally:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.exception()


def _cut_writes(journal: Journal, world: World) -> None:
    write = journal.set_value

    async def set_value(name: str, text: str) -> None:
        if name == VALUE:
            world.step()
        await write(name, text)
        if name == VALUE:
            world.step()

    journal.set_value = set_value  # type: ignore[method-assign]  # the power goes around each write


def _order(world: World) -> FirmwareOrder:
    image = image_of(NEW, 40_000)
    world.server.files["/image"] = image
    certificate = world.maker.signer.chain
    return FirmwareOrder(world.server.url("/image"), NOW, 3, 0, 5, None, world.maker.sign(image), certificate)


async def _nothing() -> str:
    return ""


def _no_tls() -> NoReturn:
    raise AssertionError("no TLS here")


async def scenario(folder: Path, cut_at: int, *, refuses_new: bool) -> World:
    """Cut once, then let it come to its end."""
    async with FileServer().serve() as server:
        world = World(folder, server, Maker(), cut_at, refuses_new)
        (world.root / "a/bin").mkdir(parents=True)
        (world.root / "a/bin/emops-station").write_text(OLD)
        (world.root / "current").symlink_to("a")
        for _ in range(8):
            try:
                if await live(world):
                    return world
            except (Cut, BaseExceptionGroup):
                pass
        raise AssertionError(f"cut at {cut_at}: the update never came to its end: {world.told}")


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(120):
            await work()

    asyncio.run(within())


@pytest.mark.slow
@pytest.mark.parametrize("refuses_new", [False, True])
def test_cut_at_every_step_an_update_ends_once_and_is_told_rightly(tmp_path: Path, refuses_new: bool) -> None:
    async def work() -> None:
        for cut_at in range(1, MOST_STEPS):
            folder = tmp_path / str(cut_at)
            folder.mkdir()
            world = await scenario(folder, cut_at, refuses_new=refuses_new)
            wanted = FirmwareStatus.INSTALLATION_FAILED if refuses_new else FirmwareStatus.INSTALLED
            assert world.told[-1] == wanted, f"cut at {cut_at}: {world.told}"
            assert world.running == (OLD if refuses_new else NEW), f"cut at {cut_at}"
            assert not (world.root / "trial").exists(), f"cut at {cut_at}: nothing may come back later"
            first = [status for n, status in enumerate(world.told) if status not in world.told[:n]]
            assert first == [
                "Downloading",
                "Downloaded",
                "SignatureVerified",
                "Installing",
                "InstallRebooting",
                wanted,
            ], f"cut at {cut_at}: {world.told}"
            if world.steps_left > 0:
                assert cut_at > 20, "the steps were counted"
                return
        raise AssertionError("more steps than were tried")

    run(work)
