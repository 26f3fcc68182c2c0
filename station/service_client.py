"""The other end of the agent's service socket: what the console and the field tools ask of the running agent."""

from collections.abc import Mapping
from typing import Protocol

Facts = dict[str, object]


class Service(Protocol):
    """The running agent, asked for one thing at a time."""

    async def call(self, operation: str, arguments: Mapping[str, object] = {}) -> Facts:
        """Ask for an operation and give its result.

        Raises:
            ServiceError: the agent does not run, does not answer, or refuses; the text says why and what to do.
        """
        ...
