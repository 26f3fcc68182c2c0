"""The station measures what it writes, and tells of a card that ends soon."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from shared.clock import ManualClock
from station.core.flash_wear import Amount
from station.flash_watch import CARD, FlashWatch, card_count
from station.journal import Journal
from station.journal_file import open_journal
from station.log_ring import LogRing
from station.security.event_store import EventStore
from station.security.reporter import SecurityReporter
from station.settings import JournalSettings
from station.status_keeper import StatusKeeper
from station.timekeeper import Timekeeper, start_time
from station.wear_words import wear_alarm, wear_line

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


class Status(StatusKeeper):
    """The status file's bytes alone."""

    def __init__(self, path: Path) -> None:
        self.path, self.written = path, Amount()


Scene = Callable[[FlashWatch, Journal, ManualClock], Awaitable[None]]


def scene(folder: Path, endurance_tb: float, work: Scene) -> None:
    async def within() -> None:
        clock = ManualClock(NOON)
        path = folder / "journal"
        async with open_journal(path) as journal:
            time: Timekeeper = await start_time(clock, journal, "boot-1", clock_trusted=True)
            store: EventStore = journal.security_events
            watch = FlashWatch(
                journal,
                Status(path.with_name("status")),
                LogRing(),
                settings=JournalSettings(path=path, card_endurance_tb=endurance_tb),
                timekeeper=time,
                reporter=SecurityReporter(store, time),
                kernel_boot_id="boot-1",
            )
            await work(watch, journal, clock)

    asyncio.run(within())


def test_commits_of_the_journal_are_counted_and_the_end_is_told_once(tmp_path: Path) -> None:
    async def work(watch: FlashWatch, journal: Journal, clock: ManualClock) -> None:
        for day in range(3):
            for number in range(50):
                await journal.set_value("x", f"{day} {number} " + "x" * 5000)
            clock.advance(86400)
            watch._status.written += Amount(1_000_000, 100)
            await watch.look()
        state = watch.state()
        assert state["ends_soon"]
        writes = state["writes_per_day"]
        assert isinstance(writes, dict)
        assert writes["journal"] >= 50
        assert writes["status"] == 100
        assert "Alarm" in wear_alarm(state, "en")
        assert "Jahre" in wear_line(state, "de")
        log = [line.kind for line in await journal.security_events.log(None, None)]
        assert log == ["StorageWearsOut"]

    scene(tmp_path, 0.000001, work)


def test_without_a_rated_endurance_there_are_figures_and_no_alarm(tmp_path: Path) -> None:
    async def work(watch: FlashWatch, _journal: Journal, clock: ManualClock) -> None:
        assert watch.state() == {}
        assert wear_line(watch.state(), "de") == ""
        clock.advance(2 * 86400)
        await watch.look()
        state = watch.state()
        assert state["years_left"] is None
        assert wear_alarm(state, "de") == ""
        assert "not known yet" in wear_line(state, "en")

    scene(tmp_path, 0.0, work)


def test_figures_go_on_after_a_restart(tmp_path: Path) -> None:
    async def first(watch: FlashWatch, _journal: Journal, clock: ManualClock) -> None:
        clock.advance(90000)
        await watch.look()

    async def second(watch: FlashWatch, _journal: Journal, clock: ManualClock) -> None:
        clock.advance(3600)
        await watch.look()
        assert watch.state()["hours"] == 26.0

    scene(tmp_path, 1.0, first)
    scene(tmp_path, 1.0, second)


def test_the_card_is_read_from_sysfs_of_the_whole_device(tmp_path: Path) -> None:
    device = tmp_path.stat().st_dev
    card = tmp_path / "mmcblk0"
    partition = card / "mmcblk0p2"
    partition.mkdir(parents=True)
    (partition / "partition").write_text("2\n")
    (partition / "stat").write_text("1 1 1 1 1 1 1 1 1 1 1\n")
    (card / "stat").write_text("   10 0 80 5 7 3 2000 9 0 4 14\n")
    (tmp_path / f"{os.major(device)}:{os.minor(device)}").symlink_to(partition)
    assert card_count(tmp_path, tmp_path) == Amount(2000 * 512, 7)
    assert card_count(tmp_path, tmp_path / "nowhere") is None


def test_what_the_card_took_before_a_boot_of_the_machine_is_not_taken_off(tmp_path: Path) -> None:
    async def work(watch: FlashWatch, journal: Journal, _clock: ManualClock) -> None:
        await journal.set_value(CARD, json.dumps(["another boot", 10**18, 10**9]))
        since = await watch._card_since()
        assert since.written >= 0
        assert since.writes >= 0

    scene(tmp_path, 1.0, work)
