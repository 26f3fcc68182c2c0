"""Security events on a real journal file."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from station.core.timekeeping import BootTime, Floor, TimeSource, to_ms
from station.journal import Journal
from station.journal_file import open_journal
from station.security import event_store
from station.security.events import EventKind

EARLY, NOON = datetime(2024, 1, 1, tzinfo=UTC), datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
UNSET = BootTime(1, "a", to_ms(EARLY), TimeSource.UNSET)
KNOWN = replace(UNSET, offset_ms=to_ms(NOON), source=TimeSource.CSMS)


def use(path: Path, work: Callable[[Journal], Awaitable[None]]) -> None:
    async def run() -> None:
        async with open_journal(path / "journal") as journal:
            await journal.set_time(UNSET, Floor(EARLY, TimeSource.UNSET))
            await work(journal)

    asyncio.run(run())


def test_events_go_out_in_order_with_their_ids_and_the_true_time(tmp_path: Path) -> None:
    async def work(journal: Journal) -> None:
        store = journal.security_events
        await store.append(EventKind.STARTUP, "0.1.0", EARLY, UNSET)
        await store.append(EventKind.INVALID_MESSAGES, "only logged", EARLY, UNSET)
        await store.append(EventKind.RESET_OR_REBOOT, "x" * 300, EARLY + timedelta(minutes=1), UNSET)
        await journal.set_time(KNOWN, Floor(NOON, TimeSource.CSMS))
        first = await store.head()
        assert first
        assert (first.kind, first.at, first.message_id) == ("StartupOfTheDevice", NOON, f"{journal.journal_id}-s1")
        sent = await store.begin_try(first)
        await journal.set_time(replace(KNOWN, offset_ms=to_ms(NOON) + 3_600_000), Floor(NOON, TimeSource.CSMS))
        assert await store.begin_try(sent) == sent, "what was sent is not rewritten"
        await store.refuse(sent, "InternalError")
        again = await store.head()
        assert again == replace(first, refusals=1)
        await store.acknowledge(sent, NOON, 120)
        second = await store.head()
        assert second
        assert (second.kind, len(second.info)) == ("ResetOrReboot", 255)
        await store.park(second, NOON, "NotSupported")
        assert await store.head() is None
        log = await store.log()
        assert [(line.kind, line.state) for line in log] == [
            ("StartupOfTheDevice", "acknowledged"),
            ("InvalidMessages", "logged"),
            ("ResetOrReboot", "parked"),
        ]
        assert str(log[0]) == "2026-10-31T12:00:00Z StartupOfTheDevice 0.1.0"
        assert await store.log(oldest=NOON + timedelta(hours=2)) == []

    use(tmp_path, work)


def test_only_settled_lines_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_store, "LOG_LENGTH", 3)

    async def work(journal: Journal) -> None:
        store = journal.security_events
        await store.append(EventKind.STARTUP, "", EARLY, UNSET)
        for _ in range(6):
            await store.append(EventKind.INVALID_MESSAGES, "", EARLY, UNSET)
        assert [line.row_id for line in await store.log()] == [1, 5, 6, 7]

    use(tmp_path, work)
