"""Central systems that misbehave, and the agent: drivers charge by the list, nothing is lost, nothing comes twice."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from simulators.relay import Direction, LinkState, Relay, Weather
from station.ledger_view import parked, release
from tests.crash.power_cuts import charges
from tests.link.csms import CallError, Csms, Json, Silence, eventually
from tests.unit.station.site import SETTINGS, Site, settings, station

pytestmark = pytest.mark.slow

TRANSACTION = ("StartTransaction", "MeterValues", "StopTransaction", "TransactionEvent")
GARBAGE = ("", "hello", "[]", "[3]", "[9,1,{}]", '{"a":1}', '[3,"x",{}]', "[4]", '[2,"x"]', "[3,1,2,3,4]", "\0" * 99)
HEALED_WITHIN_S = 20.0


class Harm:
    """What a central system does wrong, until it is healed. What it has taken in counts, whatever it answers."""

    def __init__(self, csms: Csms, kind: str) -> None:
        self._csms, self._kind, self._count = csms, kind, 0
        self._talk = set[asyncio.Task[None]]()

    def behave(self, action: str, _payload: Json) -> Json | None:
        self._count += 1
        is_of_charge = action in TRANSACTION
        match self._kind:
            case "refuses all":
                raise CallError
            case "never answers":
                raise Silence
            case "loses every other answer" if is_of_charge and self._count % 2:
                raise Silence
            case "closes after each message" if self._csms.socket:
                self._csms.socket.transport.abort()
            case "talks garbage":
                self._say(*GARBAGE)
            case "answers others" if is_of_charge:
                self._say(json.dumps([3, f"not-{self._count}", {}]))
                raise Silence
            case "answers nonsense" if is_of_charge:
                return {"transactionId": "seven", "idTagInfo": 7, "idTokenInfo": [], "totalCost": "much"}
        return None

    def _say(self, *texts: str) -> None:
        async def say() -> None:
            for text in texts:
                if self._csms.socket:
                    await self._csms.socket.send(text)

        self._talk.add(asyncio.create_task(say()))

    async def end(self) -> None:
        self._csms.behave = lambda action, payload: None
        await asyncio.gather(*self._talk, return_exceptions=True)


async def charge(site: Site) -> None:
    """As a driver, who has no time for any of this."""

    async def until(*, closed: bool) -> None:
        async def seen() -> bool:
            return site.is_closed is closed

        await eventually(seen, 5)

    site.plug()
    await asyncio.sleep(0.2)
    site.tap()
    await until(closed=True)
    await asyncio.sleep(1.3)
    site.tap()
    await until(closed=False)
    site.unplug()
    await asyncio.sleep(0.5)


async def delivered(path: Path) -> None:
    """Give back what was parked, as a person would, and wait until all is acknowledged."""

    async def is_empty() -> bool:
        for key, _, _ in parked(path):
            release(path, key)
        with closing(sqlite3.connect(path)) as connection:
            return not connection.execute("SELECT count(*) FROM ledger WHERE state != 'acknowledged'").fetchone()[0]

    await eventually(is_empty, HEALED_WITHIN_S)


KINDS = (
    "refuses all",
    "never answers",
    "loses every other answer",
    "closes after each message",
    "talks garbage",
    "answers others",
    "answers nonsense",
)


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_charge_at_a_bad_central_system_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, kind: str
) -> None:
    text = SETTINGS.replace("[ocpp]\n", "[ocpp]\nTransactionMessageRetryInterval = 0\n")
    monkeypatch.setattr("tests.unit.station.site.SETTINGS", text)
    monkeypatch.setattr("station.courier.GIVEN_BACK_S", 0.3)

    async def work() -> None:
        site, csms = Site(), Csms(version=version)
        async with csms.serve(), station(settings(tmp_path, csms.port, 1, version), site) as program:
            await csms.until(lambda: "BootNotification" in csms.actions())
            harm = Harm(csms, kind)
            csms.behave = harm.behave
            await charge(site)
            await asyncio.sleep(2.5)
            await harm.end()
            assert not program.done()
            await delivered(tmp_path / "journal.sqlite")
        assert charges(csms) == {1: [(1000, site.register)]}

    asyncio.run(work())


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
@pytest.mark.parametrize("direction", [Direction.UP, Direction.DOWN, Direction.BOTH])
def test_a_charge_over_a_half_open_connection_is_told_once(tmp_path: Path, version: str, direction: Direction) -> None:
    async def work() -> None:
        site, csms = Site(), Csms(version=version)
        async with csms.serve():
            relay = Relay("127.0.0.1", csms.port)
            async with relay.serve(0) as port, station(settings(tmp_path, port, 1, version), site):
                await csms.until(lambda: "BootNotification" in csms.actions())
                await relay.set_weather(Weather(LinkState.HALF_OPEN, direction))
                await charge(site)
                await relay.set_weather(Weather())
                await delivered(tmp_path / "journal.sqlite")
        assert charges(csms) == {1: [(1000, site.register)]}

    asyncio.run(work())
