"""The agent's service socket: JSON lines on a Unix-domain socket, for the console and the field tools.

    {"id": 1, "do": "status", "with": {...}}  ->  {"id": 1, "result": {...}} or {"id": 1, "error": "..."}

Only the agent's own user can open it (mode 0600). A client that is slow, silent or talks nonsense harms itself alone:
lines are bounded, answers have a time-out, and there are only so many clients at a time. What a client began is ended
even if it leaves: a contactor is never left closed because a cable was pulled.
"""

import asyncio
import json
import os
import socket
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from hardware.errors import HardwareError
from shared.log import Log
from station.errors import ServiceError, StationError
from station.service_client import REQUEST_BYTES, Facts

CLIENTS = 8
"""Clients at a time; a station has one console, a few tools and a page."""
TAKE_S = 5.0
"""A client that does not take its answer in this time is left."""

Operation = Callable[[Facts], Awaitable[Facts]]
"""Does one thing and gives the result. It may raise StationError or HardwareError, whose text becomes the answer."""

_LOG = Log("station.service")


def socket_path(journal: Path, configured: str) -> Path:
    """Tell where the socket is."""
    return Path(configured) if configured else journal.with_name(journal.name + ".service")


class Service:
    """Serves a table of operations, by name."""

    def __init__(self, path: Path, operations: Mapping[str, Operation]) -> None:
        self._path = path
        self._operations = operations
        self._clients: set[asyncio.Task[None]] = set()

    async def run(self) -> NoReturn:
        """Serve for ever. Without its socket the agent works on: it is for people, nothing depends on it."""
        try:
            listener = _listen(self._path)
        except OSError as error:
            _LOG.warning("no_service_socket", path=self._path, reason=error.strerror or error)
            await asyncio.Event().wait()
            raise AssertionError("unreachable") from error
        try:
            async with await asyncio.start_unix_server(self._serve, sock=listener, limit=REQUEST_BYTES) as server:
                await server.serve_forever()
        finally:
            for client in self._clients:
                client.cancel()
            listener.close()
            with suppress(OSError):
                self._path.unlink()
        raise AssertionError("unreachable")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  the server makes a task for each client
        self._clients.add(task)
        try:
            await self._answer_all(reader, writer)
        except (OSError, TimeoutError):
            pass  # it left, or takes nothing: nobody is there to be told
        finally:
            self._clients.discard(task)
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) > CLIENTS:
            return await _say(writer, {"id": None, "error": f"{CLIENTS} clients are connected already: close one"})
        while True:
            try:
                line = await reader.readline()
            except ValueError:
                answer = f"a request has at most {REQUEST_BYTES} bytes and ends with a line feed"
                return await _say(writer, {"id": None, "error": answer})
            if not line.endswith(b"\n"):
                return None
            await _say(writer, await self._answer(line))

    async def _answer(self, line: bytes) -> Facts:
        number: object = None
        try:
            number, name, arguments = _request(line)
            operation = self._operations.get(name)
            if operation is None:
                raise ServiceError(f"there is no operation {name!r}; there are: {', '.join(sorted(self._operations))}")
            return {"id": number, "result": await operation(arguments)}
        except (StationError, HardwareError) as error:
            return {"id": number, "error": str(error)}
        except sqlite3.Error as error:
            return {"id": number, "error": f"the journal can't be used: {error}. Is the disk full?"}


async def _say(writer: asyncio.StreamWriter, answer: Facts) -> None:
    writer.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
    async with asyncio.timeout(TAKE_S):
        await writer.drain()


def _request(line: bytes) -> tuple[object, str, Facts]:
    """Read a request.

    Raises:
        ServiceError: it is none.
    """
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ServiceError(f"a request is one line of JSON: {error}") from error
    match request:
        case {"id": int() | str() | None as number, "do": str(name)} if isinstance(request.get("with", {}), dict):
            return number, name, request.get("with", {})
    raise ServiceError('write a request as {"id": 1, "do": "status", "with": {}}')


def _listen(path: Path) -> socket.socket:
    """Make the socket. A file of an agent that was killed is in the way; the journal's lock says that it is dead."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
    except BaseException:
        listener.close()
        raise
    finally:
        os.umask(before)
    return listener
