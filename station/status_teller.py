"""Tells the central system how something stands, each step once and in order, however long it can't be reached."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

from station.core.delivery import Message
from station.csms_link import CsmsLink
from station.errors import JournalStalled

_AGAIN_S = 2.0
"""Link time until the link is asked again while it is down."""


class StatusTeller:
    """See the module.

    Args:
        link: to the central system.
        oldest: gives the oldest message that was not told, None if all were.
        told: takes note that this one was told, for good: also a refusal is an answer.
    """

    def __init__(
        self, link: CsmsLink, oldest: Callable[[], Message | None], told: Callable[[Message], Awaitable[None]]
    ) -> None:
        self._link = link
        self._oldest = oldest
        self._told = told
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Hear that there is something to tell."""
        self._wake.set()

    async def run(self) -> NoReturn:
        """Tell for ever."""
        while True:
            self._wake.clear()
            message = self._oldest()
            if message is None:
                await self._wake.wait()
            elif await self._link.call(message) is None:
                await asyncio.sleep(_AGAIN_S)
            else:
                try:
                    await self._told(message)
                except JournalStalled:
                    await asyncio.sleep(_AGAIN_S)  # told once more rather than not at all
