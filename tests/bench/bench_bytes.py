"""What an hour of charging costs on the link, beside a plain OCPP 1.6J client with library defaults in the same run.

    python -m tests.bench.bench_bytes

Both talk to the real central system through a relay on the loopback that counts TCP payload both ways; packet headers
come from the kernel's counts of the client's socket (IPv4, 52 bytes a packet). Without TLS, which costs either side
about 22 bytes a message more and 3 kB for its handshake. After each exchange is a pause, so that late receipts appear.

The plain client tells ten measurands every minute with all fields and UUIDs, and a Heartbeat every 300 s. Ours says the
same hour with its own dialect, sampling and link: nine values each (it has no tenth), every 300 s by default, which is
a fifth of the samples; `every 60 s` tells as many as the plain client.
"""

import asyncio
import json
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from shared.ids import EvseId, IdToken, MessageId, TransactionKey
from shared.metering import MeterReading, MeterValue, ReadingContext
from shared.ocpp.session import Payload
from shared.ocpp.v16 import timestamp
from shared.ocpp.validation import Version
from shared.transaction import Ended, Started, StopReason, Updated
from shared.units import MilliAmp, MilliVolt, Watt, Wh
from simulators.relay import Relay
from station.core.configuration import MEASURANDS, Configuration
from station.core.data_budget import Level, Traffic, thrift_of
from station.core.delivery import Entry, Message, Rules
from station.core.dialect import BootReason, Identity
from station.core.sampling import Samples
from station.core.status_reports import Report
from station.core.timekeeping import Now
from station.csms_connection import Connection, Entrance, Reply, open_connection
from station.csms_link import HEARTBEAT
from station.ocpp16.dialect import Ocpp16
from station.traffic import TrafficMeter
from tests.link.test_csms_server import World
from tests.unit.backend.world import NOW

PAUSE_S = 0.06
TAG = "04A2B3C4"
MINUTES = 60
KEYS = {
    "MeterValuesSampledData": ",".join(MEASURANDS),
    "HeartbeatInterval": "300",
}


def reading(minute: int) -> MeterReading:
    """Give what a meter of three phases says."""
    return MeterReading(
        Wh(1_000_000 + minute * 183 + minute % 7),
        Watt(10_900 + minute * 17 % 211),
        tuple(MilliAmp(15_800 + minute * phase % 9 * 100) for phase in (1, 2, 3)),
        tuple(MilliVolt(229_400 + (minute + phase) % 17 * 100) for phase in (1, 2, 3)),
        offered=MilliAmp(16_000),
    )


def full_sample(minute: int) -> Payload:
    """Give ten measurands with every field, as libraries and their examples do."""
    now = reading(minute)
    told = [
        ("Energy.Active.Import.Register", None, str(now.energy_import), "Wh"),
        ("Power.Active.Import", None, str(now.power), "W"),
        *(("Current.Import", f"L{n}", f"{value / 1000:.1f}", "A") for n, value in enumerate(now.currents, 1)),
        *(("Voltage", f"L{n}-N", f"{value / 1000:.1f}", "V") for n, value in enumerate(now.voltages, 1)),
        ("Frequency", None, f"{49.98 + minute % 5 / 100:.2f}", "Hertz"),
        ("Temperature", None, str(31 + minute % 4), "Celsius"),
    ]
    values = [
        {
            "value": value,
            "context": "Sample.Periodic",
            "format": "Raw",
            "measurand": name,
            "location": "Outlet",
            **({"phase": phase} if phase else {}),
            **({} if unit == "Hertz" else {"unit": unit}),
        }
        for name, phase, value, unit in told
    ]
    return {"timestamp": timestamp(NOW + timedelta(minutes=minute)), "sampledValue": values}


def opened(port: int, traffic: TrafficMeter | None = None) -> socket.socket:
    """Open a connection, counted if that is wanted."""
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setblocking(False)
    return traffic.watch(sock) if traffic else sock


async def plain_hour(port: int, traffic: TrafficMeter, compression: str | None) -> None:
    """Charge for an hour as a plain client does."""
    url, protocol = f"ws://127.0.0.1:{port}/ocpp/CP-1", Subprotocol("ocpp1.6")
    sock = opened(port, traffic)
    async with connect(
        url, sock=sock, subprotocols=[protocol], compression=compression, ping_interval=None
    ) as websocket:

        async def call(action: str, payload: Payload) -> Payload:
            await websocket.send(json.dumps([2, str(uuid4()), action, payload], separators=(",", ":")))
            answer: Payload = json.loads(await websocket.recv())[2]
            await asyncio.sleep(PAUSE_S)
            return answer

        def at(minute: int) -> str:
            return timestamp(NOW + timedelta(minutes=minute))

        boot = {"chargePointVendor": "Vendor", "chargePointModel": "Model", "firmwareVersion": "1.0"}
        await call("BootNotification", boot)
        states = ("Available", "Preparing", "Charging", "Finishing")
        for status in states[:3]:
            told = {"connectorId": 1, "errorCode": "NoError", "status": status, "timestamp": at(0)}
            await call("StatusNotification", told)
        await call("Authorize", {"idTag": TAG})
        begin = {"connectorId": 1, "idTag": TAG, "meterStart": 1_000_000, "timestamp": at(0)}
        number = (await call("StartTransaction", begin))["transactionId"]
        for minute in range(1, MINUTES + 1):
            sample = {"connectorId": 1, "transactionId": number, "meterValue": [full_sample(minute)]}
            await call("MeterValues", sample)
            if minute % 5 == 0:
                await call("Heartbeat", {})
        end = {"transactionId": number, "idTag": TAG, "meterStop": 1_010_987, "timestamp": at(MINUTES)}
        await call("StopTransaction", {**end, "reason": "Local"})
        await call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": states[3]})


