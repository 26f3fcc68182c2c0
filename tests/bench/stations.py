"""Stations for the benches, in a process of their own: they say what a program should take, and measure its answers.

    python -m tests.bench.stations '{"port": 9000, "version": "1.6", "count": 100, "readings": 60}'

Writes `ready` when all are connected, begins when a line comes on standard input, and writes what it saw as JSON.
"""

import asyncio
import json
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from shared.ocpp.session import dumps
from shared.ocpp.v16 import timestamp
from shared.ocpp.validation import Version

TAG = "04A2B3C4"
T0 = datetime(2026, 6, 15, 8, 0, tzinfo=UTC)
PERIOD = timedelta(minutes=1)
AUTHORIZE_PAUSE_S = 0.02

Json = dict[str, Any]  # Any: JSON


@dataclass(frozen=True)
class Load:
    """What the stations do. With `after_outage` they connect when told to begin, else before that.

    With `drives` it is one station alone, which authorizes a driver over and over. `pause_s` follows each reading.
    """

    port: int
    version: str
    count: int
    readings: int
    after_outage: bool = False
    drives: bool = False
    first: int = 0
    sessions: int = 1
    pause_s: float = 0.0


@dataclass
class Seen:
    """Seconds until each answer, by station; refusals; seconds for all of it."""

    calls: list[float] = field(default_factory=list)
    authorize: list[float] = field(default_factory=list)
    refused: int = 0
    refusal: str = ""
    seconds: float = 0.0


def at(minute: int) -> str:
    return timestamp(T0 + minute * PERIOD)


def samples(step: int) -> list[tuple[str, str | None, str, str]]:
    """Ten values as a three-phase meter gives them: measurand, phase, value, unit."""
    return [
        ("Energy.Active.Import.Register", None, str(1_000_000 + step * 183 + step % 7), "Wh"),
        ("Power.Active.Import", None, str(10_900 + step * 17 % 211), "W"),
        *(("Current.Import", f"L{i}", f"{15.8 + (step * i) % 9 / 10:.1f}", "A") for i in (1, 2, 3)),
        *(("Voltage", f"L{i}-N", f"{229.4 + (step + i) % 17 / 10:.1f}", "V") for i in (1, 2, 3)),
        ("Current.Offered", None, "16", "A"),
        ("SoC", None, str(20 + step % 60), "Percent"),
    ]


def _values16(step: int) -> Json:
    told = [
        {"value": value, "measurand": name, "unit": unit, **({"phase": phase} if phase else {})}
        for name, phase, value, unit in samples(step)
    ]
    return {"timestamp": at(step), "sampledValue": told}


def _values201(step: int) -> Json:
    told = [
        {
            "value": float(value),
            "measurand": name,
            "unitOfMeasure": {"unit": unit},
            **({"phase": phase} if phase else {}),
        }
        for name, phase, value, unit in samples(step)
    ]
    return {"timestamp": at(step), "sampledValue": told}


def _event(kind: str, number: int, key: str, step: int, **more: object) -> tuple[str, Json]:
    return "TransactionEvent", {
        "eventType": kind,
        "timestamp": at(step),
        "triggerReason": "MeterValuePeriodic",
        "seqNo": number,
        "transactionInfo": {"transactionId": key, "chargingState": "Charging"},
        "meterValue": [_values201(step)],
        **more,
    }


