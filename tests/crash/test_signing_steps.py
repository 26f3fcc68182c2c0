"""A charge with a signing meter, killed before each of its steps: journal rows, contactor, each word to the meter.

Afterwards journal and meter agree: one begin, one end, all energy, and its signature where the meter measured.
"""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hardware.api import EvseStatus, PilotState
from hardware.errors import DeviceError, LinkError
from hardware.meters.procedure import Procedure
from shared import ocmf
from shared.ids import EvseId, TransactionKey
from shared.metering import MeterReading
from shared.ocmf_signature import Judgement, check
from shared.ocpp.v16 import stop_transaction
from shared.transaction import Ended, Started, StopReason
from shared.units import Wh
from station.core import record
from station.core.charging import Charging
from station.core.configuration import Configuration
from station.core.evse_condition import Phase
from station.core.evse_events import (
    Action,
    Allow,
    Authorize,
    Authorized,
    BeginSigning,
    BoardSeen,
    EndRequested,
    EndSigning,
    Event,
    MarkEnding,
    MeterRead,
    Record,
    RecoverSigning,
    ReleaseSigned,
    SigningDone,
    Stop,
    TagPresented,
)
from station.core.signing import Signing, SigningMode
from station.core.timekeeping import BootTime, Floor, Now, TimeSource
from station.journal import Journal
from station.journal_file import open_journal
from tests.unit.hardware.meters.signing import CARD, FAMILIES, NOON, Bench, Killed

DRAWN_WH = 5_000
BOOT = BootTime(1, "boot", int(NOON.timestamp() * 1000), TimeSource.RTC)


@dataclass
class World:
    """What outlives the program: the meter, the contactor, the vehicle."""

    bench: Bench
    contactor: bool = False
    has_drawn: bool = False
    loses_power: bool = False
    begins: int = 0


@dataclass
class Program:
    """One run of the agent, without its tasks: events in, actions carried out, until it is killed."""

    world: World
    journal: Journal
    stop_before: int | None
    steps: int = 0
    events: list[Event] = field(default_factory=list)

    async def start(self) -> None:
        opened = await self.journal.open_transactions(BOOT.number)
        self.world.begins += 1
        keys = iter(range(100))
        self.charging = Charging(
            EvseId(1),
            16,
            Configuration(),
            lambda: TransactionKey(f"k{self.world.begins}-{next(keys)}"),
            transaction=opened.get(EvseId(1)),
            signing=Signing(SigningMode.REQUIRED, "DE*ABC*E1"),
        )

    async def charge(self) -> None:
        """Charge once and end it; a program that finds a transaction goes on with it."""
        await self.start()
        await self.look()
        if self.charging.transaction is None and not self.world.has_drawn:
            await self.feed(TagPresented(CARD))
        for _ in range(10):
            await self.look()
            if self.world.contactor and not self.world.has_drawn:
                self.world.bench.draw(DRAWN_WH)
                self.world.has_drawn = True
        await self.feed(EndRequested(StopReason.REMOTE))
        for _ in range(10):
            await self.look()
        assert self.charging.phase is Phase.IDLE

    async def look(self) -> None:
        offered = 16 if self.world.contactor else 0
        await self.feed(BoardSeen(EvseStatus(PilotState.C, self.world.contactor, offered)))
        await self.feed(MeterRead(MeterReading(self.world.bench.meter.register)))
        while self.events:
            await self.feed(self.events.pop(0))

    async def feed(self, event: Event) -> None:
        now = Now(self.world.bench.seconds, self.world.bench.utc())
        for action in self.charging.handle(event, now):
            await self.do(action)

    def step(self) -> None:
        if self.steps == self.stop_before:
            raise Killed
        self.steps += 1

    async def do(self, action: Action) -> None:
        procedures, now = self.world.bench.procedures, self.world.bench.now()
        match action:
            case Record(event, past):
                self.step()
                await self.journal.append(event, BOOT, Floor(event.at, TimeSource.RTC), past=past)
            case MarkEnding(key, ending):
                self.step()
                await self.journal.mark_ending(key, ending)
            case Allow():
                self.step()
                self.world.contactor = True
            case Stop():
                self.step()
                self.world.contactor = False
            case Authorize(token):
                self.events.append(Authorized(token))
            case BeginSigning(session):
                self.events.append(self.ask(session.key, procedures.begin(session, now), is_end=False))
            case EndSigning(session):
                self.events.append(self.ask(session.key, procedures.end(session, now), is_end=True))
            case RecoverSigning(session):
                self.run(procedures.recover(session, now))
            case ReleaseSigned():
                self.run(procedures.release())

    def ask(self, key: TransactionKey, procedure: Procedure[object], *, is_end: bool) -> SigningDone:
        try:
            signed = self.run(procedure)
        except (LinkError, DeviceError) as error:
            return SigningDone(key, is_end, None, str(error), isinstance(error, DeviceError))
        return SigningDone(key, is_end, signed)  # type: ignore[arg-type]  # begin and end give SignedData

    def run(self, procedure: Procedure[object]) -> object:
        bench = self.world.bench
        rest = None if self.stop_before is None else self.stop_before - self.steps
        try:
            return bench.run(procedure, stop_before=rest)
        finally:
            self.steps += len(bench.steps)


