"""The real backend killed with SIGKILL at random moments under load: compare what was answered with what is stored."""

import asyncio
import json
import random
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException
from websockets.typing import Subprotocol

from shared.ocpp.session import Payload
from tests.unit.backend.world import MASTER, start, stop, values

STATIONS = 5
READINGS = 6
KILLS = 3

pytestmark = [pytest.mark.slow, pytest.mark.system]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Backend:
    """The program as a process, on one port over all its lives."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, _free_port()
        points = "".join(f'[[charge_point]]\nid = "S-{i}"\noperator = "muster"\n' for i in range(STATIONS))
        (folder / "master.toml").write_text(MASTER + points)
        (folder / "backend.toml").write_text(
            f'[server]\nocpp_port = {self.port}\nweb_port = 0\n[store]\npath = "{folder}/db"\n'
        )

    async def run(self, *arguments: str) -> asyncio.subprocess.Process:
        command = [sys.executable, "-m", "backend", *arguments, "--config", str(self.folder / "backend.toml")]
        return await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)

    async def apply(self) -> None:
        process = await self.run("apply", str(self.folder / "master.toml"))
        await process.communicate()
        assert process.returncode == 0

    @asynccontextmanager
    async def serving(self, end_with: signal.Signals) -> AsyncIterator[None]:
        process = await self.run("serve")
        assert process.stdout is not None
        assert (await process.stdout.readline()).startswith(b"emops-backend ready: ocpp=ws://127.0.0.1:")
        try:
            yield
        finally:
            process.send_signal(end_with)
            async with asyncio.timeout(5):
                await process.communicate()
        assert process.returncode == (0 if end_with is signal.SIGTERM else -signal.SIGKILL)


class Station:
    """Sends a session message by message; each again, with a new id, until it is answered."""

    def __init__(self, name: str, port: int) -> None:
        self.url = f"ws://127.0.0.1:{port}/ocpp/{name}"
        self.name, self.session, self.answered_readings = name, 0, 0
        self.stopped: list[int] = []
        self._socket: ClientConnection | None = None
        self._count = 0

    # Any: JSON.
    async def call(self, action: str, payload: Payload) -> Any:
        while True:
            try:
                self._socket = self._socket or await connect(self.url, subprotocols=[Subprotocol("ocpp1.6")])
                self._count += 1
                await self._socket.send(json.dumps([2, str(self._count), action, payload]))
                kind, _, answer, *_ = json.loads(await self._socket.recv())
                if kind == 3:
                    return answer
            except (OSError, WebSocketException, InvalidHandshake):
                self._socket = None
                await asyncio.sleep(0.05)

    async def run(self, enough: asyncio.Event) -> None:
        await self.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"})
        while not enough.is_set():
            self.session += 1
            begin = start(meter=1000 * self.session, minute=self.session)
            number = (await self.call("StartTransaction", begin))["transactionId"]
            for i in range(READINGS):
                await self.call("MeterValues", values(number, (self.session + i, 1000 * self.session + i)))
                self.answered_readings += 1
            await self.call("StopTransaction", stop(number, 1000 * self.session + READINGS, self.session + READINGS))
            self.stopped.append(number)
        if self._socket:
            await self._socket.close()


def _query(folder: Path, sql: str, name: str) -> list[tuple[Any, ...]]:  # Any: rows
    connection = sqlite3.connect(folder / "db")
    try:
        return connection.execute(sql, (name,)).fetchall()
    finally:
        connection.close()


def check(folder: Path, station: Station) -> None:
    """Compare what a station was answered with what is stored, while the backend is dead."""
    ended = _query(
        folder,
        "SELECT id FROM charging_transaction WHERE charge_point_id = ? AND meter_stop IS NOT NULL",
        station.name,
    )
    assert {row[0] for row in ended} >= set(station.stopped)
    readings = _query(
        folder,
        "SELECT m.id FROM meter_value m JOIN charging_transaction t ON t.id = m.transaction_id"
        " WHERE t.charge_point_id = ?",
        station.name,
    )
    assert station.answered_readings <= len(readings) <= station.answered_readings + 1


def test_what_was_answered_is_stored_and_nothing_is_twice(tmp_path: Path) -> None:
    moments = random.Random(20261031)

    async def scenario() -> None:
        backend = Backend(tmp_path)
        await backend.apply()
        stations = [Station(f"S-{i}", backend.port) for i in range(STATIONS)]
        enough = asyncio.Event()
        running = [asyncio.create_task(station.run(enough)) for station in stations]
        for _ in range(KILLS):
            async with backend.serving(signal.SIGKILL):
                await asyncio.sleep(moments.uniform(0.2, 0.9))
            for station in stations:
                check(tmp_path, station)
        async with backend.serving(signal.SIGTERM):
            enough.set()
            await asyncio.gather(*running)
        for station in stations:
            check(tmp_path, station)
            rows = _query(
                tmp_path,
                "SELECT meter_start, meter_stop, (SELECT count(*) FROM meter_value WHERE transaction_id = t.id)"
                " FROM charging_transaction t WHERE charge_point_id = ? ORDER BY meter_start",
                station.name,
            )
            assert rows == [(1000 * i, 1000 * i + READINGS, READINGS) for i in range(1, station.session + 1)]
        assert sum(station.session for station in stations) >= STATIONS  # the stations did get on

    asyncio.run(scenario())
