"""The dialog with a person, over a line whose every byte is in our hands."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from station.console import terminal as module
from station.console.screen import Screen
from station.console.terminal import RawStream, Stopped, Terminal


class HandLine:
    """Fulfils station.console.lines.Line."""

    name = "hand"

    def __init__(self) -> None:
        self.typed: asyncio.Queue[bytes] = asyncio.Queue()
        self.shown = b""
        self.peer: bool | None = None
        self.is_stuck = False
        self.discarded = False

    async def read(self) -> bytes:
        data = await self.typed.get()
        if not data:
            raise EOFError("gone")
        return data

    async def write(self, data: bytes) -> None:
        if self.is_stuck:
            await asyncio.Event().wait()
        self.shown += data

    def discard(self) -> None:
        self.discarded = True

    def has_peer(self) -> bool | None:
        return self.peer


ANSI = Screen(ansi=True, utf8=True)


def play(use: Callable[[Terminal, HandLine], Awaitable[None]], *typed: bytes, screen: Screen = ANSI) -> str:
    """Run a dialog with keys typed ahead and give what was shown."""
    line = HandLine()

    async def run() -> None:
        dialog = Terminal(line, language="de", idle_s=5)
        dialog.screen = screen
        for data in typed:
            line.typed.put_nowait(data)
        listening = asyncio.create_task(dialog.listen())
        try:
            async with asyncio.timeout(10):
                await use(dialog, line)
        finally:
            listening.cancel()

    asyncio.run(run())
    return line.shown.decode()


def test_questions_are_answered() -> None:
    async def use(dialog: Terminal, _line: HandLine) -> None:
        assert await dialog.ask("Name", "Ina") == "Ina"
        assert await dialog.ask("Name", "Ina") == "Ute"
        assert await dialog.choose("Was?", ["a", "b"]) == 1
        assert await dialog.choose("Was?", ["a", "b"]) is None
        await dialog.show([str(number) for number in range(30)])

    shown = play(use, b"\rUte\r", b"9\r", b"2\r", b"0\r", b"\r")
    assert "Name [Ina]: " in shown
    assert "Bitte eine Zahl von 1 bis 2" in shown
    assert "29" in shown


def test_only_a_clear_yes_is_yes() -> None:
    async def use(dialog: Terminal, line: HandLine) -> None:
        for answer, expected in ((b"j\r", True), (b"JA\r", True), (b"yes\r", True), (b"\r", False), (b"nein\r", False)):
            asyncio.get_running_loop().call_later(0.02, line.typed.put_nowait, answer)
            assert await dialog.confirm("Sicher?") is expected

    play(use)


def test_escape_and_control_c_stop_a_question() -> None:
    async def use(dialog: Terminal, line: HandLine) -> None:
        for key in (b"\x03", b"\x1b"):
            line.typed.put_nowait(key)
            with pytest.raises(Stopped):
                await dialog.ask("Name", "default")
        line.typed.put_nowait(b"\x04")
        with pytest.raises(EOFError):
            await dialog.ask("Name")

    play(use)


def test_live_lines_replace_each_other_or_follow() -> None:
    async def use(dialog: Terminal, line: HandLine) -> None:
        assert await dialog.live(["a", "b"], for_s=0.01) == ""
        line.typed.put_nowait(b"x")
        assert await dialog.live(["c", "d"], for_s=1) == "x"
        line.typed.put_nowait(b"\r")
        assert await dialog.live(["e"], for_s=1) == "enter"
        await dialog.progress(1, 2, "halb")
        await dialog.progress(2, 2, "ganz")

    assert "\x1b[2A" in play(use)
    plain = play(use, screen=Screen())
    assert "\x1b" not in plain
    assert "a  b\r\n" in plain
    assert plain.isascii()


def test_a_line_that_drops_its_signals_ends_the_visit() -> None:
    async def use(dialog: Terminal, line: HandLine) -> None:
        line.peer = True
        await asyncio.sleep(1.1)
        line.peer = False
        with pytest.raises(EOFError, match="unplugged"):
            await dialog.ask("Name")
        assert not dialog.is_there

    play(use)


def test_a_terminal_that_takes_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STUCK_S", 0.05)

    async def use(dialog: Terminal, line: HandLine) -> None:
        line.is_stuck = True
        with pytest.raises(EOFError, match="took nothing"):
            await dialog.say("x")
        assert line.discarded
        with pytest.raises(EOFError):
            await dialog.ask("Name")

    play(use)


def test_control_c_and_hanging_up_reach_what_works() -> None:
    async def use(dialog: Terminal, line: HandLine) -> None:
        for data in (b"abc\x03", b""):
            stopped = asyncio.Event()
            dialog.on_stop = stopped.set
            line.typed.put_nowait(data)
            await stopped.wait()

    play(use)


def test_bytes_of_a_transfer_are_no_keys_and_keys_come_back() -> None:
    async def use(dialog: Terminal, line: HandLine) -> None:
        stream = RawStream(dialog)
        asyncio.get_running_loop().call_later(0.05, line.typed.put_nowait, b"C\x06\x03\x00\xff")
        assert await stream.read() == b"C\x06\x03\x00\xff"
        await stream.write(bytes(range(256)) * 10)
        assert line.shown.endswith(bytes(range(256)))
        line.shown = b""
        asyncio.get_running_loop().call_later(0.05, line.typed.put_nowait, b"Ute\r")
        assert await dialog.ask("Name") == "Ute"

    play(use)


def test_a_transfer_ends_when_the_line_is_gone() -> None:
    async def use(dialog: Terminal, line: HandLine) -> None:
        line.typed.put_nowait(b"")
        with pytest.raises(EOFError):
            await RawStream(dialog).read()

    play(use)
