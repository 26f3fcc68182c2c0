"""The other end of the agent's service socket: what the console and the field tools ask of the running agent."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from station.errors import ServiceError

LINE_BYTES = 4 << 20
"""Longest answer taken: the whole log is the longest."""
REQUEST_BYTES = 64 << 10
"""Longest request."""
ANSWER_S = 90.0
"""A test of RCD or contactor may take a minute; everything else is answered at once."""

KEEP_LOAN_S = 60.0
"""How often a loan is kept up, a small part of what the agent waits."""
GIVE_BACK = "give_back"
"""Ends the loan of a connection."""

AGENT_DOWN = (
    "the agent (the station's program) does not run: switch the station off and on, or systemctl start emops-station"
)
NOT_ASKING = (
    "the vehicle side does not ask for energy: plug in the test adapter and set it to state C, then test again. "
    "A vehicle is no test adapter: what it takes now is on no bill"
)
"""Refusals that technicians meet often; station.wording has their German."""

Facts = dict[str, Any]
"""Any: JSON of the agent. Both ends are the same program; station.service_operations describes what it holds."""


class Service(Protocol):
    """The running agent, asked for one thing at a time."""

    async def call(self, operation: str, arguments: Mapping[str, object] = {}) -> Facts:
        """Ask for an operation and give its result.

        Raises:
            ServiceError: the agent does not run, does not answer, or refuses; the text says why and what to do.
        """
        ...

    def borrow(self, operation: str, arguments: Mapping[str, object] = {}) -> AbstractAsyncContextManager[Facts]:
        """Hold what an operation lends until the end of the block; it is cancelled if the agent ends the loan.

        Raises:
            ServiceError: as `call`; also out of the block, when the loan has ended.
        """
        ...


class ServiceClient:
    """Fulfils Service over the socket. Each call has a connection of its own, so a new agent is found by itself."""

    def __init__(self, path: Path, answer_s: float = ANSWER_S, keep_loan_s: float = KEEP_LOAN_S) -> None:
        self._path = path
        self._answer_s = answer_s
        self._keep_loan_s = keep_loan_s

    async def call(self, operation: str, arguments: Mapping[str, object] = {}) -> Facts:
        """See Service. Cancelling is safe: what the agent has begun it ends."""
        async with self._connected() as (reader, writer):
            return await self._ask(reader, writer, operation, arguments)

    @asynccontextmanager
    async def borrow(self, operation: str, arguments: Mapping[str, object] = {}) -> AsyncIterator[Facts]:
        """See Service. Cancelling, or a program that dies, ends the loan: the connection is the loan."""
        async with self._connected() as (reader, writer):
            result = await self._ask(reader, writer, operation, arguments)

            async def keep() -> None:
                while True:
                    try:
                        async with asyncio.timeout(self._keep_loan_s):
                            # Nothing comes unasked: this ends when the agent has ended.
                            await reader.read(1)
                            raise ServiceError("the agent has ended, and the loan with it: begin again")
                    except TimeoutError:
                        await self._ask(reader, writer, operation, arguments)

            try:
                async with asyncio.TaskGroup() as group:
                    keeper = group.create_task(keep())
                    yield result
                    keeper.cancel()
            except BaseExceptionGroup as errors:
                raise errors.exceptions[0] from None
            await self._ask(reader, writer, GIVE_BACK, {})

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        try:
            reader, writer = await asyncio.open_unix_connection(str(self._path), limit=LINE_BYTES)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise ServiceError(AGENT_DOWN) from error
        except OSError as error:
            raise ServiceError(f"can't reach the agent at {self._path}: {error.strerror or error}") from error
        try:
            yield reader, writer
        finally:
            writer.close()

    async def _ask(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        operation: str,
        arguments: Mapping[str, object],
    ) -> Facts:
        request = json.dumps({"id": 1, "do": operation, "with": dict(arguments)}).encode() + b"\n"
        try:
            async with asyncio.timeout(self._answer_s):
                writer.write(request)
                line = await reader.readline()
        except TimeoutError as error:
            raise ServiceError(
                f"the agent did not answer {operation} in {self._answer_s:.0f} s: look at log"
            ) from error
        except (OSError, ValueError) as error:
            raise ServiceError(f"the agent broke the connection off: {error}") from error
        return _result(line)


def _result(line: bytes) -> Facts:
    try:
        answer = json.loads(line)
    except ValueError as error:
        raise ServiceError("the agent broke off in the middle of its answer: try again") from error
    if not isinstance(answer, dict) or not isinstance(answer.get("result", {}), dict):
        raise ServiceError("this is not the agent that answers at the service socket: correct service.socket")
    if "error" in answer:
        raise ServiceError(str(answer["error"]))
    return dict(answer["result"])
