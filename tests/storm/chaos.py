"""What happens at a site in a storm: drivers come and go, the link and the power fail. All by chance, from one seed."""

import asyncio
import random
from collections import Counter

from simulators.demo.programs import Program
from simulators.demo.world import ClaimError, Json
from tests.storm.stage import CARD, Site

CARD_REST_S = 2.5
"""After this time away a card is seen anew."""


class Power:
    """The mains of a site. While somebody holds the lock, drivers wait."""

    def __init__(self, site: Site, chance: random.Random, counts: Counter[str]) -> None:
        self._site, self._chance, self._counts = site, chance, counts
        self.lock = asyncio.Lock()

    async def run(self, shortest_s: float, longest_s: float) -> None:
        """Cut now and then: all at once, or the agent's process alone."""
        while True:
            await asyncio.sleep(self._chance.uniform(shortest_s, longest_s))
            async with self.lock:
                if self._chance.random() < 0.5:
                    await self._cut()
                else:
                    await self._kill()

    async def _cut(self) -> None:
        self._counts["power cuts"] += 1
        await self._site.agent.kill()
        await self._site.world.act("power", on=False)
        gone = [n for n in (1, 2) if self._chance.random() < 0.3 and (await state(self._site, n))["plugged"]]
        for n in gone:
            await self._site.world.act("unplug", evse=n)
        await asyncio.sleep(self._chance.uniform(0.2, 4.0))
        await self._site.world.act("power", on=True)
        await self._site.agent.start(new_boot=True)

    async def _kill(self) -> None:
        self._counts["kills"] += 1
        await self._site.agent.kill()
        await asyncio.sleep(self._chance.uniform(0.0, 2.0))
        await self._site.agent.start(new_boot=False)


async def weather(site: Site, chance: random.Random, counts: Counter[str]) -> None:
    """Let the link fail in every way that links fail in."""
    while True:
        await site.world.act("link")
        await asyncio.sleep(chance.uniform(2, 15))
        kind = chance.choice(["cut", "cut", "held", "half_open", "half_open", "slow", "narrow"])
        counts[f"link {kind}"] += 1
        match kind:
            case "slow":
                await site.world.act("link", delay_s=chance.uniform(0.1, 2))
            case "narrow":
                await site.world.act("link", bytes_per_s=chance.randint(200, 2000))
            case "half_open":
                await site.world.act("link", state=kind, direction=chance.choice(["both", "up", "down"]))
            case _:
                await site.world.act("link", state=kind)
        await asyncio.sleep(chance.choice([0.3, 2, 5, 20]) * chance.uniform(0.5, 1.5))


async def backend_deaths(backend: Program, chance: random.Random, counts: Counter[str]) -> None:
    """Kill the backend now and then; its supervisor starts it again."""
    while True:
        await asyncio.sleep(chance.uniform(30, 120))
        counts["backend kills"] += 1
        backend.kill()


async def driver(site: Site, evse: int, chance: random.Random, power: Power, counts: Counter[str]) -> None:
    """Plug, tap, charge, pause, tap or just unplug; for ever."""
    while True:
        await asyncio.sleep(chance.uniform(0.5, 5))
        await _act(site, power, "plug", evse=evse, max_power_w=chance.choice([3700, 11000, 22000]), battery_kwh=300)
        if await _tap_until(site, evse, power, charges=True):
            counts["charges"] += 1
            await asyncio.sleep(chance.uniform(1, 25))
            if chance.random() < 0.3:
                await _act(site, power, "vehicle", evse=evse, wants_energy=False)
                await asyncio.sleep(chance.uniform(0.5, 3))
                await _act(site, power, "vehicle", evse=evse, wants_energy=True)
                await asyncio.sleep(chance.uniform(0.5, 5))
            if chance.random() < 0.6:
                await _tap_until(site, evse, power, charges=False)
        await _act(site, power, "unplug", evse=evse)


async def _tap_until(site: Site, evse: int, power: Power, *, charges: bool) -> bool:
    for _ in range(3):
        await _act(site, power, "tag", token=CARD, reader=evse)
        for _ in range(8):
            await asyncio.sleep(0.5)
            if (await state(site, evse))["contactor_closed"] is charges:
                return True
        await asyncio.sleep(CARD_REST_S)
    return False


async def _act(site: Site, power: Power, path: str, **body: object) -> None:
    async with power.lock:
        try:
            await site.world.act(path, **body)
        except ClaimError:
            return  # a vehicle that left in the dark can't be unplugged again


async def state(site: Site, evse: int) -> Json:
    """Tell what an EVSE does now."""
    found: Json = (await site.world.state())["evses"][str(evse)]
    return found
