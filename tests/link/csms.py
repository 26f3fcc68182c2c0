"""A central system for tests that does as it is told, and lines to it that are slow or get lost."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, ClassVar

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

# Any: JSON, and the payloads of every action.
Json = dict[str, Any]

NOW = "2026-10-31T18:40:00Z"


class Silence(Exception):  # noqa: N818  a behaviour, not an error
    """Take the call, act on it, and don't answer."""


class CallError(Exception):
    """Answer with CALLERROR."""


async def eventually(condition: Callable[[], Awaitable[bool]], timeout_s: float = 10.0) -> None:
    """Wait until something has come true that tells nobody of it."""
    async with asyncio.timeout(timeout_s):
        while not await condition():  # noqa: ASYNC110  nobody sets an event
            await asyncio.sleep(0.01)


@dataclass
class Csms:
    """Answers calls and keeps them. `behave` may be changed at any time: it gets the action and how often it came."""

    calls: list[tuple[str, str, Json]] = field(default_factory=list)
    answers: list[list[Any]] = field(default_factory=list)
    connections: int = 0
    headers: list[Any] = field(default_factory=list)
    port: int = 0
    behave: Callable[[str, Json], Json | None] = lambda action, payload: None
    transactions: dict[str, int] = field(default_factory=dict)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    socket: ServerConnection | None = None
    tls: ssl.SSLContext | None = None
    admits: Callable[[str], Awaitable[bool]] | None = None
    """Judges the Authorization header; may wait."""
    version: str = "1.6"
    clients: list[str] = field(default_factory=list)
    """Common name of each connection's client certificate, empty without one."""
    resumed: list[bool | None] = field(default_factory=list)

    def actions(self, *but: str) -> list[str]:
        """Name what was called. Security events come when they come, so they are left out."""
        return [action for _, action, _ in self.calls if action not in (*but, "SecurityEventNotification")]

    def of(self, action: str) -> list[tuple[str, Json]]:
        return [(message_id, payload) for message_id, name, payload in self.calls if name == action]

    async def until(self, condition: Callable[[], object], timeout_s: float = 10.0) -> None:
        async with asyncio.timeout(timeout_s), self.news:
            await self.news.wait_for(condition)

    async def ask(self, action: str, payload: Json, message_id: str = "c1") -> Any:
        """Call the station and give its answer, [type, ...] without the id."""
        return await self.say(json.dumps([2, message_id, action, payload]))

    async def say(self, text: str | bytes) -> Any:
        assert self.socket
        seen = len(self.answers)
        await self.socket.send(text)
        await self.until(lambda: len(self.answers) > seen)
        return self.answers[seen]

    async def handle(self, connection: ServerConnection) -> None:
        self.connections += 1
        self.socket = connection
        self.headers.append(connection.request.headers if connection.request else None)
        if tls := connection.transport.get_extra_info("ssl_object"):
            subject = dict(pair for names in (tls.getpeercert() or {}).get("subject", ()) for pair in names)
            self.clients.append(subject.get("commonName", ""))
            self.resumed.append(tls.session_reused)
        try:
            async for message in connection:
                kind, message_id, *rest = json.loads(message)
                async with self.news:
                    if kind == 2:
                        await self._answer(connection, message_id, rest[0], rest[1])
                    else:
                        self.answers.append([kind, *rest])
                    self.news.notify_all()
        except ConnectionClosed:
            pass

    async def _answer(self, connection: ServerConnection, message_id: str, action: str, payload: Json) -> None:
        self.calls.append((message_id, action, payload))
        try:
            answer = self.behave(action, payload)
            answer = self._usual(message_id, action) if answer is None else answer
            await connection.send(json.dumps([3, message_id, answer]))
        except Silence:
            self._usual(message_id, action)
        except CallError:
            await connection.send(json.dumps([4, message_id, "InternalError", "told to", {}]))

    def _usual(self, message_id: str, action: str) -> Json:
        match action:
            case "BootNotification":
                return {"status": "Accepted", "currentTime": NOW, "interval": 300}
            case "Heartbeat":
                return {"currentTime": NOW}
            case "Authorize":
                return {"idTagInfo" if self.version == "1.6" else "idTokenInfo": {"status": "Accepted"}}
            case "DataTransfer" if self.version != "1.6":
                return {"status": "UnknownVendorId"}
            case "StartTransaction":
                number = self.transactions.setdefault(message_id, 100 + len(self.transactions))
                return {"transactionId": number, "idTagInfo": {"status": "Accepted"}}
            case _:
                return {}

    async def _judge(self, connection: ServerConnection, request: Request) -> Response | None:
        if self.admits is None or await self.admits(request.headers.get("Authorization", "")):
            return None
        return connection.respond(HTTPStatus.UNAUTHORIZED, "no")

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["Csms"]:
        """Listen on `port`, or on a free one if that is 0."""
        protocol = Subprotocol(f"ocpp{self.version}")
        async with serve(
            self.handle,
            "127.0.0.1",
            self.port,
            subprotocols=[protocol],
            close_timeout=0.2,
            ssl=self.tls,
            process_request=self._judge,
        ) as server:
            self.port = next(iter(server.sockets)).getsockname()[1]
            yield self


@dataclass
class Line:
    """A bearer whose every byte passes through here: `chunk` bytes at a time, `delay_s` after each, or not at all."""

    carries_two: ClassVar[bool] = True
    chunk: int = 65536
    delay_s: float = 0.0
    has_coverage: bool = True
    swallows: bool = False
    opened: int = 0
    proofs: int = 0
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def connect(self, host: str, port: int) -> socket.socket:
        if not self.has_coverage:
            raise OSError("no route")
        self.opened += 1
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        near = await asyncio.open_connection(sock=theirs)
        far = await asyncio.open_connection(host, port)
        self._tasks += [
            asyncio.create_task(self._pump(near[0], far[1])),
            asyncio.create_task(self._pump(far[0], near[1])),
        ]
        return ours

    def proven(self) -> None:
        self.proofs += 1

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(self.chunk):
                if self.swallows:
                    continue
                writer.write(data)
                await writer.drain()
                await asyncio.sleep(self.delay_s)
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Lose every connection without a word."""
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()
