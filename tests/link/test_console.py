"""The console at a serial port (a pty): as a technician meets it, and as noise, pastes and pulled cables do."""

import asyncio
import logging
import os
import random
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest

from hardware.serial_port import SerialPort
from shared.clock import ManualClock
from shared.config import parse
from station.console import terminal
from station.console.lines import SerialLine
from station.console.session import Place, serve
from station.core.pins import hash_pin
from station.core.timekeeping import EARLIEST
from station.service import Service
from station.service_client import Facts
from station.settings import StationSettings
from tests.unit.station.site import SETTINGS, Site, station

PINS = """
[console]
language = "de"
[[console.pins]]
name = "Tina"
hash = "{technician}"
[[console.pins]]
name = "Sepp"
role = "specialist"
hash = "{specialist}"
"""
TECHNICIAN, SPECIALIST = "246810", "135797"
MENU_END = "Nummer oder Wort: "


@pytest.fixture(scope="module")
def pins() -> str:
    return PINS.format(technician=hash_pin(TECHNICIAN, bytes(16)), specialist=hash_pin(SPECIALIST, bytes(16)))


@pytest.fixture
def config(tmp_path: Path, pins: str) -> Path:
    path = tmp_path / "station.toml"
    path.write_text(SETTINGS.format(folder=tmp_path, port=9, sample_s=0) + pins)
    return path


def text_of(config: Path) -> str:
    return config.read_text()


class Technician:
    """The other end of the line. `screen` is all that came, without control sequences."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.raw = b""
        self._seen = 0
        self.answers: bytes = b""
        """What the terminal says when it is asked where its cursor is; empty = it does not understand."""

    @property
    def screen(self) -> str:
        return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", self.raw.decode("utf-8", "replace"))

    async def type(self, keys: str | bytes, *, enter: bool = True) -> None:
        data = keys.encode() if isinstance(keys, str) else keys
        data += b"\r" if enter else b""
        async with asyncio.timeout(20):
            while data:
                try:
                    data = data[os.write(self._fd, data[:4096]) :]
                except BlockingIOError:
                    await asyncio.sleep(0.001)
                self.listen()

    def listen(self) -> None:
        try:
            data = os.read(self._fd, 65536)
        except (BlockingIOError, OSError):
            return
        self.raw += data
        if b"\x1b[6n" in data and self.answers:
            os.write(self._fd, self.answers)

    async def sees(self, text: str, for_s: float = 5.0) -> str:
        """Wait for a text behind what was seen before, and give what came until then."""
        loop = asyncio.get_running_loop()
        until = loop.time() + for_s
        while True:
            self.listen()
            found = self.screen.find(text, self._seen)
            if found >= 0:
                part, self._seen = self.screen[self._seen : found], found + len(text)
                return part
            if loop.time() > until:
                raise AssertionError(f"{text!r} never came: {self.screen[self._seen :]!r}")
            await asyncio.sleep(0.005)

    async def log_in(self, pin: str = TECHNICIAN) -> None:
        await self.type("")
        await self.sees("PIN: ")
        await self.type(pin)
        await self.sees(MENU_END)


@contextmanager
def pty() -> Iterator[tuple[int, str]]:
    ours, theirs = os.openpty()
    os.set_blocking(ours, False)
    name = os.ttyname(theirs)
    try:
        yield ours, name
    finally:
        for fd in (ours, theirs):
            with suppress(OSError):
                os.close(fd)


@asynccontextmanager
async def console(
    config: Path, *, plain: bool = False, clock: ManualClock | None = None
) -> AsyncIterator[tuple[Technician, "asyncio.Task[bool]"]]:
    place = Place(config, clock or ManualClock(EARLIEST, 1000.0), "boot-a", plain=plain)
    with pty() as (fd, name):
        async with SerialPort.open(name, 115200) as port:
            task = asyncio.create_task(serve(SerialLine(port), place))
            try:
                yield Technician(fd), task
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


def test_a_technician_logs_in_looks_and_leaves(config: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with console(config) as (technician, task):
            await technician.log_in()
            await technician.type("status")
            assert "laeuft nicht" in await technician.sees("NICHT ERLEDIGT")
            await technician.sees(MENU_END)
            await technician.type("12 2")
            await technician.sees("PIN einer Fachkraft")
            await technician.type("quatsch")
            await technician.sees("kein Befehl")
            await technician.type("0")
            await technician.sees("Abgemeldet")
            assert await task is True

    with caplog.at_level(logging.INFO):
        asyncio.run(run())
    assert "console_login who=Tina role=technician" in caplog.text
    assert "command=status" in caplog.text
    assert TECHNICIAN not in caplog.text


def test_the_pin_is_never_echoed(config: Path) -> None:
    async def run() -> None:
        async with console(config) as (technician, _):
            await technician.log_in()
            assert TECHNICIAN not in technician.screen
            assert "******" in technician.screen

    asyncio.run(run())


def test_wrong_pins_lock_the_console_also_after_a_restart(config: Path) -> None:
    clock = ManualClock(EARLIEST, 1000.0)

    async def run() -> None:
        async with console(config, clock=clock) as (technician, _):
            await technician.type("")
            for _ in range(3):
                await technician.sees("PIN: ")
                await technician.type("999123")
                await technician.sees("falsch")
            await technician.sees("Gesperrt fuer 30 s")
            await technician.type(TECHNICIAN)  # forgotten
        async with console(config, clock=clock) as (technician, _):
            await technician.type("")
            await technician.sees("Gesperrt fuer 30 s")
        clock.advance(31)
        async with console(config, clock=clock) as (technician, _):
            await technician.log_in()
        async with console(config, clock=clock) as (technician, _):
            await technician.type("")
            await technician.sees("PIN: ")  # the right PIN has given all tries back
            await technician.type("999123")
            await technician.sees("falsch")
            await technician.sees("PIN: ")

    asyncio.run(run())


def test_a_full_disk_neither_locks_out_nor_lets_in(config: Path) -> None:
    """The file of the tries can't be written: a folder stands in its place."""
    config.with_name("journal.sqlite.tries").mkdir()

    async def run() -> None:
        async with console(config) as (technician, _):
            await technician.log_in()
            await technician.type("0")
        async with console(config) as (technician, _):
            await technician.type("")
            for _ in range(3):
                await technician.sees("PIN: ")
                await technician.type("999123")
                await technician.sees("falsch")
            await technician.sees("Gesperrt fuer 30 s")

    asyncio.run(run())


