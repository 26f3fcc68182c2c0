"""Where central systems lose energy on mobile links: each way of it against the running server, over real sockets.

Messages that are sent again carry a new message id, as after a reboot of the station.
"""

import asyncio
import base64
import itertools
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from backend.core.rates.rating import Policy
from backend.core.transaction import State
from backend.csms.commands import Commands
from backend.csms.connections import Connections
from backend.csms.server import OcppServer, OcppSettings
from backend.jobs.rate_ended import rate_ended
from backend.services.apply import apply
from backend.services.master_data import parse_master_data
from backend.store.ratings import current_rating
from backend.store.tables import meter_value, transaction_event
from backend.store.transactions import Transaction, list_transactions
from backend.store.writer import Store
from shared.clock import ManualClock
from shared.ids import ChargePointId
from shared.ocpp.session import Payload
from tests.unit.backend import events_v201
from tests.unit.backend.world import MASTER, NOW, open_world, start, stop, values

CP = ChargePointId("CP-1")
FREE_CONNECTOR = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
STRANGER = {"idToken": "04DEADBEEF", "type": "ISO14443"}
NEW_CARD = """
[[id_token]]
token = "04DEADBEEF"
customer = "K-1"
"""
DEBIT_WITHOUT_MANDATE = MASTER.replace(
    'email = "erika@example.com"', 'email = "erika@example.com"\npayment = "direct_debit"'
)


@dataclass(slots=True)
class Backend:
    """The server under test: its port and what stands behind it."""

    port: int
    store: Store
    connections: Connections

    def link(self, version: str = "ocpp1.6") -> "Link":
        return Link(f"ws://127.0.0.1:{self.port}/ocpp/{CP}", version)

    async def sessions(self) -> list[Transaction]:
        return list(reversed(await self.store.read(list_transactions)))

    async def count(self, column: Any) -> int:  # Any: a column of any type
        return await self.store.read(lambda unit: int(unit.scalar(select(func.count(column))) or 0))

    async def gross(self, transaction_id: int) -> Decimal:
        await rate_ended(self.store, ManualClock(NOW), Policy())
        rating = await self.store.read(lambda unit: current_rating(unit, transaction_id))
        assert rating
        return rating.total_gross


class Link:
    """One connection of the station."""

    _numbers = itertools.count()

    def __init__(self, url: str, version: str) -> None:
        self._url, self._version = url, Subprotocol(version)
        self.socket: ClientConnection

    async def __aenter__(self) -> "Link":
        self.socket = await connect(self._url, subprotocols=[self._version], compression=None, proxy=None)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.socket.close()

    async def put(self, action: str, payload: Payload) -> None:
        """Send a call and don't wait for its answer."""
        await self.socket.send(json.dumps([2, f"m{next(self._numbers)}", action, payload]))

    # Any: JSON.
    async def answer(self) -> Any:
        async with asyncio.timeout(10):
            kind, _, *rest = json.loads(await self.socket.recv())
        assert kind == 3, rest
        return rest[0]

    async def ask(self, action: str, payload: Payload) -> Any:
        await self.put(action, payload)
        return await self.answer()

    async def replay(self, payloads: list[Payload]) -> list[Any]:
        """Send TransactionEvents at line speed: all of them, then read the answers."""
        for payload in payloads:
            await self.put("TransactionEvent", payload)
        return [await self.answer() for _ in payloads]


@asynccontextmanager
async def serving(folder: Path, master: str = MASTER, ping_s: float = 0.0) -> AsyncIterator[Backend]:
    async with open_world(folder, master) as store:
        connections = Connections()
        settings = OcppSettings(ping_interval_s=ping_s, call_timeout_s=0.3 if ping_s else 5.0)
        server = OcppServer(store, connections, ManualClock(NOW), settings)
        async with server.listen("127.0.0.1", 0) as port:
            yield Backend(port, store, connections)


def run(folder: Path, story: Callable[[Backend], Awaitable[None]], master: str = MASTER, ping_s: float = 0.0) -> None:
    async def scenario() -> None:
        async with serving(folder, master, ping_s) as backend:
            await story(backend)

    asyncio.run(scenario())


