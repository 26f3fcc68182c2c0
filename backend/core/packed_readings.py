"""A message's JSON in few bytes: the form that many messages share, and what differs from one to the next.

The text is cut where numbers, times and texts stand as values. What remains is its *shape*, with measurands, units,
phases, contexts, locations and the order of keys; a station has but a few, and each is stored once. What was cut out
is the packed message: a reading of ten values takes some 30 bytes. Putting both together gives the very same text.

What tells too much at once for a shape is deflated instead.

Values stand one after the other, each beginning with a number of 7-bit groups, the lowest first, whose two lowest bits
tell what it is:

- 0, 1, 2: a number with so many decimals; the other bits are its digits.
- 3: the other bits are a `_Kind`, and its content follows.
"""

import re
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from uuid import UUID

_WORDS = ("measurand", "unit", "phase", "context", "format", "location", "eventType", "triggerReason", "chargingState")
"""Keys whose values are words of the specification: they belong to the shape. No token may: shapes are never erased."""

_VALUE = re.compile(
    r'":' + "".join(rf'(?<!"{word}":)' for word in _WORDS) + r'(?:"((?:[^"\\]|\\.)*+)"|(-?\d[\d.eE+-]*+))'
)
_NUMBER = re.compile(r"(0|[1-9]\d{0,14})(?:\.(\d{1,2}))?", re.ASCII)
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{3})?Z", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_TEXT_HOLE, _BARE_HOLE = "\x1e", "\x1f"
_HOLES = re.compile(f"([{_TEXT_HOLE}{_BARE_HOLE}])")
"""Where a value stands in a shape: in quotation marks, or bare. JSON has neither character but escaped."""

_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
_SECOND, _MILLISECOND = timedelta(seconds=1), timedelta(milliseconds=1)

MAX_SHAPE = 8000
"""Characters of a shape. A longer one tells many readings at once, and hardly comes again."""


class _Kind(IntEnum):
    TEXT = 0
    SECONDS = 1
    MILLISECONDS = 2
    UUID = 3


def pack(text: str) -> tuple[str, bytes] | None:
    """Give the shape of a message and its values; None where it has no shape worth keeping.

    Args:
        text: compact JSON (`shared.ocpp.session.dumps`).
    """
    if '["' in text or _TEXT_HOLE in text or _BARE_HOLE in text:
        return None  # texts in arrays are no words, yet would stand in the shape
    parts = _VALUE.split(text)
    shape, values = [parts[0]], bytearray()
    for i in range(1, len(parts), 3):
        quoted, bare, after = parts[i : i + 3]
        shape += ('":', _BARE_HOLE if quoted is None else _TEXT_HOLE, after)
        _put(values, bare if quoted is None else quoted)
    form = "".join(shape)
    return (form, bytes(values)) if len(form) <= MAX_SHAPE else None


def unpack(shape: str, packed: bytes) -> str:
    """Give the text that `pack` made both of."""
    values = _take(packed)
    parts = _HOLES.split(shape)
    for i in range(1, len(parts), 2):
        value = next(values)
        parts[i] = f'"{value}"' if parts[i] == _TEXT_HOLE else value
    return "".join(parts)


def deflate(text: str) -> bytes:
    """Pack a message without a shape."""
    return zlib.compress(text.encode("utf-8", "surrogatepass"), 9)


def inflate(packed: bytes) -> str:
    """Give the text that `deflate` packed."""
    return zlib.decompress(packed).decode("utf-8", "surrogatepass")


def _put(values: bytearray, text: str) -> None:
    if number := _NUMBER.fullmatch(text):
        whole, decimals = number[1], number[2] or ""
        _put_int(values, int(whole + decimals) << 2 | len(decimals))
    elif (time := _TIME.fullmatch(text)) and (moment := _moment(text)):
        unit, kind = (_MILLISECOND, _Kind.MILLISECONDS) if time[2] else (_SECOND, _Kind.SECONDS)
        _put_kind(values, kind)
        _put_int(values, (moment - _EPOCH) // unit)
    elif _UUID.fullmatch(text):
        _put_kind(values, _Kind.UUID)
        values += UUID(text).bytes
    else:
        content = text.encode("utf-8", "surrogatepass")
        _put_kind(values, _Kind.TEXT)
        _put_int(values, len(content))
        values += content


def _moment(text: str) -> datetime | None:
    """Read a time from 2020 on; None where writing it anew would give another text."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment >= _EPOCH and moment.isoformat()[:19] == text[:19] else None


def _put_kind(values: bytearray, kind: _Kind) -> None:
    _put_int(values, kind << 2 | 3)


def _put_int(values: bytearray, number: int) -> None:
    while number > 0x7F:
        values.append(number & 0x7F | 0x80)
        number >>= 7
    values.append(number)


def _take(packed: bytes) -> Iterator[str]:
    at = 0
    while at < len(packed):
        head, at = _int_at(packed, at)
        number, decimals = head >> 2, head & 3
        if decimals < 3:
            yield _decimal(number, decimals)
        elif number == _Kind.UUID:
            yield str(UUID(bytes=packed[at : at + 16]))
            at += 16
        else:
            value, at = _int_at(packed, at)
            if number == _Kind.TEXT:
                yield packed[at : at + value].decode("utf-8", "surrogatepass")
                at += value
            elif number == _Kind.SECONDS:
                yield (_EPOCH + value * _SECOND).strftime("%Y-%m-%dT%H:%M:%SZ")
            else:
                yield (_EPOCH + value * _MILLISECOND).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _int_at(packed: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while packed[at] > 0x7F:
        number |= (packed[at] & 0x7F) << shift
        shift += 7
        at += 1
    return number | packed[at] << shift, at + 1


def _decimal(number: int, decimals: int) -> str:
    if not decimals:
        return str(number)
    digits = str(number).zfill(decimals + 1)
    return f"{digits[:-decimals]}.{digits[-decimals:]}"
