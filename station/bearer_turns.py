"""One bearer for the central system and for files.

A modem with a single socket carries one connection at a time, and a new one ends the last. There a transfer takes the
bearer for a piece only, while nobody needs it; the link waits, and connects again when the piece is through.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from station.csms_link import Bearer

_LEAVE_S = 0.5
"""Link time for what was just said to get through, before its connection ends."""


class WatchedBearer(Bearer, Protocol):
    """A bearer that wants to know which connections only an OCPP reply proves: those of a transfer prove nothing."""

    def tried(self) -> None:
        """Hear that the link begins a connection."""
        ...


class BearerTurns:
    """Fulfils Bearer for the link; `piece` is for transfers.

    Args:
        bearer: what both use.
    """

    def __init__(self, bearer: WatchedBearer) -> None:
        self._bearer = bearer
        self._turn = asyncio.Lock()

    @property
    def carries_two(self) -> bool:
        """See Bearer."""
        return self._bearer.carries_two

    async def connect(self, host: str, port: int) -> socket.socket:
        """See Bearer."""
        if self.carries_two:
            self._bearer.tried()
            return await self._bearer.connect(host, port)
        async with self._turn:
            self._bearer.tried()
            return await self._bearer.connect(host, port)

    def proven(self) -> None:
        """See Bearer."""
        self._bearer.proven()

    @asynccontextmanager
    async def piece(self) -> AsyncIterator[Bearer]:
        """Use the bearer for a piece of a transfer. Cancelling is safe."""
        if self.carries_two:
            yield self._bearer
            return
        await asyncio.sleep(_LEAVE_S)
        async with self._turn:
            yield self._bearer
