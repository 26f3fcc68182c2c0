"""Data as QR codes on a terminal: carried away by a phone's camera. The only module that imports segno.

The data is compressed, written in base45 (RFC 9285, the alphabet that QR codes store best) and cut into numbered codes:
`EMOPS1:<n>/<of>:<check>:<text>`, where `check` is the CRC-32 of the compressed whole, in hex.
"""

import zlib
from collections.abc import Sequence

import segno

from station.errors import FieldError

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
PREFIX = "EMOPS1"
CHARACTERS = 130
"""Text of one code, so that with its head it fits into version 5 (37 modules): 21 lines of half blocks, which a
terminal of 24 lines shows whole."""
MOST_CODES = 40
"""Nobody films more."""
_MARGIN = 2
"""The standard asks for 4 modules; phones read 2, and a terminal of 24 lines has no more."""


def codes_of(data: bytes) -> list[str]:
    """Cut data into the texts of its codes.

    Raises:
        FieldError: it would be more than 40 codes.
    """
    packed = zlib.compress(data, 9)
    text = base45(packed)
    pieces = [text[start : start + CHARACTERS] for start in range(0, len(text), CHARACTERS)]
    if len(pieces) > MOST_CODES:
        raise FieldError(f"that is too much for QR codes: {len(pieces)} of them, at most {MOST_CODES} make sense")
    check = f"{zlib.crc32(packed):08X}"
    return [f"{PREFIX}:{number}/{len(pieces)}:{check}:{piece}" for number, piece in enumerate(pieces, 1)]


def data_of(codes: Sequence[str]) -> bytes:
    """Put the texts of scanned codes together again, in whatever order they come.

    Raises:
        FieldError: they don't belong together, one is missing, or one is damaged.
    """
    found: dict[int, str] = {}
    of, check = 0, ""
    for code in codes:
        parts = code.strip("\r\n").split(":", 3)
        number, _, total = parts[1].partition("/") if len(parts) == 4 else ("", "", "")
        if parts[0] != PREFIX or not (number.isdecimal() and total.isdecimal()):
            raise FieldError(f"{code[:20]!r} is no code of a station")
        if of and (of, check) != (int(total), parts[2]):
            raise FieldError("these codes are of two different sets")
        of, check = int(total), parts[2]
        found[int(number)] = parts[3]
    if missing := [str(number) for number in range(1, of + 1) if number not in found]:
        raise FieldError(f"codes are missing: {', '.join(missing)} of {of}")
    try:
        packed = from_base45("".join(found[number] for number in sorted(found)))
        if f"{zlib.crc32(packed):08X}" != check:
            raise FieldError("the codes are damaged: scan them again")
        return zlib.decompress(packed)
    except (ValueError, zlib.error) as error:
        raise FieldError("the codes are damaged: scan them again") from error


def drawing(text: str, *, ascii_only: bool = False) -> list[str]:
    """Draw a code as lines of half blocks, light on the terminal's dark ground; or of `##` where it knows no blocks."""
    matrix = [list(row) for row in segno.make_qr(text, error="l").matrix_iter(border=_MARGIN)]
    if ascii_only:
        return ["".join("  " if dark else "##" for dark in row) for row in matrix]
    if len(matrix) % 2:
        matrix.append([1] * len(matrix[0]))
    blocks = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
    return [
        "".join(blocks[bool(upper), bool(lower)] for upper, lower in zip(above, below, strict=True))
        for above, below in zip(matrix[::2], matrix[1::2], strict=True)
    ]


def base45(data: bytes) -> str:
    """Write bytes in base45 (RFC 9285 §4): two bytes become three characters, a last one two."""
    text = ""
    for start in range(0, len(data), 2):
        pair = data[start : start + 2]
        number = int.from_bytes(pair, "big")
        for _ in range(len(pair) + 1):
            number, digit = divmod(number, 45)
            text += ALPHABET[digit]
    return text


def from_base45(text: str) -> bytes:
    """Read base45.

    Raises:
        ValueError: it is none.
    """
    data = b""
    for start in range(0, len(text), 3):
        group = text[start : start + 3]
        number = sum(ALPHABET.index(letter) * 45**place for place, letter in enumerate(group))
        size = len(group) - 1
        if size < 1 or number >= 256**size:
            raise ValueError("no base45")
        data += number.to_bytes(size, "big")
    return data
