"""The web application on a real database file and a real server, with real parts behind it, for tests."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import uvicorn
from fastapi import FastAPI

from backend.csms.commands import Commands
from backend.csms.connections import Connection, Connections, OutgoingCall
from backend.csms.orders import Orders
from backend.settings import ServerSettings, Settings
from backend.store.writer import Store, open_store
from backend.web.pages import make_web
from shared.clock import ManualClock
from shared.ids import ChargePointId, Secret
from shared.ocpp.session import Payload
from shared.ocpp.validation import Version
from tests.unit.backend.web.seed import NOW, seed

RATHAUS = ChargePointId("CP-RATHAUS")

Answer = Callable[[OutgoingCall], Payload | Exception]
"""What the connected charge point answers to a command."""


def with_password(text: str) -> Settings:
    """Give the default settings with a password on the pages."""
    return Settings(server=ServerSettings(web_password=Secret(text)))


def link(charge_point_id: ChargePointId = RATHAUS, version: Version = Version.V16) -> Connection:
    """Make a connection as the OCPP server would enter it."""
    return Connection(
        charge_point_id,
        since=NOW - timedelta(hours=5),
        address="192.0.2.7",
        version=version,
        drop=lambda: None,
        heard_at=NOW - timedelta(seconds=8),
    )


class _Server(uvicorn.Server):
    """The server of `backend.app` in small: it tells when it is ready."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@dataclass(slots=True)
class Running:
    """A server that runs: where, and how to do something in its loop."""

    url: str
    store: Store
    connections: Connections
    application: FastAPI
    server: uvicorn.Server
    loop: asyncio.AbstractEventLoop

    def call(self, work: Callable[[], None]) -> None:
        """Do something in the server's loop."""
        self.loop.call_soon_threadsafe(work)


@dataclass(slots=True)
class Installation:
    """An installation to be started. `station` answers the commands to its one connected charge point, of `version`."""

    path: Path
    settings: Settings = field(default_factory=Settings)
    empty: bool = False
    station: Answer = lambda _call: {"status": "Accepted"}
    root_path: str = ""
    version: Version = Version.V16
    now: datetime = NOW
    sent: list[tuple[str, Payload]] = field(default_factory=list)

    @contextmanager
    def client(self) -> Iterator[httpx.Client]:
        """Give a client of the running installation; it keeps cookies as browsers do."""
        with self.running() as running, httpx.Client(base_url=running.url, timeout=10) as client:
            yield client

    @contextmanager
    def running(self) -> Iterator[Running]:
        """Run it in a thread of its own; it has ended when the block has been left."""
        started: list[Running] = []
        ready = threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(self._serve(started, ready)))
        thread.start()
        try:
            assert ready.wait(10)
            assert started, "the server did not start"
            yield started[0]
        finally:
            if started:
                started[0].call(started[0].application.state.stop)
            thread.join(10)
            assert not thread.is_alive()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[tuple[Store, Connections, FastAPI]]:
        """Fill the database if it is new, and build the application on it."""
        if not self.path.exists():
            seed(self.path, empty=self.empty)
        station, connections = link(version=self.version), Connections()
        connections.add(station)
        async with open_store(self.path) as store:
            clock, commands = ManualClock(self.now), Commands(connections)
            orders = Orders(store, clock, connections, commands)
            application = make_web(store, connections, clock, self.settings, commands=commands, orders=orders)
            tasks = [asyncio.create_task(self._answer(station)), asyncio.create_task(orders.run())]
            try:
                yield store, connections, application
            finally:
                for task in tasks:
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task

    async def _serve(self, started: list[Running], ready: threading.Event) -> None:
        try:
            async with self.open() as (store, connections, application):
                with socket.create_server(("127.0.0.1", 0)) as listening:
                    config = uvicorn.Config(
                        application, root_path=self.root_path, log_config=None, timeout_graceful_shutdown=5
                    )
                    server = _Server(config)
                    ended = asyncio.Event()
                    application.state.stop = ended.set
                    serving = asyncio.create_task(server._serve([listening]))
                    await server.ready.wait()
                    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
                    loop = asyncio.get_running_loop()
                    started.append(Running(url, store, connections, application, server, loop))
                    ready.set()
                    await ended.wait()
                    await application.state.live.close()
                    server.should_exit = True
                    await serving
        finally:
            ready.set()

    async def _answer(self, station: Connection) -> None:
        while True:
            call = await station.calls.get()
            self.sent.append((call.action, call.payload))
            answer = self.station(call)
            if isinstance(answer, Exception):
                call.answer.set_exception(answer)
            else:
                call.answer.set_result(answer)
