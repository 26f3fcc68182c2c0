"""A dialog on the command line: plain print and input, one line that is rewritten while long work goes on."""

import asyncio
import contextlib
import os
import shutil
import sys
import termios
import textwrap
import tty
from collections.abc import Iterator, Sequence

from hardware.serial_port import until_readable

_YES = frozenset({"y", "yes", "j", "ja"})
_READ_SIZE = 4096
_BAR = 24
"""Characters of the progress bar: with its text it fits into 80 columns."""


class TerminalDialog:
    """Fulfils Dialog on standard input and output. One task at a time."""

    def __init__(self, language: str = "") -> None:
        """Prepare the dialog.

        Args:
            language: `de` or `en`; empty = as the environment says.
        """
        self._language = language or ("de" if _environment_is_german() else "en")
        self._typed = b""
        self._is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
        self._live_lines = 0

    @property
    def language(self) -> str:
        """See Dialog."""
        return self._language

    async def say(self, text: str = "") -> None:
        """See Dialog."""
        self._live_lines = 0
        width = shutil.get_terminal_size().columns
        for line in text.split("\n"):
            # What is laid out in columns keeps its blanks; only sentences that are too long are wrapped.
            indent = " " * (len(line) - len(line.lstrip()))
            print(line if len(line) <= width else textwrap.fill(line, width, subsequent_indent=indent), flush=True)

    async def ask(self, question: str, default: str = "", *, secret: bool = False) -> str:
        """See Dialog."""
        hint = f" [{default}]" if default and not secret else ""
        with _without_echo() if secret and self._is_terminal else _as_it_is():
            print(f"{question}{hint}{' ' if question.endswith('?') and not hint else ': '}", end="", flush=True)
            answer = (await self._line()).strip()
        if secret and self._is_terminal:
            print()
        return answer or default

    async def confirm(self, question: str) -> bool:
        """See Dialog."""
        hint = "j/n" if self._language == "de" else "y/n"
        return (await self.ask(f"{question} ({hint})")).casefold() in _YES

    async def choose(self, question: str, options: Sequence[str]) -> int | None:
        """See Dialog."""
        await self.say(question)
        for number, option in enumerate(options, 1):
            await self.say(f"  {number}  {option}")
        back = "Nummer, leer = zurück" if self._language == "de" else "number, empty = back"
        while True:
            answer = await self.ask(back)
            if not answer:
                return None
            if answer.isdecimal() and 1 <= int(answer) <= len(options):
                return int(answer) - 1

    async def progress(self, done: int, total: int, text: str) -> None:
        """See Dialog. Without a terminal a line is printed only at the end: logs need no bar."""
        if not self._is_terminal:
            if done == total:
                print(text, flush=True)
            return
        filled = _BAR * done // max(1, total)
        columns = shutil.get_terminal_size().columns - 1
        line = f"[{'#' * filled}{'.' * (_BAR - filled)}] {text}"[:columns]
        print(f"\r{line:<{columns}}", end="\n" if done == total else "", flush=True)

    async def live(self, lines: Sequence[str], *, for_s: float) -> str:
        """See Dialog."""
        if not self._is_terminal:
            print("  ".join(lines), flush=True)
            await asyncio.sleep(for_s)
            return ""
        up = f"\x1b[{self._live_lines}A" if self._live_lines else ""
        print(up + "".join(f"\x1b[2K{line}\n" for line in lines), end="", flush=True)
        self._live_lines = len(lines)
        with _single_keys():
            try:
                async with asyncio.timeout(for_s):
                    await until_readable(sys.stdin.fileno())
            except TimeoutError:
                return ""
            key = os.read(sys.stdin.fileno(), 64)
        if not key:
            raise EOFError
        self._live_lines = 0
        return key.decode("utf-8", "replace")

    async def _line(self) -> str:
        while b"\n" not in self._typed:
            # epoll takes no plain files; reading one never waits.
            with contextlib.suppress(PermissionError):
                await until_readable(sys.stdin.fileno())
            data = os.read(sys.stdin.fileno(), _READ_SIZE)
            if not data:
                raise EOFError
            self._typed += data
        line, self._typed = self._typed.split(b"\n", 1)
        return line.decode("utf-8", "replace")


def _environment_is_german() -> bool:
    return any(os.environ.get(name, "").startswith("de") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))


@contextlib.contextmanager
def _as_it_is() -> Iterator[None]:
    yield


@contextlib.contextmanager
def _single_keys() -> Iterator[None]:
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    try:
        # Not flushing: a key may have been pressed between two calls.
        tty.setcbreak(fd, termios.TCSADRAIN)
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _without_echo() -> Iterator[None]:
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    silent = termios.tcgetattr(fd)
    silent[3] &= ~termios.ECHO
    try:
        termios.tcsetattr(fd, termios.TCSADRAIN, silent)
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