async def whole(link: Link, **started: Any) -> int:  # Any: arguments of `world.start`
    """Tell a session of 11 kWh over OCPP 1.6 and give its number."""
    number = (await link.ask("StartTransaction", start(**started)))["transactionId"]
    await link.ask("MeterValues", values(number, (20, 5000), (40, 9000)))
    await link.ask("StopTransaction", stop(number))
    return int(number)


def energy(session: Transaction) -> int:
    assert session.meter_stop is not None
    return session.meter_stop - session.meter_start


def test_row_1_start_sent_again_gets_the_same_number(tmp_path: Path) -> None:
    async def story(backend: Backend) -> None:
        async with backend.link() as first:
            await first.ask("StatusNotification", FREE_CONNECTOR)
            before = await first.ask("StartTransaction", start())
        async with backend.link() as second:
            assert await second.ask("StartTransaction", start()) == before
            assert before["idTagInfo"] == {"status": "Accepted"}
            await second.ask("StopTransaction", stop(before["transactionId"]))
        (session,) = await backend.sessions()
        assert (session.state, energy(session)) == (State.ENDED, 11_000)

    run(tmp_path, story)


def test_row_2_a_finished_session_sent_three_times_is_one_session(tmp_path: Path) -> None:
    async def story(backend: Backend) -> None:
        for _ in range(3):
            async with backend.link() as link:
                await link.ask("StatusNotification", FREE_CONNECTOR)
                await whole(link)
        (session,) = await backend.sessions()
        assert (session.state, energy(session)) == (State.ENDED, 11_000)
        assert await backend.count(meter_value.c.id) == 2
        assert await backend.gross(session.id) == Decimal("6.41")  # 11 kWh of 0.49 and 19 % VAT

    run(tmp_path, story)


def test_row_3_each_event_sent_twice_is_stored_once(tmp_path: Path) -> None:
    async def story(backend: Backend) -> None:
        async with backend.link("ocpp2.0.1") as link:
            await link.replay([event for event in events_v201.SESSION for _ in range(2)])
            await link.replay([{**event, "offline": True} for event in events_v201.SESSION])
        (session,) = await backend.sessions()
        assert energy(session) == 11_000
        assert await backend.count(transaction_event.c.id) == len(events_v201.SESSION)
        assert await backend.count(meter_value.c.id) == len(events_v201.SESSION)

    run(tmp_path, story)


def test_row_4_events_in_reverse_order_make_the_same_session(tmp_path: Path) -> None:
    async def story(backend: Backend) -> None:
        async with backend.link() as old:
            await old.ask("StatusNotification", FREE_CONNECTOR)
        async with backend.link("ocpp2.0.1") as link:
            await link.replay(list(reversed(events_v201.SESSION)))
        (session,) = await backend.sessions()
        assert (session.state, energy(session), session.started_at) == (State.ENDED, 11_000, NOW)
        assert await backend.gross(session.id) == Decimal("6.41")

    run(tmp_path, story)


def test_row_5_an_offline_session_of_11_kwh_at_line_speed_has_11_kwh(tmp_path: Path) -> None:
    async def story(backend: Backend) -> None:
        async with backend.link("ocpp2.0.1") as link:
            await link.ask("StatusNotification", events_status())
            middle = [events_v201.updated(n, n, 1000 + n * 50) for n in range(1, 200)]
            events = [events_v201.started(), *middle, events_v201.ended(200, minute=200)]
            await link.replay([{**event, "offline": True} for event in events])
        (session,) = await backend.sessions()
        assert (session.state, energy(session)) == (State.ENDED, 11_000)
        assert await backend.count(meter_value.c.id) == 201

    run(tmp_path, story)


def test_row_6_a_session_of_an_unknown_token_is_kept_and_billed_once_the_token_is_known(tmp_path: Path) -> None:
    async def story(backend: Backend) -> None:
        async with backend.link() as link:
            await link.ask("StatusNotification", FREE_CONNECTOR)
            answer = await link.ask("StartTransaction", start(tag="04DEADBEEF"))
            assert answer["idTagInfo"] == {"status": "Invalid"}
            assert answer["transactionId"] > 0
            await link.ask("StopTransaction", stop(answer["transactionId"]))
        async with backend.link("ocpp2.0.1") as newer:
            await newer.replay([events_v201.started(idToken=STRANGER), events_v201.ended(1)])
        held = await backend.sessions()
        assert [(one.state, energy(one)) for one in held] == [(State.HELD, 11_000)] * 2
        assert all("is unknown" in one.held_reason for one in held)
        await backend.store.write(lambda unit: apply(unit, parse_master_data(MASTER + NEW_CARD), NOW))
        assert [await backend.gross(one.id) for one in held] == [Decimal("6.41")] * 2

    run(tmp_path, story)


