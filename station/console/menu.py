"""The commands of the console: a table. Each is chosen by its number or by a word, English or German, or its begin."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.clock import Clock
from station.console.terminal import Terminal
from station.core.pins import Role
from station.field.text import NOTHING, Text
from station.service_client import Service
from station.settings import StationSettings

WHICH_EVSE = Text("Which EVSE (charging place)?", "Welcher Ladepunkt?")


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who has logged in, and what the commands work with.

    Args:
        who: name for the log.
        trouble: why the configuration file can't be used, empty if it can; `settings` are older ones then.
    """

    terminal: Terminal
    service: Service
    settings: StationSettings
    config: Path
    role: Role
    who: str
    clock: Clock
    trouble: str = ""


Run = Callable[[Visit, Sequence[str]], Awaitable[None]]
"""Does a command; the words are what was typed behind it."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command.

    Args:
        name: what is typed, in both languages.
        help: one line for the menu.
        run: what it does.
        role: who may.
        more: what `help` tells besides, in whole sentences.
        parts: commands below this one; without words behind it they are offered as a menu.
    """

    name: Text
    help: Text
    run: Run | None = None
    role: Role = Role.TECHNICIAN
    more: Text = NOTHING
    parts: tuple["Command", ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody typed: the command, its name for the log, and the words behind it."""

    command: Command
    name: str
    words: tuple[str, ...] = ()


def find(typed: str, commands: Sequence[Command]) -> Choice | None:
    """Find what is meant; None if nothing is, or if more than one could be."""
    first, *words = typed.split() or [""]
    command = _one(first, commands)
    if command is None:
        return None
    if command.parts and words and (part := _one(words[0], command.parts)):
        return Choice(part, f"{command.name.en} {part.name.en}", tuple(words[1:]))
    return Choice(command, command.name.en, tuple(words))


def _one(word: str, commands: Sequence[Command]) -> Command | None:
    word = _plain(word)
    if word.isascii() and word.isdecimal():
        number = int(word[:4])
        return commands[number - 1] if 1 <= number <= len(commands) else None
    names = [(command, {_plain(command.name.en), _plain(command.name.de)}) for command in commands]
    whole = [command for command, known in names if word in known]
    begun = [command for command, known in names if word and any(name.startswith(word) for name in known)]
    found = whole or begun
    return found[0] if len(found) == 1 else None


def _plain(word: str) -> str:
    """Make the ways in which one types an umlaut alike."""
    return word.casefold().replace("ä", "ae").replace("ö", "oe").replace("ü", "ue").replace("ß", "ss")


def menu_lines(commands: Sequence[Command], language: str, role: Role) -> list[str]:
    """Write the menu: number, word, meaning. What the role may not do is left out, numbers stay the same."""
    width = max(len(command.name.of(language)) for command in commands)
    return [
        f" {number:>2}  {command.name.of(language):<{width}}  {command.help.of(language)}"
        for number, command in enumerate(commands, 1)
        if command.role <= role
    ]
