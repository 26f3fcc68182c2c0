"""The journal killed before every single SQL statement: nothing is lost, nothing is doubled.

A run takes a copy of the files before each statement, which is what SIGKILL there would leave. Each copy is opened
again and the work goes on from what it holds, against the same central system, which knows what it had received.
"""

import asyncio
import shutil
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.ids import EvseId, IdToken, TransactionKey
from shared.metering import MeterReading, MeterValue
from shared.ocpp.session import Payload
from shared.transaction import Ended, Started, StopReason, TransactionEvent, Updated
from shared.units import Wh
from station.core.delivery import Acknowledge, Message, Rules
from station.core.evse_events import Ending
from station.core.timekeeping import BootTime, Floor, TimeSource, to_ms
from station.journal import Journal
from station.journal_file import open_journal
from station.ocpp16.dialect import Ocpp16

EARLY, NOON = datetime(2024, 1, 1, tzinfo=UTC), datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
UNSET = BootTime(1, "a", to_ms(EARLY), TimeSource.UNSET)
KNOWN = replace(UNSET, offset_ms=to_ms(NOON), source=TimeSource.CSMS)


def value(minute: int) -> MeterValue:
    return MeterValue(EARLY + timedelta(minutes=minute), MeterReading(Wh(1000 + minute)))


def transaction(name: str, minute: int) -> list[TransactionEvent]:
    key, evse_id = TransactionKey(name), EvseId(1)
    return [
        Started(key, evse_id, IdToken("AB"), value(minute)),
        Updated(key, 1, evse_id, (value(minute + 1),)),
        Ended(key, 2, evse_id, value(minute + 2), StopReason.LOCAL, IdToken("AB")),
    ]


EVENTS = transaction("one", 0) + transaction("two", 10)


