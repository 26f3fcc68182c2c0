"""The agent's service socket: JSON lines on a Unix-domain socket, for the console and the field tools.

    {"id": 1, "do": "status", "with": {...}}  ->  {"id": 1, "result": {...}} or {"id": 1, "error": "..."}

Only the agent's own user can open it (mode 0600). A client that is slow, silent or talks nonsense harms itself alone:
lines are bounded, answers have a time-out, and there are only so many clients at a time. What a client began is ended
even if it leaves: a contactor is never left closed because a cable was pulled.

A loan is what a client holds until it says "give_back". It also ends with the connection, and when the client has not
been heard of for LOAN_S: the same request again keeps it.
"""

import asyncio
import json
import os
import socket
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from hardware.errors import HardwareError
from shared.log import Log
from station.errors import ServiceError, StationError
from station.service_client import GIVE_BACK, REQUEST_BYTES, Facts

CLIENTS = 8
"""Clients at a time; a station has one console, a few tools and a page."""
TAKE_S = 5.0
"""A client that does not take its answer in this time is left."""
LOAN_S = 600.0
"""A tool that hangs must not keep an EVSE out of service."""

Operation = Callable[[Facts], Awaitable[Facts]]
"""Does one thing and gives the result. It may raise StationError or HardwareError, whose text becomes the answer."""
Loan = Callable[[Facts], AbstractAsyncContextManager[Facts]]
"""Gives something away inside its block. Its end must not wait: it also comes when the agent ends."""

_LOG = Log("station.service")


def socket_path(journal: Path, configured: str) -> Path:
    """Tell where the socket is."""
    return Path(configured) if configured else journal.with_name(journal.name + ".service")


class Service:
    """Serves a table of operations, by name, and one of loans.

    Args:
        path: of the socket.
        operations: what ends with its answer.
        loans: what lasts.
        loan_s: how long a client that has a loan may be silent, s of link time.
    """

    def __init__(
        self,
        path: Path,
        operations: Mapping[str, Operation],
        loans: Mapping[str, Loan] = {},
        loan_s: float = LOAN_S,
    ) -> None:
        self._path = path
        self._operations, self._loans, self._loan_s = operations, loans, loan_s
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
            async with AsyncExitStack() as held:
                await self._answer_all(reader, writer, _Held(held))
        except (OSError, TimeoutError):
            pass  # it left, or takes nothing: nobody is there to be told
        except asyncio.CancelledError:
            pass  # the agent ends; asyncio of Python 3.11 logs a client whose task ends as cancelled
        finally:
            self._clients.discard(task)
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, held: "_Held") -> None:
        if len(self._clients) > CLIENTS:
            return await _say(writer, {"id": None, "error": f"{CLIENTS} clients are connected already: close one"})
        while True:
            try:
                async with asyncio.timeout(self._loan_s if held.request else None):
                    line = await reader.readline()
            except ValueError:
                answer = f"a request has at most {REQUEST_BYTES} bytes and ends with a line feed"
                return await _say(writer, {"id": None, "error": answer})
            if not line.endswith(b"\n"):
                return None
            await _say(writer, await self._answer(line, held))

    async def _answer(self, line: bytes, held: "_Held") -> Facts:
        number: object = None
        try:
            number, name, arguments = _request(line)
            if name in self._loans or name == GIVE_BACK:
                return {"id": number, "result": await self._lend(name, arguments, held)}
            operation = self._operations.get(name)
            if operation is None:
                raise ServiceError(f"there is no operation {name!r}; there are: {', '.join(sorted(self._operations))}")
            return {"id": number, "result": await operation(arguments)}
        except (StationError, HardwareError) as error:
            return {"id": number, "error": str(error)}
        except sqlite3.Error as error:
            return {"id": number, "error": f"the journal can't be used: {error}. Is the disk full?"}

    async def _lend(self, name: str, arguments: Facts, held: "_Held") -> Facts:
        if name == GIVE_BACK:
            held.request, held.result = None, {}
            await held.stack.aclose()
        elif held.request is None:
            held.result = await held.stack.enter_async_context(self._loans[name](arguments))
            held.request = (name, arguments)
        elif held.request != (name, arguments):
            raise ServiceError(f"a connection has one loan at a time: {GIVE_BACK} first")
        return held.result


@dataclass(slots=True)
class _Held:
    """The loan of one connection: how it ends, what asked for it, and what was answered."""

    stack: AsyncExitStack
    request: tuple[str, Facts] | None = None
    result: Facts = field(default_factory=dict)


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
