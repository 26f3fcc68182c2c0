"""The power cut at every step of a session: before and after each commit, each message and each move of the contactor.

A step is an effect on the world: a unit of work of the journal, a message that the central system takes in, its answer,
a command to the board. At step n everything stands still, the contactor falls open, and the controller boots again. The
central system's ledger must then tell what the meter tells: each charge once, in order, with all its energy.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from hardware.api import PilotState
from shared.sqlite import Database
from station.errors import JournalStalled
from tests.link.csms import Csms, Json, eventually
from tests.unit.station.site import Site, settings, station

T = TypeVar("T")


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


def strict(csms: Csms) -> list[tuple[int, int]]:
    """Give the charges as the central system knows them, by meaning: begin and end register."""
    return strict_16(csms) if csms.version == "1.6" else strict_201(csms)


def strict_201(csms: Csms) -> list[tuple[int, int]]:
    """Likewise; a repeat may tell that it was offline by now, and nothing else that is new (2.0.1 E11.FR.07)."""
    told: dict[str, dict[int, Json]] = {}
    ids: dict[str, tuple[str, int]] = {}
    for message_id, payload in csms.of("TransactionEvent"):
        event = {name: value for name, value in payload.items() if name != "offline"}
        key, seq_no = payload["transactionInfo"]["transactionId"], payload["seqNo"]
        assert ids.setdefault(message_id, (key, seq_no)) == (key, seq_no), "one message is told of two events"
        events = told.setdefault(key, {})
        assert seq_no in events or seq_no == len(events), "out of order"
        assert events.setdefault(seq_no, event) == event, "a repeat differs"
    charges = []
    for events in told.values():
        kinds = [event["eventType"] for event in events.values()]
        assert kinds == ["Started", *["Updated"] * (len(kinds) - 2), "Ended"]
        registers = [event["meterValue"][-1]["sampledValue"][0]["value"] for event in events.values()]
        assert registers == sorted(registers)
        charges.append((registers[0], registers[-1]))
    assert all(payload["connectorStatus"] for _, payload in csms.of("StatusNotification"))
    return charges


def strict_16(csms: Csms) -> list[tuple[int, int]]:
    begins: dict[str, Json] = {}
    for message_id, payload in csms.of("StartTransaction"):
        assert begins.setdefault(message_id, payload) == payload, "a repeat differs"
    ends: dict[int, Json] = {}
    for _, payload in csms.of("StopTransaction"):
        assert ends.setdefault(payload["transactionId"], payload) == payload, "a charge ends twice"
    numbers = {csms.transactions[message_id]: payload for message_id, payload in begins.items()}
    assert ends.keys() == numbers.keys()
    ordered = sorted(numbers)
    return [(numbers[number]["meterStart"], ends[number]["meterStop"]) for number in ordered]


async def first_life(folder: Path, csms: Csms, site: CutSite, power: Power, *, online: bool) -> None:
    port = csms.port if online else 9
    async with station(settings(folder, port, sample_s=1, version=csms.version), site, "boot-a") as task:

        async def session() -> None:
            async def until(*, closed: bool) -> None:
                async def seen() -> bool:
                    return site.is_closed is closed

                await eventually(seen, 5)

            site.plug()
            await asyncio.sleep(0.3)
            site.tap()
            await until(closed=True)
            await asyncio.sleep(0.3)
            site.tap()
            await until(closed=False)
            site.unplug()
            await asyncio.sleep(0.7)

        doing, dying = asyncio.create_task(session()), asyncio.create_task(power.off.wait())
        await asyncio.wait({doing, dying}, return_when=asyncio.FIRST_COMPLETED)
        for one in (doing, dying, task):
            one.cancel()
        await asyncio.gather(doing, dying, return_exceptions=True)
        site.offered = 0


async def second_life(folder: Path, csms: Csms, site: CutSite, boot: str) -> None:
    site.pilot = PilotState.A
    async with station(settings(folder, csms.port, sample_s=1, version=csms.version), site, boot):

        async def settled() -> bool:
            with sqlite3.connect(folder / "journal.sqlite") as connection:
                waits = connection.execute("SELECT count(*) FROM ledger WHERE state != 'acknowledged'").fetchone()[0]
                is_open = connection.execute("SELECT count(*) FROM txn WHERE is_open").fetchone()[0]
            connection.close()
            return not waits and not is_open and any(action == "BootNotification" for action in csms.actions())

        await asyncio.sleep(0.5)
        await eventually(settled, 10)


def run(folder: Path, last: int | None, patch: pytest.MonkeyPatch, *, online: bool, boot: str, version: str) -> int:
    """Cut at a step, boot, compare; gives how many steps there were before."""

    async def work() -> int:
        power, site, csms = Power(last), CutSite(), Csms(version=version)
        transact = Database._transact

        def cut(database: Database, unit: Callable[[sqlite3.Connection], T]) -> T:
            if not power.step():
                raise JournalStalled("no power")
            result = transact(database, unit)
            if not power.step():
                raise JournalStalled("no power")
            return result

        def behave(_action: str, _payload: Json) -> Json | None:
            power.step()
            return None

        async with csms.serve():
            with patch.context() as patched:
                patched.setattr(Database, "_transact", cut)
                csms.behave = behave
                site.power = power
                await first_life(folder, csms, site, power, online=online)
            csms.behave = lambda action, payload: None
            site.power = None
            csms.calls[:] = csms.calls if online else []
            await second_life(folder, csms, site, boot)
        drawn = site.register - 1000
        assert sum(end - begin for begin, end in strict(csms)) == drawn, f"step {last}"
        return power.steps

    return asyncio.run(work())


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("boot", ["boot-a", "boot-b"])
@pytest.mark.parametrize("online", [True, False])
@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_every_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, online: bool, boot: str) -> None:
    def fresh(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        return folder

    steps = run(fresh("whole"), None, monkeypatch, online=online, boot=boot, version=version)
    assert steps > 15
    for step in range(8, steps):
        run(fresh(f"step{step}"), step, monkeypatch, online=online, boot=boot, version=version)
