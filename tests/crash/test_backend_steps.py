"""The backend's store killed at every single step: what was answered is there, sending the rest again completes it."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from backend.core.transaction import State
from backend.store.transactions import Transaction
from backend.store.writer import open_store
from shared.ocpp.session import Payload
from shared.ocpp.validation import Version
from tests.unit.backend.events_v201 import ended, started, updated
from tests.unit.backend.world import Station, open_world, start, stop, values

Story = list[tuple[str, Payload]]

STORY: Story = [
    ("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"}),
    ("StartTransaction", start()),
    ("MeterValues", values(1, (10, 3000), (20, 5000))),
    ("StopTransaction", stop(1)),
    ("MeterValues", values(1, (30, 7000))),
]
MODERN: Story = [
    (
        "StatusNotification",
        {"timestamp": "2026-10-31T18:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1},
    ),
    ("TransactionEvent", started()),
    ("TransactionEvent", updated(1, 10, 3000)),
    ("TransactionEvent", ended(3)),
    ("TransactionEvent", updated(2, 30, 7000)),
]


async def run_and_copy(folder: Path, version: Version, story: Story) -> list[int]:
    """Play the story; before every statement copy the files as a kill would leave them. Give what was answered then."""
    answered: list[int] = []
    done = 0
    async with open_world(folder) as store:

        def copy(_statement: str) -> None:
            target = folder / str(len(answered))
            target.mkdir()
            for name in ("db", "db-wal"):
                shutil.copy(folder / name, target)
            answered.append(done)

        def trace(unit: Connection) -> None:
            driver: Any = unit.connection.driver_connection  # Any: the driver's type
            driver.set_trace_callback(copy)

        await store.write(trace)
        station = Station(store, version=version)
        for action, payload in story:
            await station.call(action, payload)
            done += 1
    return answered


async def finish(folder: Path, answered: int, version: Version, story: Story) -> tuple[list[Transaction], int]:
    """Check what is there, send again from the first message without an answer, and give what is there then."""
    async with open_store(folder / "db") as store:
        station = Station(store, version=version)
        before = await station.transactions()
        assert len(before) >= (answered >= 2)
        assert not answered >= 4 or before[0].state is State.ENDED
        for action, payload in story[answered:]:
            answer = await station.call(action, payload)
            assert answer.get("transactionId", 1) == 1
        readings = await store.read(lambda unit: unit.execute(text("SELECT count(*) FROM meter_value")).scalar_one())
        return await station.transactions(), readings


@pytest.mark.parametrize(
    ("version", "story", "readings_told"), [(Version.V16, STORY, 3), (Version.V201, MODERN, 4)], ids=["1.6", "2.0.1"]
)
def test_killed_at_every_step_nothing_is_lost_and_nothing_is_twice(
    tmp_path: Path, version: Version, story: Story, readings_told: int
) -> None:
    async def scenario() -> None:
        answered = await run_and_copy(tmp_path, version, story)
        assert len(answered) > 40
        for step, count in enumerate(answered):
            [transaction], readings = await finish(tmp_path / str(step), count, version, story)
            assert (transaction.state, transaction.meter_start, transaction.meter_stop) == (State.ENDED, 1000, 12_000)
            assert readings == readings_told

    asyncio.run(scenario())
