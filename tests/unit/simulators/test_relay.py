"""The relay between real sockets: an echo server behind it, clients before it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from simulators.relay import Direction, LinkState, Relay, Weather

Scenario = Callable[[Relay, int], Awaitable[None]]


@asynccontextmanager
async def _echo() -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data.upper())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


def _with(scenario: Scenario) -> None:
    async def run() -> None:
        async with asyncio.timeout(10), _echo() as far:
            relay = Relay("127.0.0.1", far)
            async with relay.serve(0) as port:
                await scenario(relay, port)

    asyncio.run(run())


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: bytes) -> bytes:
    """Give the echo, or nothing when none comes."""
    writer.write(text)
    try:
        async with asyncio.timeout(0.3):
            return await reader.read(1000)
    except TimeoutError:
        return b""


def test_an_open_link_carries_and_counts() -> None:
    async def scenario(relay: Relay, port: int) -> None:
        ends = await asyncio.open_connection("127.0.0.1", port)
        assert await _ask(*ends, b"hello") == b"HELLO"
        assert (relay.connections, relay.bytes_up, relay.bytes_down) == (1, 5, 5)
        ends[1].close()

    _with(scenario)


@pytest.mark.parametrize("direction", Direction)
def test_what_is_held_flows_on(direction: Direction) -> None:
    async def scenario(relay: Relay, port: int) -> None:
        ends = await asyncio.open_connection("127.0.0.1", port)
        assert await _ask(*ends, b"a") == b"A"
        await relay.set_weather(Weather(LinkState.HELD, direction))
        assert await _ask(*ends, b"b") == b""
        assert relay.bytes_up == (2 if direction is Direction.DOWN else 1)
        await relay.set_weather(Weather())
        assert await ends[0].read(1000) == b"B"
        ends[1].close()

    _with(scenario)


@pytest.mark.parametrize("direction", Direction)
def test_a_half_open_connection_never_comes_back_but_a_new_one_does(direction: Direction) -> None:
    async def scenario(relay: Relay, port: int) -> None:
        old = await asyncio.open_connection("127.0.0.1", port)
        assert await _ask(*old, b"a") == b"A"
        await relay.set_weather(Weather(LinkState.HALF_OPEN, direction))
        assert await _ask(*old, b"b") == b""
        await relay.set_weather(Weather())
        assert await _ask(*old, b"c") == b""
        new = await asyncio.open_connection("127.0.0.1", port)
        assert await _ask(*new, b"d") == b"D"
        for _, writer in (old, new):
            writer.close()

    _with(scenario)


def test_a_cut_resets_what_is_open_and_what_comes() -> None:
    async def scenario(relay: Relay, port: int) -> None:
        old = await asyncio.open_connection("127.0.0.1", port)
        assert await _ask(*old, b"a") == b"A"
        await relay.set_weather(Weather(LinkState.CUT))
        with pytest.raises(ConnectionResetError):
            await old[0].read(1000)
        new = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises(ConnectionResetError):
            await new[0].read(1000)
        await relay.set_weather(Weather())
        healed = await asyncio.open_connection("127.0.0.1", port)
        assert await _ask(*healed, b"b") == b"B"
        for _, writer in (old, new, healed):
            writer.close()

    _with(scenario)


def test_delay_and_width_slow_it_down() -> None:
    async def scenario(relay: Relay, port: int) -> None:
        loop = asyncio.get_running_loop()
        ends = await asyncio.open_connection("127.0.0.1", port)
        await relay.set_weather(Weather(delay_s=0.02, bytes_per_s=1000))
        begin = loop.time()
        assert await _ask(*ends, b"x" * 100) == b"X" * 100
        assert loop.time() - begin > 0.2
        ends[1].close()

    _with(scenario)


def test_nobody_behind_it_is_a_reset() -> None:
    async def run() -> None:
        async with _echo() as far:
            pass
        relay = Relay("127.0.0.1", far)
        async with asyncio.timeout(10), relay.serve(0) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with pytest.raises(ConnectionResetError):
                await reader.read(1)
            writer.close()

    asyncio.run(run())
