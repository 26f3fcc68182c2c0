"""Bytes from a terminal to keys. Whatever is no key is dropped: line noise, unknown sequences, wrong baud rates.

CR, LF, CR LF and CR NUL each are one ENTER. Escape sequences (ECMA-48) are taken as a whole, so that none of their
letters is mistaken for a key; one that does not end is given up after a bounded length or at the end of the line.
"""

import codecs
import re
import unicodedata
from dataclasses import dataclass
from enum import Enum, auto

CSI_LENGTH = 32
"""Longest control sequence that is believed; real ones have less than 20 characters."""
STRING_LENGTH = 4096
"""Longest string (title, answer to a query) that is passed over."""


class Key(Enum):
    """A key that is no character."""

    ENTER = auto()
    BACKSPACE = auto()
    STOP = auto()
    """Ctrl-C."""
    KILL = auto()
    """Ctrl-U: the line is to be forgotten."""
    KILL_WORD = auto()
    """Ctrl-W."""
    LEAVE = auto()
    """Ctrl-D."""
    BACK = auto()
    """Escape, pressed alone."""
    UP = auto()
    DOWN = auto()


@dataclass(frozen=True, slots=True)
class CursorAt:
    """The terminal's answer where its cursor is, from 1; it proves that it understands ANSI sequences."""

    row: int
    column: int


Stroke = Key | CursorAt | str
"""A key, an answer, or one printable character."""

_CONTROLS = {
    "\x03": Key.STOP,
    "\x04": Key.LEAVE,
    "\x08": Key.BACKSPACE,
    "\x7f": Key.BACKSPACE,
    "\x15": Key.KILL,
    "\x17": Key.KILL_WORD,
    "\r": Key.ENTER,
    "\n": Key.ENTER,
}
_ARROWS = {"A": Key.UP, "B": Key.DOWN}
_STRINGS = frozenset("]PX^_")
_CURSOR = re.compile(r"([0-9]{1,4});([0-9]{1,4})R")


class KeyReader:
    """See the module. Bytes may come in pieces of any size."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        self._mode = ""
        """Inside of what we are: "" nothing, ESC, "[" control sequence, "O" one key, "]" string."""
        self._inside = ""
        self._after_cr = False

    def feed(self, data: bytes) -> list[Stroke]:
        """Take in bytes and give the keys that they complete."""
        return [stroke for char in self._decoder.decode(data) for stroke in self._take(char)]

    @property
    def is_waiting(self) -> bool:
        """Tell whether an Escape came and it is not clear yet whether more follows; ask `flush` after 50 ms."""
        return self._mode == "\x1b"

    def flush(self) -> list[Stroke]:
        """Nothing follows: an Escape that came was the key."""
        was_waiting, self._mode = self.is_waiting, ""
        return [Key.BACK] if was_waiting else []

    def _take(self, char: str) -> list[Stroke]:
        after_cr, self._after_cr = self._after_cr, char == "\r"
        match self._mode:
            case "\x1b":
                return self._after_escape(char)
            case "[":
                return self._in_sequence(char)
            case "O":
                self._mode = ""
                return [_ARROWS[char]] if char in _ARROWS else []
            case "]":
                return self._in_string(char)
        if char == "\x1b":
            self._mode = char
            return []
        if after_cr and char in "\n\0":
            return []
        if char in _CONTROLS:
            return [_CONTROLS[char]]
        return [char] if _is_plain(char) else []

    def _after_escape(self, char: str) -> list[Stroke]:
        self._mode, self._inside = "", ""
        if char in "[O":
            self._mode = char
        elif char in _STRINGS:
            self._mode = "]"
        elif char != "\\":  # the end of a string that was given up
            return [Key.BACK, *self._take(char)]
        return []

    def _in_sequence(self, char: str) -> list[Stroke]:
        if char < " ":  # never inside a sequence: it was cut off
            self._mode = ""
            return self._take(char)
        self._inside += char
        if not "@" <= char <= "~":
            if len(self._inside) >= CSI_LENGTH:
                self._mode = ""
            return []
        self._mode = ""
        if found := _CURSOR.fullmatch(self._inside):
            return [CursorAt(int(found[1]), int(found[2]))]
        return [_ARROWS[char]] if self._inside in _ARROWS else []

    def _in_string(self, char: str) -> list[Stroke]:
        self._inside += char
        if char == "\x07" or len(self._inside) >= STRING_LENGTH:
            self._mode = ""
        elif char == "\x1b":  # its end is ESC \
            self._mode = char
        elif char in "\r\n":
            self._mode = ""
            return self._take(char)
        return []


def _is_plain(char: str) -> bool:
    """Tell whether a character takes exactly one column, so that one backspace wipes it out."""
    return char.isprintable() and not unicodedata.combining(char) and unicodedata.east_asian_width(char) not in "WF"
