"""The other end of the agent's service socket: what the console and the field tools ask of the running agent."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from station.errors import ServiceError

LINE_BYTES = 4 << 20
"""Longest answer taken: the whole log is the longest."""
REQUEST_BYTES = 64 << 10
"""Longest request."""
ANSWER_S = 90.0
"""A test of RCD or contactor may take a minute; everything else is answered at once."""

AGENT_DOWN = "the agent does not run: systemctl start emops-station starts it"
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


class ServiceClient:
    """Fulfils Service over the socket. Each call has a connection of its own, so a new agent is found by itself."""

    def __init__(self, path: Path, answer_s: float = ANSWER_S) -> None:
        self._path = path
        self._answer_s = answer_s

    async def call(self, operation: str, arguments: Mapping[str, object] = {}) -> Facts:
        """See Service. Cancelling is safe: what the agent has begun it ends."""
        request = json.dumps({"id": 1, "do": operation, "with": dict(arguments)}).encode() + b"\n"
        try:
            async with asyncio.timeout(self._answer_s):
                line = await self._exchange(request)
        except TimeoutError as error:
            raise ServiceError(
                f"the agent did not answer {operation} in {self._answer_s:.0f} s: look at log"
            ) from error
        return _result(line)

    async def _exchange(self, request: bytes) -> bytes:
        try:
            reader, writer = await asyncio.open_unix_connection(str(self._path), limit=LINE_BYTES)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise ServiceError(AGENT_DOWN) from error
        except OSError as error:
            raise ServiceError(f"can't reach the agent at {self._path}: {error.strerror or error}") from error
        try:
            writer.write(request)
            return await reader.readline()
        except (OSError, ValueError) as error:
            raise ServiceError(f"the agent broke the connection off: {error}") from error
        finally:
            writer.close()


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
