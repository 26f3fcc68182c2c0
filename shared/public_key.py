"""Public keys of meters in all the shapes in which they are printed, told and sent; one shape to compare them by. Pure.

A key comes as DER (SubjectPublicKeyInfo) or as a bare point, in hexadecimal (with or without blanks and colons) or in
Base64; OCPP puts `oca:base16:asn1:` or `oca:base64:asn1:` before it and writes the whole in Base64 once more.

Source: Open Charge Alliance, Signed Meter Values in OCPP 1.0 (publicKey); RFC 5480 §2 (SubjectPublicKeyInfo);
SEC 1 version 2 §2.3.3 (points); SEC 2 and RFC 5639 (names of the curves).
"""

import re
from dataclasses import dataclass
from hashlib import sha256

from shared.ocmf import decode_bytes

_PREFIX = re.compile(r"oca:(base16|base64):asn1:", re.IGNORECASE)
_EC_PUBLIC_KEY = bytes.fromhex("06072a8648ce3d0201")
_SEQUENCE, _OBJECT, _BITS = 0x30, 0x06, 0x03
_CURVES = {
    "2b8104001f": ("secp192k1", 24),
    "2a8648ce3d030101": ("secp192r1", 24),
    "2b8104000a": ("secp256k1", 32),
    "2a8648ce3d030107": ("secp256r1", 32),
    "2b81040022": ("secp384r1", 48),
    "2b81040023": ("secp521r1", 66),
    "2b2403030208010107": ("brainpoolP256r1", 32),
    "2b240303020801010b": ("brainpoolP384r1", 48),
    "2b240303020801010d": ("brainpoolP512r1", 64),
}
"""Name and bytes of a coordinate by the curve's object identifier."""
_OBJECTS = {name.lower(): bytes.fromhex(text) for text, (name, _) in _CURVES.items()}
SIZES = {name.lower(): size for name, size in _CURVES.values()}
"""Bytes of a coordinate by the curve's name in small letters."""

_MAX_CHARACTERS = 4096
"""Longest text that is looked at; OCPP 2.1 allows 2500."""
_LAYERS = 3
"""Base64 around a prefix around Base64."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A point, and its curve in small letters (`secp256r1`); empty where the key does not tell it."""

    curve: str
    point: bytes
    """X and Y without a leading 04."""

    @property
    def der(self) -> bytes:
        """The key as SubjectPublicKeyInfo; empty where its curve is not known."""
        if not self.curve:
            return b""
        kind = _EC_PUBLIC_KEY + _told(_OBJECT, _OBJECTS[self.curve])
        return _told(_SEQUENCE, _told(_SEQUENCE, kind) + _told(_BITS, b"\x00\x04" + self.point))

    @property
    def hex(self) -> str:
        """DER in hexadecimal, or the bare point where the curve is not known: the shape that is kept and compared."""
        return (self.der or b"\x04" + self.point).hex().upper()

    def of_curve(self, curve: str) -> "PublicKey":
        """Give the key with its curve, as a signature names it, where it has none of its own."""
        fits = not self.curve and len(self.point) == 2 * SIZES.get(curve, 0)
        return PublicKey(curve, self.point) if fits else self

    def is_same(self, other: "PublicKey") -> bool:
        """Tell whether two keys are one; a bare point is that key of any curve which has it."""
        return self.point == other.point and (self.curve == other.curve or not (self.curve and other.curve))


def read_public_key(text: str) -> PublicKey | None:
    """Read a key in any of its shapes; None if it is none."""
    for _ in range(_LAYERS):
        text = text.strip()
        if not text or len(text) > _MAX_CHARACTERS:
            return None
        found = _PREFIX.match(text)
        data = decode_bytes(text[found.end() :] if found else text)
        if data is None:
            return None
        key = _subject_public_key(data) or _point(data)
        if key or found:
            return key
        try:
            text = data.decode("ascii")
        except UnicodeDecodeError:
            return None
    return None


def fingerprint(key: PublicKey) -> str:
    """Give the SHA-256 of the point in hexadecimal: the same for every shape of one key."""
    return sha256(key.point).hexdigest().upper()


def groups(text: str, width: int = 4) -> str:
    """Write a key in groups, as people compare it."""
    return " ".join(text[i : i + width] for i in range(0, len(text), width))


def _point(data: bytes) -> PublicKey | None:
    if data.isascii() and data.decode("ascii").isprintable():
        return None  # a text that is wrapped once more
    if len(data) % 2 and data[0] == 4:
        data = data[1:]
    return PublicKey("", data) if len(data) in {2 * size for size in SIZES.values()} else None


def _subject_public_key(data: bytes) -> PublicKey | None:
    whole = _content(data, _SEQUENCE)
    kind = _content(whole[0], _SEQUENCE) if whole and not whole[1].strip(b"\0") else None
    if whole is None or kind is None or not kind[0].startswith(_EC_PUBLIC_KEY):
        return None
    curve, bits = _content(kind[0][len(_EC_PUBLIC_KEY) :], _OBJECT), _content(kind[1], _BITS)
    if curve is None or bits is None or curve[0].hex() not in _CURVES:
        return None
    name, size = _CURVES[curve[0].hex()]
    return PublicKey(name.lower(), bits[0][2:]) if bits[0][:2] == b"\0\x04" and len(bits[0]) == 2 + 2 * size else None


def _content(data: bytes, tag: int) -> tuple[bytes, bytes] | None:
    """Cut off a value of DER: what is in it, and what follows."""
    if len(data) < 2 or data[0] != tag:
        return None
    length, start = data[1], 2
    if length == 0x81 and len(data) > 2:
        length, start = data[2], 3
    if length > 0xFF or (length > 0x7F and start == 2) or len(data) < start + length:
        return None
    return data[start : start + length], data[start + length :]


def _told(tag: int, content: bytes) -> bytes:
    length = bytes([len(content)]) if len(content) < 0x80 else bytes([0x81, len(content)])
    return bytes([tag]) + length + content
