"""The German tables against the sentences in the code: none is missing, none is left over."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from station.german import SENTENCES, both, german, said

ROOT = Path(__file__).parents[3]
FACT = re.compile(r"\{\w*\}")
OF_PROGRAMMERS = {"IllegalMoveError", "OcmfError"}
"""No person at a station meets these."""


def sources() -> Iterator[ast.Module]:
    for package in ("hardware", "shared", "station"):
        for file in sorted((ROOT / package).rglob("*.py")):
            if not file.name.startswith("german"):
                yield ast.parse(file.read_text("utf-8"))


def shape(node: ast.AST) -> str | None:
    """Give a text of the code with {} for each fact; None if it is no text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)  # type: ignore[misc]
    return None


def errors_of(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.ClassDef)} - OF_PROGRAMMERS


ERRORS = errors_of("hardware/errors.py") | errors_of("station/errors.py")
SHAPES = {FACT.sub("{}", english) for english in SENTENCES}


def raised() -> set[str]:
    """Collect the texts that errors are made with."""
    found = set()
    for tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS and node.args:
                found.add(shape(node.args[0]))
    return {text for text in found if text}


def test_every_error_that_a_person_may_meet_has_german() -> None:
    missing = {text for text in raised() if text not in SHAPES and re.search(r"[a-z]{3}", FACT.sub("", text))}
    assert not missing, "give these their German in station/german_hardware.py or station/german_agent.py"


def test_no_sentence_is_left_over() -> None:
    from station.german_agent import SYSTEM

    spoken = {FACT.sub("{}", text) for tree in sources() for node in ast.walk(tree) if (text := shape(node))}
    left = {english for english in SENTENCES if FACT.sub("{}", english) not in spoken and english not in SYSTEM}
    assert not left, "no code says these any more"


@pytest.mark.parametrize("english", SENTENCES)
def test_a_sentence_keeps_its_facts(english: str) -> None:
    translation = SENTENCES[english]
    assert sorted(set(FACT.findall(english))) == sorted(set(FACT.findall(translation)))
    assert translation != english or english.startswith("{")


@pytest.mark.parametrize(
    ("english", "wanted"),
    [
        (
            (
                "/dev/ttyUSB0 does not exist: check the cable and the setting port of bus main; present ports: "
                "/dev/ttyS0"
            ),
            "/dev/ttyUSB0 gibt es nicht: Kabel und Einstellung port of bus main prüfen; vorhanden: /dev/ttyS0",
        ),
        (
            (
                "no answer from Modbus address 1 on /dev/ttyS1 at 9600 baud 8N1: swap A and B, then check address, "
                "baud rate and parity, and the supply"
            ),
            (
                "keine Antwort von Modbus-Adresse 1 an /dev/ttyS1 mit 9600 baud 8N1: A und B tauschen, dann Adresse, "
                "Baudrate und Parität prüfen, und die Versorgung"
            ),
        ),
        (
            (
                "Modbus address 7 on tcp://10.0.0.5:502 refuses the read of register 4000: it has no such register. "
                "Check the configured model"
            ),
            (
                "Modbus-Adresse 7 an tcp://10.0.0.5:502 lehnt ab (Lesen von Register 4000): es hat dieses Register "
                "nicht. Eingestelltes Modell prüfen"
            ),
        ),
        (
            ("modem at /dev/ttyUSB2, 115200 baud: there is no SIM; insert one, contacts first, and check the holder"),
            (
                "Modem an /dev/ttyUSB2, 115200 Baud: es ist keine SIM da; mit den Kontakten voran einlegen und den "
                "Halter prüfen"
            ),
        ),
        (
            (
                "not connected: the central system refuses with HTTP 401: check csms.password and "
                "identity.charge_point_id"
            ),
            ("nicht verbunden (die Zentrale lehnt ab mit HTTP 401: csms.password und identity.charge_point_id prüfen)"),
        ),
        ("the card is expired", "die Karte ist abgelaufen"),
        (
            "not connected: example.com:9000 can't be reached: Connection refused",
            "nicht verbunden (example.com:9000 ist nicht erreichbar: dort nimmt niemand Verbindungen an)",
        ),
        (
            "the EVSE board at Modbus address 1 keeps 16 A instead of 6 A: check its own settings",
            "die Ladesteuerung an Modbus-Adresse 1 behält 16 A statt 6 A: ihre eigenen Einstellungen prüfen",
        ),
        (
            (
                "this needs the devices for itself, but the journal /var/j.sqlite is in use by another agent: stop "
                "that one first. systemctl stop emops-station stops the agent (a running transaction goes on when it "
                "starts again)"
            ),
            (
                "dies braucht die Geräte für sich, aber das Journal /var/j.sqlite benutzt schon ein anderes "
                "Stationsprogramm: dieses erst anhalten. systemctl stop emops-station hält das Stationsprogramm an "
                "(ein laufender Ladevorgang geht nach dem Start weiter)"
            ),
        ),
    ],
)
def test_a_sentence_of_facts_is_said_in_german(english: str, wanted: str) -> None:
    assert german(english) == wanted
    assert said(english, "en") == english
    assert both(english).of("de") == wanted


@pytest.mark.parametrize(
    "text", ["", "InternalError", "a: b: c", "x" * 100_000, ": " * 20_000, ": " * 200, "{path}", "no answer to {0}"]
)
def test_what_is_unknown_stays_as_it_is(text: str) -> None:
    assert german(text) == text
