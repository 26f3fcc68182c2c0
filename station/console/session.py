"""One person's visit: greeting, log-in, and commands until it ends."""

import asyncio
import math
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from hardware.errors import HardwareError
from shared.clock import Clock
from shared.config import ConfigError
from shared.log import Log
from station.console.commands import COMMANDS, HELP, LANGUAGE
from station.console.config_files import load_or_previous
from station.console.lines import Line
from station.console.login import Guard, Moment, TriesFile, log_in
from station.console.menu import Choice, Command, Visit, find, menu_lines
from station.console.terminal import Idle, Stopped, Terminal
from station.core.pins import Role
from station.errors import StationError
from station.field.text import Text
from station.german import said
from station.service import socket_path
from station.service_client import ServiceClient
from station.settings import StationSettings

LOGIN_S = 60.0
"""The PIN is waited for so long."""

_LOG = Log("station.console")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the console is.

    Args:
        config: the configuration file.
        clock: world time, here for the uptime.
        boot: kernel's id of this boot.
        owner: name of the user whose shell it was started from; empty on a serial port, where nobody is known.
        plain: the terminal is not asked what it understands: ASCII without ANSI.
        tries: the wrong PINs so far.
    """

    config: Path
    clock: Clock
    boot: str
    owner: str = ""
    plain: bool = False
    tries: TriesFile = field(default_factory=TriesFile)


async def serve(line: Line, place: Place) -> bool:
    """Serve a person until it leaves; on a serial port wait for somebody first.

    Returns:
        Whether the line is still there.
    """
    async with asyncio.TaskGroup() as group:
        terminal = Terminal(line, language="de", idle_s=math.inf)
        listener = group.create_task(terminal.listen())
        try:
            if not place.owner:
                await terminal.stroke()
                terminal.forget_typed()
            await _visit(terminal, place)
        except Idle:
            _LOG.info("console_left", line=line.name, reason="idle")
            return True
        except EOFError as error:
            _LOG.info("console_left", line=line.name, reason=error or "log-out")
            return terminal.is_there
        finally:
            listener.cancel()
    return True


async def _visit(terminal: Terminal, place: Place) -> None:
    settings, trouble = load_or_previous(place.config)
    terminal.language = settings.console.language
    terminal.idle_s = LOGIN_S
    if not place.plain:
        await terminal.detect()
    await terminal.say()
    await terminal.say(f"emops-station {version('emops')}   {settings.identity.charge_point_id}")
    if trouble:
        await terminal.tell(_WRONG_FILE)
        await terminal.say(trouble)
    found = await _role(terminal, place, settings)
    if found is None:
        return
    role, who = found
    terminal.idle_s = settings.console.idle_s
    _LOG.info("console_login", who=who, role=role.name.lower())
    service = ServiceClient(socket_path(settings.journal.path, settings.service.socket))
    visit = Visit(terminal, service, settings, place.config, role, who, place.clock, trouble)
    await _show_menu(visit)
    try:
        await _commands(visit)
    except Idle:
        await terminal.tell(_IDLE)
        raise


async def _role(terminal: Terminal, place: Place, settings: StationSettings) -> tuple[Role, str] | None:
    pins = settings.console.pins
    if pins:
        path = settings.journal.path
        guard = Guard(
            place.tries, path.with_name(path.name + ".tries"), lambda: Moment(place.boot, place.clock.uptime())
        )
        return await log_in(terminal, pins, guard)
    if place.owner:
        # Whoever has the agent's own shell could as well change the file.
        return Role.SPECIALIST, place.owner
    await terminal.tell(_NO_PINS)
    return Role.GUEST, "guest"


async def _commands(visit: Visit) -> None:
    terminal = visit.terminal
    while True:
        await terminal.say()
        try:
            typed = await terminal.ask(terminal.pick(_PROMPT))
        except Stopped:
            continue
        if typed.casefold() in _LEAVE:
            await terminal.tell(_BYE)
            return
        if not typed:
            await _show_menu(visit)
            continue
        choice = find(typed, COMMANDS)
        if choice is None:
            await terminal.tell(_UNKNOWN)
            continue
        await _run(visit, choice)


async def _run(visit: Visit, choice: Choice) -> None:
    """Do a command. Ctrl-C ends it, and what goes wrong in it is said: the visit goes on."""
    terminal = visit.terminal
    if choice.command.role > visit.role:
        await terminal.tell(_NOT_ALLOWED)
        return
    _LOG.info("console_command", who=visit.who, role=visit.role.name.lower(), command=choice.name)
    work = asyncio.ensure_future(_do(visit, choice))
    terminal.on_stop = work.cancel
    try:
        await asyncio.wait({work})
    finally:
        terminal.on_stop = None
        work.cancel()
    try:
        if not work.cancelled():
            work.result()
            return
    except Stopped:
        pass
    except (StationError, HardwareError, ConfigError, OSError, TimeoutError) as error:
        if isinstance(error, OSError) and not terminal.is_there:
            raise EOFError(str(error)) from error
        await terminal.say(f"{terminal.pick(_FAILED)}: {said(str(error), terminal.language)}")
        return
    await terminal.say()
    await terminal.tell(_STOPPED)


async def _do(visit: Visit, choice: Choice) -> None:
    command, terminal = choice.command, visit.terminal
    if command is LANGUAGE:
        terminal.language = "en" if terminal.language == "de" else "de"
        await _show_menu(visit)
    elif command is HELP:
        await _help(visit, " ".join(choice.words))
    elif command.parts:
        await _choose_part(visit, choice)
    elif command.run:
        await command.run(visit, choice.words)


async def _choose_part(visit: Visit, choice: Choice) -> None:
    terminal = visit.terminal
    await terminal.show(menu_lines(choice.command.parts, terminal.language, visit.role))
    typed = await terminal.ask(terminal.pick(_PART))
    if typed.casefold() in _LEAVE or not typed:
        return
    part = find(typed, choice.command.parts)
    if part is None:
        await terminal.tell(_UNKNOWN)
    elif part.command.role > visit.role:
        await terminal.tell(_NOT_ALLOWED)
    else:
        _LOG.info("console_command", who=visit.who, role=visit.role.name.lower(), command=f"{choice.name} {part.name}")
        await _do(visit, part)


async def _show_menu(visit: Visit) -> None:
    terminal = visit.terminal
    await terminal.say()
    await terminal.show([*menu_lines(COMMANDS, terminal.language, visit.role), terminal.pick(_QUIT)])


async def _help(visit: Visit, word: str) -> None:
    terminal, language = visit.terminal, visit.terminal.language
    choice = find(word, COMMANDS) if word else None
    if choice is None:
        await _show_menu(visit)
        await terminal.tell(_HOW)
        return
    await terminal.show(_about(choice.command, language, visit.role))


def _about(command: Command, language: str, role: Role) -> list[str]:
    lines = [f"{command.name.of(language)}: {command.help.of(language)}"]
    if more := command.more.of(language):
        lines.append(more)
    if command.role > role:
        lines.append(_NOT_ALLOWED.of(language))
    return lines + (menu_lines(command.parts, language, role) if command.parts else [])


_LEAVE = frozenset({"0", "q", "quit", "exit", "ende", "abmelden", "logout"})
_PROMPT = Text("Number or word", "Nummer oder Wort")
_PART = Text("Number or word (0 = back)", "Nummer oder Wort (0 = zurück)")
_QUIT = Text("  0  log out", "  0  abmelden")
_UNKNOWN = Text("That is no command here. Enter shows the menu.", "Das ist hier kein Befehl. Enter zeigt das Menü.")
_NOT_ALLOWED = Text("This needs a specialist's PIN.", "Das erfordert die PIN einer Fachkraft.")
_WRONG_FILE = Text(
    "THE CONFIGURATION FILE IS WRONG, the one before is used here. `config rollback` goes back:",
    "DIE KONFIGURATION IST FALSCH, hier gilt die davor. `einstellungen zurück` hilft:",
)
_FAILED = Text("NOT DONE", "NICHT ERLEDIGT")
_STOPPED = Text("(stopped)", "(abgebrochen)")
_IDLE = Text("Logged out, because no key was pressed.", "Abgemeldet, weil keine Taste gedrückt wurde.")
_BYE = Text("Logged out.", "Abgemeldet.")
_NO_PINS = Text(
    "No PIN is set up: you can look, nothing more. `emops-station console hash-pin` makes one for console.pins.",
    "Es ist keine PIN eingerichtet: nur Ansehen ist möglich. `emops-station console hash-pin` macht eine.",
)
_HOW = Text(
    "Type a number or the begin of a word. Ctrl-C or Esc stops what runs. `help meter` tells more of a command.",
    "Nummer oder Wortanfang eintippen. Strg-C oder Esc bricht ab. `hilfe zähler` sagt mehr über einen Befehl.",
)
