"""Commands are found by number, word and begin of a word, in both languages."""

import pytest

from station.console.commands import COMMANDS
from station.console.menu import Command, find, menu_lines
from station.console.screen import WIDTH
from station.core.pins import Role


def every(commands: tuple[Command, ...] = COMMANDS) -> list[Command]:
    return [one for command in commands for one in (command, *every(command.parts))]


@pytest.mark.parametrize(
    ("typed", "name", "words"),
    [
        ("1", "status", ()),
        ("status", "status", ()),
        ("STATUS", "status", ()),
        ("warum", "why", ()),
        ("w", "why", None),
        ("zähler live", "meter live", ()),
        ("zaehler 1", "meter live", ()),
        ("config set modem.apn a b", "config set", ("modem.apn", "a", "b")),
        ("9 3", "config rollback", ()),
        ("log last modem", "log last", ("modem",)),
        ("meter", "meter", ()),
        ("meter nonsense", "meter", ("nonsense",)),
    ],
)
def test_what_is_typed_is_found(typed: str, name: str, words: tuple[str, ...] | None) -> None:
    choice = find(typed, COMMANDS)
    if words is None:
        assert choice is None or choice.name == name
        return
    assert choice is not None
    assert (choice.name, choice.words) == (name, words)


@pytest.mark.parametrize("typed", ["", " ", "99", "0", "-1", "xyz", "²", "9" * 5000, "m", "\u0661"])
def test_what_is_meant_by_nobody_is_not_found(typed: str) -> None:
    assert find(typed, COMMANDS) is None


def test_names_are_unlike() -> None:
    for commands in [COMMANDS, *(command.parts for command in COMMANDS if command.parts)]:
        for language in ("de", "en"):
            names = [command.name.of(language) for command in commands]
            assert len(set(names)) == len(names)
            for name in names:
                assert find(name, commands) is not None, name


def test_every_command_has_help_in_both_languages_that_fits_a_line() -> None:
    for command in every():
        assert command.help.en
        assert command.help.de
        assert bool(command.more.en) == bool(command.more.de)
    for language in ("de", "en"):
        lines = menu_lines(COMMANDS, language, Role.SPECIALIST)
        assert len(lines) <= 21
        assert max(map(len, lines)) <= WIDTH


def test_a_role_sees_what_it_may_under_the_same_numbers() -> None:
    guest = menu_lines(COMMANDS, "en", Role.GUEST)
    assert [line.split()[1] for line in guest] == ["status", "why", "language", "help"]
    assert (
        set(guest) < set(menu_lines(COMMANDS, "en", Role.TECHNICIAN)) < set(menu_lines(COMMANDS, "en", Role.SPECIALIST))
    )


def test_dangerous_commands_want_a_specialist() -> None:
    dangerous = {
        "evse contactor",
        "evse rcd",
        "evse clear",
        "config set",
        "config rollback",
        "update install",
        "restart",
    }
    for name in dangerous:
        choice = find(name, COMMANDS)
        assert choice is not None
        assert choice.command.role is Role.SPECIALIST, name
