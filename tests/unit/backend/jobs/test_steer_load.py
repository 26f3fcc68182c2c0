"""Sites steered over real sockets: stations of both versions share a fuse, are dimmed, and fall back when silent."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection

from backend.csms.commands import Commands
from backend.csms.connections import Connections
from backend.csms.orders import Orders
from backend.csms.server import OcppServer, OcppSettings
from backend.jobs.mqtt_input import MqttInput
from backend.jobs.steer_load import LoadSettings, LoadSteerer
from backend.store import load as rows
from backend.store.orders import list_orders
from backend.store.writer import Store
from shared.clock import ManualClock
from shared.ocpp.validation import Version
from tests.link.broker import PAHO, Broker
from tests.unit.backend.world import NOW, open_world

SITE = {
    "name": "Hof",
    "circuits": [{"id": "grid", "limit_a": 40}],
    "evses": [
        {"charge_point": "CP-1", "evse": 1, "circuit": "grid"},
        {"charge_point": "CP-2", "evse": 1, "circuit": "grid", "phases": [2, 3, 1]},
    ],
}
TAG = "04A2B3C4"
PURPOSE = "chargingProfilePurpose"

# Any, below: JSON.


class Station:
    """A charge point on a socket: it takes every profile, and tells which limit it keeps to."""

    def __init__(self, socket: ClientConnection, version: Version) -> None:
        self._socket, self._version = socket, version
        self._answers: dict[str, asyncio.Future[Any]] = {}
        self.default_a: float | None = None
        self.limit_a: float | None = None
        self.profiles: list[dict[str, Any]] = []
        self.status = "Accepted"

    async def run(self) -> None:
        async for text in self._socket:
            message = json.loads(text)
            if message[0] == 3:
                self._answers.pop(message[1]).set_result(message[2])
            elif message[0] == 2:
                assert message[2] == "SetChargingProfile"
                self._take(message[3])
                await self._socket.send(json.dumps([3, message[1], {"status": self.status}]))

    def _take(self, payload: dict[str, Any]) -> None:
        is_16 = self._version is Version.V16
        profile = payload["csChargingProfiles" if is_16 else "chargingProfile"]
        schedule = profile["chargingSchedule"] if is_16 else profile["chargingSchedule"][0]
        limit = schedule["chargingSchedulePeriod"][0]["limit"]
        self.profiles.append(profile)
        if profile[PURPOSE] == "TxDefaultProfile":
            self.default_a = limit
        else:
            self.limit_a = limit

    async def call(self, action: str, payload: dict[str, Any]) -> Any:
        number = str(len(self._answers) + id(payload))
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps([2, number, action, payload]))
        return await asyncio.wait_for(answer, 10)

    async def start(self) -> None:
        now = NOW.isoformat().replace("+00:00", "Z")
        if self._version is Version.V16:
            status = {"connectorId": 1, "errorCode": "NoError", "status": "Preparing"}
            await self.call("StatusNotification", status)
            told = {"connectorId": 1, "idTag": TAG, "meterStart": 0, "timestamp": now}
            await self.call("StartTransaction", told)
            return
        status = {"timestamp": now, "connectorStatus": "Occupied", "evseId": 1, "connectorId": 1}
        await self.call("StatusNotification", status)
        event = {"eventType": "Started", "timestamp": now, "triggerReason": "Authorized", "seqNo": 0}
        event |= {"transactionInfo": {"transactionId": "t-1"}, "evse": {"id": 1, "connectorId": 1}}
        await self.call("TransactionEvent", event | {"idToken": {"idToken": TAG, "type": "ISO14443"}})


class Scene:
    """The real server, its orders and the job, on a clock that tests move."""

    def __init__(self, store: Store) -> None:
        self.store, self.clock, self.connections = store, ManualClock(NOW), Connections()
        self.orders = Orders(store, self.clock, self.connections, Commands(self.connections))
        self.settings = LoadSettings()
        self.port = 0
        give, version_of = self.orders.give, self.connections.version_of
        self.job = LoadSteerer(store, self.clock, self.settings, give=give, version_of=version_of)

    async def steer(self, times: int = 6) -> None:
        """Let the job look until nothing is under way any more."""
        for _ in range(times):
            self.clock.advance(3)
            await self.job.run()
            async with asyncio.timeout(20):
                while await self._is_open(seen := self.store.version):
                    await self.store.changed(seen)

    async def _is_open(self, _seen: int) -> bool:
        found = await self.store.read(lambda unit: list_orders(unit, 5))
        return any(order.is_open for order in found)

    @asynccontextmanager
    async def station(self, name: str, version: Version = Version.V16) -> AsyncIterator[Station]:
        url = f"ws://127.0.0.1:{self.port}/ocpp/{name}"
        async with websockets.connect(url, subprotocols=[f"ocpp{version}"]) as socket:  # type: ignore[list-item]
            station = Station(socket, version)
            running = asyncio.create_task(station.run())
            try:
                yield station
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    async with open_world(folder) as store:
        made = Scene(store)
        server = OcppServer(store, made.connections, made.clock, OcppSettings())
        await store.write(lambda unit: rows.put_site(unit, "muster", "hof", SITE, NOW))
        async with server.listen("127.0.0.1", 0) as made.port:
            working = asyncio.create_task(made.orders.run())
            try:
                yield made
            finally:
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)


def test_two_stations_share_a_fuse_are_dimmed_and_leave_room_for_one_that_falls_silent(tmp_path: Path) -> None:
    async def run() -> None:
        async with scene(tmp_path) as at, at.station("CP-1") as first:
            async with at.station("CP-2", Version.V201) as second:
                await at.steer(2)
                assert (first.default_a, second.default_a) == (6, 6)  # before anything else
                assert not [one for one in first.profiles if one[PURPOSE] == "TxProfile"]
                await first.start()
                await at.steer(3)
                assert first.limit_a == 32
                await second.start()
                await at.steer()
                assert (first.limit_a, second.limit_a) == (20, 20)
                count = len(first.profiles)
                await at.steer(5)
                assert len(first.profiles) == count  # nothing changed, nothing is said

                now = at.clock.utc()
                asked = await at.store.write(lambda unit: rows.dim(unit, "hof", 4200, None, "test", now))
                assert asked.effective_w == 7560  # 4.2 kW and 0.8 of it for the second device
                await at.steer()
                assert {first.limit_a, second.limit_a} == {0, 10.9}
                events = await at.store.read(lambda unit: rows.dimmings(unit, "hof"))
                assert [one.kind for one in events] == ["followed", "asked"]
                await at.store.write(lambda unit: rows.dim(unit, "hof", None, None, "test", at.clock.utc()))
                at.clock.advance(90)
                await at.steer()
                assert (first.limit_a, second.limit_a) == (20, 20)
            until = second.profiles[-1]["validTo"]
            assert until > at.clock.utc().isoformat()
            await at.steer(2)
            assert first.limit_a == 20  # the silent one may still keep to what it was told
            at.clock.advance(timedelta(minutes=21).total_seconds())
            await at.steer()
            assert first.limit_a == 32  # 34 A are left beside the fail-safe current

    asyncio.run(run())


def test_a_station_that_refuses_is_counted_with_all_that_it_may_draw(tmp_path: Path) -> None:
    async def run() -> None:
        async with scene(tmp_path) as at, at.station("CP-1") as first, at.station("CP-2") as second:
            second.status = "NotSupported"
            await first.start()
            await second.start()
            await at.steer()
            states = await at.store.read(lambda unit: rows.evse_states(unit, "hof"))
            assert states["CP-2", 1].answer == "NotSupported"
            assert first.limit_a in {None, 0, 8}  # 40 A less the 32 A of the installation

    asyncio.run(run())


def test_the_grid_operator_dims_and_the_meter_tells_over_a_broker(tmp_path: Path) -> None:
    async def run(broker: Broker) -> None:
        async with open_world(tmp_path) as store:
            await store.write(lambda unit: rows.put_site(unit, "muster", "hof", SITE, NOW))
            settings = LoadSettings(mqtt_host="127.0.0.1", mqtt_port=broker.port)
            listening = asyncio.create_task(MqttInput(store, ManualClock(NOW), settings).run())
            client = PAHO.Client(PAHO.CallbackAPIVersion.VERSION2)
            client.connect("127.0.0.1", broker.port)
            client.loop_start()
            for topic, text in (("dimming", "nonsense"), ("dimming", '{"limit_w": 9000}'), ("meter", "{}")):
                client.publish(f"emops/load/hof/{topic}", text, qos=1, retain=False)
            good = '{"l1_a": 12.5, "l2_a": 0, "l3_a": 3}'
            async with asyncio.timeout(20):
                while await store.read(lambda unit: rows.building(unit, "hof", NOW)) != (12500, 0, 3000):
                    client.publish("emops/load/hof/dimming", '{"limit_w": 9000}', qos=1)
                    client.publish("emops/load/hof/meter", good, qos=1)
                    await asyncio.sleep(0.1)
            client.disconnect()
            client.loop_stop()
            events = await store.read(lambda unit: rows.dimmings(unit, "hof"))
            assert [(one.limit_w, one.source) for one in events] == [(9000, "MQTT")]
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    with Broker(tmp_path).running() as broker:
        asyncio.run(run(broker))
