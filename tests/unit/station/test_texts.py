"""Every text that a technician reads exists in both languages, and what stands in one line fits the terminal."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from station.console.commands import COMMANDS
from station.console.menu import Command, menu_lines
from station.console.screen import WIDTH, Screen, to_ascii
from station.core.pins import Role
from station.field.antenna import signal_lines
from station.wording import FAULTS, PILOT, REGISTRATION, STATUS, TIME

ROOT = Path(__file__).parents[3]
LANGUAGES = ("de", "en")


def texts() -> Iterator[tuple[str, ast.expr, ast.expr]]:
    """Give each Text in the code with its place."""
    for file in sorted((ROOT / "station").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Text":
                yield f"{file.name}:{node.lineno}", node.args[0], node.args[1]


def facts(node: ast.expr) -> set[str]:
    parts = node.values if isinstance(node, ast.JoinedStr) else []
    return {ast.unparse(part.value) for part in parts if isinstance(part, ast.FormattedValue)}


def test_every_text_is_there_twice_and_tells_the_same_facts() -> None:
    found = list(texts())
    assert len(found) > 200
    for place, english, german in found:
        for text in (english, german):
            assert not isinstance(text, ast.Constant) or text.value or ast.unparse(english) == ast.unparse(german), (
                place
            )
        if isinstance(english, ast.JoinedStr) and isinstance(german, ast.JoinedStr):
            assert len(facts(english)) == len(facts(german)), place


def test_german_speaks_of_one_thing_with_one_word() -> None:
    said = [(place, ast.unparse(german)) for place, _, german in texts()]
    assert not [one for one in said if re.search(r"\b(Agent|Ladecontroller|Backend|EVSE \{)", one[1])]


def menus() -> Iterator[tuple[Command, ...]]:
    yield COMMANDS
    yield from (command.parts for command in COMMANDS if command.parts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_line_of_a_menu_fits_the_terminal_also_without_umlauts(language: str) -> None:
    for parts in menus():
        for line in menu_lines(parts, language, Role.SPECIALIST):
            assert len(to_ascii(line)) <= WIDTH, line
            assert Screen().lines(line) == [Screen().fit(line).rstrip()], "not wrapped"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_for_states_leave_room_for_their_row(language: str) -> None:
    for table in (STATUS, PILOT, REGISTRATION, TIME):
        for name, text in table.items():
            assert len(to_ascii(text.of(language))) <= WIDTH - len("  Stationsprogramm  "), name
    for name, text in FAULTS.items():
        assert all(len(line) <= WIDTH for line in Screen().lines(f"  FAULT  {text.of(language)}")), name


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("dbm", [None, -140, -113, -80, -51, 0])
def test_the_signal_fits_whatever_it_is(language: str, dbm: int | None) -> None:
    facts = {"signal_dbm": dbm, "registration": "not searching", "operator": "Example Mobil", "trouble": ""}
    lines = signal_lines(facts, dbm, language)
    assert len(lines) == 4
    assert max(len(to_ascii(line)) for line in lines) <= WIDTH
