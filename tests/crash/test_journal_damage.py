"""A damaged journal: any byte, any page. What can be read is saved, and nothing goes out twice or changed."""

import asyncio
import random
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.ids import EvseId, IdToken, TransactionKey
from shared.metering import MeterReading, MeterValue
from shared.transaction import Ended, Started, StopReason, TransactionEvent, Updated
from shared.units import Wh
from station.core.timekeeping import BootTime, Floor, TimeSource, to_ms
from station.errors import JournalError
from station.journal import ALARM, Journal
from station.journal_file import damage, open_journal
from station.ledger_view import read_ledger

NOON = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
BOOT, FLOOR = BootTime(1, "a", to_ms(NOON), TimeSource.CSMS), Floor(NOON, TimeSource.CSMS)
CHARGES, SAMPLES = 20, 6
PAGE = 4096


def value(minute: int) -> MeterValue:
    return MeterValue(NOON + timedelta(minutes=minute), MeterReading(Wh(1000 + minute)))


def charge(number: int) -> list[TransactionEvent]:
    key, evse, first = TransactionKey(f"charge{number:03}"), EvseId(1), number * 10
    updates = [Updated(key, n, evse, (value(first + n),)) for n in range(1, SAMPLES + 1)]
    end = Ended(key, SAMPLES + 1, evse, value(first + SAMPLES + 1), StopReason.LOCAL)
    return [Started(key, evse, IdToken("AB"), value(first)), *updates, end]


async def fill(journal: Journal) -> None:
    """Half of the charges are delivered, the others wait, the last one is still open."""
    await journal.set_time(BOOT, FLOOR)
    for number in range(CHARGES):
        for event in charge(number)[: -1 if number == CHARGES - 1 else None]:
            await journal.append(event, BOOT, FLOOR)
    for _ in range(CHARGES // 2 * (SAMPLES + 2)):
        entry = await journal.head()
        assert entry
        entry = await journal.begin_try(entry, NOON)
        await journal.acknowledge(entry, NOON, 10, entry.row_id if entry.event.seq_no == 0 else None)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("good") / "journal"

    async def work() -> None:
        async with open_journal(path) as journal:
            await fill(journal)

    asyncio.run(work())
    assert damage(path) == ""
    return path


async def everything(journal: Journal) -> dict[str, TransactionEvent]:
    """Deliver all that waits."""
    gone: dict[str, TransactionEvent] = {}
    while entry := await journal.head():
        entry = await journal.begin_try(entry, NOON)
        gone[entry.message_id] = entry.event
        await journal.acknowledge(entry, NOON, 10, entry.row_id if entry.event.seq_no == 0 else None)
    return gone


def sent(path: Path) -> tuple[dict[str, TransactionEvent], str]:
    async def work() -> tuple[dict[str, TransactionEvent], str]:
        async with open_journal(path) as journal:
            assert len(await journal.open_transactions(1)) <= CHARGES
            return await everything(journal), await journal.value(ALARM) or ""

    return asyncio.run(work())


def pages(path: Path) -> int:
    return path.stat().st_size // PAGE


@pytest.mark.parametrize("kind", ["zeros", "noise", "one byte"])
def test_a_bad_page_costs_no_more_than_itself(good: Path, tmp_path: Path, kind: str) -> None:
    chance = random.Random(kind)
    whole, _ = sent(Path(shutil.copy(good, tmp_path / "whole")))
    assert len(whole) == CHARGES // 2 * (SAMPLES + 2) - 1
    noticed = 0
    for number in range(pages(good)):
        path = Path(shutil.copy(good, tmp_path / f"{number}"))
        content = bytearray(path.read_bytes())
        at = number * PAGE
        if kind == "one byte":
            content[at + chance.randrange(PAGE)] ^= 1 << chance.randrange(8)
        else:
            content[at : at + PAGE] = bytes(PAGE) if kind == "zeros" else chance.randbytes(PAGE)
        path.write_bytes(content)
        gone, alarm = sent(path)
        noticed += bool(alarm)
        for event in gone.values():
            assert event in whole.values(), f"page {number}: what was delivered goes out again, or changed"
        kept = [row.transaction for row in read_ledger(path, limit=1000) if row.state == "parked"]
        lost = len(whole) - len(gone) - len(kept)
        assert lost <= PAGE // 150, f"page {number} of {pages(good)}: what is not sent is kept for a person"
        assert bool(alarm) == path.with_name(f"{number}.damaged-1").exists()
    assert noticed >= (pages(good) - 3 if kind != "one byte" else 1)


def test_the_alarm_stays_and_the_second_opening_finds_nothing_wrong(good: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(good, tmp_path / "journal"))
    content = bytearray(path.read_bytes())
    content[PAGE * 5 : PAGE * 6] = bytes(PAGE)
    path.write_bytes(content)
    _, first = sent(path)
    assert "damaged" in first
    assert sent(path) == ({}, first)
    assert [entry.name for entry in sorted(tmp_path.iterdir()) if entry.name.endswith("-1")] == ["journal.damaged-1"]


def test_a_register_that_rots_is_noticed(good: Path, tmp_path: Path) -> None:
    """One digit of a register that waits for delivery: SQLite itself would not see that."""
    path = Path(shutil.copy(good, tmp_path / "journal"))
    content = path.read_bytes()
    assert b'"wh":1187,' in content
    path.write_bytes(content.replace(b'"wh":1187,', b'"wh":9187,'))
    gone, alarm = sent(path)
    assert "can't be read" in alarm
    assert all(event in charge(int(event.key[6:])) for event in gone.values())


def test_a_power_cut_while_it_is_saved_does_not_matter(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(shutil.copy(good, tmp_path / "journal"))
    content = bytearray(path.read_bytes())
    content[PAGE * 5 : PAGE * 6] = bytes(PAGE)
    path.write_bytes(content)
    reference = Path(shutil.copy(path, tmp_path / "reference"))
    expected, _ = sent(reference)
    real = Path.replace
    for cut in range(2):
        again = Path(shutil.copy(path, tmp_path / f"cut{cut}"))
        calls = [0]

        def replace(self: Path, target: Path, cut: int = cut, calls: list[int] = calls) -> Path:
            if calls[0] == cut:
                raise KeyboardInterrupt
            calls[0] += 1
            return real(self, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", replace)
            with pytest.raises(KeyboardInterrupt):
                sent(again)
        assert sent(again)[0].keys() == expected.keys()


@pytest.mark.parametrize("content", [b"just a text\n" * 1000, b"\x7fELF" + bytes(8192)])
def test_what_is_no_journal_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal"
    path.write_bytes(content)
    with pytest.raises(JournalError):
        sent(path)
    assert path.read_bytes() == content


def test_another_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE invoice (number INTEGER)")
    with pytest.raises(JournalError, match="not a journal"):
        sent(path)
