"""Clocks that jump by ten years, at every point of a session: durations, energy and order stay right."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from shared.clock import SystemClock
from station.ledger_view import LedgerRow, read_ledger
from tests.crash.power_cuts import charges
from tests.link.csms import Csms, Json, eventually
from tests.unit.station.site import SETTINGS, Site, settings, station

YEARS = timedelta(days=3653)
POINTS = ("boot", "plugged", "charging", "ending", "ended")
SLACK_S = 5.0


class JumpingClock(SystemClock):
    """The kernel's clock, which somebody sets; uptime knows nothing of it."""

    jump = timedelta()

    def utc(self) -> datetime:
        return super().utc() + self.jump


class Sky:
    """Where the jump happens: in the kernel, or in what the central system tells with each answer."""

    def __init__(self, who: str, jump: timedelta, csms: Csms, clock: JumpingClock) -> None:
        self._who, self._jump, self._csms, self._clock = who, jump, csms, clock
        self._is_wrong = False

    def reach(self, point: str, wanted: str) -> None:
        """Jump if this is the point."""
        if point != wanted:
            return
        self._is_wrong = True
        if self._who == "kernel":
            self._clock.jump = self._jump

    def behave(self, action: str, _payload: Json) -> Json | None:
        at = SystemClock().utc() + (self._jump if self._is_wrong and self._who != "kernel" else timedelta())
        told = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        match action:
            case "BootNotification":
                return {"status": "Accepted", "currentTime": told, "interval": 1}
            case "Heartbeat":
                return {"currentTime": told}
        return None


async def session(site: Site, sky: Sky, wanted: str) -> None:
    async def until(*, closed: bool) -> None:
        async def seen() -> bool:
            return site.is_closed is closed

        await eventually(seen, 10)

    sky.reach("plugged", wanted)
    site.plug()
    await asyncio.sleep(0.5)
    site.tap()
    await until(closed=True)
    await asyncio.sleep(1.1)
    sky.reach("charging", wanted)
    await asyncio.sleep(2.2)
    sky.reach("ending", wanted)
    site.tap()
    await until(closed=False)
    sky.reach("ended", wanted)
    site.unplug()


def told_times(csms: Csms) -> list[datetime]:
    """Give the times of the messages of the charge, in the order of their first arrival."""
    times: dict[str, str] = {}
    for message_id, action, payload in csms.calls:
        if action in ("StartTransaction", "StopTransaction", "TransactionEvent"):
            times.setdefault(message_id, payload["timestamp"])
        elif action == "MeterValues":
            times.setdefault(message_id, payload["meterValue"][0]["timestamp"])
    return [datetime.fromisoformat(text) for text in times.values()]


def check(csms: Csms, site: Site, rows: list[LedgerRow], took_s: float) -> None:
    assert charges(csms) == {1: [(1000, site.register)]}
    assert [row.row_id for row in rows] == sorted(row.row_id for row in rows)
    times = told_times(csms)
    spans = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    assert all(span >= 0 for span in spans), f"time runs back: {times}"
    total = (times[-1] - times[0]).total_seconds()
    assert abs(total - took_s) < SLACK_S, f"a charge of {took_s:.0f} s is told as one of {total:.0f} s"


@pytest.mark.slow
@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
@pytest.mark.parametrize("who", ["kernel", "csms", "csms that insists"])
@pytest.mark.parametrize("jump", [YEARS, -YEARS], ids=["ahead", "back"])
@pytest.mark.parametrize("online", [True, False], ids=["online", "offline"])
def test_a_jump_at_any_point_changes_no_duration_and_no_energy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, who: str, jump: timedelta, online: bool
) -> None:
    text = SETTINGS + "\n[time]\nclock_trusted = true\n"
    monkeypatch.setattr("tests.unit.station.site.SETTINGS", text)
    if who == "csms that insists":
        monkeypatch.setattr("station.core.timekeeping.CONFIRM_S", 0.0)  # it is believed by its third heartbeat

    async def one(point: str) -> None:
        folder = tmp_path / point
        folder.mkdir()
        site, csms, clock = Site(), Csms(version=version), JumpingClock()
        sky = Sky(who, jump, csms, clock)
        csms.behave = sky.behave
        sky.reach("boot", point)
        async with csms.serve():
            if not online:
                async with station(settings(folder, 9, 1, version), site, "boot-a", clock):
                    begun = asyncio.get_running_loop().time()
                    await session(site, sky, point)
                    took_s = asyncio.get_running_loop().time() - begun
                    await asyncio.sleep(0.5)
            async with station(settings(folder, csms.port, 1, version), site, "boot-a", clock):
                await csms.until(lambda: "BootNotification" in csms.actions())
                if online:
                    begun = asyncio.get_running_loop().time()
                    await session(site, sky, point)
                    took_s = asyncio.get_running_loop().time() - begun
                await eventually(lambda: settled(folder), 20)
        try:
            check(csms, site, read_ledger(folder / "journal.sqlite"), took_s)
        except AssertionError as error:
            raise AssertionError(f"{point}: {error}") from error

    async def work() -> None:
        await asyncio.gather(*(one(point) for point in POINTS))

    asyncio.run(work())


async def settled(folder: Path) -> bool:
    with closing(sqlite3.connect(folder / "journal.sqlite")) as connection:
        # One statement sees one moment: between two of them the end of the charge may come.
        waits, ended = connection.execute(
            "SELECT (SELECT count(*) FROM ledger WHERE state != 'acknowledged'), "
            "(SELECT count(*) FROM txn WHERE NOT is_open)"
        ).fetchone()
    return not waits and bool(ended)
