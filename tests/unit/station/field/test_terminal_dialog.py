"""The dialog on the command line, at a real pseudo terminal and at a pipe."""

import os
import pty
import select
import subprocess
import sys
import time

import pytest

from station.__main__ import main

PROGRAM = """
import asyncio
from station.field.terminal_dialog import TerminalDialog

async def talk():
    dialog = TerminalDialog("en")
    for done in range(3):
        await dialog.progress(done, 2, f"step {done}")
    name = await dialog.ask("Name", "nobody")
    secret = await dialog.ask("PIN?", secret=True)
    sure = await dialog.confirm("Sure?")
    choice = await dialog.choose("Which?", ["left", "right"])
    key = await dialog.live(["one", "two"], for_s=20)
    await dialog.say(f"{name} {len(secret)} {sure} {choice} {key!r} " + "word " * 30)

asyncio.run(talk())
"""


class Terminal:
    def __init__(self) -> None:
        self.fd, client = pty.openpty()
        environment = {**os.environ, "COLUMNS": "60", "LINES": "24"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], stdin=client, stdout=client, stderr=client, env=environment
        )
        os.close(client)
        self.shown = ""

    def until(self, text: str, seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        seen = len(self.shown)
        while text not in self.shown[seen:]:
            assert time.monotonic() < end, self.shown
            if select.select([self.fd], [], [], 0.2)[0]:
                self.shown += os.read(self.fd, 4096).decode()

    def drain(self) -> None:
        while select.select([self.fd], [], [], 0.2)[0]:
            try:
                self.shown += os.read(self.fd, 4096).decode()
            except OSError:
                break

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())


def test_a_technician_at_a_terminal() -> None:
    terminal = Terminal()
    try:
        terminal.until("Name [nobody]: ")
        assert "\r[############............] step 1" in terminal.shown, "one line that is rewritten"
        terminal.type("\n")
        terminal.until("PIN? ")
        terminal.type("4711\n")
        terminal.until("Sure? (y/n)")
        terminal.type("perhaps\n")
        terminal.until("number, empty = back")
        terminal.type("7\n")
        terminal.until("number, empty = back")
        terminal.type("2\n")
        terminal.until("two")
        terminal.type("q")
        terminal.until("nobody 4 False 1 'q' word")
        assert terminal.process.wait(20) == 0
        terminal.drain()
    finally:
        terminal.process.kill()
        terminal.process.wait()
        os.close(terminal.fd)
    assert "4711" not in terminal.shown
    assert all(len(line) <= 60 for line in terminal.shown.split("nobody 4")[1].splitlines())


def test_at_a_pipe_lines_are_plain_and_the_end_of_input_is_told() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], check=False, input=b"A\n1\nyes\n", capture_output=True)
    assert done.stdout.startswith(b"step 2\nName [nobody]: PIN? Sure? (y/n): ")
    assert b"EOFError" in done.stderr


@pytest.mark.parametrize(
    "command",
    ["meter scan", "meter read", "meter registers", "meter verify", "selftest", "commission", "pack", "update"],
)
def test_every_tool_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([*command.split(), "--help"])
    assert end.value.code == 0
    assert "--lang {de,en}" in capsys.readouterr().out
