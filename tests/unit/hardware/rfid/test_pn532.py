"""Frames of the PN532 and the dialogue with it, byte by byte."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.rfid.pn532 import (
    ACK,
    ACK_S,
    ANSWER_S,
    FROM_READER,
    NACK,
    POLL_S,
    TRIES,
    WAKE_UP,
    Ack,
    Broken,
    FrameParser,
    Information,
    Nack,
    Pn532Session,
    decode_card,
    encode_frame,
)

# UM0701-02 writes these out: GetFirmwareVersion, its answer of a PN532 1.6, and SAMConfiguration in normal mode.
GET_VERSION = bytes.fromhex("0000ff02fed4022a00")
VERSION = bytes.fromhex("0000ff06fad50332010607e800")
SAM = bytes.fromhex("0000ff05fbd4140114010200")
SAM_DONE = bytes.fromhex("0000ff02fed5151600")
RF_DONE = encode_frame(b"\x33", FROM_READER)
RELEASED = encode_frame(b"\x53\x00", FROM_READER)
NO_CARD = encode_frame(b"\x4b\x00", FROM_READER)
LOOK = bytes.fromhex("0000ff04fcd44a0100e100")
ERROR = bytes.fromhex("0000ff01ff7f8100")


def card(uid: str) -> bytes:
    number = bytes.fromhex(uid)
    return encode_frame(bytes([0x4B, 1, 1, 0x00, 0x44, 0x00, len(number)]) + number, FROM_READER)


def test_frames_are_those_of_the_manual() -> None:
    assert encode_frame(b"\x02") == GET_VERSION
    assert encode_frame(bytes.fromhex("14011401")) == SAM
    assert encode_frame(bytes.fromhex("0332010607"), FROM_READER) == VERSION
    assert encode_frame(bytes.fromhex("4a0100")) == LOOK


def test_frames_are_found_one_byte_at_a_time() -> None:
    parser = FrameParser()
    stream = b"\x55\x00" + ACK + VERSION + NACK + b"\x00\xff" + ERROR
    frames = [frame for byte in stream for frame in parser.receive(bytes([byte]))]
    good = [frame for frame in frames if frame != Broken()]
    assert good == [Ack(), Information(bytes.fromhex("0332010607")), Nack(), Information(b"")]


@given(st.binary(min_size=1, max_size=40), st.integers(0, 60), st.integers(1, 255))
def test_one_changed_byte_never_gives_other_data(data: bytes, at: int, flip: int) -> None:
    frame = bytearray(encode_frame(data, FROM_READER))
    at %= len(frame)
    frame[at] ^= flip
    found = FrameParser().receive(bytes(frame) + ACK)
    assert all(not isinstance(each, Information) or each.data in (data, b"") for each in found)


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_noise_is_survived_and_not_hoarded(pieces: list[bytes]) -> None:
    parser = FrameParser()
    for piece in pieces:
        parser.receive(piece)
    parser.receive(bytes(300))  # longer than any frame that the noise may have begun
    assert parser.receive(VERSION)[-1] == Information(bytes.fromhex("0332010607"))


@pytest.mark.parametrize("uid", ["04A1B2C3", "04A1B2C3D4E5F6", "04A1B2C3D4E5F60718AA"])
def test_uids_of_all_lengths(uid: str) -> None:
    answer = FrameParser().receive(card(uid))[0]
    assert isinstance(answer, Information)
    assert decode_card(answer.data[1:]) == uid


def test_a_card_with_ats() -> None:
    assert decode_card(bytes.fromhex("01010344200704a1b2c3d4e5f6067577810280")) == "04A1B2C3D4E5F6"


@pytest.mark.parametrize(
    "data", ["", "00", "01", "0101004400", "010100440005aabbccddee", "010100440004aabbcc", "010144000704a1b2c3d4e5f6"]
)
def test_what_is_no_uid_is_none(data: str) -> None:
    assert decode_card(bytes.fromhex(data)) is None


class Talk:
    """A session and its clock."""

    def __init__(self) -> None:
        self.now = 50.0
        self.session = Pn532Session()
        self.session.start(self.now)

    def out(self) -> bytes:
        return self.session.outgoing()

    def hear(self, *frames: bytes) -> list[str]:
        return [uid for frame in frames for uid in self.session.receive(frame, self.now)]

    def wait(self) -> None:
        self.now = self.session.next_deadline
        self.session.tick(self.now)

    def ready(self) -> "Talk":
        assert self.out() == WAKE_UP + SAM
        self.hear(ACK, SAM_DONE)
        assert self.out()[6] == 0x32
        self.hear(ACK, RF_DONE)
        assert self.session.is_ready
        return self


def test_the_reader_is_woken_set_up_and_asked() -> None:
    talk = Talk().ready()
    assert talk.out() == LOOK
    assert talk.hear(ACK, NO_CARD) == []
    assert talk.out() == b""
    assert talk.session.next_deadline == talk.now + POLL_S
    talk.wait()
    assert talk.out() == LOOK


def test_a_card_is_told_once_while_it_stays_and_let_go_each_time() -> None:
    talk = Talk().ready()
    found = []
    for _ in range(20):
        assert talk.out() == LOOK
        found += talk.hear(ACK, card("04A1B2C3D4E5F6"))
        assert talk.out()[6] == 0x52
        talk.hear(ACK, RELEASED)
        talk.wait()
    assert found == ["04A1B2C3D4E5F6"]


def test_a_damaged_answer_is_asked_for_again() -> None:
    talk = Talk().ready()
    talk.out()
    spoilt = bytearray(card("04A1B2C3"))
    spoilt[-3] ^= 0x10
    assert talk.hear(ACK, bytes(spoilt)) == []
    assert talk.out() == NACK
    assert talk.hear(card("04A1B2C3")) == []  # one look is no proof
    talk.hear(ACK, RELEASED)
    talk.wait()
    assert talk.hear(ACK, card("04A1B2C3")) == ["04A1B2C3"]


def test_a_uid_that_is_seen_once_is_no_card() -> None:
    talk = Talk().ready()
    found = []
    for uid in ("04A1B2C3", "04A0B2C3", "04A1B2C3", "04A1B2C3"):
        found += talk.hear(ACK, card(uid), ACK, RELEASED)
        talk.wait()
    assert found == ["04A1B2C3"]


def test_a_reader_that_did_not_understand_gets_its_command_again() -> None:
    talk = Talk().ready()
    talk.out()
    talk.hear(NACK)
    assert talk.out() == LOOK


def test_an_answer_without_an_acknowledgement_is_another_commands() -> None:
    talk = Talk().ready()
    talk.out()
    assert talk.hear(card("04A1B2C3")) == []


def test_a_reader_that_lost_its_supply_is_set_up_anew() -> None:
    talk = Talk().ready()
    talk.out()
    assert talk.session.next_deadline == talk.now + ACK_S
    talk.hear(ACK)
    assert talk.session.next_deadline == talk.now + ANSWER_S
    for misses in range(1, TRIES + 1):
        assert talk.session.is_ready
        talk.wait()
        assert talk.out() == WAKE_UP + SAM
        assert talk.session.gave_up is (misses == TRIES)
    assert not talk.session.is_ready
    talk.hear(ACK, SAM_DONE)
    assert not talk.session.gave_up
    talk.out()
    talk.hear(ACK, RF_DONE)
    assert talk.session.is_ready


def test_seeded_loss_never_makes_another_card() -> None:
    chance = random.Random(532)
    talk = Talk()
    found: list[str] = []
    for _ in range(3000):
        out, answer = talk.out(), b""
        if not out:
            talk.wait()
        for command, data in ((0x14, SAM_DONE), (0x32, RF_DONE), (0x4A, card("04A1B2C3D4E5F6")), (0x52, RELEASED)):
            if bytes([0xD4, command]) in out:
                answer = ACK + data
        if NACK in out:
            answer = card("04A1B2C3D4E5F6")
        received = bytes(byte ^ (chance.random() < 0.005) for byte in answer if chance.random() > 0.01)
        for start in range(0, len(received), 5):
            found += talk.session.receive(received[start : start + 5], talk.now)
    assert set(found) == {"04A1B2C3D4E5F6"}
    assert not talk.session.gave_up
