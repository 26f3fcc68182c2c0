"""Replies stop though the carrier stays: the ladder climbs on the simulated modem, comes back, and remembers."""

import asyncio
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from shared.clock import ManualClock
from station.core.timekeeping import TimeSource
from station.core.uplink_ladder import Rung
from station.errors import LinkLost
from station.journal_file import open_journal
from station.link_memory import LinkMemory
from station.timekeeper import start_time
from station.uplink import ModemUplink
from station.uplink_settings import LadderSettings, UplinkSettings
from tests.link.link_time import run
from tests.link.modem_bench import NOW, bench

LADDER = LadderSettings(
    redial_wait_s=8, redial_tries=1, register_wait_s=15, register_tries=1, restart_wait_s=20, restart_tries=1
)
SETTINGS = UplinkSettings(poll_s=0.5, retry_s=1.0, reattach_after=1, ladder=LADDER)


async def talk(up: ModemUplink, port: int) -> None:
    """Be the link: connect, ask, wait for the reply, and try again for ever; a reply keeps it."""
    loop = asyncio.get_running_loop()
    while True:
        up.tried()
        try:
            async with asyncio.timeout(4):
                with await up.connect("127.0.0.1", port) as sock:
                    while True:
                        await loop.sock_sendall(sock, b"?")
                        if not await asyncio.wait_for(loop.sock_recv(sock, 1), 1.5):
                            break
                        up.proven()
                        await asyncio.sleep(0.5)
        except (LinkLost, OSError):  # TimeoutError is one
            await asyncio.sleep(0.2)


@pytest.mark.parametrize(
    ("sticks_until", "helper"),
    [("context", Rung.REDIAL), ("radio", Rung.REGISTER), ("power", Rung.RESTART)],
)
def test_the_ladder_climbs_to_what_helps_and_remembers_it(tmp_path: Path, sticks_until: str, helper: Rung) -> None:
    async def story() -> None:
        async with bench(tmp_path) as b, open_journal(tmp_path / "j") as journal:
            keeper = await start_time(ManualClock(NOW, 10.0), journal, "a", clock_trusted=False)
            memory = LinkMemory(journal, keeper, UTC, timedelta(hours=3))
            up = ModemUplink(b.modem, SETTINGS, keeper, memory)
            tasks = [asyncio.create_task(up.run()), asyncio.create_task(talk(up, b.server.port))]
            async with asyncio.timeout(120):
                while not b.server.received:  # noqa: ASYNC110  nobody tells
                    await asyncio.sleep(0.1)
                b.sim.stick(sticks_until)
                assert b.sim.is_registered
                while "+" not in "".join(up.climb.ladder.memory.results.values()):  # noqa: ASYNC110  likewise
                    await asyncio.sleep(0.2)
                await asyncio.sleep(1)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert keeper.boot.source is TimeSource.NETWORK
            again = LinkMemory(journal, keeper, UTC, timedelta(hours=3))
            kept = await again.load()
            assert kept.steps[-1].rung is helper
            assert kept.results[helper] == "+"
            assert all(result == "-" for rung, result in kept.results.items() if rung is not helper)
            assert "No cause information" in kept.steps[-1].cause
            hour = memory.hours[-1]
            assert (hour.operator, hour.technology, hour.cell) == ("Example Mobil", "LTE", "01A2D001")
            assert hour.rssi_dbm.mean == pytest.approx(-71, abs=2)
            assert hour.rsrp_dbm.mean == pytest.approx(-99, abs=2)
            assert hour.sinr_db.mean == pytest.approx(13)
            assert 0 < hour.alive < hour.looks

    run(story(), speed=6)
