"""A rotation of the charge point's certificate, cut at every write: the station always gets in again.

The central system here lets in whom it knows, by the certificate that the next connection would be made with.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.clock import ManualClock
from simulators.authority import Authority, Life
from station.core.delivery import Message
from station.core.timekeeping import TimeSource
from station.csms_connection import Entrance, Refusal, Reply
from station.errors import AccessRefused, LinkLost
from station.journal import Journal
from station.journal_file import open_journal
from station.security.access import Access, Plan, Profile
from station.security.certificates import new_key, parse_chain, signing_request
from station.security.events import EventKind
from station.security.files import RootUse, SecurityFiles, State
from station.security.gate import Gate
from station.security.memory import open_memory
from station.security.renewal import Renewal
from station.security.reporter import SecurityReporter
from station.timekeeper import start_time

NOW = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
NEVER = 7
"""A write that a rotation does not make: it takes six."""
INITIAL = Access(Profile.MUTUAL)


class Cut(BaseException):
    """The power is gone."""


@dataclass
class Central:
    """Signs what it is asked to, and accepts chains of `trusted`."""

    root: Authority = field(default_factory=lambda: Authority("Example Root"))
    signer: Authority | None = None
    trusted: set[str] = field(default_factory=set)
    accepts_new: bool = True
    life: Life = field(default_factory=lambda: Life.around(NOW, days_left=300))

    def sign(self, request: str) -> str:
        chain = self.root.sign(request, life=self.life)
        if self.accepts_new:
            self.trusted.add(chain)
        return chain


@dataclass
class Station:
    """One life of the program, from its start to the cut."""

    folder: Path
    central: Central
    can_rehearse: bool
    is_online: bool = True
    requests: list[str] = field(default_factory=list)
    rehearsals: int = 0
    wants_to_leave: bool = False

    async def call(self, message: Message) -> Reply | Refusal | None:
        self.requests.append(str(message.payload["csr"]))
        return Reply({"status": "Accepted"}, 0.1)

    async def rehearse(self, entrance: Entrance) -> None:
        self.rehearsals += 1
        assert entrance.tls is not None
        candidate = self.memory.state.candidate
        if self.memory.files.chain(candidate) not in self.central.trusted:
            raise AccessRefused("unknown certificate", EventKind.FAILED_TO_AUTHENTICATE)

    def connects_with(self, access: Access) -> bool:
        return self.memory.files.chain(access.client) in self.central.trusted

    async def connect(self) -> None:
        """Try to get in as the link would, until it worked."""
        for _ in range(4):
            access, entrance = self.memory.plan.next, self.gate.entrance()
            if self.connects_with(access):
                await self.gate.proven(entrance, None)
                self.wants_to_leave = False
                return
            await self.gate.failed(LinkLost("closed"))
        raise AssertionError("the station is locked out")

    def leave(self) -> None:
        self.wants_to_leave = True

    async def live(self, journal: Journal, *, wanted: bool) -> None:
        clock = ManualClock(NOW, 100.0)
        timekeeper = await start_time(clock, journal, "boot", clock_trusted=False)
        await timekeeper.learn(TimeSource.CSMS, NOW, 100.0)
        reporter = SecurityReporter(journal.security_events, timekeeper)
        self.memory = open_memory(self.folder / "security", INITIAL, "")
        self.gate = Gate(
            "ws://x", "", "CP1", memory=self.memory, reporter=reporter, timekeeper=timekeeper, journal=journal
        )
        self.gate.reconnect = self.leave
        renewal = Renewal(
            self.gate,
            journal=journal,
            reporter=reporter,
            common_name="CP1",
            organization=lambda: "Example Operator",
            link=self,
            request=lambda csr: Message("SignCertificate", {"csr": csr}),
        )
        await self.connect()
        if wanted:
            renewal.ask()
        for _ in range(6):
            await renewal._look()
            if self.requests:
                assert await renewal.take(self.central.sign(self.requests.pop()))
            if self.wants_to_leave:
                await self.connect()


async def prepare(folder: Path, central: Central) -> str:
    """Put a station with a certificate in force; gives its name in the store."""
    files, key = SecurityFiles(folder / "security"), new_key()
    name = files.add_key(key)
    chain = central.root.sign(signing_request(key, "CP1", ""), life=central.life)
    central.trusted.add(chain)
    files.add_chain(name, chain)
    files.add_root(RootUse.CENTRAL_SYSTEM, parse_chain(central.root.pem)[0].fingerprint, central.root.pem)
    memory = open_memory(folder / "security", INITIAL, "")
    files.save(State(Plan(Access(Profile.MUTUAL, client=name)), memory.state.origin))
    return name


@contextmanager
def cut_at(number: int, when: str) -> Iterator[list[int]]:
    """Cut the power at a write: before it, in the middle of it, or after it."""
    true_write, count = SecurityFiles._write, [0]

    def write(files: SecurityFiles, path: Path, data: bytes) -> None:
        count[0] += 1
        if count[0] != number:
            true_write(files, path, data)
            return
        if when == "half":
            path.parent.mkdir(exist_ok=True)
            path.with_name(f"{path.name}.new").write_bytes(data[: len(data) // 2])
        elif when == "after":
            true_write(files, path, data)
        raise Cut

    SecurityFiles._write = write  # type: ignore[method-assign,assignment]
    try:
        yield count
    finally:
        SecurityFiles._write = true_write  # type: ignore[method-assign]


async def rotate(folder: Path, central: Central, number: int, when: str, *, can_rehearse: bool) -> tuple[str, Station]:
    """Run a rotation that is cut once, then one start of the program that is not; gives the old name and the end."""
    first = await prepare(folder, central)
    async with open_journal(folder / "journal") as journal:
        with cut_at(number, when) as writes:
            try:
                await Station(folder, central, can_rehearse).live(journal, wanted=True)
            except Cut:
                pass
            else:
                assert writes[0] < number
    async with open_journal(folder / "journal") as journal:
        station = Station(folder, central, can_rehearse)
        memory = open_memory(folder / "security", INITIAL, "")
        is_over = memory.plan.in_force.client != first or bool(memory.state.candidate or memory.plan.trials)
        await station.live(journal, wanted=central.accepts_new and not is_over)
        told = [line.kind for line in await journal.security_events.log()]
        if not central.accepts_new and number == NEVER:
            assert EventKind.INVALID_CHARGE_POINT_CERTIFICATE in told
    return first, station


@pytest.mark.parametrize("can_rehearse", [True, False], ids=["host", "modem"])
@pytest.mark.parametrize("when", ["before", "half", "after"])
@pytest.mark.parametrize("number", range(1, NEVER + 1))
def test_a_good_certificate_is_in_force_in_the_end(tmp_path: Path, number: int, when: str, can_rehearse: bool) -> None:
    central = Central()
    first, station = asyncio.run(rotate(tmp_path, central, number, when, can_rehearse=can_rehearse))
    plan = station.memory.plan
    assert not plan.trials
    assert plan.in_force.client != first
    assert station.memory.files.client(plan.in_force.client)
    assert first in [name for name, _ in station.memory.state.replaced]
    assert station.memory.files.client(first), "kept for a month"


@pytest.mark.parametrize("can_rehearse", [True, False], ids=["host", "modem"])
@pytest.mark.parametrize("when", ["before", "half", "after"])
@pytest.mark.parametrize("number", range(1, NEVER + 1))
def test_one_that_does_not_connect_gives_way_to_the_old(
    tmp_path: Path, number: int, when: str, can_rehearse: bool
) -> None:
    first, station = asyncio.run(rotate(tmp_path, Central(accepts_new=False), number, when, can_rehearse=can_rehearse))
    assert (station.memory.plan, station.memory.state.candidate) == (Plan(Access(Profile.MUTUAL, client=first)), "")
    assert station.rehearsals <= 2 * can_rehearse


def test_a_certificate_is_renewed_by_itself_and_its_end_is_told_before(tmp_path: Path) -> None:
    central = Central(life=Life.around(NOW, days_left=29))

    async def work() -> None:
        first = await prepare(tmp_path, central)
        central.life = Life.around(NOW + timedelta(days=300), days_left=20)
        async with open_journal(tmp_path / "journal") as journal:
            for _ in range(2):
                station = Station(tmp_path, central, can_rehearse=True)
                await station.live(journal, wanted=False)
            assert station.memory.plan.in_force.client != first
            told = [line.info for line in await journal.security_events.log() if line.kind == "CertificateExpiresSoon"]
            assert told == ["CP1 ends on 2026-11-29"]

    asyncio.run(work())


def test_the_old_certificate_goes_after_a_month(tmp_path: Path) -> None:
    central = Central()

    async def work() -> None:
        first, station = await rotate(tmp_path, central, NEVER, "before", can_rehearse=True)
        state = station.memory.state
        long_ago = ((first, NOW - timedelta(days=31)),)
        station.memory.files.save(State(state.plan, state.origin, replaced=long_ago))
        async with open_journal(tmp_path / "journal") as journal:
            again = Station(tmp_path, central, can_rehearse=True)
            await again.live(journal, wanted=False)
        assert again.memory.state.replaced == ()
        assert again.memory.files.client(first) is None
        assert again.memory.files.client(again.memory.plan.in_force.client)

    asyncio.run(work())
