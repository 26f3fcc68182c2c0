"""Old readings age out and waiting samples are thinned; begins and ends stay, and so does every row."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.clock import ManualClock
from shared.ids import EvseId, IdToken, TransactionKey
from shared.metering import MeterReading, MeterValue
from shared.transaction import Ended, Started, StopReason, TransactionEvent, Updated
from shared.units import Wh
from station.core.timekeeping import BootTime, Floor, TimeSource, to_ms
from station.errors import JournalError
from station.journal import Journal
from station.journal_file import open_journal
from station.journal_upkeep import Upkeep, age_out, thin
from station.ledger_view import parked, read_ledger, release
from station.settings import JournalSettings
from station.timekeeper import start_time

NOON = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
BOOT = BootTime(1, "a", to_ms(NOON), TimeSource.CSMS)
FLOOR = Floor(NOON, TimeSource.CSMS)


def use(path: Path, work: Callable[[Journal], Awaitable[None]]) -> None:
    async def run() -> None:
        async with open_journal(path) as journal:
            await journal.set_time(BOOT, FLOOR)
            await work(journal)

    asyncio.run(run())


def value(minute: int) -> MeterValue:
    return MeterValue(NOON + timedelta(minutes=minute), MeterReading(Wh(1000 + minute)))


def charge(name: str, samples: int, *, ends: bool = True) -> list[TransactionEvent]:
    key, evse = TransactionKey(name), EvseId(1)
    events: list[TransactionEvent] = [Started(key, evse, IdToken("AB"), value(0))]
    events += [Updated(key, n, evse, (value(n),)) for n in range(1, samples + 1)]
    return [*events, Ended(key, samples + 1, evse, value(samples + 1), StopReason.LOCAL)] if ends else events


async def fill(journal: Journal, *events: TransactionEvent) -> None:
    for event in events:
        await journal.append(event, BOOT, FLOOR)


async def deliver(journal: Journal, count: int, *, boundaries_first: bool = False) -> list[tuple[str, int]]:
    gone = []
    for _ in range(count):
        entry = await journal.head(boundaries_first=boundaries_first)
        assert entry
        entry = await journal.begin_try(entry, NOON)
        gone.append((entry.event.key, entry.event.seq_no))
        await journal.acknowledge(entry, NOON, 100, None)
    return [(str(key), seq) for key, seq in gone]


def test_every_other_sample_goes_first_and_a_row_says_so(tmp_path: Path) -> None:
    path = tmp_path / "journal"

    async def work(journal: Journal) -> None:
        await fill(journal, *charge("a", 5), *charge("b", 3, ends=False))
        assert await thin(journal, NOON, "thinned: the disk is nearly full") == 4
        assert await thin(journal, NOON, "again") == 2

    use(path, work)
    rows = {(row.transaction, row.message_id.rsplit("-", 1)[1]): row for row in read_ledger(path)}
    states = {name: [row.state for (key, _), row in rows.items() if key == name] for name in "ab"}
    assert states["a"] == ["pending", "thinned", "thinned", "thinned", "pending", "thinned", "pending"]
    assert states["b"] == ["pending", "thinned", "thinned", "pending"], "the last of a running one stays"
    gone = [row for row in read_ledger(path) if row.state == "thinned"]
    assert {row.reason for row in gone} == {"thinned: the disk is nearly full", "again"}
    assert {row.register_wh for row in gone} == {None}

    async def goes_on(journal: Journal) -> None:
        assert await deliver(journal, 3) == [("a", 0), ("a", 4), ("a", 6)]
        running = (await journal.open_transactions(1))[EvseId(1)]
        assert (running.register, running.next_seq) == (1003, 4)

    use(path, goes_on)


def test_thinning_ends_with_begin_and_end(tmp_path: Path) -> None:
    async def work(journal: Journal) -> None:
        await fill(journal, *charge("a", 9))
        while await thin(journal, NOON, "more"):
            pass
        assert await deliver(journal, 2) == [("a", 0), ("a", 10)]
        assert await journal.head() is None

    use(tmp_path / "journal", work)


def test_old_samples_age_out_and_the_ledger_still_tells_of_them(tmp_path: Path) -> None:
    path = tmp_path / "journal"

    async def work(journal: Journal) -> None:
        await fill(journal, *charge("a", 3), *charge("b", 2))
        await deliver(journal, 5)
        assert await age_out(journal, NOON) == 0
        assert await age_out(journal, NOON + timedelta(seconds=1)) == 3
        assert len(await journal.database.read("SELECT 1 FROM try")) == 0
        assert await deliver(journal, 4) == [("b", 0), ("b", 1), ("b", 2), ("b", 3)]

    use(path, work)
    rows = read_ledger(path, "a")
    assert [row.register_wh for row in rows] == [1000, None, None, None, 1004]
    assert {row.state for row in rows} == {"acknowledged"}


def test_boundaries_pass_samples_of_ended_transactions_only(tmp_path: Path) -> None:
    async def work(journal: Journal) -> None:
        await fill(journal, *charge("a", 2), *charge("b", 2, ends=False))
        gone = await deliver(journal, 7, boundaries_first=True)
        assert gone == [("a", 0), ("a", 3), ("b", 0), ("b", 1), ("b", 2), ("a", 1), ("a", 2)]

    use(tmp_path / "journal", work)


@pytest.mark.parametrize(
    ("free", "most", "trouble"), [(10**9, 100, ""), (0, 100000, "the disk has less than 20 MB left")]
)
def test_pressure_thins_until_it_is_gone_or_nothing_is_left(tmp_path: Path, free: int, most: int, trouble: str) -> None:
    async def work(journal: Journal) -> None:
        await fill(journal, *charge("a", 150))
        keeper = await start_time(ManualClock(NOON, 100.0), journal, "a", clock_trusted=True)
        upkeep = Upkeep(journal, JournalSettings(max_samples=most), keeper, lambda: free)
        await upkeep.look()
        assert upkeep.trouble == trouble
        left = (await journal.backlog()).pending
        assert left == (77 if free else 2)
        assert await journal.security_events.pending() == 1

    use(tmp_path / "journal", work)


def test_a_start_is_not_replayed_after_its_end_went_out_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal"

    async def work(journal: Journal) -> None:
        await fill(journal, *charge("a", 0), *charge("b", 0))
        for whole in (False, True):
            entry = await journal.head()
            assert entry
            await journal.park(entry, NOON, "refused 3 times", transaction=whole)
            await deliver(journal, 0 if whole else 1)

    use(path, work)
    assert [(key, count) for key, count, _ in parked(path)] == [("b", 2), ("a", 1)]
    with pytest.raises(JournalError, match="delivered without its begin"):
        release(path, "a")
    assert release(path, "b") == 2
