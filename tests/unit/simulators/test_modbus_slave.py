"""Framing and answers of the simulated bus: literal bytes on both sides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.modbus_slave import Refusal, answer_pdu, take_request, with_crc

# From the examples of Modbus Application Protocol V1.1b3 §6.3, with address 17 and its CRC.
READ = bytes.fromhex("1103006b00037687")
WRITE = with_crc(bytes.fromhex("110600010003"))
WRITE_MANY = with_crc(bytes.fromhex("1110000100020 4000a0102".replace(" ", "")))


class Table:
    def __init__(self) -> None:
        self.written: list[tuple[int, int]] = []

    def read(self, function: int, register: int, count: int) -> list[int]:
        if register == 9:
            raise Refusal(2)
        return [register + offset for offset in range(count)]

    def write(self, register: int, value: int) -> None:
        self.written.append((register, value))


def test_crc_is_that_of_the_standard() -> None:
    assert with_crc(READ[:-2]) == READ


@pytest.mark.parametrize(
    ("pdu", "answer"),
    [
        ("03006b0003", "0306006b006c006d"),
        ("0400080001", "04020008"),
        ("0400090001", "8402"),
        ("0300000000", "8303"),
        ("030000007e", "8303"),
        ("0600010003", "0600010003"),
        ("10000100020 4000a0102", "1000010002"),
        ("2b0e01", "ab01"),
    ],
)
def test_answers(pdu: str, answer: str) -> None:
    assert answer_pdu(Table(), bytes.fromhex(pdu.replace(" ", ""))).hex() == answer


def test_writes_arrive() -> None:
    device = Table()
    answer_pdu(device, WRITE[1:-2])
    answer_pdu(device, WRITE_MANY[1:-2])
    assert device.written == [(1, 3), (1, 10), (2, 258)]


@pytest.mark.parametrize("frame", [READ, WRITE, WRITE_MANY])
def test_a_frame_is_found_when_it_is_whole(frame: bytes) -> None:
    for end in range(len(frame)):
        assert take_request(frame[:end]) is None
    assert take_request(b"\x00\xff" + frame + b"\x11") == (frame, b"\x11")


@given(st.binary(max_size=30))
def test_noise_before_a_frame_does_not_hide_it(noise: bytes) -> None:
    found = take_request(noise + READ)
    assert found is not None
    assert found[0] == READ or with_crc(found[0][:-2]) == found[0]
