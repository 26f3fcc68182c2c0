"""What is done with a meter step by step, as generators: they yield what to read, write or wait for. Pure.

A procedure gets the words that it asked to read, and nothing for a write or a pause; what a step failed of is raised in
it. Whoever runs it may stop after any step: the procedures of meters begin by looking at the meter's state.
"""

import struct
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from hardware.errors import LinkError

MAX_WORDS = 120
"""Longest block that is read or written at once; the protocol ends at 125 and 123."""


@dataclass(frozen=True, slots=True)
class Read:
    """Read holding registers (function 3), up to MAX_WORDS."""

    register: int
    count: int = 1


@dataclass(frozen=True, slots=True)
class Write:
    """Write holding registers; with `single` by function 6, one word."""

    register: int
    words: tuple[int, ...]
    single: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait, s."""

    seconds: float


Step = Read | Write | Pause

T = TypeVar("T")
Procedure = Generator[Step, tuple[int, ...], T]


def read_word(register: int) -> Procedure[int]:
    """Read one register."""
    words = yield Read(register)
    return words[0]


def read_bytes(register: int, count: int) -> Procedure[bytes]:
    """Read so many bytes, high byte first, in as many blocks as it takes."""
    end, raw = register + -(-count // 2), b""
    while register < end:
        words = yield Read(register, min(MAX_WORDS, end - register))
        raw += struct.pack(f">{len(words)}H", *words)
        register += len(words)
    return raw[:count]


def write_word(register: int, word: int) -> Procedure[None]:
    """Write one register by function 6."""
    yield Write(register, (word & 0xFFFF,), single=True)


def write_bytes(register: int, data: bytes) -> Procedure[None]:
    """Write bytes, high byte first, in as many blocks as it takes; an odd one is followed by a zero."""
    words = struct.unpack(f">{-(-len(data) // 2)}H", data + b"\0" * (len(data) % 2))
    for start in range(0, len(words), MAX_WORDS):
        yield Write(register + start, words[start : start + MAX_WORDS])


def until(
    register: int, is_met: Callable[[int], bool], *, within_s: float, every_s: float, otherwise: str
) -> Procedure[int]:
    """Read a register until it fits, and give it.

    Raises:
        LinkError: it does not within this time, for this reason.
    """
    for _ in range(max(1, round(within_s / every_s))):
        word = yield from read_word(register)
        if is_met(word):
            return word
        yield Pause(every_s)
    raise LinkError(otherwise)


def signed_word(value: int) -> int:
    """Give the word of a signed number of 16 bits."""
    return value & 0xFFFF


def low_word_first(value: int, count: int) -> Sequence[int]:
    """Give a number as so many words, the low one first."""
    return [value >> (16 * place) & 0xFFFF for place in range(count)]


def ascii_text(text: str) -> bytes:
    """Give a text as bytes that any meter takes; what is not ASCII, or parts the sections of OCMF, becomes `?`."""
    return text.replace("|", "?").encode("ascii", "replace")