def test_row_7_a_session_on_a_connector_never_reported_is_kept(tmp_path: Path) -> None:
    async def story(backend: Backend) -> None:
        async with backend.link() as link:
            number = await whole(link, connector=7)
            (session,) = await backend.sessions()
            assert (session.id, session.state, energy(session)) == (number, State.HELD, 11_000)
            assert session.held_reason == "connector 7 was never reported by this charge point"
            await link.ask("StatusNotification", {**FREE_CONNECTOR, "connectorId": 7})
        assert await backend.gross(number) == Decimal("6.41")

    run(tmp_path, story)


def test_row_8_a_live_socket_stays_alive_when_the_half_open_one_before_it_dies(tmp_path: Path) -> None:
    async def story(backend: Backend) -> None:
        commands = Commands(backend.connections)
        _, half_open = await stuck(backend.port)
        async with backend.link() as live:
            await live.ask("Heartbeat", {})
            half_open.transport.abort()
            await asyncio.sleep(0.1)
            assert "currentTime" in await live.ask("Heartbeat", {})
            order = asyncio.create_task(commands.send(CP, "ClearCache", {}))
            async with asyncio.timeout(5):
                _, number, action, _ = json.loads(await live.socket.recv())
            assert action == "ClearCache"
            await live.socket.send(json.dumps([3, number, {"status": "Accepted"}]))
            assert await order == {"status": "Accepted"}

    run(tmp_path, story)


def test_a_half_open_socket_that_nobody_closes_is_found_by_ping(tmp_path: Path) -> None:
    async def story(backend: Backend) -> None:
        _, half_open = await stuck(backend.port)
        async with asyncio.timeout(5):
            version = 0
            while backend.connections.find(CP) is None or not version:
                version = await backend.connections.changed(version)
            while backend.connections.find(CP) is not None:
                version = await backend.connections.changed(version)
        half_open.transport.abort()

    run(tmp_path, story, ping_s=0.2)


def test_row_9_a_station_comes_back_at_once_twenty_times(tmp_path: Path) -> None:
    async def story(backend: Backend) -> None:
        for _ in range(20):
            async with backend.link() as link:
                assert "currentTime" in await link.ask("Heartbeat", {})

    run(tmp_path, story)


def test_row_10_a_driver_without_a_means_of_payment_owes_what_was_charged(tmp_path: Path) -> None:
    async def story(backend: Backend) -> None:
        async with backend.link() as link:
            await link.ask("StatusNotification", FREE_CONNECTOR)
            number = await whole(link)
        assert await backend.gross(number) == Decimal("6.41")
        (session,) = await backend.sessions()
        assert session.state is State.RATED

    run(tmp_path, story, DEBIT_WITHOUT_MANDATE)


def test_row_11_late_meter_values_are_kept_also_after_the_rating(tmp_path: Path) -> None:
    async def story(backend: Backend) -> None:
        async with backend.link() as link:
            await link.ask("StatusNotification", FREE_CONNECTOR)
            number = await whole(link)
            assert await backend.gross(number) == Decimal("6.41")
            await link.ask("MeterValues", values(number, (50, 10_500)))
        async with backend.link("ocpp2.0.1") as newer:
            await newer.replay([events_v201.started(minute=100), events_v201.ended(2, minute=160)])
            await newer.replay([events_v201.updated(1, 130, 6000)])
        first, second = await backend.sessions()
        assert [energy(one) for one in (first, second)] == [11_000] * 2
        assert await backend.count(meter_value.c.id) == 3 + 3
        assert await backend.gross(number) == Decimal("6.41")
        assert await backend.gross(second.id) == Decimal("6.41")

    run(tmp_path, story)


def events_status() -> Payload:
    return {"timestamp": "2026-10-31T18:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1}


async def stuck(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect as a station whose link then dies without a word: it answers no ping and never closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET /ocpp/{CP} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n".encode()
    )
    answer = await reader.readuntil(b"\r\n\r\n")
    assert b" 101 " in answer
    return reader, writer
