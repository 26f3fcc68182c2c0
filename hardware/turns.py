"""Whose turn it is on a line that only one may use."""

import asyncio
from collections import deque

from hardware.bus import Priority


class Turns:
    """A lock whose waiters go by priority, and in the order of their coming where that is the same."""

    def __init__(self) -> None:
        self._taken = False
        self._waiting: dict[Priority, deque[asyncio.Future[None]]] = {priority: deque() for priority in Priority}

    async def acquire(self, priority: Priority) -> None:
        """Wait for the turn. Cancelling is safe: the turn goes to the next."""
        if not self._taken:
            self._taken = True
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[priority].append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.release()
            raise

    def release(self) -> None:
        """Give the turn to the next."""
        for queue in self._waiting.values():
            while queue:
                turn = queue.popleft()
                if not turn.done():
                    turn.set_result(None)
                    return
        self._taken = False
