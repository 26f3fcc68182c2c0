"""Frames of the card reader, in whole and in pieces."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.rfid.rdm6300 import Presentations, decode_frame, encode_frame

# 04 ^ A1 ^ B2 ^ C3 ^ D4 = 00
FRAME = b"\x0204A1B2C3D400\x03"
OTHER = b"\x020000000001" + b"01\x03"


def test_frame_is_told() -> None:
    assert decode_frame(FRAME) == "04A1B2C3D4"
    assert encode_frame("04a1b2c3d4") == FRAME


@pytest.mark.parametrize("uid", ["04A1B2C3", "04A1B2C3D4E5", "no hex dig"])
def test_no_frame_for_what_is_no_card_number(uid: str) -> None:
    with pytest.raises(ValueError, match="hex"):
        encode_frame(uid)


@given(st.binary(min_size=5, max_size=5), st.integers(1, 12), st.integers(0, 255))
def test_one_changed_byte_is_noticed(number: bytes, at: int, value: int) -> None:
    frame = bytearray(encode_frame(number.hex()))
    changed = chr(value).upper() != chr(frame[at])
    frame[at] = value
    assert (decode_frame(bytes(frame)) is None) is changed


def test_a_card_is_told_once_while_it_stays() -> None:
    reader = Presentations()
    assert reader.receive(FRAME * 3, 10.0) == ["04A1B2C3D4"]
    for tick in range(100):
        assert reader.receive(FRAME, 10.0 + tick * 0.1) == []
    assert reader.receive(FRAME, 22.8) == []
    assert reader.receive(FRAME, 25.8) == ["04A1B2C3D4"]


def test_another_card_is_told_at_once() -> None:
    reader = Presentations()
    assert reader.receive(FRAME + OTHER + FRAME, 0.0) == ["04A1B2C3D4", "0000000001"]


def test_one_byte_at_a_time() -> None:
    reader = Presentations()
    found = [uid for at, byte in enumerate(FRAME) for uid in reader.receive(bytes([byte]), at * 0.001)]
    assert found == ["04A1B2C3D4"]


def test_a_frame_cut_off_does_not_spoil_the_next() -> None:
    assert Presentations().receive(FRAME[:7] + FRAME, 0.0) == ["04A1B2C3D4"]
    assert Presentations().receive(b"\x03\xffnoise" + FRAME, 0.0) == ["04A1B2C3D4"]


def test_loss_never_makes_another_card() -> None:
    chance = random.Random(4711)
    reader = Presentations(presence_s=0.0)
    stream = bytes(byte for byte in FRAME * 2000 if chance.random() > 0.02)
    found = [uid for start in range(0, len(stream), 7) for uid in reader.receive(stream[start : start + 7], start / 7)]
    assert set(found) == {"04A1B2C3D4"}
    assert len(found) > 1000


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_noise_is_survived_and_not_hoarded(pieces: list[bytes]) -> None:
    reader = Presentations()
    for at, piece in enumerate(pieces):
        reader.receive(piece, float(at))
    assert reader.receive(b"\x03" * 14 + FRAME, 1e6) == ["04A1B2C3D4"]
