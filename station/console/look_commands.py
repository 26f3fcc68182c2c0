"""Commands that look and change nothing."""

import asyncio
from collections.abc import Sequence
from shutil import which

from station.console.menu import Visit
from station.console.screen import table
from station.console.views import bus_lines, evse_lines, log_line, meter_lines, status_lines, why_lines
from station.data_view import data_lines
from station.errors import ServiceError
from station.field.text import Text
from station.german import said
from station.link_view import link_lines
from station.report import Status, status_of

REFRESH_S = 1.0
PROGRAM_S = 10.0
"""journalctl and ip answer in less."""
LOG_LINES = 20


async def _status(visit: Visit) -> Status:
    """Ask the agent; if it is down, tell what its files say, and say so."""
    try:
        return await visit.service.call("status")
    except ServiceError as error:
        await visit.terminal.say(f"({said(str(error), visit.terminal.language)})")
        await visit.terminal.tell(_FROM_FILES)
        return {**status_of(visit.settings), "running": False}


async def status(visit: Visit, _words: Sequence[str]) -> None:
    """Show how the station stands."""
    await visit.terminal.show(status_lines(await _status(visit), visit.terminal.language))


async def data(visit: Visit, _words: Sequence[str]) -> None:
    """Show what the mobile link costs."""
    account = (await _status(visit)).get("data", {})
    await visit.terminal.show(table(data_lines(account, visit.terminal.language)))


async def why(visit: Visit, _words: Sequence[str]) -> None:
    """Say why it does not charge or deliver."""
    await visit.terminal.show(why_lines(await _status(visit), visit.terminal.language))


async def meter(visit: Visit, _words: Sequence[str]) -> None:
    """Show the meters' values every second."""
    terminal = visit.terminal
    await terminal.tell(_ANY_KEY)
    while True:
        lines = meter_lines(await visit.service.call("meters"), terminal.language)
        if await terminal.live(lines, for_s=REFRESH_S):
            return


async def buses(visit: Visit, _words: Sequence[str]) -> None:
    """Show how well the devices on the Modbus lines answer."""
    await visit.terminal.show(bus_lines(await visit.service.call("meters"), visit.terminal.language))


async def evse(visit: Visit, _words: Sequence[str]) -> None:
    """Show the EVSEs."""
    await visit.terminal.show(evse_lines(await visit.service.call("evse"), visit.terminal.language))


async def network(visit: Visit, _words: Sequence[str]) -> None:
    """Show how the station reaches the central system."""
    terminal, settings = visit.terminal, visit.settings
    bearer = Text("the modem", "das Modem") if settings.uplink.bearer == "modem" else Text("the host", "den Rechner")
    state = await _status(visit)
    await terminal.show(
        [
            f"{terminal.pick(_CENTRAL)}: {settings.csms.url}",
            f"{terminal.pick(_WAY)}: {terminal.pick(bearer)}",
            f"{terminal.pick(_LINK)}: {said(state['csms'], terminal.language)}",
            "",
            terminal.pick(_ADDRESSES),
            *(line for line in await _output("ip", "-brief", "address") if "/" in line),
            *(await _output("ip", "route", "show", "default")),
            "",
            *(link_lines(state["uplink"], terminal.language) if state.get("uplink") else ()),
        ]
    )


async def log(visit: Visit, words: Sequence[str]) -> None:
    """Show the last lines of the log; words behind it choose those that hold them."""
    wanted = " ".join(words)
    try:
        facts = await visit.service.call("log", {"limit": LOG_LINES, "words": wanted})
        lines = facts["lines"]
    except ServiceError as error:
        await visit.terminal.say(f"({said(str(error), visit.terminal.language)})")
        lines = await _output(
            "journalctl", "--unit", visit.settings.console.unit, "--lines", "200", "--output", "cat", "--no-pager"
        )
        lines = [line for line in lines if wanted.casefold() in line.casefold()][-LOG_LINES:]
    await visit.terminal.show([*map(log_line, lines)] or [visit.terminal.pick(_NO_LINES)])


async def follow(visit: Visit, words: Sequence[str]) -> None:
    """Show lines of the log as they come, until a key is pressed."""
    terminal = visit.terminal
    await terminal.tell(_ANY_KEY)
    last = (await visit.service.call("log", {"limit": 0}))["last"]
    while await terminal.stroke(REFRESH_S) is None:
        facts = await visit.service.call("log", {"after": last, "limit": LOG_LINES, "words": " ".join(words)})
        last = facts["last"]
        for line in facts["lines"]:
            await terminal.say(log_line(line))


async def _output(*command: str) -> list[str]:
    """Run a program of the system and give its lines."""
    if which(command[0]) is None:
        return [f"({command[0]} is not installed)"]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(PROGRAM_S):
            out, _ = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    return out.decode("utf-8", "replace").splitlines()


_FROM_FILES = Text("(It stood like this when it ran last:)", "(So stand es, als es zuletzt lief:)")
_ANY_KEY = Text("Any key ends this.", "Ende mit beliebiger Taste.")
_CENTRAL = Text("Central system", "Zentrale")
_WAY = Text("Through", "Weg über")
_LINK = Text("Connection", "Verbindung")
_ADDRESSES = Text("Addresses of this controller:", "Adressen dieser Steuerung:")
_NO_LINES = Text("(no line of the log fits)", "(keine Zeile passt)")
