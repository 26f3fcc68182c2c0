"""Scripted charge points against the real server over real sockets: the probes that central systems fail."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame
from websockets.http11 import Response
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from backend.core.transaction import State
from backend.csms.commands import Commands
from backend.csms.connections import Connections
from backend.csms.server import OcppServer, OcppSettings
from backend.store.transactions import Transaction, list_transactions
from backend.store.writer import Store
from shared.clock import ManualClock
from shared.ids import ChargePointId
from shared.ocpp.validation import Version
from tests.unit.backend.events_v201 import SESSION, ended, started, updated
from tests.unit.backend.world import MASTER, NOW, open_world, start, stop, values

OCPP16 = [Subprotocol("ocpp1.6")]
CP = ChargePointId("CP-1")
WITH_PASSWORD = MASTER.replace('id = "CP-1"', 'id = "CP-1"\npassword = "tr0ub4dor"')


class ChargePoint:
    """A tiny scripted charge point."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._count = 0

    # Any: JSON.
    async def call(self, action: str, payload: object) -> Any:
        self._count += 1
        await self.socket.send(json.dumps([2, f"{id(self)}-{self._count}", action, payload]))
        answer = json.loads(await self.socket.recv())
        assert answer[:2] == [3, f"{id(self)}-{self._count}"], answer
        return answer[2]


class World:
    """The running server."""

    def __init__(self, store: Store, connections: Connections, port: int) -> None:
        self.store, self.connections, self.port = store, connections, port
        self.commands = Commands(connections)

    def url(self, name: str = "CP-1") -> str:
        return f"ws://127.0.0.1:{self.port}/ocpp/{name}"

    @asynccontextmanager
    async def charge_point(self, name: str = "CP-1") -> AsyncIterator[ChargePoint]:
        async with connect(self.url(name), subprotocols=OCPP16) as socket:
            station = ChargePoint(socket)
            await station.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"})
            yield station

    async def transactions(self) -> list[Transaction]:
        return list(reversed(await self.store.read(list_transactions)))

    async def gone(self) -> None:
        async with asyncio.timeout(5):
            while self.connections.all():
                await self.connections.changed(self.connections.version)

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path, master: str = MASTER) -> "AsyncIterator[Self]":
        async with open_world(folder, master) as store:
            connections = Connections()
            server = OcppServer(store, connections, ManualClock(NOW), OcppSettings())
            async with server.listen("127.0.0.1", 0) as port:
                yield cls(store, connections, port)


def play(folder: Path, story: Callable[[World], Awaitable[None]], master: str = MASTER) -> None:
    async def scenario() -> None:
        async with asyncio.timeout(30), World.open(folder, master) as world:
            await story(world)

    asyncio.run(scenario())