class Station:
    """One station, which waits for each answer before it goes on."""

    def __init__(self, load: Load, number: int, seen: Seen) -> None:
        self._load, self._seen, self.name = load, seen, f"S-{number}"
        self._socket: ClientConnection | None = None
        self._count = 0

    async def connect(self) -> None:
        url = f"ws://127.0.0.1:{self._load.port}/ocpp/{self.name}"
        protocol = Subprotocol(Version(self._load.version).subprotocol)
        while self._socket is None:
            try:
                self._socket = await connect(url, subprotocols=[protocol], compression=None, open_timeout=120)
            except (OSError, WebSocketException, TimeoutError):
                await asyncio.sleep(0.2)

    async def close(self) -> None:
        if self._socket:
            await self._socket.close()

    async def call(self, action: str, payload: Json, times: list[float]) -> Json:
        assert self._socket
        self._count += 1
        text = dumps([2, f"{self.name}-{self._count}", action, payload])
        begin = perf_counter()
        await self._socket.send(text)
        while (answer := json.loads(await self._socket.recv()))[0] == 2:  # a command, such as CostUpdated
            await self._socket.send(dumps([3, answer[1], {}]))
        times.append(perf_counter() - begin)
        if answer[0] == 4:
            self._seen.refused += 1
            self._seen.refusal = str(answer)
        return answer[2] if answer[0] == 3 and isinstance(answer[2], dict) else {}

    async def report(self) -> None:
        """Tell that there is an EVSE, so that nothing is held."""
        status: Json = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
        if self._load.version != "1.6":
            status = {"timestamp": at(0), "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
        await self.call("StatusNotification", status, [])

    async def charge(self, session: int) -> None:
        """Tell one session from begin to end."""
        first, last = session * 200, session * 200 + self._load.readings + 1
        times = self._seen.calls
        if self._load.version == "1.6":
            begin = {"connectorId": 1, "idTag": TAG, "meterStart": 1_000_000 + first * 183, "timestamp": at(first)}
            number = (await self.call("StartTransaction", begin, times)).get("transactionId", 1)
            for step in range(first + 1, last):
                payload = {"connectorId": 1, "transactionId": number, "meterValue": [_values16(step)]}
                await self.call("MeterValues", payload, times)
                await asyncio.sleep(self._load.pause_s)
            end = {"meterStop": 1_000_010 + last * 183, "timestamp": at(last), "transactionId": number, "idTag": TAG}
            await self.call("StopTransaction", end, times)
            return
        key = f"{self.name}-{session}"
        token, evse = {"idToken": TAG, "type": "ISO14443"}, {"id": 1, "connectorId": 1}
        await self.call(*_event("Started", 0, key, first, evse=evse, idToken=token), times)
        for step in range(first + 1, last):
            await self.call(*_event("Updated", step - first, key, step), times)
            await asyncio.sleep(self._load.pause_s)
        await self.call(*_event("Ended", last - first, key, last), times)

    async def authorize(self) -> None:
        token: Json = {"idTag": TAG}
        if self._load.version != "1.6":
            token = {"idToken": {"idToken": TAG, "type": "ISO14443"}}
        while True:
            await self.call("Authorize", token, self._seen.authorize)
            await asyncio.sleep(AUTHORIZE_PAUSE_S)


async def _play(load: Load) -> None:
    seen = Seen()
    if load.drives:
        await _drive(load, seen)
        return
    stations = [Station(load, load.first + number, seen) for number in range(load.count)]
    if not load.after_outage:
        await asyncio.gather(*(station.connect() for station in stations))
        await asyncio.gather(*(station.report() for station in stations))
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    begin = perf_counter()

    async def run(number: int, station: Station) -> None:
        await asyncio.sleep(load.pause_s * number / load.count)  # in turn, not all at once
        if load.after_outage:
            await station.connect()
            await station.report()
        for session in range(load.sessions):
            await station.charge(session)

    await asyncio.gather(*(run(number, station) for number, station in enumerate(stations)))
    seen.seconds = perf_counter() - begin
    print(json.dumps(vars(seen)), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await asyncio.gather(*(station.close() for station in stations))


async def _drive(load: Load, seen: Seen) -> None:
    """Authorize one driver over and over, until a second line comes."""
    driver = Station(load, 10_000, seen)
    await driver.connect()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    driving = asyncio.create_task(driver.authorize())
    await asyncio.to_thread(sys.stdin.readline)
    driving.cancel()
    await asyncio.gather(driving, return_exceptions=True)
    print(json.dumps(vars(seen)), flush=True)
    await driver.close()


if __name__ == "__main__":
    asyncio.run(_play(Load(**json.loads(sys.argv[1]))))
