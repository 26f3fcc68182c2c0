"""Codes of authenticator apps (TOTP, RFC 6238) and recovery codes. The only module that knows pyotp."""

import hmac
import secrets
from datetime import datetime
from hashlib import sha256

import pyotp

from shared.ids import Secret

RECOVERY_CODES = 8
_STEP_S = 30
_DRIFT = 1
"""Steps that the app's clock may be off in either direction (RFC 6238 §5.2)."""


def new_secret() -> Secret:
    """Make the secret that app and backend share: 160 bits (RFC 4226 §4)."""
    return Secret(pyotp.random_base32())


def address(secret: Secret, login: str, issuer: str) -> str:
    """Give what an app reads from a QR code."""
    return str(pyotp.TOTP(secret.value).provisioning_uri(name=login, issuer_name=issuer))


def code_at(secret: Secret, at: datetime) -> str:
    """Give the code that an app shows at a time."""
    return str(pyotp.TOTP(secret.value).at(at))


def step_of(secret: Secret, code: str, at: datetime, last: int) -> int | None:
    """Find the time step that a code is of, later than the last one used; None if it is wrong, old or used."""
    generator, now, found = pyotp.TOTP(secret.value), int(at.timestamp()) // _STEP_S, None
    given = "".join(code.split()).encode()
    for step in range(now - _DRIFT, now + _DRIFT + 1):
        if hmac.compare_digest(generator.generate_otp(step).encode(), given) and step > last:
            found = step
    return found


def recovery_codes() -> list[str]:
    """Make codes that let somebody in once each without the app: 80 bits."""
    return [f"{secrets.token_hex(5)}-{secrets.token_hex(5)}" for _ in range(RECOVERY_CODES)]


def recovery_hash(code: str) -> str:
    """Give what is kept of a recovery code: it has so many bits that a plain hash is enough."""
    return sha256(code.strip().lower().encode()).hexdigest()