def test_a_start_whose_answer_was_lost_gets_the_same_number(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        async with world.charge_point() as station:
            await station.socket.send(json.dumps([2, "lost", "StartTransaction", start()]))
            station.socket.transport.abort()
        async with world.charge_point() as station:
            first = await station.call("StartTransaction", start())
            again = await station.call("StartTransaction", start())
            assert first == again == {"transactionId": 1, "idTagInfo": {"status": "Accepted"}}
        assert len(await world.transactions()) == 1

    play(tmp_path, story)


def test_a_finished_session_sent_again_over_new_connections_is_one_session(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        for _ in range(3):
            async with world.charge_point() as station:
                for _ in range(2):
                    number = (await station.call("StartTransaction", start()))["transactionId"]
                    await station.call("MeterValues", values(number, (10, 3000), (20, 6000)))
                    assert await station.call("StopTransaction", stop(number)) == {}
        [transaction] = await world.transactions()
        assert (transaction.state, transaction.meter_stop) == (State.ENDED, 12_000)

    play(tmp_path, story)


def test_an_offline_session_replayed_at_line_speed_loses_no_wh(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        async with world.charge_point() as station:
            number = (await station.call("StartTransaction", start()))["transactionId"]
            frames = [
                json.dumps([2, f"m{i}", "MeterValues", values(number, (i, 1000 + 100 * i))]) for i in range(1, 110)
            ]
            frames.append(json.dumps([2, "end", "StopTransaction", stop(number, 12_000, 110)]))
            await asyncio.gather(*(station.socket.send(frame) for frame in frames))
            answers = [json.loads(await station.socket.recv()) for _ in frames]
            assert [answer[0] for answer in answers] == [3] * len(frames)
        [transaction] = await world.transactions()
        assert (transaction.meter_start, transaction.meter_stop) == (1000, 12_000)
        assert transaction.state is State.ENDED

    play(tmp_path, story)


def test_unknown_token_and_unknown_connector_are_stored(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        async with world.charge_point() as station:
            answer = await station.call("StartTransaction", start(tag="STRANGER", connector=7))
            assert answer == {"transactionId": 1, "idTagInfo": {"status": "Invalid"}}
            await station.call("StopTransaction", stop(1))
        [transaction] = await world.transactions()
        assert (transaction.state, transaction.meter_stop) == (State.HELD, 12_000)
        assert "is unknown; connector 7 was never reported" in transaction.held_reason

    play(tmp_path, story)


def test_values_after_the_stop_are_kept(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        async with world.charge_point() as station:
            number = (await station.call("StartTransaction", start()))["transactionId"]
            await station.call("StopTransaction", stop(number))
            await station.call("MeterValues", values(number, (30, 6000)))
        rows = await world.store.read(
            lambda unit: (unit.exec_driver_sql("SELECT energy_wh FROM meter_value")).scalars().all()
        )
        assert rows == [6000]

    play(tmp_path, story)


def test_a_second_socket_replaces_a_half_open_one(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        async with connect(world.url(), subprotocols=OCPP16) as half_open:
            async with world.charge_point() as station:
                with pytest.raises(ConnectionClosed):
                    await half_open.recv()
                live = world.connections.find(CP)
                assert live is not None
                await station.call("Heartbeat", {})
                asking = asyncio.create_task(world.commands.send(CP, "ClearCache", {}))
                _, number, *_ = json.loads(await station.socket.recv())
                await station.socket.send(json.dumps([3, number, {"status": "Accepted"}]))
                assert await asking == {"status": "Accepted"}
                assert world.connections.find(CP) is live
            await world.gone()

    play(tmp_path, story)


def test_reconnecting_at_once_always_works(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        for i in range(20):
            async with connect(world.url(), subprotocols=OCPP16) as socket:
                await ChargePoint(socket).call("Heartbeat", {})
                if i % 2:
                    socket.transport.abort()
        async with world.charge_point() as station:
            await station.call("Heartbeat", {})

    play(tmp_path, story)


@pytest.mark.parametrize("poison", ["garbage", b"\xff\xfe", '[2,"1","StartTransaction",{"connectorId":[]}]'])
def test_a_bad_neighbour_disturbs_nobody(tmp_path: Path, poison: str | bytes) -> None:
    async def story(world: World) -> None:
        async with world.charge_point("CP-1") as good, connect(world.url("CP-2"), subprotocols=OCPP16) as bad:
            await bad.send(poison)
            await good.call("Heartbeat", {})
            assert json.loads(await bad.recv())[0] == 4
            await ChargePoint(bad).call("Heartbeat", {})

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x81\xfe\xff\xff", None),
        (b"\x81\xff" + (2**40).to_bytes(8, "big") + b"abcd", 1009),
        (b"\xf1\x80abcd", 1002),
        (b"\x81\x82\x00\x00\x00\x00\xff\xff", 1007),
    ],
    ids=["cut off", "too long", "reserved bits", "not UTF-8"],
)
def test_frames_that_are_no_websocket_end_that_connection_only(tmp_path: Path, frame: bytes, code: int | None) -> None:
    async def story(world: World) -> None:
        async with world.charge_point("CP-1") as good:
            async with connect(world.url("CP-2"), subprotocols=OCPP16) as bad:
                bad.transport.write(frame)
                if code is None:
                    bad.transport.abort()
                with pytest.raises(ConnectionClosed) as closed:
                    await bad.recv()
                assert (closed.value.rcvd.code if closed.value.rcvd else None) == code
            await good.call("Heartbeat", {})
            while world.connections.find(ChargePointId("CP-2")):
                await world.connections.changed(world.connections.version)

    play(tmp_path, story)


STATUS = {"timestamp": "2026-10-31T18:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1}


@asynccontextmanager
async def modern_charge_point(world: World, version: Version = Version.V201) -> AsyncIterator[ChargePoint]:
    async with connect(world.url(), subprotocols=[Subprotocol(version.subprotocol)]) as socket:
        station = ChargePoint(socket)
        await station.call("StatusNotification", STATUS)
        yield station


def _is_right(transaction: Transaction) -> bool:
    registers = (transaction.meter_start, transaction.meter_stop)
    return (transaction.state, transaction.held_reason, registers) == (State.ENDED, "", (1000, 12_000))


@pytest.mark.parametrize("version", [Version.V201, Version.V21])
def test_a_finished_session_of_a_later_version_sent_again_over_new_connections_is_one(
    tmp_path: Path, version: Version
) -> None:
    async def story(world: World) -> None:
        async with modern_charge_point(world, version) as station:
            await station.socket.send(json.dumps([2, "lost", "TransactionEvent", SESSION[0]]))
            station.socket.transport.abort()
        for events in (SESSION, SESSION[::-1], SESSION):
            async with modern_charge_point(world, version) as station:
                for event in events:
                    await station.call("TransactionEvent", event)
                    await station.call("TransactionEvent", {**event, "offline": True})
        [transaction] = await world.transactions()
        assert _is_right(transaction)

    play(tmp_path, story)


def test_an_offline_session_of_a_later_version_replayed_at_line_speed_loses_no_wh(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        async with modern_charge_point(world) as station:
            events = [started(), *(updated(i, i, 1000 + 100 * i) for i in range(1, 109)), ended(109, minute=110)]
            frames = [json.dumps([2, f"m{i}", "TransactionEvent", event]) for i, event in enumerate(events)]
            await asyncio.gather(*(station.socket.send(frame) for frame in frames))
            answers = [json.loads(await station.socket.recv()) for _ in frames]
            assert [answer[0] for answer in answers] == [3] * len(frames)
        [transaction] = await world.transactions()
        assert _is_right(transaction)

    play(tmp_path, story)


def test_an_unknown_token_and_an_unknown_evse_of_a_later_version_are_stored(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        async with modern_charge_point(world) as station:
            stranger = {"idToken": "STRANGER", "type": "ISO14443"}
            answer = await station.call("TransactionEvent", started(evse={"id": 7}, idToken=stranger))
            assert answer == {"idTokenInfo": {"status": "Unknown"}}
            await station.call("TransactionEvent", ended(1))
        [transaction] = await world.transactions()
        assert (transaction.state, transaction.meter_stop) == (State.HELD, 12_000)
        assert "is unknown; connector 7 was never reported" in transaction.held_reason

    play(tmp_path, story)


def test_a_station_that_changes_its_version_goes_on_with_a_new_connection(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        async with world.charge_point() as station:
            await station.call("StartTransaction", start())
        async with modern_charge_point(world) as station:
            for event in SESSION:
                await station.call("TransactionEvent", event)
        async with world.charge_point() as station:
            await station.call("StopTransaction", stop(1))
        assert [_is_right(transaction) for transaction in await world.transactions()] == [True, True]

    play(tmp_path, story)


def test_an_unknown_charge_point_gets_404_and_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(world: World) -> None:
        for path in ("/ocpp/STRANGER", "/ocpp/STRANGER", "/ocpp/", "/elsewhere/CP-1"):
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"ws://127.0.0.1:{world.port}{path}", subprotocols=OCPP16)
            assert refused.value.response.status_code == 404

    play(tmp_path, story)
    refusals = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert len([line for line in refusals if "charge_point=STRANGER" in line]) == 1


@pytest.mark.parametrize("offered", [["ocpp2.0"], None])
def test_a_station_of_another_version_is_let_in_and_closed_at_once(tmp_path: Path, offered: list[str] | None) -> None:
    async def story(world: World) -> None:
        names = [Subprotocol(name) for name in offered] if offered else None
        async with connect(world.url(), subprotocols=names) as socket:
            assert socket.subprotocol is None
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1002, "offer one of: ocpp1.6, ocpp2.0.1, ocpp2.1")
        assert world.connections.all() == ()

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["ocpp2.0", "ocpp1.6"], "ocpp1.6"),
        (["ocpp2.0.1", "ocpp1.6"], "ocpp2.0.1"),
        (["ocpp1.6", "ocpp2.0.1"], "ocpp1.6"),
        (["ocpp2.1", "ocpp2.0.1"], "ocpp2.1"),
    ],
)
def test_the_version_that_the_station_likes_best_is_chosen(tmp_path: Path, offered: list[str], chosen: str) -> None:
    async def story(world: World) -> None:
        async with connect(world.url(), subprotocols=[Subprotocol(name) for name in offered]) as socket:
            assert socket.subprotocol == chosen
            connection = world.connections.find(CP)
            assert connection is not None
            assert connection.version.subprotocol == chosen

    play(tmp_path, story)


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    "header",
    [None, _basic("CP-1", "wrong"), _basic("CP-2", "tr0ub4dor"), "Basic !!!", "Bearer x", _basic("CP-1", "")],
)
def test_a_wrong_password_is_refused(tmp_path: Path, header: str | None) -> None:
    async def story(world: World) -> None:
        headers = {"Authorization": header} if header else None
        with pytest.raises(InvalidStatus) as refused:
            await connect(world.url(), subprotocols=OCPP16, additional_headers=headers)
        assert refused.value.response.status_code == 401

    play(tmp_path, story, WITH_PASSWORD)


def test_the_right_password_opens(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        headers = {"Authorization": _basic("CP-1", "tr0ub4dor")}
        async with connect(world.url(), subprotocols=OCPP16, additional_headers=headers) as socket:
            await ChargePoint(socket).call("Heartbeat", {})

    play(tmp_path, story, WITH_PASSWORD)


def test_bytes_may_come_one_at_a_time(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        protocol = ClientProtocol(parse_uri(world.url()), subprotocols=OCPP16)
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)

        async def flush() -> None:
            for chunk in protocol.data_to_send():
                for i in range(len(chunk)):
                    writer.write(chunk[i : i + 1])
                    await writer.drain()
                    await asyncio.sleep(0)

        async def answer() -> Any:
            while True:
                for event in protocol.events_received():
                    if isinstance(event, Response):
                        return event.status_code
                    assert isinstance(event, Frame)
                    return json.loads(bytes(event.data))
                protocol.receive_data(await reader.read(1))

        protocol.send_request(protocol.connect())
        await flush()
        assert await answer() == 101
        protocol.send_text(json.dumps([2, "one", "StartTransaction", start()]).encode())
        await flush()
        assert await answer() == [3, "one", {"transactionId": 1, "idTagInfo": {"status": "Accepted"}}]
        protocol.send_text(b'[2,"two","Heart')
        await flush()
        assert (await answer())[:3] == [4, "-1", "FormationViolation"]
        writer.close()
        await writer.wait_closed()

    play(tmp_path, story)


def test_whoever_comes_or_goes_is_told(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        seen = world.connections.version
        waiting = asyncio.create_task(world.connections.changed(seen))
        async with world.charge_point():
            assert await waiting > seen
            assert [connection.charge_point_id for connection in world.connections.all()] == ["CP-1"]
        await world.gone()

    play(tmp_path, story)
