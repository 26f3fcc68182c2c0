"""The agent killed with SIGKILL at random moments of two charges, over a line that is cut as well.

Whatever was drawn stands in the central system's transactions in the end, once.
"""

import asyncio
import random
import sys
from asyncio.subprocess import Process
from pathlib import Path

import pytest

from tests.crash.station_program import FileSite
from tests.link.csms import Csms, eventually


class Site(FileSite):
    """The vehicle's and the driver's side."""

    async def draw(self) -> None:
        """Draw a Wh now and then while the contactor is closed."""
        while True:
            await asyncio.sleep(0.005)
            with self.quiet():
                if self.get("pilot") == "C" and int(self.get("offered")) > 0:
                    self.put("register", str(int(self.get("register")) + 1))

    async def tap_until(self, *, charging: bool) -> None:
        """As a driver: tap, and again only if nothing has happened for a while."""

        async def obeyed() -> bool:
            return (self.get("offered") != "0") is charging

        for _ in range(10):
            self.put("card", "04A1B2C3D4")
            try:
                await eventually(obeyed, 2.5)
            except TimeoutError:
                continue
            return
        raise AssertionError("nothing happens")


class Agent:
    """The agent's process under a supervisor that starts it again."""

    def __init__(self, folder: Path, port: int, chance: random.Random) -> None:
        self._folder, self._port, self._chance = folder, port, chance
        self.kills = 0
        self.log = b""

    async def run(self) -> None:
        """Start, kill at a random moment, start again, until cancelled; then kill for good."""
        while True:
            process = await self._start()
            try:
                await self._read_until(process, b" booted ")
                await asyncio.sleep(self._chance.uniform(0.0, 1.2))
                self.kills += 1
            finally:
                process.kill()
                await process.wait()
            await self._read_until(process, b"")

    async def steady(self) -> Process:
        """Start it and leave it alone."""
        return await self._start()

    async def _start(self) -> Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.crash.station_program", str(self._folder), str(self._port)),
            stderr=asyncio.subprocess.PIPE,
        )

    async def _read_until(self, process: Process, fact: bytes) -> None:
        """Keep what it logs, until a fact comes; an empty one waits for the end."""
        assert process.stderr
        while line := await process.stderr.readline():
            self.log += line
            if fact and fact in line:
                return


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_no_wh_is_lost_and_none_counted_twice(tmp_path: Path, seed: int) -> None:
    async def work() -> None:
        chance = random.Random(seed)
        site, csms = Site(tmp_path), Csms()
        for name, text in (("pilot", "A"), ("offered", "0"), ("register", "5000"), ("card", "")):
            site.put(name, text)

        def behave(action: str, payload: dict[str, object]) -> None:
            if action != "BootNotification" and chance.random() < 0.1 and csms.socket:
                csms.socket.transport.abort()  # the answer is lost with the line, the message was taken

        csms.behave = behave
        async with csms.serve():
            agent = Agent(tmp_path, csms.port, chance)
            drawing, living = asyncio.create_task(site.draw()), asyncio.create_task(agent.run())
            try:
                for _ in range(2):
                    site.put("pilot", "C")
                    await site.tap_until(charging=True)
                    await asyncio.sleep(chance.uniform(1.5, 3.0))
                    await site.tap_until(charging=False)
                    site.put("pilot", "A")
                    await asyncio.sleep(0.5)
                living.cancel()
                await asyncio.gather(living, return_exceptions=True)
                csms.behave = lambda action, payload: None
                last = await agent.steady()
                starts = csms.transactions

                async def all_ended() -> bool:
                    ended = {payload["transactionId"] for _, payload in csms.of("StopTransaction")}
                    return len(starts) >= 2 and ended == set(starts.values())

                await eventually(all_ended, 20)
                last.kill()
                await last.wait()
            finally:
                drawing.cancel()
                living.cancel()
                await asyncio.gather(drawing, living, return_exceptions=True)
        begins = {csms.transactions[i]: payload["meterStart"] for i, payload in csms.of("StartTransaction")}
        ends = {payload["transactionId"]: payload["meterStop"] for _, payload in csms.of("StopTransaction")}
        assert begins.keys() == ends.keys()
        drawn = int(site.get("register")) - 5000
        assert drawn > 100
        assert sum(ends[number] - begins[number] for number in begins) == drawn
        assert agent.kills >= 3
        assert b"Traceback" not in agent.log
        for message_id, _, payload in csms.calls:
            assert all(again == payload for other, _, again in csms.calls if other == message_id)

    asyncio.run(work())
