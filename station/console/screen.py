"""What is shown: wrapped, free of control characters, and in ASCII where the terminal knows no more."""

import re
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WIDTH = 79
"""One column less than a terminal has: some begin a new line already behind the last."""

_ASCII = str.maketrans(
    {
        "ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss",
        "–": "-", "…": "...", "→": "->", "°": " Grad ", "·": "-", "„": '"', "“": '"', "”": '"', "’": "'",
        "█": "#", "░": ".", "✓": "+", "€": "EUR", "\u00a0": " ",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Screen:
    """What the terminal understands.

    Args:
        ansi: it obeys ECMA-48 sequences, so lines can be written anew.
        utf8: it shows UTF-8; else all is written in ASCII.
    """

    ansi: bool = False
    utf8: bool = False

    def fit(self, text: str) -> str:
        """Make a text safe and readable: what comes from devices, logs or networks can't steer the terminal."""
        text = clean(text)
        return text if self.utf8 else to_ascii(_CELL.sub(_narrowed, text))

    def lines(self, text: str) -> list[str]:
        """Fit a text and wrap it; lines that fit stay as they are, others go on below their last column."""
        return [piece for line in self.fit(text).split("\n") for piece in _wrapped(line)]

    def one_line(self, text: str) -> str:
        """Fit a text into one line, cut where it is too long."""
        return self.fit(text.replace("\n", " "))[:WIDTH]


def clean(text: str) -> str:
    """Replace what is not printable; line ends stay, tabs become blanks."""
    return "".join(char if char.isprintable() or char == "\n" else " " if char == "\t" else "?" for char in text)


def to_ascii(text: str) -> str:
    """Write a text with ASCII letters: umlauts as two, other accents left away."""
    text = text.translate(_ASCII)
    if text.isascii():
        return text
    split = unicodedata.normalize("NFKD", text)
    return "".join(char if char.isascii() else "" if unicodedata.combining(char) else "?" for char in split)


def _narrowed(cell: "re.Match[str]") -> str:
    """Take from the blanks behind a cell what its text grows by in ASCII, so that columns stay where they are."""
    text, gap = cell.groups()
    return text + " " * max(2, len(gap) - (len(to_ascii(text)) - len(text)))


_CELL = re.compile(r"(\S+(?: \S+)*)( {2,})")


def _wrapped(line: str) -> list[str]:
    if len(line) <= WIDTH:
        return [line.rstrip()]
    columns = [found.end() for found in re.finditer(r"(^|\S)  +", line) if found.end() <= WIDTH // 2]
    indent = " " * (columns[-1] if columns else 0)
    return textwrap.wrap(line, WIDTH, subsequent_indent=indent, break_on_hyphens=False) or [""]


def table(rows: Iterable[Sequence[str]], indent: str = "  ") -> list[str]:
    """Set rows in columns; the last column is as wide as it likes."""
    rows = [tuple(row) for row in rows]
    widths = [max(len(row[i]) for row in rows if len(row) > i) for i in range(max(map(len, rows), default=0))]
    return [
        (indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False))).rstrip()
        for row in rows
    ]


def bar(share: float, width: int = 20) -> str:
    """Draw how much of something there is, 0 to 1."""
    full = round(max(0.0, min(1.0, share)) * width)
    return "█" * full + "░" * (width - full)


def age(seconds: float, language: str) -> str:
    """Say how long ago something was, to the unit that matters."""
    words = ("s", "min", "h", "Tage") if language == "de" else ("s", "min", "h", "days")
    for size, word in ((86400, words[3]), (3600, words[2]), (60, words[1])):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {word}"
    return f"{max(0, int(seconds))} {words[0]}"
