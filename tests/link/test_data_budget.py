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
from station.core.configuration import Configuration
from station.core.data_budget import Traffic
from station.core.keepalive import Keepalive
from station.csms_connection import Connection, Entrance, open_connection
from station.data_keeper import DataKeeper
from station.data_settings import DataSettings
from station.data_view import thrift_line, used_words
from station.traffic import TrafficMeter
from tests.link import link_time
from tests.link.csms import Line, eventually
from tests.link.test_csms_link import bench as link_bench
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


def test_what_was_used_and_learned_survives_a_restart_and_thrift_comes_back_with_it(tmp_path: Path) -> None:
    async def story() -> None:
        settings = DataSettings(allowance_mb=1)
        async with link_bench(tmp_path) as bench:

            def keeper(traffic: TrafficMeter, configuration: Configuration) -> DataKeeper:
                return DataKeeper(
                    bench.journal,
                    bench.timekeeper,
                    configuration,
                    settings,
                    traffic=traffic,
                    link=bench.link,
                    bearer="modem internet",
                )

            traffic = TrafficMeter()
            first = keeper(traffic, Configuration())
            await first.load()
            traffic.add(700_000, Traffic.METER_VALUES)
            assert not first.look()
            traffic.add(110_000, Traffic.KEEPALIVE)
            assert first.look(), "81 % of the month are used"
            bench.link.keepalive = Keepalive(sure_s=700)
            task = asyncio.create_task(first.run())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

            keys = Configuration()
            again = keeper(TrafficMeter(), keys)
            bench.link.keepalive = Keepalive()
            await again.load()
            assert keys.number("MeterValueSampleInterval") == 900
            assert "81 % of this month's mobile data" in thrift_line(again.shown, "en")
            assert "81 % der Mobilfunkdaten" in thrift_line(again.shown, "de")
            assert used_words(again.shown, "de").startswith("810,0 kB von 1,0 MB (81 %); Messwerte 86 %")
            assert bench.link.keepalive.sure_s == 700

    asyncio.run(story())


def test_a_link_that_dies_in_a_silence_teaches_what_the_carrier_forgives(tmp_path: Path) -> None:
    async def story() -> None:
        line = Line()
        async with link_bench(tmp_path, line=line, keys={"WebSocketPingInterval": "40"}) as bench:

            async def knows_40_s() -> bool:
                return bench.link.keepalive.sure_s >= 40

            async def suspects() -> bool:
                return bench.link.keepalive.suspect_s >= 40

            await eventually(knows_40_s, 200)
            line.swallows = True
            await eventually(suspects, 200)
            line.swallows = False

    link_time.run(story(), speed=50)
