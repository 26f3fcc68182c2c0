"""Power cuts at single steps of a session, in many situations at once; what comes out is compared with the meters.

A step is an effect on the world: a unit of work of the journal (before and after it), a message that the central system
takes in, a command to a board. At step n everything stands still, the contactors fall open, and the controller boots
again. The central system must then know what the meters know: each charge once, in order, with all its energy.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import TypeVar
from unittest.mock import patch

from hardware.api import PilotState
from shared.clock import SystemClock
from shared.config import parse
from shared.ids import EvseId, IdToken
from shared.sqlite import Database
from station.app import run_station
from station.devices import EvseHardware, Hardware
from station.errors import StationError
from station.settings import StationSettings, check
from tests.link.csms import Csms, Json, eventually
from tests.unit.station.site import SETTINGS, Site

T = TypeVar("T")
CARDS = (IdToken("04A1B2C3D4"), IdToken("04A1B2C3D5"))
AT_ONCE = 8
SECOND = """
[[evse]]
id = 2
board_bus = "bus"
meter_bus = "bus"
board_address = 4
meter_address = 3
poll_s = 0.1
[[local_list]]
id_token = "04a1b2c3d5"
"""
Charges = dict[int, list[tuple[int, int]]]
"""By EVSE: begin and end register, in the order of their begin."""


@dataclass(frozen=True, slots=True)
class Situation:
    """In what a cut comes.

    Args:
        version: of OCPP.
        two: there are two EVSEs, and a charge at each.
        timed: the controller has a clock that is right.
        online: there is a connection before the cut.
        reboots: the controller boots, else only its program is gone.
        stays: the vehicles are still there after the cut.
    """

    version: str
    two: bool
    timed: bool
    online: bool
    reboots: bool
    stays: bool

    def __str__(self) -> str:
        told = [field.name for field in fields(self) if getattr(self, field.name) is True]
        return "-".join([self.version, *told])


SITUATIONS = tuple(
    Situation(version, *flags) for version in ("1.6", "2.0.1") for flags in product((True, False), repeat=5)
)


class Power:
    """Counts steps, and goes off before the one that it is told."""

    def __init__(self, last: int | None) -> None:
        self._last, self.steps = last, 0
        self.off = asyncio.Event()

    def step(self) -> bool:
        """Take a step; false if there is no power for it."""
        if self._last is not None and self.steps >= self._last:
            self.off.set()
            return False
        self.steps += 1
        return True


_POWER: ContextVar[Power | None] = ContextVar("power", default=None)


class PowerLostError(StationError):
    """The program ends here; nothing may catch it as a trouble of the journal."""


@contextmanager
def journals_on_power() -> Iterator[None]:
    """Let each unit of work of a journal be two steps of the power of whoever works."""
    work = Database.work

    async def cut(database: Database, unit: Callable[[sqlite3.Connection], T]) -> T:
        power = _POWER.get()
        if power and not power.step():
            raise PowerLostError("no power")
        result = await work(database, unit)
        if power and not power.step():
            raise PowerLostError("no power")
        return result

    with patch.object(Database, "work", cut):
        yield


class CutSite(Site):
    """A site whose commands to the board are steps. Without power the contactor is open."""

    power: Power | None = None

    async def allow(self, current_a: int) -> None:
        if self.power is None or self.power.step():
            await super().allow(current_a)

    async def stop(self) -> None:
        if self.power is None or self.power.step():
            await super().stop()

    @property
    def is_closed(self) -> bool:
        return super().is_closed and not (self.power and self.power.off.is_set())


class NeverSet(SystemClock):
    """A controller without a battery behind its clock."""

    def utc(self) -> datetime:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=self.uptime())


class Cut:
    """One cut: a life before it, a life after it, and the comparison."""

    def __init__(self, folder: Path, situation: Situation, last: int | None) -> None:
        self._folder, self._situation = folder, situation
        self._power = Power(last)
        self._sites = [CutSite() for _ in range(1 + situation.two)]
        self._csms = Csms(version=situation.version)

    async def run(self) -> int:
        """Give how many steps were taken.

        Raises:
            AssertionError: something was lost, came twice, or out of order.
        """

        def behave(_action: str, _payload: Json) -> Json | None:
            self._power.step()
            return None

        async with self._csms.serve():
            self._csms.behave = behave
            await self._first_life()
            self._csms.behave = lambda action, payload: None
            await self._second_life()
        told = charges(self._csms)
        for number, site in enumerate(self._sites, 1):
            assert sum(end - begin for begin, end in told.get(number, [])) == site.register - 1000, told
            registers = [register for charge in told.get(number, []) for register in charge]
            assert registers == sorted(registers), told
        return self._power.steps

    async def _first_life(self) -> None:
        for site in self._sites:
            site.power = self._power
        _POWER.set(self._power)
        port = self._csms.port if self._situation.online else 9
        async with self._station(port, "boot-a") as program:
            driving = [asyncio.create_task(self._drive(*one)) for one in zip(self._sites, CARDS, strict=False)]
            dying = asyncio.create_task(self._power.off.wait())
            driven = asyncio.create_task(_all(driving))
            await asyncio.wait({driven, dying, program}, return_when=asyncio.FIRST_COMPLETED)
            for one in (*driving, driven, dying, program):
                one.cancel()
            await asyncio.gather(*driving, driven, dying, return_exceptions=True)
        _POWER.set(None)
        for site in self._sites:
            site.offered, site.power = 0, None

    async def _drive(self, site: CutSite, card: IdToken) -> None:
        async def until(*, closed: bool) -> None:
            async def seen() -> bool:
                return site.is_closed is closed

            await eventually(seen, 10)

        site.plug()
        await asyncio.sleep(0.3)
        site.tap(card)
        await until(closed=True)
        await asyncio.sleep(0.3)
        site.tap(card)
        await until(closed=False)
        site.unplug()
        await asyncio.sleep(0.7)

    async def _second_life(self) -> None:
        stays = self._situation.stays and self._power.off.is_set()
        for site in self._sites:
            site.pilot = site.pilot if stays else PilotState.A
        async with self._station(self._csms.port, "boot-b" if self._situation.reboots else "boot-a") as program:
            await asyncio.sleep(0.5)
            for site in self._sites:
                site.unplug()
            settled = asyncio.create_task(eventually(self._is_settled, 20))
            await asyncio.wait({settled, program}, return_when=asyncio.FIRST_COMPLETED)
            assert not program.done(), program
            await settled

    async def _is_settled(self) -> bool:
        with closing(sqlite3.connect(self._folder / "journal.sqlite")) as connection:
            waits = connection.execute("SELECT count(*) FROM ledger WHERE state != 'acknowledged'").fetchone()[0]
            is_open = connection.execute("SELECT count(*) FROM txn WHERE is_open").fetchone()[0]
        return not waits and not is_open and "BootNotification" in self._csms.actions()

    @asynccontextmanager
    async def _station(self, port: int, boot: str) -> "AsyncIterator[asyncio.Task[None]]":
        """Run the program; leaving asks it to stop and waits. Without power it may end as it likes."""
        stop, clock = asyncio.Event(), SystemClock() if self._situation.timed else NeverSet()
        devices = {EvseId(n): EvseHardware(site, site) for n, site in enumerate(self._sites, 1)}
        readers = tuple((site, (EvseId(n),)) for n, site in enumerate(self._sites, 1))
        hardware = Hardware(devices, readers)
        run = run_station(self._settings(port), hardware, clock=clock, kernel_boot_id=boot, stop=stop)
        program = asyncio.create_task(run)
        try:
            yield program
        finally:
            stop.set()
            async with asyncio.timeout(10):
                with suppress(asyncio.CancelledError, PowerLostError):
                    await program

    def _settings(self, port: int) -> StationSettings:
        text = SETTINGS.format(folder=self._folder, port=port, sample_s=1) + SECOND * self._situation.two
        text = text.replace("[csms]\n", f'[csms]\nversion = "{self._situation.version}"\n')
        trusted = str(self._situation.timed).lower()
        made = parse(f"[time]\nclock_trusted = {trusted}\n{text}", StationSettings)
        check(made)
        return made


async def _all(tasks: "Sequence[asyncio.Task[None]]") -> None:
    await asyncio.wait(tasks)


def charges(csms: Csms) -> Charges:
    """Give the charges as a central system knows them that forgives nothing: not twice, not changed, not out of order.

    It is idempotent by message id, as OCPP wants it, and strict by meaning.
    """
    return _charges_16(csms) if csms.version == "1.6" else _charges_201(csms)


def _charges_201(csms: Csms) -> Charges:
    """A repeat may tell that it was offline by now, and nothing else that is new (2.0.1 E11.FR.07)."""
    told: dict[str, dict[int, Json]] = {}
    ids: dict[str, tuple[str, int]] = {}
    for message_id, payload in csms.of("TransactionEvent"):
        event = {name: value for name, value in payload.items() if name != "offline"}
        key, seq_no = payload["transactionInfo"]["transactionId"], payload["seqNo"]
        assert ids.setdefault(message_id, (key, seq_no)) == (key, seq_no), "one message is told of two events"
        events = told.setdefault(key, {})
        assert seq_no in events or seq_no == len(events), "out of order"
        assert events.setdefault(seq_no, event) == event, "a repeat differs"
    found: Charges = {}
    for events in told.values():
        kinds = [event["eventType"] for event in events.values()]
        assert kinds == ["Started", *["Updated"] * (len(kinds) - 2), "Ended"], list(events.values())
        registers = [event["meterValue"][-1]["sampledValue"][0]["value"] for event in events.values()]
        assert registers == sorted(registers), registers
        found.setdefault(events[0]["evse"]["id"], []).append((registers[0], registers[-1]))
    return {evse: sorted(charges) for evse, charges in found.items()}


def _charges_16(csms: Csms) -> Charges:
    seen: dict[str, Json] = {}
    begins: dict[int, Json] = {}
    ends: dict[int, Json] = {}
    for message_id, action, payload in csms.calls:
        if action not in ("StartTransaction", "MeterValues", "StopTransaction"):
            continue
        assert seen.setdefault(message_id, payload) == payload, "a repeat differs"
        if action == "StartTransaction":
            begins[csms.transactions[message_id]] = payload
            continue
        number = payload["transactionId"]
        assert number in begins, "out of order"
        if action == "StopTransaction":
            assert ends.setdefault(number, payload) == payload, "a charge ends twice"
        elif number in ends:
            raise AssertionError("a sample after the end")
    assert ends.keys() == begins.keys()
    found: Charges = {}
    for number, begin in begins.items():
        found.setdefault(begin["connectorId"], []).append((begin["meterStart"], ends[number]["meterStop"]))
    return {evse: sorted(charges) for evse, charges in found.items()}


async def count_steps(folder: Path, situation: Situation) -> int:
    """Let a session pass without a cut, in a folder that is empty."""
    return await Cut(folder, situation, None).run()


async def cut_all(
    folder: Path, cuts: Sequence[tuple[Situation, int]], tell: Callable[[str], None] = lambda _text: None
) -> list[str]:
    """Cut at each of these steps, some at once, and say what went wrong."""
    gate, found = asyncio.Semaphore(AT_ONCE), list[str]()

    async def one(situation: Situation, step: int) -> None:
        async with gate:
            home = folder / f"{situation}-{step}"
            home.mkdir()
            try:
                await Cut(home, situation, step).run()
            except (AssertionError, TimeoutError) as error:
                found.append(f"{situation} at step {step}: {error!r}")
                tell(found[-1])

    await asyncio.gather(*(one(*cut) for cut in cuts))
    return found
