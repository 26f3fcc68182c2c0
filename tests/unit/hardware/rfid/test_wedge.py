"""Readers that type: recorded events to card numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.rfid.presence import Presence, is_random, reverse_bytes
from hardware.rfid.wedge import EVENT, KEYS, WedgeParser, uid_of

CODES = {letter: code for code, letter in reversed(KEYS.items())}
ENTER, SHIFT, MINUS, Q = 28, 42, 12, 16


def event(kind: int, code: int, value: int) -> bytes:
    return EVENT.pack(1700000000, 4711, kind, code, value)


def key(code: int) -> bytes:
    """Press and release, as the kernel reports them: a scan code and an end of report with each."""
    scan, report = event(4, 4, 0x70000 + code), event(0, 0, 0)
    return scan + event(1, code, 1) + report + scan + event(1, code, 0) + report


def typed(text: str, end: int = ENTER) -> bytes:
    return b"".join(key(CODES[letter]) for letter in text) + key(end)


def test_a_number_and_enter_make_a_card() -> None:
    assert WedgeParser().receive(typed("04A1B2C3"), 1.0) == ["04A1B2C3"]
    assert WedgeParser().receive(typed("04A1B2C3", end=96), 1.0) == ["04A1B2C3"]


def test_one_byte_at_a_time() -> None:
    parser = WedgeParser()
    found = [uid for byte in typed("04A1B2C3D4") for uid in parser.receive(bytes([byte]), 1.0)]
    assert found == ["04A1B2C3D4"]


def test_the_keypad_types_too() -> None:
    keypad = b"".join(map(key, (82, 79, 80, 81, 75, 76, 77, 71, 72, 73, 96)))
    assert WedgeParser(decimal=True).receive(keypad, 1.0) == ["075BCD15"]


def test_shift_and_separators_are_no_digits() -> None:
    data = key(CODES["0"]) + event(1, SHIFT, 1) + key(CODES["A"]) + key(MINUS) + typed("B1")
    assert WedgeParser().receive(data, 1.0) == ["0AB1"]


@pytest.mark.parametrize("spoiler", [key(Q), event(0, 3, 0)], ids=["another key", "events were dropped"])
def test_a_spoilt_number_is_no_card_and_the_next_is(spoiler: bytes) -> None:
    parser = WedgeParser()
    assert parser.receive(typed("04A1")[:-144] + spoiler + typed("B2C3"), 1.0) == []
    assert parser.receive(typed("04A1B2C3"), 2.0) == ["04A1B2C3"]


def test_a_number_that_was_cut_off_does_not_join_the_next() -> None:
    parser = WedgeParser()
    assert parser.receive(key(CODES["F"]) * 5, 1.0) == []
    assert parser.receive(typed("04A1B2C3"), 2.5) == ["04A1B2C3"]


def test_a_card_held_or_swiped_twice_is_shown_once() -> None:
    parser = WedgeParser()
    found = [uid for at in (0.0, 0.5, 1.0, 4.1) for uid in parser.receive(typed("04A1B2C3"), at)]
    assert found == ["04A1B2C3", "04A1B2C3"]


@pytest.mark.parametrize(
    ("text", "decimal", "uid"),
    [
        ("4A1B2C3", False, "04A1B2C3"),
        ("0123456789", True, "075BCD15"),
        ("4294967295", True, "FFFFFFFF"),
        ("4294967296", True, "0100000000"),
        ("00001311768467463790320", True, "0000123456789ABCDEF0"),
        ("12AB", True, None),
        ("123", False, None),
        ("1" * 37, False, None),
        ("9" * 36, True, None),
    ],
)
def test_what_is_typed_becomes_whole_bytes(text: str, decimal: bool, uid: str | None) -> None:
    assert uid_of(text, decimal=decimal) == uid


@given(st.lists(st.binary(max_size=50), max_size=30))
def test_noise_of_whole_events_is_survived(pieces: list[bytes]) -> None:
    parser = WedgeParser()
    for piece in pieces:
        parser.receive(piece, 1.0)
    rest = -sum(map(len, pieces)) % EVENT.size
    assert parser.receive(bytes(rest) + typed("04A1B2C3"), 10.0) == ["04A1B2C3"]


def test_presence_counts_from_the_last_sighting() -> None:
    presence = Presence(3.0)
    seen = [
        presence.is_new(uid, at) for uid, at in (("A", 0), ("A", 2.9), ("B", 3.0), ("A", 5.8), ("B", 5.9), ("A", 8.8))
    ]
    assert seen == [True, False, True, False, False, True]


def test_uids_the_other_way_round_and_those_that_change() -> None:
    assert reverse_bytes("04A1B2C3") == "C3B2A104"
    assert [is_random(uid) for uid in ("08112233", "04112233", "08112233445566")] == [True, False, False]
