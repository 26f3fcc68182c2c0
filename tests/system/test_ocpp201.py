"""The real agent against the real backend over OCPP 2.0.1: charges online and in a dead spot, the agent killed in them.

Meter, board, reader and link are those of emops-sim. In the end every Wh of the meter stands in the backend, once.
"""

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from string import Template

import pytest

from simulators.demo.programs import Program
from simulators.demo.world import ClaimError, Json, World, until

CARD = "04A1B2C3D4"
REST_S = 2.5
"""After this time away a card is seen anew."""
PORTS = ("ocpp", "web", "smtp", "control", "relay")

SIM = """
[bus]
link = "$folder/bus"
baud = 19200
meter_address = 1
board_address = 2
register_file = "$folder/meter.json"
[modem]
link = "$folder/modem"
[rfid]
link = "$folder/rfid"
[relay]
target = "127.0.0.1:$ocpp"
port = $relay
[mailbox]
port = $smtp
folder = "$folder/mailbox"
[control]
port = $control
"""

BACKEND = """
[server]
ocpp_port = $ocpp
web_port = $web
[store]
path = "$folder/backend.sqlite"
[mail]
host = "127.0.0.1"
port = $smtp
security = "none"
"""

STATION = """
[time]
clock_trusted = false
[identity]
charge_point_id = "DE-SWM-0001"
[csms]
version = "2.0.1"
url = "ws://127.0.0.1:$relay/ocpp"
password = "demonstration-only"
reply_timeout_s = 2
retry_wait_s = 0.3
retry_random_s = 0.2
retry_doublings = 0
[journal]
path = "$folder/station.sqlite"
[uplink]
bearer = "host"
[[bus]]
name = "rs485"
port = "$folder/bus"
baud = 19200
[[evse]]
board = "simple-evse"
board_bus = "rs485"
board_address = 2
meter_bus = "rs485"
meter_address = 1
poll_s = 0.3
[[reader]]
port = "$folder/rfid"
[[local_list]]
id_token = "04A1B2C3D4"
[ocpp]
MeterValueSampleInterval = 1
"""


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[tuple[World, Program]]:
    """Start simulator, backend and agent; the agent is started again when it dies."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in PORTS]
        ports = {name: one.getsockname()[1] for name, one in zip(PORTS, held, strict=True)}
    values = {"folder": folder, **ports}
    for name, text in (("sim", SIM), ("backend", BACKEND), ("station", STATION)):
        (folder / f"{name}.toml").write_text(Template(text).substitute(values))
    operator = (files("simulators.demo") / "templates" / "operator.toml").read_text("utf-8")
    (folder / "operator.toml").write_text(operator)

    def command(package: str, *words: str) -> list[str]:
        return [sys.executable, "-m", package, *words]

    backend = ("--config", str(folder / "backend.toml"))
    await asyncio.to_thread(
        subprocess.run,
        command("backend", "apply", *backend, str(folder / "operator.toml")),
        check=True,
        stdout=subprocess.DEVNULL,
    )
    deaths: list[tuple[str, int]] = []
    programs = [
        Program(name, line, ready, folder / f"{name}.log", lambda *death: deaths.append(death))
        for name, line, ready in (
            ("sim", command("simulators", "serve", "--config", str(folder / "sim.toml")), "emops-sim ready"),
            ("backend", command("backend", "serve", *backend), "emops-backend ready"),
            ("station", command("station", "run", "--config", str(folder / "station.toml")), ""),
        )
    ]
    world = World(f"http://127.0.0.1:{ports['control']}", f"http://127.0.0.1:{ports['web']}", folder)
    async with asyncio.TaskGroup() as group:
        try:
            for program in programs:
                group.create_task(program.run())
                await program.wait_ready(30)
            yield world, programs[-1]
        finally:
            for program in reversed(programs):
                await program.stop()
    assert deaths == []


async def charging(world: World, *, yes: bool, within_s: float = 15) -> None:
    async def seen() -> bool:
        return bool((await world.evse())["power_w"]) is yes

    await until(f"it charges: {yes}", seen, within_s)


async def killed(agent: Program) -> None:
    """Kill the agent and wait until it goes on with the charge."""
    known = len(agent.facts)
    agent.kill()
    await agent.fact("transaction_resumed", known, 20)


async def drawn(world: World, wh: int) -> None:
    """Wait until so much more has flowed."""
    begin = (await world.evse())["register_wh"]

    async def seen() -> bool:
        return bool((await world.evse())["register_wh"] >= begin + wh)

    await until(f"{wh} Wh flow", seen, 20)


async def tap_until(world: World, *, charges: bool) -> None:
    """As a driver: tap, and again when nothing has happened; a card that was just there is not seen anew."""
    for _ in range(4):
        await asyncio.sleep(REST_S)
        await world.act("tag", token=CARD)
        with contextlib.suppress(ClaimError):
            return await charging(world, yes=charges, within_s=5)
    raise ClaimError(f"a card makes it charge: {charges}")


async def settled(world: World, count: int) -> list[Json]:
    async def all_ended() -> list[Json] | None:
        found: list[Json] = await world.api("transactions")
        return found if len(found) == count and all(one["ended_at"] for one in found) else None

    return await until(f"{count} transactions have ended", all_ended, 40)


@pytest.mark.slow
@pytest.mark.system
@pytest.mark.timeout(180)
def test_every_wh_once_online_offline_and_through_restarts(tmp_path: Path) -> None:
    async def work() -> None:
        async with stage(tmp_path) as (world, agent):
            await agent.fact("boot_accepted", 0, 30)
            before = (await world.evse())["register_wh"]
            await world.act("plug")
            await tap_until(world, charges=True)
            await drawn(world, 5)
            await tap_until(world, charges=False)
            await world.act("unplug")
            await settled(world, 1)

            await world.act("link", state="cut")
            await asyncio.sleep(1)
            await world.act("plug")
            await tap_until(world, charges=True)
            await drawn(world, 5)
            await killed(agent)
            await drawn(world, 5)
            await tap_until(world, charges=False)
            await world.act("unplug")
            await asyncio.sleep(1)
            await world.act("plug")
            await tap_until(world, charges=True)
            await drawn(world, 3)
            assert len(await world.api("transactions")) == 1

            await world.act("link", state="open")
            await drawn(world, 5)
            await killed(agent)
            await drawn(world, 3)
            await world.act("unplug")
            told = await settled(world, 3)
            register = (await world.evse())["register_wh"]
            assert sum(one["meter_stop_wh"] - one["meter_start_wh"] for one in told) == register - before
            bounds = sorted((one["meter_start_wh"], one["meter_stop_wh"]) for one in told)
            assert all(end <= begin for (_, end), (begin, _) in pairwise(bounds))
            assert all(one["state"] != "held" for one in told), told
        log = (tmp_path / "station.log").read_text() + (tmp_path / "backend.log").read_text()
        for word in ("Traceback", CARD, "csms_breaks_protocol", "delivery parked"):
            assert word not in log

    asyncio.run(work())
