"""QR codes: the RFC's examples, and what a camera brings back in any order."""

import os

import pytest

from station.errors import FieldError
from station.field import qr


@pytest.mark.parametrize(("data", "text"), [(b"AB", "BB8"), (b"Hello!!", "%69 VD92EX0"), (b"base-45", "UJCLQE7W581")])
def test_base45_is_that_of_the_rfc(data: bytes, text: str) -> None:
    assert qr.base45(data) == text
    assert qr.from_base45(text) == data


@pytest.mark.parametrize("text", [":::", "A", "a0"])
def test_what_is_no_base45_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  str.index has a text of its own
        qr.from_base45(text)


def test_codes_come_back_in_any_order() -> None:
    data = os.urandom(700)
    codes = qr.codes_of(data)
    assert len(codes) == 9
    assert qr.data_of(codes[::-1] + codes[:2]) == data
    with pytest.raises(FieldError, match="codes are missing: 1 of 9"):
        qr.data_of(codes[1:])
    with pytest.raises(FieldError, match="two different sets"):
        qr.data_of([codes[0], *qr.codes_of(b"another")])
    with pytest.raises(FieldError, match="damaged"):
        qr.data_of([*codes[:8], codes[8][:-1] + ("A" if codes[8][-1] != "A" else "B")])
    with pytest.raises(FieldError, match="too much"):
        qr.codes_of(os.urandom(10_000))


def test_a_code_fits_into_a_terminal_of_24_lines() -> None:
    text = qr.codes_of(os.urandom(700))[0]
    blocks = qr.drawing(text)
    assert len(blocks) <= 22
    assert len({len(line) for line in blocks}) == 1
    assert set("".join(qr.drawing(text, ascii_only=True))) == {" ", "#"}
