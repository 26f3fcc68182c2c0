"""The journal on a real file."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from shared.ids import EvseId, IdToken, TransactionKey
from shared.metering import MeterReading, MeterValue
from shared.transaction import Ended, Started, StopReason, TransactionEvent, Updated
from shared.units import Wh
from station import token_store
from station.core.authorize import Known, TokenInfo
from station.core.delivery import Entry
from station.core.evse_events import Ending
from station.core.timekeeping import BootTime, Floor, TimeSource, to_ms
from station.errors import JournalError
from station.journal import Journal
from station.journal_file import journal_lock, open_journal
from station.ledger_view import read_ledger, release

T = TypeVar("T")
NOON = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
BOOT = BootTime(1, "a", to_ms(NOON), TimeSource.UNSET)
FLOOR = Floor(NOON, TimeSource.UNSET)
CARD = IdToken("04A1B2C3D4")


def use(path: Path, work: Callable[[Journal], Awaitable[T]]) -> T:
    async def run() -> T:
        async with open_journal(path) as journal:
            return await work(journal)

    return asyncio.run(run())


def value(minute: int) -> MeterValue:
    return MeterValue(NOON + timedelta(minutes=minute), MeterReading(Wh(1000 + minute)))


def started(key: str = "k1", minute: int = 0) -> Started:
    return Started(TransactionKey(key), EvseId(1), CARD, value(minute))


def updated(seq: int, key: str = "k1") -> Updated:
    return Updated(TransactionKey(key), seq, EvseId(1), (value(seq),))


def ended(seq: int, key: str = "k1") -> Ended:
    return Ended(TransactionKey(key), seq, EvseId(1), value(seq), StopReason.LOCAL)


async def fill(journal: Journal, *events: TransactionEvent) -> None:
    await journal.set_time(BOOT, FLOOR)
    for event in events:
        await journal.append(event, BOOT, FLOOR)


async def head(journal: Journal) -> Entry:
    entry = await journal.head()
    assert entry
    return entry


def test_an_open_transaction_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "j"
    use(path, lambda journal: fill(journal, started(), updated(1), updated(2)))
    found = use(path, lambda journal: journal.open_transactions(2))[EvseId(1)]
    assert (found.started, found.next_seq, found.register, found.last_at) == (
        started(),
        3,
        1002,
        NOON + timedelta(minutes=2),
    )
    assert not found.same_boot
    assert found.ending is None


def test_so_is_the_decision_to_end_it(tmp_path: Path) -> None:
    async def work(journal: Journal) -> None:
        await fill(journal, started())
        await journal.mark_ending(TransactionKey("k1"), Ending(StopReason.POWER_LOSS, CARD, NOON))

    use(tmp_path / "j", work)
    found = use(tmp_path / "j", lambda journal: journal.open_transactions(1))[EvseId(1)]
    assert found.ending == Ending(StopReason.POWER_LOSS, CARD, NOON)
    assert found.same_boot


def test_an_ended_one_is_not(tmp_path: Path) -> None:
    use(tmp_path / "j", lambda journal: fill(journal, started(), ended(1)))
    assert use(tmp_path / "j", lambda journal: journal.open_transactions(1)) == {}


def test_message_ids_are_unique_short_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "j"
    use(path, lambda journal: fill(journal, started(), updated(1)))

    async def ids(journal: Journal) -> list[str]:
        first = await head(journal)
        again = await journal.begin_try(first, NOON)
        await journal.acknowledge(again, NOON, 1, 5)
        return [first.message_id, again.message_id, (await head(journal)).message_id]

    one, two, other = use(path, ids)
    assert one == two != other
    assert len(one) <= 36
    assert use(path, head).message_id == other, "also after a restart"


def test_times_of_unsent_events_follow_the_clock_of_their_boot_and_those_tried_stay(tmp_path: Path) -> None:
    async def work(journal: Journal) -> None:
        await fill(journal, started(), updated(1), updated(2))
        first = await journal.begin_try(await head(journal), NOON)
        assert first.event.at == NOON
        await journal.set_time(replace(BOOT, offset_ms=BOOT.offset_ms + 3_600_000, source=TimeSource.CSMS), FLOOR)
        again = await journal.begin_try(await head(journal), NOON)
        assert again == first, "what may have been received is never rewritten"
        await journal.acknowledge(again, NOON, 1, 5)
        assert (await head(journal)).event.at == NOON + timedelta(minutes=61)
        found = (await journal.open_transactions(1))[EvseId(1)]
        assert found.last_at == NOON + timedelta(minutes=62)

    use(tmp_path / "j", work)


def test_times_of_another_boot_and_of_the_past_stay(tmp_path: Path) -> None:
    async def work(journal: Journal) -> None:
        await fill(journal, started())
        second = BootTime(2, "b", to_ms(NOON), TimeSource.UNSET)
        await journal.set_time(second, FLOOR)
        await journal.append(ended(1), second, FLOOR, past=True)
        await journal.set_time(replace(second, offset_ms=second.offset_ms + 1000), FLOOR)
        first = await head(journal)
        assert first.event.at == NOON
        await journal.acknowledge(first, NOON, 1, 5)
        assert (await head(journal)).event.at == NOON + timedelta(minutes=1)

    use(tmp_path / "j", work)


def test_the_number_of_a_transaction_goes_to_its_own_messages_only(tmp_path: Path) -> None:
    async def work(journal: Journal) -> None:
        await fill(journal, started("k1"), ended(1, "k1"), started("k2"), ended(1, "k2"))
        await journal.acknowledge(await head(journal), NOON, 1, 11)
        stop = await head(journal)
        assert stop.transaction_id == 11
        await journal.acknowledge(stop, NOON, 1, None)
        assert (await head(journal)).transaction_id is None
        assert await journal.open_transaction_of(11) is None, "it has ended"

    use(tmp_path / "j", work)


def test_a_transaction_is_parked_as_a_whole_also_what_comes_later(tmp_path: Path) -> None:
    path = tmp_path / "j"

    async def work(journal: Journal) -> None:
        await fill(journal, started("k1"), updated(1, "k1"), started("k2"))
        await journal.park(await head(journal), NOON, "refused 3 times", transaction=True)
        assert (await head(journal)).event.key == "k2", "others pass"
        await journal.append(ended(2, "k1"), BOOT, FLOOR)
        backlog = await journal.backlog()
        assert (backlog.pending, backlog.parked) == (1, 3)

    use(path, work)
    rows = read_ledger(path, "k1")
    assert [(row.kind, row.state) for row in rows] == [
        ("started", "parked"),
        ("updated", "parked"),
        ("ended", "parked"),
    ]
    assert rows[0].reason == "refused 3 times"
    assert not rows[0].certain
    assert release(path, "k1") == 3
    assert use(path, head).event.key == "k1", "in the old order"


def test_one_message_may_be_parked_alone(tmp_path: Path) -> None:
    async def work(journal: Journal) -> None:
        await fill(journal, started(), updated(1), ended(2))
        await journal.acknowledge(await head(journal), NOON, 1, 5)
        await journal.refuse(await head(journal), "InternalError")
        assert (await head(journal)).refusals == 1
        await journal.park(await head(journal), NOON, "enough", transaction=False)
        assert (await head(journal)).event == ended(2)

    use(tmp_path / "j", work)


def test_the_ledger_keeps_each_try_with_its_outcome(tmp_path: Path) -> None:
    async def work(journal: Journal) -> list[str]:
        await fill(journal, started())
        for _ in range(2):
            await journal.begin_try(await head(journal), NOON)
        await journal.refuse(await head(journal), "GenericError")
        await journal.begin_try(await head(journal), NOON)
        await journal.acknowledge(await head(journal), NOON, 250, 5)
        return [row[0] for row in await journal.database.read("SELECT outcome FROM try ORDER BY id")]

    assert use(tmp_path / "j", work) == ["no answer", "GenericError", "acknowledged"]
    (row,) = read_ledger(tmp_path / "j")
    assert (row.state, row.tries, row.refusals, row.round_trip_ms) == ("acknowledged", 3, 1, 250)


@pytest.mark.parametrize(
    "sql", ["DELETE FROM event", "UPDATE event SET body = ''", "DELETE FROM ledger", "UPDATE ledger SET state = 'gone'"]
)
def test_nothing_is_ever_thrown_away(tmp_path: Path, sql: str) -> None:
    path = tmp_path / "j"
    use(path, lambda journal: fill(journal, started()))
    with sqlite3.connect(path) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute(sql)
    connection.close()


def test_the_same_event_is_not_stored_twice(tmp_path: Path) -> None:
    async def work(journal: Journal) -> None:
        await fill(journal, started(), updated(1))
        with pytest.raises(sqlite3.IntegrityError):
            await journal.append(updated(1), BOOT, FLOOR)
        assert (await journal.backlog()).pending == 2

    use(tmp_path / "j", work)


def test_a_newer_journal_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "j"
    use(path, lambda journal: fill(journal, started()))
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(JournalError, match="newer program"):
        use(path, lambda journal: journal.backlog())


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be read" * 20])
def test_a_file_that_is_no_journal_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "j"
    path.write_bytes(content)
    with pytest.raises(JournalError, match="Keep the file"):
        use(path, lambda journal: journal.backlog())


def test_a_second_agent_is_kept_out(tmp_path: Path) -> None:
    with (
        journal_lock(tmp_path / "j"),
        pytest.raises(JournalError, match="in use by another agent"),
        journal_lock(tmp_path / "j"),
    ):
        pass
    with journal_lock(tmp_path / "j"):
        pass


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"journal\.path"), journal_lock(tmp_path / "no" / "j"):
        pass


def test_the_list_beats_the_cache_and_survives(tmp_path: Path) -> None:
    path = tmp_path / "j"
    blocked, good = TokenInfo("Blocked"), TokenInfo("Accepted", NOON, "GROUP")

    async def work(journal: Journal) -> None:
        tokens = journal.tokens
        await tokens.cache(CARD, blocked)
        assert await tokens.known(CARD) == Known(None, blocked)
        await tokens.update_list(3, [(CARD, good), (IdToken("X"), blocked)], replace=True)
        await tokens.cache(CARD, blocked)

    use(path, work)

    async def later(journal: Journal) -> None:
        tokens = journal.tokens
        assert await tokens.known(CARD) == Known(good, None)
        assert (await tokens.list_version(), await tokens.list_length()) == (3, 2)
        await tokens.update_list(4, [(CARD, None)], replace=False)
        assert await tokens.known(CARD) == Known()
        assert await tokens.list_length() == 1
        await tokens.cache(CARD, blocked)
        await tokens.clear_cache()
        assert await tokens.known(CARD) == Known()

    use(path, later)


def test_a_full_cache_forgets_the_refused_first_then_the_oldest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_store, "CACHE_LENGTH", 2)

    async def work(journal: Journal) -> list[str]:
        tokens = journal.tokens
        for name, status in (("A", "Accepted"), ("B", "Blocked"), ("C", "Accepted"), ("D", "Accepted")):
            await tokens.cache(IdToken(name), TokenInfo(status))
        return [name for name in "ABCD" if (await tokens.known(IdToken(name))).in_cache]

    assert use(tmp_path / "j", work) == ["C", "D"]


def test_boot_and_floor_come_back(tmp_path: Path) -> None:
    async def work(journal: Journal) -> None:
        assert await journal.last_boot() is None
        assert await journal.floor() is None
        await journal.set_time(BOOT, Floor(NOON, TimeSource.RTC))

    use(tmp_path / "j", work)
    assert use(tmp_path / "j", lambda journal: journal.last_boot()) == BOOT
    assert use(tmp_path / "j", lambda journal: journal.floor()) == Floor(NOON, TimeSource.RTC)


def test_the_ledger_of_a_station_that_never_ran_is_an_error_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="there is no journal"):
        read_ledger(tmp_path / "none")
    with pytest.raises(JournalError, match="there is no journal"):
        release(tmp_path / "none", "k")


def test_a_clock_set_after_the_begin_was_told_changes_no_duration(tmp_path: Path) -> None:
    async def work(journal: Journal) -> None:
        await fill(journal, started(), ended(1))
        begin = await journal.begin_try(await head(journal), NOON)
        await journal.acknowledge(begin, NOON, 1, 5)
        later = BootTime(BOOT.number, BOOT.kernel_boot_id, BOOT.offset_ms + 315_000_000_000, TimeSource.CSMS)
        await journal.set_time(later, FLOOR)
        end = await journal.begin_try(await head(journal), NOON)
        assert (begin.event, end.event) == (started(), ended(1))

    use(tmp_path / "j", work)
