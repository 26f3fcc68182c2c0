"""Passwords of charge points: hashed with scrypt, so that a copy of the database opens no station's account."""

import base64
import hashlib
import hmac
import os

from shared.ids import Secret

_COST, _BLOCK, _PARALLEL = 2**14, 8, 1
"""16 MiB and some 50 ms for each check, the usual strength for logins (RFC 7914 §2)."""


def hash_password(password: Secret) -> str:
    """Give the text to store, with its salt and parameters."""
    salt = os.urandom(16)
    digest = _scrypt(password, salt, _COST, _BLOCK, _PARALLEL)
    return "$".join(["scrypt", str(_COST), str(_BLOCK), str(_PARALLEL), _text(salt), _text(digest)])


def is_password(password: Secret, stored: str) -> bool:
    """Check a password against the stored text. Takes some 50 ms: run it in a thread where others wait."""
    kind, cost, block, parallel, salt, digest = stored.split("$")
    assert kind == "scrypt"  # noqa: S101  written by hash_password
    found = _scrypt(password, base64.b64decode(salt), int(cost), int(block), int(parallel))
    return hmac.compare_digest(found, base64.b64decode(digest))


def _scrypt(password: Secret, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    return hashlib.scrypt(password.value.encode(), salt=salt, n=cost, r=block, p=parallel, maxmem=2**26, dklen=32)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
