"""Stages the story: writes the configuration files, starts the programs, has the story told, ends the programs.

The files in the demonstration's folder are what a user could copy: `sim.toml`, `backend.toml`, `operator.toml` and
`station.toml`.
"""

import asyncio
import contextlib
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from string import Template
from zoneinfo import ZoneInfo

from shared.clock import TimeLapse
from shared.config import ConfigError
from simulators.demo.narrator import Narrator
from simulators.demo.programs import Program
from simulators.demo.story import Story
from simulators.demo.world import ClaimError, World

ZONE = ZoneInfo("Europe/Berlin")
SPEED = 400.0
"""World seconds per second: an evening of five hours fits into three quarters of a minute."""

EVENING = timedelta(hours=4, minutes=40)
"""World time from the first line to midnight: 42 s. The charges need 25 s; the rest is room for slow machines."""

NIGHT_BEFORE_MIDNIGHT = timedelta(hours=2)
"""Late enough that a slow machine has begun the first charge by day."""
_READY_WITHIN_S = 60.0
"""Programs start within a few seconds; on a machine that is busy otherwise they need longer."""
_PORTS = {"ocpp": 9000, "web": 8080, "control": 8190, "smtp": 2525}
_MARK = ".emops-demo"
"""File that says that a folder is a demonstration's, to be emptied by the next one."""
_CONFIGURATIONS = ("sim.toml", "backend.toml", "operator.toml", "station.toml")


@dataclass(frozen=True, slots=True)
class Stage:
    """Where and when the story plays.

    Args:
        folder: of configuration, logs, databases and mails.
        clock: world time.
        midnight: world time at which the month ends.
        ports: free TCP ports on the loopback by name: ocpp, web, control, smtp.
    """

    folder: Path
    clock: TimeLapse
    midnight: datetime
    ports: dict[str, int]

    def log(self, program: str) -> Path:
        """The log file of a program."""
        return self.folder / "log" / f"{program}.log"


def set_stage(folder: Path, speed: float, *, usual_ports: bool = False) -> Stage:
    """Empty the folder, choose ports and times, and write the configuration files.

    Args:
        folder: see run.
        speed: see run.
        usual_ports: take the ports that the documents name where they are free, instead of any.

    Raises:
        ConfigError: the folder holds something that is not an earlier demonstration's.
    """
    folder = folder.resolve()
    if folder.exists():
        if any(folder.iterdir()) and not (folder / _MARK).exists():
            raise ConfigError(f"{folder} is not a demonstration's folder and would be emptied: name another with --dir")
        shutil.rmtree(folder)
    for name in ("run", "log", "mailbox"):
        (folder / name).mkdir(parents=True)
    (folder / _MARK).touch()
    origin = datetime.now(UTC)
    # The last day of last month: whatever day it is, the invoice is for a month that has ended.
    midnight = origin.astimezone(ZONE).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    epoch = (midnight - EVENING).astimezone(UTC)
    stage = Stage(
        folder,
        TimeLapse(epoch, origin, speed),
        midnight,
        _free_ports(_PORTS if usual_ports else dict.fromkeys(_PORTS, 0)),
    )
    values: dict[str, object] = {f"{name}_port": port for name, port in stage.ports.items()}
    values |= {"folder": folder, "rate": speed, "epoch": epoch.isoformat(), "origin": origin.isoformat()}
    for name in _CONFIGURATIONS:
        template = Template((files("simulators.demo") / "templates" / name).read_text("utf-8"))
        (folder / name).write_text(template.substitute(values), "utf-8")
    return stage