def test_noise_and_wrong_baud_rates_lock_nobody_out(config: Path) -> None:
    async def run() -> None:
        async with console(config) as (technician, task):
            await technician.type(random.Random(1).randbytes(30_000).replace(b"\x04", b""))
            await asyncio.sleep(0.5)
            await technician.type(b"\0" * 1000 + b"\x15")
            await technician.sees("PIN: ")
            await asyncio.sleep(0.1)
            await technician.type(b"\x15" + TECHNICIAN.encode())
            await technician.sees(MENU_END)
            assert not task.done()

    asyncio.run(run())


def test_a_paste_of_a_megabyte_is_dropped_as_a_whole(config: Path, caplog: pytest.LogCaptureFixture) -> None:
    evil = b"config set modem.apn evil\rj\rrestart\rj\rstatus\r"

    async def run() -> None:
        async with console(config) as (technician, _):
            await technician.log_in(SPECIALIST)
            await technician.type(evil * ((1 << 20) // len(evil)))
            await asyncio.sleep(0.5)
            await technician.type("hilfe meter")
            await technician.sees("zu viel auf einmal")
            await technician.type("hilfe modem")
            await technician.sees("dBm sagt")

    with caplog.at_level(logging.INFO):
        asyncio.run(run())
    assert "evil" not in config.read_text()
    assert "command=status" not in caplog.text
    assert "restart" not in caplog.text


def test_escape_sequences_are_no_commands(config: Path) -> None:
    async def run() -> None:
        async with console(config) as (technician, _):
            await technician.log_in()
            await technician.type(b"\x1b[2J\x1b]0;1\x07\x1b[1;1H\x1bP1;2q1\x1b\\\x1b[200~hilfe modem\x1b[201~")
            await technician.sees("dBm sagt")

    asyncio.run(run())


def test_a_question_is_not_answered_by_what_was_typed_before(config: Path) -> None:
    async def run() -> None:
        async with console(config) as (technician, _):
            await technician.log_in(SPECIALIST)
            await technician.type("config set modem.apn evil\rj\rj")
            await technician.sees("Speichern?")
            await asyncio.sleep(0.3)
            assert "evil" not in text_of(config)
            await technician.type("nein")
            await technician.sees("nicht gespeichert")

    asyncio.run(run())


def test_a_setting_is_changed_and_rolled_back(config: Path) -> None:
    old = config.read_text()

    async def run() -> None:
        async with console(config) as (technician, _):
            await technician.log_in(SPECIALIST)
            for typed, hint in (
                ("config set evse[1].poll_s 900", "out of range"),
                ("config set modem.apm x", "nearest is modem.apn"),
                ("config set evse[3].poll_s 1", "there is no evse[3]"),
            ):
                await technician.type(typed)
                await technician.sees(hint)
            await technician.type("config set evse[1].poll_s 0,5")
            await technician.sees("+ poll_s = 0.5")
            await technician.type("j")
            await technician.sees("Gespeichert")
            assert text_of(config) == old.replace("poll_s = 0.1", "poll_s = 0.5")
            await technician.type("config rollback")
            await technician.sees("1  station.toml.1: 2")
            await technician.type("1")
            await technician.sees("+ poll_s = 0.1")
            await technician.type("j")
            await technician.sees("Gespeichert")
            assert text_of(config) == old

    asyncio.run(run())


def test_a_broken_configuration_is_told_and_can_be_rolled_back(config: Path) -> None:
    good = config.read_text()
    config.with_name("station.toml.1").write_text(good)
    config.write_text("broken = [")

    async def run() -> None:
        async with console(config) as (technician, _):
            await technician.type("")
            await technician.sees("KONFIGURATION IST FALSCH")
            await technician.sees("PIN: ")
            await technician.type(SPECIALIST)
            await technician.sees(MENU_END)
            await technician.type("einstellungen zurück")
            await technician.sees("Nummer (0 = zurueck) ")
            await technician.type("1")
            await technician.sees("-- weiter")
            await technician.type("")
            await technician.sees("Speichern?")
            await technician.type("ja")
            await technician.sees("Gespeichert")

    asyncio.run(run())
    assert config.read_text() == good


def test_unplugging_ends_the_visit_and_the_next_begins_with_the_pin(config: Path) -> None:
    async def run() -> None:
        place = Place(config, ManualClock(EARLIEST), "boot-a")
        for _ in range(2):
            with pty() as (fd, name):
                async with SerialPort.open(name, 115200) as port:
                    task = asyncio.create_task(serve(SerialLine(port), place))
                    technician = Technician(fd)
                    await technician.log_in()
                    await technician.type("config")
                    await technician.sees("(0 = zurueck) ")
                    os.close(fd)
                    async with asyncio.timeout(3):
                        assert await task is False

    asyncio.run(run())


def test_a_terminal_that_takes_nothing_is_left(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "STUCK_S", 0.3)

    async def run() -> None:
        async with console(config) as (technician, task):
            await technician.log_in()
            for _ in range(40):
                os.write(technician._fd, b"hilfe\r")
                await asyncio.sleep(0.01)
            async with asyncio.timeout(5):
                await task

    asyncio.run(run())


def test_nobody_at_the_keys_is_logged_out(config: Path) -> None:
    config.write_text(config.read_text().replace('language = "de"', 'language = "en"\nidle_s = 30'))

    async def run() -> None:
        async with console(config) as (technician, task):
            await technician.type("")
            await technician.sees("PIN: ", for_s=100)
            await technician.type(TECHNICIAN)
            await technician.sees("Number or word: ", for_s=100)
            await technician.sees("Logged out, because no key was pressed", for_s=100)
            assert await task is True

    from tests.link.link_time import run as run_fast

    run_fast(run(), speed=20)


@pytest.mark.parametrize(
    ("answers", "has_ansi", "umlaut"),
    [(b"", False, "zurueck"), (b"\x1b[5;2R", True, "zurück"), (b"\x1b[5;3R", True, "zurueck")],
)
def test_the_terminal_is_asked_what_it_understands(config: Path, answers: bytes, has_ansi: bool, umlaut: str) -> None:
    async def run() -> None:
        async with console(config) as (technician, _):
            technician.answers = answers
            await technician.log_in()
            technician.raw, technician._seen = b"", 0
            await technician.type("config")
            await technician.sees(f"(0 = {umlaut}) ")
            assert technician.raw.isascii() is (umlaut == "zurueck")

    asyncio.run(run())


def test_plain_asks_nothing_and_shows_ascii(config: Path) -> None:
    async def run() -> None:
        async with console(config, plain=True) as (technician, _):
            await technician.log_in()
            assert b"\x1b" not in technician.raw
            assert technician.raw.isascii()

    asyncio.run(run())


def test_without_pins_the_port_shows_states_only(config: Path, pins: str) -> None:
    config.write_text(config.read_text().replace(pins, ""))

    async def run() -> None:
        async with console(config) as (technician, _):
            await technician.type("")
            await technician.sees("keine PIN eingerichtet")
            await technician.sees(MENU_END)
            await technician.type("config show")
            await technician.sees("PIN einer Fachkraft")

    asyncio.run(run())


def test_the_running_agent_is_watched_and_stopped_looking_at(config: Path) -> None:
    made = parse(config.read_text(), StationSettings)
    site = Site()

    async def run() -> None:
        async with station(made, site), console(config) as (technician, _):
            technician.answers = b"\x1b[5;2R"
            await technician.log_in(SPECIALIST)
            await technician.type("status")
            assert "läuft" in await technician.sees(MENU_END)
            await technician.type("zähler live")
            await technician.sees("1.000 kWh")
            await technician.type(b"\x03", enter=False)
            await technician.sees("(abgebrochen)")
            site.tap(type(next(iter(made.local_list)).token())("04DEADBEEF"))
            await technician.type("karten anlernen")
            await technician.sees("04DEADBEEF")
            await technician.type("1")
            await technician.sees("Darf Karte 04DEADBEEF")
            await technician.type("j")
            await technician.sees("Erledigt")
            await technician.type("evse contactor")
            await technician.sees("SPANNUNG")
            await technician.type("j")
            await technician.sees("Zustand C stellen")
            await technician.type("ledger")
            await technician.sees("(0 = zurück) ")
            await technician.type("1")
            await technician.sees("0 Meldungen warten")

    asyncio.run(run())


def test_a_flood_of_log_lines_is_followed(config: Path, tmp_path: Path) -> None:
    sent = 0

    async def log(arguments: Facts) -> Facts:
        nonlocal sent
        sent += 1000
        return {
            "last": sent,
            "lines": [f"2026-11-23T04:00:00Z INFO    station fact number={n}\x1b[2J" for n in range(20)],
        }

    made = parse(config.read_text(), StationSettings)

    async def run() -> None:
        path = made.journal.path
        service = asyncio.create_task(Service(path.with_name(path.name + ".service"), {"log": log}).run())
        try:
            async with console(config) as (technician, _):
                await technician.log_in()
                await technician.type("log follow")
                await technician.sees("number=19?[2J")
                await technician.type("x", enter=False)
                await technician.sees(MENU_END)
        finally:
            service.cancel()
            await asyncio.gather(service, return_exceptions=True)

    asyncio.run(run())
