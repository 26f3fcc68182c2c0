"""Live streams: they tell changes of every source, gather them, and end when told."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from backend.api import live
from backend.api.live import Live
from backend.csms.connections import Connections
from tests.unit.backend.web.installation import link


def test_a_stream_begins_with_the_version_and_tells_changes_of_both_sources() -> None:
    async def story() -> list[str]:
        first, second = Connections(), Connections()
        pages = Live((first, second))
        following = asyncio.create_task(pages.run())
        stream = pages.events()
        told = [await anext(stream)]
        await asyncio.sleep(0)
        for source in (first, second):
            source.add(link())
            told.append(await asyncio.wait_for(anext(stream), 5))
        await _end(stream, following)
        return told

    told = asyncio.run(story())
    assert told == [
        'retry: 1000\ndata: {"version": 0}\n\n',
        'data: {"version": 1}\n\n',
        'data: {"version": 2}\n\n',
    ]


def test_many_changes_at_once_are_told_once() -> None:
    async def story() -> str:
        source = Connections()
        pages = Live((source,))
        following = asyncio.create_task(pages.run())
        stream = pages.events()
        await anext(stream)
        await asyncio.sleep(0)
        for _ in range(50):
            source.add(link())
            await asyncio.sleep(0)
        told = await asyncio.wait_for(anext(stream), 5)
        following.cancel()
        rest = asyncio.ensure_future(anext(stream, "end"))
        await asyncio.wait({rest}, timeout=3 * live.GATHER_S)
        assert not rest.done() or rest.result().count("data") == 1
        rest.cancel()
        return told

    assert asyncio.run(story()).count("data") == 1


def test_a_quiet_stream_says_that_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "KEEPALIVE_S", 0.01)

    async def story() -> str:
        stream = Live(()).events()
        await anext(stream)
        return await asyncio.wait_for(anext(stream), 5)

    assert asyncio.run(story()) == ": still here\n\n"


def test_closing_ends_open_streams_and_those_that_come_later() -> None:
    async def story() -> None:
        pages = Live(())
        stream = pages.events()
        await anext(stream)
        waiting = asyncio.ensure_future(anext(stream, "end"))
        await asyncio.sleep(0)
        await pages.close()
        assert await asyncio.wait_for(waiting, 1) == "end"
        assert [part async for part in pages.events()] == ['retry: 1000\ndata: {"version": 0}\n\n']

    asyncio.run(story())


async def _end(stream: AsyncIterator[str], following: "asyncio.Task[None]") -> None:
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await stream.aclose()  # type: ignore[attr-defined]  # an async generator, seen as its iterator
