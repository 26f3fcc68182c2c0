"""How a field tool talks with the person in front of it. The console and the command line each fulfil it."""

from collections.abc import Sequence
from typing import Protocol


class Dialog(Protocol):
    """A person at a terminal. Every call may be cancelled, and ends with EOFError when the terminal went away."""

    @property
    def language(self) -> str:
        """`de` or `en`."""
        ...

    async def say(self, text: str = "") -> None:
        """Print a paragraph; it is wrapped to the terminal's width."""
        ...

    async def ask(self, question: str, default: str = "", *, secret: bool = False) -> str:
        """Ask for one line of text; an empty answer gives the default. A secret is not echoed."""
        ...

    async def confirm(self, question: str) -> bool:
        """Ask yes or no. Anything but a clear yes is no."""
        ...

    async def choose(self, question: str, options: Sequence[str]) -> int | None:
        """Let one of the numbered options be chosen; None when the person goes back."""
        ...

    async def progress(self, done: int, total: int, text: str) -> None:
        """Show how far long work is, in one line that replaces the last; `done == total` ends the line."""
        ...

    async def live(self, lines: Sequence[str], *, for_s: float) -> str:
        """Show lines that replace those of the last call, for so long or until a key is pressed.

        Returns:
            The key, "" when the time ran out. Without ANSI one line is printed per call.
        """
        ...
