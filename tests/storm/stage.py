"""The stage of a storm: one backend, and per version of OCPP a simulated site with two EVSEs and the agent there."""

import asyncio
import socket
import subprocess
import sys
from asyncio.subprocess import DEVNULL, Process
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from simulators.demo.programs import Program
from simulators.demo.world import World

CARD = "04A1B2C3D4"
PASSWORD = "storm-and-rain-only"

BACKEND = """
[server]
ocpp_port = $ocpp
web_port = $web
[store]
path = "$folder/backend.sqlite"
"""
STATION_ENTRY = """
[[charge_point]]
id = "$name"
operator = "stadtwerk"
password = "$password"
"""
SIM = """
[bus]
link = "$folder/bus"
baud = 38400
[[evse]]
meter_address = 11
board_address = 21
register_file = "$folder/meter1.json"
[[evse]]
meter_address = 12
board_address = 22
register_file = "$folder/meter2.json"
[modem]
link = "$folder/modem"
[[reader]]
link = "$folder/reader1"
[[reader]]
link = "$folder/reader2"
[relay]
target = "127.0.0.1:$ocpp"
port = $relay
[mailbox]
port = 0
folder = "$folder/mailbox"
[control]
port = $control
"""
STATION = """
[identity]
charge_point_id = "$name"
[time]
clock_trusted = false
[csms]
version = "$version"
url = "ws://127.0.0.1:$relay/ocpp"
password = "$password"
reply_timeout_s = 3
authorize_timeout_s = 1
retry_wait_s = 0.5
retry_random_s = 1
retry_doublings = 2
[journal]
path = "$folder/journal.sqlite"
[uplink]
bearer = "host"
[[bus]]
name = "rs485"
port = "$folder/bus"
baud = 38400
[[evse]]
id = 1
board_bus = "rs485"
board_address = 21
meter_bus = "rs485"
meter_address = 11
poll_s = 0.5
[[evse]]
id = 2
board_bus = "rs485"
board_address = 22
meter_bus = "rs485"
meter_address = 12
poll_s = 0.5
[[reader]]
port = "$folder/reader1"
evse = [1]
[[reader]]
port = "$folder/reader2"
evse = [2]
[[local_list]]
id_token = "04A1B2C3D4"
[ocpp]
MeterValueSampleInterval = 3
WebSocketPingInterval = 5
"""


class Agent:
    """The agent's process: killed with or without its machine, started again."""

    def __init__(self, config: Path, log: Path) -> None:
        self._config, self._log = config, log
        self._process: Process | None = None
        self._boot = 0
        self.starts = 0

    async def start(self, *, new_boot: bool) -> None:
        self._boot += new_boot
        self.starts += 1
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command("tests.storm.agent", str(self._config), f"boot-{self._boot}"), stdin=DEVNULL, stderr=log
            )

    async def kill(self) -> None:
        """Kill it at once; one that has ended by itself is a finding."""
        if self._process is None:
            return
        if self._process.returncode is not None:
            raise AssertionError(f"the agent has ended by itself, see {self._log}")
        self._process.kill()
        await self._process.wait()
        self._process = None


@dataclass(frozen=True, slots=True)
class Site:
    """One station and the world round it."""

    name: str
    version: str
    folder: Path
    world: World
    agent: Agent
    simulator: Program


def command(module: str, *words: str) -> list[str]:
    return [sys.executable, "-m", module, *words]


def make_sites(folder: Path, versions: list[str]) -> tuple[Program, list[Site]]:
    """Write all configurations and enter the stations at the backend; nothing runs yet."""
    names = ["ocpp", "web", *(f"{kind}{n}" for kind in ("relay", "control") for n in range(len(versions)))]
    ports = _free_ports(names)
    backend = {"folder": folder, "password": PASSWORD, **ports}
    config = _write(folder / "backend.toml", BACKEND, backend)
    operator = (files("simulators.demo") / "templates" / "operator.toml").read_text("utf-8")
    sites = []
    for n, version in enumerate(versions):
        home = folder / version
        home.mkdir()
        name = f"STORM-{n + 1}"
        values = {
            **backend,
            "folder": home,
            "name": name,
            "version": version,
            "relay": ports[f"relay{n}"],
            "control": ports[f"control{n}"],
        }
        sim = _write(home / "sim.toml", SIM, values)
        agent = Agent(_write(home / "station.toml", STATION, values), home / "agent.log")
        simulator = Program(
            "sim", command("simulators", "serve", "--config", str(sim)), "emops-sim ready", home / "sim.log", _died
        )
        world = World(f"http://127.0.0.1:{values['control']}", f"http://127.0.0.1:{ports['web']}", home)
        sites.append(Site(name, version, home, world, agent, simulator))
        operator += Template(STATION_ENTRY).substitute(values)
    (folder / "operator.toml").write_text(operator, "utf-8")
    apply = command("backend", "apply", "--config", str(config), str(folder / "operator.toml"))
    subprocess.run(apply, check=True, stdout=subprocess.DEVNULL)
    serve = command("backend", "serve", "--config", str(config))
    return Program("backend", serve, "emops-backend ready", folder / "backend.log", _died), sites


def _died(name: str, status: int) -> None:
    raise AssertionError(f"{name} has ended by itself with status {status}")


def _write(path: Path, template: str, values: dict[str, object]) -> Path:
    path.write_text(Template(template).substitute(values), "utf-8")
    return path


def _free_ports(names: list[str]) -> dict[str, int]:
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in names]
        return {name: one.getsockname()[1] for name, one in zip(names, held, strict=True)}