async def run(folder: Path, *, speed: float, once: bool) -> int:
    """Play the demonstration; gives the exit status.

    Args:
        folder: is emptied first if it is an earlier demonstration's.
        speed: world seconds per second.
        once: end after the story instead of staying up for a look at the pages.
    """
    # What ends by itself may run beside others of its kind, and those must not choose the same ports.
    stage = set_stage(folder, speed, usual_ports=not once)
    narrator = Narrator(stage.clock, ZONE)
    web = f"http://127.0.0.1:{stage.ports['web']}"
    narrator.title("emops: from the meter's register, over a modem in bad coverage, to an invoice in a mailbox")
    narrator.note(f"Watch it live: {web}/    files: {stage.folder}    time runs {speed:.0f} times faster")

    def on_death(name: str, status: int) -> None:
        narrator.warn(f"{name} ended with status {status} and is started again; its log is {stage.log(name)}")

    programs = tuple(_program(stage, launch, on_death) for launch in _PROGRAMS)
    station = programs[-1]
    world = World(f"http://127.0.0.1:{stage.ports['control']}", web, stage.folder / "mailbox")
    night = stage.midnight - NIGHT_BEFORE_MIDNIGHT
    story = Story(world, stage.clock, station, narrator, night, stage.midnight, stage.folder / "invoice.pdf")
    status = 1
    async with asyncio.TaskGroup() as group:
        try:
            await _start(stage, group, programs)
            with _interruptible() as interrupted:
                telling = asyncio.ensure_future(story.tell())
                await asyncio.wait({telling, interrupted}, return_when=asyncio.FIRST_COMPLETED)
                if telling.done():
                    telling.result()
                    status = 0
                    if not once:
                        narrator.note(f"\nThe programs stay up: {web}/    Ctrl-C ends them.")
                        await interrupted
                else:
                    telling.cancel()
                    status = 130
        except ClaimError as error:
            narrator.fail(str(error))
            narrator.note(f"The logs are in {stage.folder / 'log'}")
        ended = [await program.stop() for program in reversed(programs)]
    if any(ended):
        narrator.fail(f"SIGTERM ends the programs within 5 s with status 0, not {ended}")
        return status or 1
    if status == 0:
        narrator.note("All programs ended in order.")
    return status


# Name, subcommand, configuration, line that says it is ready; in the order of their start.
_PROGRAMS = (
    ("emops-sim", "serve", "sim.toml", "emops-sim ready"),
    ("emops-backend", "serve", "backend.toml", "emops-backend ready"),
    ("emops-station", "run", "station.toml", ""),
)


def _program(stage: Stage, launch: tuple[str, str, str, str], on_death: Callable[[str, int], None]) -> Program:
    name, command, configuration, ready = launch
    line = [_console_command(name), command, "--config", str(stage.folder / configuration)]
    return Program(name, line, ready, stage.log(name), on_death)


def _console_command(name: str) -> str:
    """Find the installed command beside this interpreter."""
    return str(Path(sys.executable).parent / name)


async def _start(stage: Stage, group: asyncio.TaskGroup, programs: tuple[Program, ...]) -> None:
    backend = ["--config", str(stage.folder / "backend.toml")]
    apply = [_console_command("emops-backend"), "apply", *backend, str(stage.folder / "operator.toml")]
    applied = await asyncio.to_thread(subprocess.run, apply, check=False, stdout=subprocess.DEVNULL)
    if applied.returncode:
        raise ClaimError("the backend takes operator.toml (it says above why not)")
    *servers, station = programs
    for program in servers:
        group.create_task(program.run())
    try:
        for program in servers:
            await program.wait_ready(_READY_WITHIN_S)
        group.create_task(station.run())
        await station.fact("booted", 0, _READY_WITHIN_S)
    except TimeoutError as error:
        raise ClaimError(f"the programs start within {_READY_WITHIN_S:.0f} s") from error


@contextlib.contextmanager
def _interruptible() -> Iterator[asyncio.Future[None]]:
    loop = asyncio.get_running_loop()
    interrupted: asyncio.Future[None] = loop.create_future()

    def interrupt() -> None:
        if not interrupted.done():
            interrupted.set_result(None)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    try:
        yield interrupted
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _free_ports(wanted: dict[str, int]) -> dict[str, int]:
    """Choose the wanted ports where they are free, else any; all are held until each has one."""
    with contextlib.ExitStack() as stack:
        chosen = {}
        for name, port in wanted.items():
            try:
                held = socket.create_server(("127.0.0.1", port))
            except OSError:
                held = socket.create_server(("127.0.0.1", 0))
            chosen[name] = stack.enter_context(held).getsockname()[1]
        return chosen