class OurStation:
    """Says the same hour with the station's own parts."""

    def __init__(self, connection: Connection, level: Level, sample_s: int) -> None:
        self._connection, self._dialect = connection, Ocpp16()
        self._keys = Configuration({**KEYS, "MeterValueSampleInterval": str(sample_s)})
        thrift = thrift_of(level, 900)
        self._keys.economise(thrift.least, thrift.only)
        self._count, self._last_call = 0, 0

    async def _call(self, message: Message, minute: int) -> Payload:
        self._count += 1
        reply = await self._connection.call(MessageId(f"1f3a-{self._count}"), message.action, message.payload)
        assert isinstance(reply, Reply), reply
        self._last_call = minute
        await asyncio.sleep(PAUSE_S)
        return reply.payload

    async def _tell(self, event: Started | Updated | Ended, number: int | None, minute: int) -> Payload:
        entry = Entry(0, MessageId(""), event, transaction_id=number)
        message = self._dialect.outgoing(entry, Rules())
        assert isinstance(message, Message)
        return await self._call(message, minute)

    async def _say(self, status: str, minute: int) -> None:
        report = Report(1, status, "NoError", "", NOW + timedelta(minutes=minute))
        await self._call(self._dialect.status(report), minute)

    async def charge(self) -> None:
        """Charge for an hour."""
        key, evse, token = TransactionKey("k"), EvseId(1), IdToken(TAG)
        about = Identity("Vendor", "Model", "1.0", "", "", "", "", "", "")
        await self._call(self._dialect.boot(about, BootReason.POWER_UP), 0)
        for status in ("Available", "Preparing", "Charging"):
            await self._say(status, 0)
        await self._call(self._dialect.authorize(token), 0)
        samples = Samples(self._keys)
        samples.begin(Now(0.0, NOW))
        begin = MeterValue(NOW, reading(0), ReadingContext.BEGIN)
        number = int(str((await self._tell(Started(key, evse, token, begin), None, 0))["transactionId"]))
        for minute in range(1, MINUTES + 1):
            now = Now(minute * 60.0, NOW + timedelta(minutes=minute))
            if told := samples.within(reading(minute), now):
                await self._tell(Updated(key, minute, evse, told), number, minute)
            if (minute - self._last_call) * 60 >= self._keys.number("HeartbeatInterval"):
                await self._call(HEARTBEAT, minute)
        end = MeterValue(NOW + timedelta(minutes=MINUTES), reading(MINUTES), ReadingContext.END)
        await self._tell(Ended(key, MINUTES + 1, evse, end, StopReason.LOCAL), number, MINUTES)
        await self._say("Finishing", MINUTES)


async def our_hour(port: int, traffic: TrafficMeter, level: Level, bits: int, sample_s: int) -> None:
    """Charge for an hour as the station does."""

    async def nothing(_action: str, _payload: Payload) -> Payload:
        return {}

    connection = await open_connection(
        opened(port),
        Entrance(f"ws://127.0.0.1:{port}/ocpp/CP-1", "CP-1"),
        version=Version.V16,
        connect_timeout_s=5,
        reply_timeout_s=5,
        answer=nothing,
        traffic=traffic,
        compression_bits=bits,
    )
    reader = asyncio.create_task(connection.run())
    await OurStation(connection, level, sample_s).charge()
    reader.cancel()
    connection.abort()


@asynccontextmanager
async def central_system() -> AsyncIterator[tuple[Relay, int]]:
    """Run the backend behind a relay that counts."""
    with tempfile.TemporaryDirectory() as folder:
        async with World.open(Path(folder)) as world:
            relay = Relay("127.0.0.1", world.port)
            async with relay.serve(0) as port:
                yield relay, port


async def main() -> None:
    """Print the bytes of each client and their ratio to the plain one."""
    counts: dict[str, tuple[int, int]] = {}
    for name, compression in (("plain, not compressed", None), ("plain, compressed", "deflate")):
        traffic = TrafficMeter()
        async with central_system() as (relay, port):
            await plain_hour(port, traffic, compression)
            counts[name] = carried(relay), traffic.take()[Traffic.HEADERS]
    for name, level, bits, sample_s in (
        ("ours, every 60 s", Level.NORMAL, 15, 60),
        ("ours, not compressed", Level.NORMAL, 0, 300),
        ("ours, default", Level.NORMAL, 15, 300),
        ("ours, thrift", Level.THRIFT, 15, 300),
    ):
        traffic = TrafficMeter()
        async with central_system() as (relay, port):
            await our_hour(port, traffic, level, bits, sample_s)
            payload = carried(relay)
        taken = traffic.take()
        counts[name] = payload, taken.pop(Traffic.HEADERS)
        told = ", ".join(f"{kind} {count}" for kind, count in sorted(taken.items(), key=lambda pair: -pair[1]))
        print(f"{name}: the relay counted {payload}, the station {sum(taken.values())}: {told}")
    base, base_whole = counts["plain, not compressed"][0], sum(counts["plain, not compressed"])
    print(f"{'one hour of charging':24} {'TCP bytes':>9} {'ratio':>7} {'IP bytes':>9} {'ratio':>7}")
    for name, (payload, headers) in counts.items():
        whole = payload + headers
        print(f"{name:24} {payload:9} {f'1/{base / payload:.1f}':>7} {whole:9} {f'1/{base_whole / whole:.1f}':>7}")


def carried(relay: Relay) -> int:
    """Give what passed the relay, both ways."""
    return int(relay.bytes_up + relay.bytes_down)


if __name__ == "__main__":
    asyncio.run(main())