@dataclass
class CentralSystem:
    """Stores a message once, by its id, and answers a repeat as it did the first time."""

    received: dict[str, tuple[str, Payload]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    def take(self, message_id: str, action: str, payload: Payload) -> Payload:
        if message_id in self.received:
            assert self.received[message_id] == (action, payload), "a repeat differs from the first try"
        self.received[message_id] = (action, payload)
        if action != "StartTransaction":
            return {}
        number = self.numbers.setdefault(message_id, len(self.numbers) + 1)
        return {"transactionId": number, "idTagInfo": {"status": "Accepted"}}

    def copy(self) -> "CentralSystem":
        return CentralSystem(dict(self.received), dict(self.numbers))


@dataclass
class Snapshot:
    folder: Path
    central: CentralSystem
    promised: int
    """Events whose append had returned: these must be there."""


class Recorder:
    """Stands before the connection and copies the files before each statement. Any: it passes everything on."""

    def __init__(self, connection: Any, path: Path, world: "World") -> None:
        self._connection, self._path, self._world = connection, path, world

    def execute(self, *arguments: Any) -> Any:
        folder = self._path.parent.parent / f"step{len(self._world.snapshots)}"
        shutil.copytree(self._path.parent, folder)
        self._world.snapshots.append(Snapshot(folder, self._world.central.copy(), self._world.promised))
        return self._connection.execute(*arguments)


@dataclass
class World:
    central: CentralSystem = field(default_factory=CentralSystem)
    promised: int = 0
    snapshots: list[Snapshot] = field(default_factory=list)


async def append_next(journal: Journal, boot: BootTime, world: World, index: int) -> None:
    event = EVENTS[index]
    if isinstance(event, Ended):
        await journal.mark_ending(event.key, Ending(StopReason.LOCAL, IdToken("AB")))
    await journal.append(event, boot, Floor(EARLY, TimeSource.UNSET))
    world.promised = index + 1


async def deliver_next(journal: Journal, world: World) -> bool:
    entry = await journal.head()
    if entry is None:
        return False
    entry = await journal.begin_try(entry, NOON)
    message = Ocpp16().outgoing(entry, Rules())
    assert isinstance(message, Message)
    reply = world.central.take(entry.message_id, message.action, message.payload)
    verdict = Ocpp16().judge_result(entry, reply, Rules())
    assert isinstance(verdict, Acknowledge)
    await journal.acknowledge(entry, NOON, 100, verdict.transaction_id)
    return True


async def first_life(path: Path, world: World) -> None:
    async with open_journal(path) as journal:
        await journal.set_time(UNSET, Floor(EARLY, TimeSource.UNSET))
        journal.database.connection = Recorder(journal.database.connection, path, world)  # type: ignore[assignment]
        for index in range(3):
            await append_next(journal, UNSET, world, index)
        await journal.set_time(KNOWN, Floor(NOON, TimeSource.CSMS))
        await deliver_next(journal, world)
        await append_next(journal, UNSET, world, 3)
        while await deliver_next(journal, world):
            pass
        await append_next(journal, UNSET, world, 4)
        await append_next(journal, UNSET, world, 5)
        while await deliver_next(journal, world):
            pass


async def second_life(snapshot: Snapshot) -> CentralSystem:
    world = World(snapshot.central)
    async with open_journal(snapshot.folder / "journal.sqlite") as journal:
        await journal.set_time(KNOWN, Floor(NOON, TimeSource.CSMS))
        rows = await journal.database.read("SELECT count(*) FROM event")
        there = rows[0][0]
        assert there >= snapshot.promised, "an event is lost whose storing had been confirmed"
        for index in range(there, len(EVENTS)):
            await append_next(journal, UNSET, world, index)
        while await deliver_next(journal, world):
            pass
        assert await journal.open_transactions(1) == {}
    return world.central


def test_killed_before_every_statement(tmp_path: Path) -> None:
    world = World()
    folder = tmp_path / "live"
    folder.mkdir()
    asyncio.run(first_life(folder / "journal.sqlite", world))
    assert len(world.snapshots) > 80
    for number, snapshot in enumerate(world.snapshots):
        central = asyncio.run(second_life(snapshot))
        kinds = [action for action, _ in central.received.values()]
        assert kinds == ["StartTransaction", "MeterValues", "StopTransaction"] * 2, f"statement {number}"
        bounds = [payload for action, payload in central.received.values() if action != "MeterValues"]
        registers = [payload.get("meterStart", payload.get("meterStop")) for payload in bounds]
        assert registers == [1000, 1002, 1010, 1012]
        assert [p.get("transactionId") for a, p in central.received.values() if a != "StartTransaction"] == [1, 1, 2, 2]
        times = [payload["timestamp"] for payload in bounds]
        assert times == [f"2026-10-31T12:{minute:02}:00Z" for minute in (0, 2, 10, 12)], "unsent times were corrected"


@pytest.mark.parametrize("cut", [1, 7, 4096, 5000])
def test_a_torn_tail_of_the_log_loses_only_what_was_never_confirmed(tmp_path: Path, cut: int) -> None:
    """A power cut in the middle of a write leaves half a frame; what was synced before stays."""
    path = tmp_path / "journal.sqlite"

    async def live() -> int:
        async with open_journal(path) as journal:
            await journal.set_time(KNOWN, Floor(NOON, TimeSource.CSMS))
            await journal.append(EVENTS[0], KNOWN, Floor(NOON, TimeSource.CSMS))
            confirmed = path.with_name("journal.sqlite-wal").stat().st_size
            await journal.append(EVENTS[1], KNOWN, Floor(NOON, TimeSource.CSMS))
            shutil.copytree(tmp_path, tmp_path.parent / f"torn{cut}", dirs_exist_ok=True)
            return confirmed

    confirmed = asyncio.run(live())
    torn = tmp_path.parent / f"torn{cut}" / "journal.sqlite-wal"
    assert torn.stat().st_size > confirmed
    with torn.open("rb+") as file:
        file.truncate(max(confirmed, torn.stat().st_size - cut))

    async def again() -> int:
        async with open_journal(torn.with_name("journal.sqlite")) as journal:
            return int((await journal.database.read("SELECT count(*) FROM event"))[0][0])

    assert asyncio.run(again()) == 1
