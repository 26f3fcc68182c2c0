"""RDM6300 and its kin: 125 kHz readers that send a card's number as ASCII, 9600 baud 8N1, as long as the card is near.

Frame (vendor's data sheet): 0x02, ten hex digits (version and card number), two hex digits (the five XORed), 0x03.
Pure: bytes and a time in, card numbers out.
"""

from functools import reduce
from operator import xor

from hardware.rfid.presence import PRESENCE_S, Presence

START, END = 0x02, 0x03
_LENGTH = 14


def encode_frame(uid: str) -> bytes:
    """Give the frame of a card.

    Args:
        uid: ten hex digits.

    Raises:
        ValueError: it is not ten hex digits.
    """
    number = bytes.fromhex(uid)
    if len(number) != 5:
        raise ValueError(f"a card number has ten hex digits, {uid!r} has not")
    return bytes([START]) + f"{number.hex()}{reduce(xor, number):02x}".upper().encode() + bytes([END])


def decode_frame(frame: bytes) -> str | None:
    """Give the card number of a frame, ten upper-case hex digits; None if it is damaged."""
    if len(frame) != _LENGTH or frame[0] != START or frame[-1] != END:
        return None
    try:
        number = bytes.fromhex(frame[1:-1].decode("ascii"))
    except ValueError:
        return None
    if len(number) != 6 or reduce(xor, number):  # the checksum makes the XOR of all six zero
        return None
    return number[:5].hex().upper()


class Presentations:
    """Turns the stream of a reader into presentations: each card once while it stays near."""

    def __init__(self, presence_s: float = PRESENCE_S) -> None:
        self._buffer = b""
        self._presence = Presence(presence_s)

    def receive(self, data: bytes, now: float) -> list[str]:
        """Take bytes as they came, in pieces of any size.

        Args:
            data: from the reader.
            now: any steady clock, s.

        Returns:
            Numbers of cards presented anew, ten upper-case hex digits each.
        """
        self._buffer += data
        return [uid for uid in self._frames() if self._presence.is_new(uid, now)]

    def _frames(self) -> list[str]:
        """Cut whole frames off the buffer; what can't become one is dropped."""
        found: list[str] = []
        while (start := self._buffer.find(START)) >= 0:
            frame = self._buffer[start : start + _LENGTH]
            if len(frame) < _LENGTH:
                self._buffer = frame
                return found
            uid = decode_frame(frame)
            if uid:
                found.append(uid)
            # A damaged frame may hide the start of a good one: look for it behind this start byte.
            self._buffer = self._buffer[start + (_LENGTH if uid else 1) :]
        self._buffer = b""
        return found
