"""Refused stations: remembered by the running server with the reason, bounded, forgotten once they connect."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from backend.csms.attempts import Attempts, Refusal
from tests.unit.backend.csms.test_peers_table import Backend, run
from tests.unit.backend.world import MASTER

NOW = datetime(2026, 10, 31, tzinfo=UTC)
WITH_PASSWORD = MASTER.replace('id = "CP-2"', 'id = "CP-2"\npassword = "long-enough-for-ocpp"')


def test_the_last_attempt_of_each_identity_is_kept_and_no_more_than_some() -> None:
    attempts = Attempts()
    for number in range(300):
        attempts.note(f"CP-{number}", "192.0.2.7:1", Refusal.UNKNOWN, NOW)
    attempts.note("CP-250", "192.0.2.8:1", Refusal.WRONG_PASSWORD, NOW)
    latest = attempts.all()[0]
    assert (latest.identity, latest.count, latest.reason) == ("CP-250", 2, Refusal.WRONG_PASSWORD)
    assert len(attempts.all()) == 200
    attempts.forget("CP-250")
    assert attempts.all()[0].identity == "CP-299"


def test_the_server_tells_why_it_refused(tmp_path: Path) -> None:
    async def story(backend: Backend) -> None:
        base = f"ws://127.0.0.1:{backend.port}/ocpp/"
        for name in ("CP-9", "CP-2"):
            with pytest.raises(InvalidStatus):
                await connect(base + name, subprotocols=[Subprotocol("ocpp1.6")], proxy=None)
        async with connect(base + "CP-1", proxy=None) as socket:
            with pytest.raises(ConnectionClosed):
                await socket.recv()
        refused = backend.connections.refused
        assert [(one.identity, one.reason) for one in refused.all()] == [
            ("CP-1", Refusal.SUBPROTOCOL),
            ("CP-2", Refusal.NO_PASSWORD),
            ("CP-9", Refusal.UNKNOWN),
        ]
        async with backend.link() as link:
            await link.ask("Heartbeat", {})
        assert [one.identity for one in refused.all()] == ["CP-2", "CP-9"]

    run(tmp_path, story, WITH_PASSWORD)
