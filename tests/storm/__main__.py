"""Links and power cut at random for an hour, then meter, journal and backend are compared: every Wh, once.

    python -m tests.storm [MINUTES] [--seed N] [--versions 1.6 2.0.1] [--keep FOLDER]

The agent, the simulated devices and the backend are the real programs. The seed decides what happens when; the programs
run at their own pace, so a seed narrows down, and does not repeat to the millisecond. Ends with status 1 if anything
differs.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path

from simulators.demo.programs import Program
from simulators.demo.world import ClaimError, until
from tests.storm import books, chaos
from tests.storm.stage import Site, make_sites

SETTLE_S = 240.0
"""After the storm all is delivered and rated within this time."""
REPORT_S = 30.0


async def storm(folder: Path, minutes: float, seed: int, versions: list[str]) -> list[str]:
    """Give what differs in the end."""
    backend, sites = make_sites(folder, versions)
    chance, counts = random.Random(seed), Counter[str]()
    async with asyncio.TaskGroup() as group:
        supervised = [group.create_task(program.run()) for program in (backend, *(site.simulator for site in sites))]
        try:
            for program in (backend, *(site.simulator for site in sites)):
                await program.wait_ready(60)
            first = {(site.name, n): (await chaos.state(site, n))["register_wh"] for site in sites for n in (1, 2)}
            for site in sites:
                await site.agent.start(new_boot=True)
            with suppress(TimeoutError):
                async with asyncio.timeout(minutes * 60), asyncio.TaskGroup() as actors:
                    for actor in rage(backend, sites, chance, counts):
                        actors.create_task(actor)
            await calm_down(folder, sites)
            found = []
            for site in sites:
                for n in (1, 2):
                    last = (await chaos.state(site, n))["register_wh"]
                    charges = len(books.journal_charges(site, n))
                    drawn = last - first[site.name, n]
                    print(f"{site.version} EVSE {n}: {drawn} Wh in {charges} charges", flush=True)
                    found += books.differences(folder, site, n, first[site.name, n], last)
            print(", ".join(f"{count} {what}" for what, count in sorted(counts.items())))
            return found + [f"{name}: {why}" for name, why in books.held(folder)]
        finally:
            for site in sites:
                await site.agent.kill()
            for program in (*(site.simulator for site in sites), backend):
                await program.stop()
            for task in supervised:
                task.cancel()


def rage(
    backend: Program, sites: list[Site], chance: random.Random, counts: Counter[str]
) -> list[Coroutine[None, None, None]]:
    """Give all that happens at once, each with a chance of its own."""

    def own() -> random.Random:
        return random.Random(chance.getrandbits(64))

    actors = [chaos.backend_deaths(backend, own(), counts), report(sites, counts)]
    for site in sites:
        power = chaos.Power(site, own(), counts)
        actors += [power.run(5, 40), chaos.weather(site, own(), counts)]
        actors += [chaos.driver(site, n, own(), power, counts) for n in (1, 2)]
    return actors


async def report(sites: list[Site], counts: Counter[str]) -> None:
    """Say now and then how it goes."""
    begun = time.monotonic()
    while True:
        await asyncio.sleep(REPORT_S)
        waits = " ".join(f"{site.version}: {books.waiting(site).pending} wait" for site in sites)
        print(f"{time.monotonic() - begun:5.0f} s {dict(counts)} {waits}", flush=True)


async def calm_down(folder: Path, sites: list[Site]) -> None:
    """Give back link and power, let the drivers go, and wait until all is delivered and rated.

    Raises:
        ClaimError: that takes too long.
    """
    for site in sites:
        await site.world.act("link")
        if not (await site.world.state())["power"]["on"]:
            await site.world.act("power", on=True)
        with suppress(AssertionError):
            await site.agent.kill()
        await site.agent.start(new_boot=True)
        for n in (1, 2):
            with suppress(ClaimError):
                await site.world.act("unplug", evse=n)

    async def settled() -> bool:
        return all(books.waiting(site).is_nothing for site in sites)

    async def rated() -> bool:
        return all(why.startswith("held") for _, why in books.held(folder))

    await asyncio.sleep(5)
    await until("everything is delivered", settled, SETTLE_S)
    await until("everything is rated", rated, SETTLE_S)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.storm")
    parser.add_argument("minutes", nargs="?", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--versions", nargs="+", choices=["1.6", "2.0.1"], default=["1.6", "2.0.1"])
    parser.add_argument("--keep", type=Path, help="folder for journals, databases and logs; it must not exist")
    options = parser.parse_args()
    print(f"storm of {options.minutes:g} minutes, seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = options.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=options.keep is None)
        found = asyncio.run(storm(folder.absolute(), options.minutes, options.seed, options.versions))
    print("\n".join(found) or "every Wh stands in journal and backend, once")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
