"""Bytes on real sockets: compressed by both sides, counted as the line counts them, told by class."""

import asyncio
import socket
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from shared.ids import MessageId
from shared.ocpp.session import Payload
from shared.ocpp.validation import Version
from station.core.data_budget import Traffic
from station.csms_connection import Connection, Entrance, open_connection
from station.traffic import TrafficMeter
from tests.link.test_csms_server import World

VALUES = {
    "connectorId": 1,
    "meterValue": [{"timestamp": "2026-11-01T12:00:00Z", "sampledValue": [{"value": "1000"}, {"value": "1001"}]}],
}


async def nothing(_action: str, _payload: Payload) -> Payload:
    return {}


@asynccontextmanager
async def station(world: World, traffic: TrafficMeter, bits: int) -> AsyncIterator[Connection]:
    sock = socket.create_connection(("127.0.0.1", world.port))
    sock.setblocking(False)
    entrance = Entrance(world.url(), "CP-1")
    connection = await open_connection(
        sock,
        entrance,
        version=Version.V16,
        connect_timeout_s=5,
        reply_timeout_s=5,
        answer=nothing,
        traffic=traffic,
        compression_bits=bits,
    )
    reader = asyncio.create_task(connection.run())
    yield connection
    reader.cancel()
    connection.abort()


async def spent(folder: Path, bits: int, count: int = 20) -> dict[Traffic, int]:
    traffic = TrafficMeter()
    async with World.open(folder) as world, station(world, traffic, bits) as connection:
        for number in range(count):
            await connection.call(MessageId(f"m{number}"), "MeterValues", VALUES)
        await connection.call(MessageId("h"), "Heartbeat", {})
        return traffic.take()


def test_compression_with_memory_of_earlier_messages_saves_most_of_the_bytes(tmp_path: Path) -> None:
    for name in ("plain", "packed"):
        (tmp_path / name).mkdir()
    plain = asyncio.run(spent(tmp_path / "plain", 0))
    packed = asyncio.run(spent(tmp_path / "packed", 15))
    assert packed[Traffic.METER_VALUES] * 3 < plain[Traffic.METER_VALUES]
    assert plain[Traffic.HEADERS] > 21 * 2 * 52
    assert 0 < packed[Traffic.HEARTBEAT] < packed[Traffic.METER_VALUES]


def test_a_station_with_the_librarys_own_offer_is_served_and_keeps_to_the_small_window(tmp_path: Path) -> None:
    async def story() -> str:
        async with (
            World.open(tmp_path) as world,
            connect(world.url(), subprotocols=[Subprotocol("ocpp1.6")]) as websocket,
        ):
            await websocket.send('[2,"1","Heartbeat",{}]')
            assert "currentTime" in str(await websocket.recv())
            assert websocket.response
            return websocket.response.headers["Sec-WebSocket-Extensions"]

    told = asyncio.run(story())
    assert "server_max_window_bits=12" in told
    assert "no_context_takeover" not in told


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_every_byte_of_a_socket_is_counted(family: int) -> None:
    async def story() -> dict[Traffic, int]:
        if family == socket.AF_UNIX:
            ours, theirs = socket.socketpair()
        else:
            with socket.create_server(("127.0.0.1", 0)) as server:
                ours = socket.create_connection(server.getsockname())
                theirs, _ = server.accept()
        ours.setblocking(False)
        traffic = TrafficMeter()
        watched = traffic.watch(ours)
        reader, writer = await asyncio.open_connection(sock=watched)
        with theirs:
            with traffic.of(Traffic.BOOT):
                writer.write(b"x" * 5000)
                await writer.drain()
            traffic.be(Traffic.REMOTE)
            theirs.sendall(zlib.compress(b"") + b"y" * 100)
            await reader.readexactly(len(zlib.compress(b"")) + 100)
            writer.close()
            await writer.wait_closed()
        return traffic.take()

    taken = asyncio.run(story())
    assert taken[Traffic.BOOT] == 5000
    assert taken[Traffic.REMOTE] == 100 + len(zlib.compress(b""))
    assert taken[Traffic.HEADERS] > 40
