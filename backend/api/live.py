"""Live pages: server-sent events that tell when something may have changed. What changed, the page fetches."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Protocol

KEEPALIVE_S = 15.0
"""Link time between comments on a quiet stream, below the idle time-outs of common proxies (30 to 60 s)."""

GATHER_S = 0.25
"""Link time between two events of one stream: what changes in it is told once."""


class Source(Protocol):
    """Something whose changes are counted."""

    @property
    def version(self) -> int:
        """The number of changes since the start."""
        ...

    async def changed(self, since: int) -> int:
        """Wait until `version` differs from `since`, and give it. Cancelling is safe."""
        ...


class Live:
    """One count of changes over all sources, and the streams that tell it."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._seen = [(source, source.version) for source in sources]
        self._version = 0
        self._closed = False
        self._news = asyncio.Condition()

    @property
    def version(self) -> int:
        """The number of changes since the start."""
        return self._version

    async def run(self) -> None:
        """Follow the sources until cancelled."""
        async with asyncio.TaskGroup() as group:
            for source, seen in self._seen:
                group.create_task(self._follow(source, seen))

    async def close(self) -> None:
        """End all streams, now and later: call it before the web server waits for its connections to end."""
        async with self._news:
            self._closed = True
            self._news.notify_all()

    async def events(self) -> AsyncIterator[str]:
        """Give the text of one stream (HTML Living Standard §9.2): first the present version, then every news.

        Ends after `close`. Cancelling is safe.
        """
        told = self._version
        yield f"retry: 1000\n{_event(told)}"
        while not self._closed:
            try:
                async with asyncio.timeout(KEEPALIVE_S), self._news:
                    await self._news.wait_for(partial(self._is_news, told))
            except TimeoutError:
                yield ": still here\n\n"
                continue
            if not self._closed:
                told = self._version
                yield _event(told)
                await asyncio.sleep(GATHER_S)

    def _is_news(self, told: int) -> bool:
        return self._closed or self._version != told

    async def _follow(self, source: Source, seen: int) -> None:
        while True:
            seen = await source.changed(seen)
            async with self._news:
                self._version += 1
                self._news.notify_all()


def _event(version: int) -> str:
    return f'data: {{"version": {version}}}\n\n'
