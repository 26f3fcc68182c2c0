"""PINs of technicians: stored as scrypt hashes (RFC 7914), never as they are."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from enum import IntEnum

SHORTEST, LONGEST = 6, 32
_N, _R, _P = 1 << 14, 8, 1
"""Cost: 16 MB of memory and some tenths of a second on a small controller, for each guess."""


class Role(IntEnum):
    """What somebody may do; each may also do what those before it may."""

    GUEST = 0
    """Nobody has logged in: reads how the station stands."""
    TECHNICIAN = 1
    SPECIALIST = 2
    """May also close contactors, trip the RCD, change settings and programs."""


def is_plausible(pin: str) -> bool:
    """Tell whether a person can have meant this as a PIN: line noise is no try, and locks nobody out."""
    return SHORTEST <= len(pin) <= LONGEST and pin.isascii() and pin.isalnum()


def hash_pin(pin: str, salt: bytes) -> str:
    """Give the entry for the settings, `scrypt:SALT:KEY`.

    Args:
        pin: 6 to 32 ASCII letters and digits.
        salt: 16 random bytes.

    Raises:
        ValueError: it is no such PIN, or too easy.
    """
    if not is_plausible(pin):
        raise ValueError(f"a PIN has {SHORTEST} to {LONGEST} letters and digits")
    if len(set(pin)) < 3 or pin in "01234567890123456789" or pin in "98765432109876543210":
        raise ValueError("this PIN is one of the first that somebody would guess")
    return f"scrypt:{_text(salt)}:{_text(_key(pin, salt))}"


def check_hash(text: str) -> None:
    """Check an entry of the settings.

    Raises:
        ValueError: it is not one that `hash_pin` gives.
    """
    _read(text)


def owner(pin: str, hashes: Iterable[str]) -> int | None:
    """Find the place of the PIN's hash. Each costs some tenths of a second; all are always tried."""
    found = None
    for place, text in enumerate(hashes):
        salt, key = _read(text)
        if hmac.compare_digest(_key(pin, salt), key) and found is None:
            found = place
    return found


def _key(pin: str, salt: bytes) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, n=_N, r=_R, p=_P, maxmem=64 << 20, dklen=32)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _read(text: str) -> tuple[bytes, bytes]:
    parts = text.split(":")
    if len(parts) == 3 and parts[0] == "scrypt":
        try:
            salt, key = (base64.b64decode(part, validate=True) for part in parts[1:])
        except binascii.Error:
            pass
        else:
            if len(salt) >= 16 and len(key) == 32:
                return salt, key
    raise ValueError("it is no hashed PIN: make one with `emops-station console hash-pin`")
