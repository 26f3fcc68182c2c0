"""The backend's store killed at every single step: what was answered is there, sending the rest again completes it."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

from sqlalchemy import event, text

from backend.core.transaction import State
from backend.store.transactions import Transaction
from backend.store.writer import open_store
from shared.ocpp.session import Payload
from tests.unit.backend.world import Station, open_world, start, stop, values

STORY: list[tuple[str, Payload]] = [
    ("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"}),
    ("StartTransaction", start()),
    ("MeterValues", values(1, (10, 3000), (20, 5000))),
    ("StopTransaction", stop(1)),
    ("MeterValues", values(1, (30, 7000))),
]


async def run_and_copy(folder: Path) -> list[int]:
    """Play the story; before every statement copy the files as a kill would leave them. Give what was answered then."""
    answered: list[int] = []
    done = 0
    async with open_world(folder) as store:
        # Any: SQLAlchemy's event arguments.
        def copy(*_arguments: Any) -> None:
            target = folder / str(len(answered))
            target.mkdir()
            for name in ("db", "db-wal"):
                shutil.copy(folder / name, target)
            answered.append(done)

        event.listen(store.engine.sync_engine, "before_cursor_execute", copy)
        station = Station(store)
        for action, payload in STORY:
            await station.call(action, payload)
            done += 1
    return answered


async def finish(folder: Path, answered: int) -> tuple[list[Transaction], int]:
    """Check what is there, send again from the first message without an answer, and give what is there then."""
    async with open_store(folder / "db") as store:
        station = Station(store)
        before = await station.transactions()
        assert len(before) >= (answered >= 2)
        assert not answered >= 4 or before[0].state is State.ENDED
        for action, payload in STORY[answered:]:
            answer = await station.call(action, payload)
            assert answer.get("transactionId", 1) == 1
        async with store.read() as unit:
            readings = (await unit.execute(text("SELECT count(*) FROM meter_value"))).scalar_one()
        return await station.transactions(), readings


def test_killed_at_every_step_nothing_is_lost_and_nothing_is_twice(tmp_path: Path) -> None:
    async def scenario() -> None:
        answered = await run_and_copy(tmp_path)
        assert len(answered) > 40
        for step, count in enumerate(answered):
            [transaction], readings = await finish(tmp_path / str(step), count)
            assert (transaction.state, transaction.meter_start, transaction.meter_stop) == (State.ENDED, 1000, 12_000)
            assert readings == 3

    asyncio.run(scenario())
