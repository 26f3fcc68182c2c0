"""The signing meter of an EVSE as its task sees it: bounded, looked after, its public key kept."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hardware.api import MeterIdentity, MeterTime, SignedSession
from hardware.errors import DeviceError, HardwareError, LinkError
from shared.clock import ManualClock
from shared.ids import EvseId, IdToken, TransactionKey
from shared.metering import MeterReading, SignedData
from shared.units import Wh
from station.core.configuration import ChangeStatus, Configuration
from station.core.evse_events import SigningDone
from station.journal import Journal
from station.journal_file import open_journal
from station.meter_signatures import TEND_S, MeterSignatures
from station.timekeeper import start_time

KEY = TransactionKey("k1")
SESSION = SignedSession(KEY, IdToken("04A1B2C3"), "DE*ABC*E1")
BEGIN, END = SignedData("OCMF|b|{}", "04AA"), SignedData("OCMF|e|{}", "04AA")


@dataclass
class Meter:
    key: str = "04AA"
    trouble: HardwareError | None = None
    is_slow: bool = False
    times: list[MeterTime] = field(default_factory=list)
    released: int = 0

    async def identify(self) -> MeterIdentity:
        return MeterIdentity("fake", "1")

    async def read(self) -> MeterReading:
        return MeterReading(Wh(1000))

    async def _answer(self) -> None:
        if self.is_slow:
            await asyncio.sleep(60)
        if self.trouble:
            raise self.trouble

    async def public_key(self) -> str:
        await self._answer()
        return self.key

    async def begin(self, session: SignedSession, now: MeterTime) -> SignedData | None:
        await self._answer()
        self.times.append(now)
        return BEGIN

    async def recover(self, session: SignedSession, now: MeterTime) -> bool:
        await self._answer()
        return False

    async def end(self, session: SignedSession, now: MeterTime) -> SignedData:
        await self._answer()
        return END

    async def release(self) -> None:
        await self._answer()
        self.released += 1

    async def keep_time(self, now: MeterTime) -> None:
        await self._answer()
        self.times.append(now)


@dataclass
class Bench:
    meter: Meter
    journal: Journal
    clock: ManualClock
    configuration: Configuration
    signatures: MeterSignatures


async def make(meter: Meter, journal: Journal, *, clock_trusted: bool = True) -> Bench:
    clock, configuration = ManualClock(datetime(2026, 7, 1, 12, 0, tzinfo=UTC)), Configuration()
    timekeeper = await start_time(clock, journal, "boot", clock_trusted=clock_trusted)
    signatures = MeterSignatures(
        EvseId(1),
        meter,
        journal=journal,
        timekeeper=timekeeper,
        configuration=configuration,
        wait_s=0.2,
        zone=ZoneInfo("Europe/Berlin"),
    )
    await signatures.load()
    return Bench(meter, journal, clock, configuration, signatures)


def run(folder: Path, work: Callable[[Journal], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(20), open_journal(folder / "journal.sqlite") as journal:
            await work(journal)

    asyncio.run(within())


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def _log_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_answers_are_given_as_events(tmp_path: Path) -> None:
    async def work(journal: Journal) -> None:
        bench = await make(Meter(), journal)
        assert await bench.signatures.begin(SESSION) == SigningDone(KEY, False, BEGIN)
        assert await bench.signatures.end(SESSION) == SigningDone(KEY, True, END)
        await bench.signatures.release()
        assert bench.meter.released == 1
        assert bench.meter.times[0].at.isoformat() == "2026-07-01T14:00:00+02:00"
        assert bench.meter.times[0].is_known

    run(tmp_path, work)


@pytest.mark.parametrize(
    ("trouble", "definite"), [(LinkError("no answer"), False), (DeviceError("it does not measure"), True)]
)
def test_failures_tell_whether_asking_again_is_of_use(tmp_path: Path, trouble: HardwareError, definite: bool) -> None:
    async def work(journal: Journal) -> None:
        bench = await make(Meter(trouble=trouble), journal)
        assert await bench.signatures.end(SESSION) == SigningDone(KEY, True, None, str(trouble), definite)

    run(tmp_path, work)


def test_a_meter_that_takes_too_long(tmp_path: Path) -> None:
    async def work(journal: Journal) -> None:
        bench = await make(Meter(is_slow=True), journal)
        done = await bench.signatures.begin(SESSION)
        assert done == SigningDone(KEY, False, None, "no signature within 0.2 s", False)

    run(tmp_path, work)


def test_a_clock_that_is_not_set_is_told_as_such(tmp_path: Path) -> None:
    async def work(journal: Journal) -> None:
        bench = await make(Meter(), journal, clock_trusted=False)
        await bench.signatures.begin(SESSION)
        assert not bench.meter.times[0].is_known

    run(tmp_path, work)


def test_it_is_looked_after_only_while_nobody_charges(tmp_path: Path) -> None:
    async def work(journal: Journal) -> None:
        bench = await make(Meter(), journal)
        idle = [True]
        task = asyncio.create_task(bench.signatures.run(lambda: idle[0]))
        await settle()
        assert len(bench.meter.times) == 1
        assert bench.configuration.text("MeterPublicKey1") == "04AA"
        idle[0] = False
        bench.clock.advance(TEND_S)
        await settle()
        assert len(bench.meter.times) == 1
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    run(tmp_path, work)


def test_trouble_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def work(journal: Journal) -> None:
        bench = await make(Meter(trouble=LinkError("no answer")), journal)
        task = asyncio.create_task(bench.signatures.run(lambda: True))
        for _ in range(4):
            await settle()
            bench.clock.advance(TEND_S)
        assert caplog.text.count("signing_meter_trouble") == 1
        bench.meter.trouble = None
        bench.clock.advance(TEND_S)
        await settle()
        assert caplog.text.count("signing_meter_back") == 1
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    run(tmp_path, work)


def test_the_public_key_is_kept_and_a_change_is_an_alarm(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def first(journal: Journal) -> None:
        bench = await make(Meter(), journal)
        assert bench.configuration.text("MeterPublicKey1") == ""
        await bench.signatures.begin(SESSION)
        assert "meter_public_key_changed" not in caplog.text

    async def second(journal: Journal) -> None:
        bench = await make(Meter(), journal)
        assert bench.configuration.text("MeterPublicKey1") == "04AA", "known before the meter answers"
        assert bench.configuration.is_read_only("MeterPublicKey1")
        assert bench.configuration.judge("MeterPublicKey1", "04BB") is ChangeStatus.REJECTED
        assert "MeterPublicKey1" in bench.configuration.names()
        task = asyncio.create_task(bench.signatures.run(lambda: True))
        bench.meter.key = "04BB"
        await settle()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert "meter_public_key_changed" in caplog.text
        assert bench.configuration.text("MeterPublicKey1") == "04BB"

    run(tmp_path, first)
    run(tmp_path, second)


def test_a_session_that_the_meter_lost_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def work(journal: Journal) -> None:
        bench = await make(Meter(), journal)
        await bench.signatures.recover(SESSION)
        assert "meter_lost_session" in caplog.text

    run(tmp_path, work)
