"""Passwords of users, hashed with argon2id. The only module that knows the library."""

import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from shared.ids import Secret

SHORTEST = 10
"""Characters of a password (BSI ORP.4, NIST SP 800-63B §3.1.1: length, and no rules of composition)."""

LONGEST = 200

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""19 MiB and some 30 ms each, so that a small server stands a few logins (RFC 9106 §4 leaves it to the machine)."""


def hash_password(password: Secret) -> str:
    """Give the text to store. Takes some 30 ms: run it in a thread where others wait."""
    return _HASHER.hash(password.value)


def is_password(password: Secret, stored: str) -> bool:
    """Check a password; with an empty `stored` it takes as long and is wrong, so that nobody learns who has one."""
    try:
        return _HASHER.verify(stored or _nobodys(), password.value) and bool(stored)
    except (VerifyMismatchError, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    return hash_password(Secret(secrets.token_urlsafe()))