async def scenario(folder: Path, model: str, stop_before: int | None, *, loses_power: bool) -> tuple[int, World]:
    """Charge, killed before that step, and charge on in a new program. Gives the steps of the first."""
    world = World(Bench(model))
    async with open_journal(folder / "journal.sqlite") as journal:
        await journal.set_time(BOOT, Floor(NOON, TimeSource.RTC))
        program = Program(world, journal, stop_before)
        try:
            await program.charge()
        except Killed:
            # Leaving the program opens the contactor, or the power is gone anyway.
            world.contactor = False
            world.bench.restart()
            if loses_power:
                world.bench.meter.lose_power()
            await Program(world, journal, None).charge()
        await judge(journal, world, f"{model} killed before step {stop_before}")
    return program.steps, world


async def judge(journal: Journal, world: World, where: str) -> None:
    entries = []
    while entry := await journal.head():
        entries.append(entry)
        await journal.acknowledge(entry, NOON, 1, 7)
    starts = [entry for entry in entries if isinstance(entry.event, Started)]
    ends = [entry for entry in entries if isinstance(entry.event, Ended)]
    assert [entry.event.key for entry in starts] == [entry.event.key for entry in ends], where
    energy = 0
    for start, end in zip(starts, ends, strict=True):
        assert isinstance(start.event, Started)
        assert isinstance(end.event, Ended)
        energy += end.event.meter.reading.energy_import - start.event.meter.reading.energy_import
        signed = end.event.meter.reading.signed
        assert signed, where
        judged = ocmf.parse(signed.text)
        assert check(judged, signed.public_key).judgement is Judgement.VALID, where
        first = start.event.meter.reading.signed
        begin = (ocmf.parse(first.text) if first else judged).reading(ocmf.BEGIN)
        last = judged.reading(*ocmf.ENDS)
        assert begin
        assert last
        assert begin.wh == start.event.meter.reading.energy_import, where
        assert last.wh == end.event.meter.reading.energy_import, where
        payload = stop_transaction(end.event, 7, end.begin)
        told = [
            sample["value"]
            for value in payload["transactionData"]  # type: ignore[attr-defined]  # a list of meter values
            for sample in value["sampledValue"]
            if sample.get("format") == "SignedData"
        ]
        assert told == [each.text for each in (first, signed) if each], where
        assert record.decode(record.encode(end.event)) == end.event
    assert energy == DRAWN_WH, where
    assert world.bench.meter.register == Wh(4_711_000 + DRAWN_WH)


@pytest.mark.parametrize("loses_power", [False, True], ids=["program", "power"])
@pytest.mark.parametrize("model", FAMILIES)
def test_killed_before_each_step(tmp_path: Path, model: str, loses_power: bool) -> None:
    async def work() -> None:
        (tmp_path / "whole").mkdir()
        steps, _ = await scenario(tmp_path / "whole", model, None, loses_power=False)
        assert steps > 20
        for number in range(steps):
            folder = tmp_path / str(number)
            folder.mkdir()
            await scenario(folder, model, number, loses_power=loses_power)

    asyncio.run(work())
