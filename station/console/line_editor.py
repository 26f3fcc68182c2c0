"""One line of input, edited with backspace, Ctrl-U, Ctrl-W and Up alone: that works on every terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from station.console.keys import CursorAt, Key, Stroke

LINE_LENGTH = 200
"""More is not taken; no command needs half of it."""


class End(Enum):
    """How a line ended."""

    ENTERED = auto()
    STOPPED = auto()
    """Ctrl-C or Escape."""
    LEFT = auto()
    """Ctrl-D on an empty line."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What a key did: `echo` goes to the terminal; `end` is set when the line is finished."""

    echo: str = ""
    end: End | None = None


class LineEditor:
    """See the module.

    Args:
        secret: show a star for each character.
        earlier: lines that Up and Down bring back, oldest first.
    """

    def __init__(self, *, secret: bool = False, earlier: Sequence[str] = ()) -> None:
        self.text = ""
        self._secret = secret
        self._earlier = [] if secret else list(earlier)
        self._place = len(self._earlier)

    def take(self, stroke: Stroke) -> Edit:
        """Take in one key."""
        match stroke:
            case CursorAt():
                return Edit()
            case Key.ENTER:
                return Edit("\r\n", End.ENTERED)
            case Key.STOP | Key.BACK:
                return Edit("\r\n", End.STOPPED)
            case Key.LEAVE:
                return Edit() if self.text else Edit("\r\n", End.LEFT)
            case Key.BACKSPACE:
                return Edit(self._become(self.text[:-1]))
            case Key.KILL:
                return Edit(self._become(""))
            case Key.KILL_WORD:
                return Edit(self._become(" ".join([*self.text.split()[:-1], ""]).lstrip()))
            case Key.UP | Key.DOWN:
                return self._recall(-1 if stroke is Key.UP else 1)
            case str():
                return Edit(self._become(self.text + stroke) if len(self.text) < LINE_LENGTH else "\a")

    @property
    def shown(self) -> str:
        """What stands on the screen."""
        return "*" * len(self.text) if self._secret else self.text

    def _recall(self, step: int) -> Edit:
        place = self._place + step
        if not 0 <= place <= len(self._earlier):
            return Edit()
        self._place = place
        return Edit(self._become(self._earlier[place] if place < len(self._earlier) else ""))

    def _become(self, text: str) -> str:
        """Change the line and give what changes the screen likewise: as little as possible."""
        before, self.text = self.shown, text
        after = self.shown
        same = 0
        while same < min(len(before), len(after)) and before[same] == after[same]:
            same += 1
        return "\b \b" * (len(before) - same) + after[same:]
