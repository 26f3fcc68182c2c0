"""Bytes of a terminal to keys: every one at a time, and nothing that is no key."""

import random

import pytest

from station.console.keys import CursorAt, Key, KeyReader, Stroke

CASES: list[tuple[bytes, list[Stroke]]] = [
    (b"ab", ["a", "b"]),
    ("ä€ß".encode(), ["ä", "€", "ß"]),
    (b"\r", [Key.ENTER]),
    (b"\n", [Key.ENTER]),
    (b"\r\n", [Key.ENTER]),
    (b"\r\0", [Key.ENTER]),
    (b"\r\r\n\n", [Key.ENTER, Key.ENTER, Key.ENTER]),
    (b"\x08\x7f\x03\x04\x15\x17", [Key.BACKSPACE, Key.BACKSPACE, Key.STOP, Key.LEAVE, Key.KILL, Key.KILL_WORD]),
    (b"\x1b[A\x1b[B\x1bOA", [Key.UP, Key.DOWN, Key.UP]),
    (b"\x1b[C\x1b[D\x1b[3~\x1b[15~\x1b[1;5Cx", ["x"]),
    (b"\x1b[12;40R", [CursorAt(12, 40)]),
    (b"\x1b[200~hi\x1b[201~", ["h", "i"]),
    (b"\x1b]0;title with q\x07x", ["x"]),
    (b"\x1bP1$r q\x1b\\x", ["x"]),
    (b"\x1b[?1;2cx", ["x"]),
    (b"\x1bq", [Key.BACK, "q"]),
    (b"\x1b\x1b[A", [Key.BACK, Key.UP]),
    (b"\0\0\x01\x02\x0e\x1fx", ["x"]),
    (b"\xff\xfe\x80\xc3x", ["x"]),
    (b"\xc2\x9bAx", ["A", "x"]),
    ("e\u0301漢".encode(), ["e"]),
    (b"\x1b[12\rx", [Key.ENTER, "x"]),
    (b"\x1b]never ends\rx", [Key.ENTER, "x"]),
]


@pytest.mark.parametrize(("data", "strokes"), CASES)
def test_bytes_become_keys_however_they_are_cut(data: bytes, strokes: list[Stroke]) -> None:
    assert KeyReader().feed(data) == strokes
    reader = KeyReader()
    assert [stroke for byte in data for stroke in reader.feed(bytes([byte]))] == strokes


def test_escape_alone_is_a_key_when_nothing_follows() -> None:
    reader = KeyReader()
    assert reader.feed(b"\x1b") == []
    assert reader.is_waiting
    assert reader.flush() == [Key.BACK]
    assert reader.flush() == []
    assert reader.feed(b"[A") == ["[", "A"]


def test_sequences_that_never_end_are_given_up() -> None:
    reader = KeyReader()
    reader.feed(b"\x1b[" + b"1" * 40)
    assert reader.feed(b"x") == ["x"]
    reader.feed(b"\x1b]" + b"a" * 5000)
    assert reader.feed(b"x") == ["x"]


def test_noise_leaves_the_reader_usable() -> None:
    for seed in range(20):
        reader = KeyReader()
        strokes = reader.feed(random.Random(seed).randbytes(20_000))
        assert all(isinstance(stroke, Key | CursorAt) or stroke.isprintable() for stroke in strokes)
        reader.flush()
        reader.feed(b"\r\r")
        assert reader.feed(b"x\r")[-2:] == ["x", Key.ENTER]
