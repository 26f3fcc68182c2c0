"""Judge Ed25519 signatures (RFC 8032): of releases, reports and ledger files. Imports cryptography."""

import base64
import binascii
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key


def is_signed(data: bytes, signature: bytes, public: str) -> bool:
    """Tell whether the owner of a public key signed these bytes.

    Args:
        data: what was signed.
        signature: 64 bytes.
        public: base64 of the key's DER form, the line that `openssl pkey -pubout` prints.

    Raises:
        ValueError: `public` is no Ed25519 key.
    """
    try:
        key = load_der_public_key(_der(public))
    except ValueError as error:
        raise ValueError(
            f"{public[:20]!r}... is no public key: give the base64 line that openssl pkey -pubout prints"
        ) from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("the public key is of another kind than Ed25519")
    try:
        key.verify(signature, data)
    except InvalidSignature:
        return False
    return True


def fingerprint(public: str) -> str:
    """Give what people compare of a public key: half of the SHA-256 of its DER form, in groups of 4 digits.

    Raises:
        ValueError: it is not base64.
    """
    digits = hashlib.sha256(_der(public)).hexdigest()[:32]
    return " ".join(digits[place : place + 4] for place in range(0, len(digits), 4))


def _der(public: str) -> bytes:
    try:
        return base64.b64decode(public, validate=True)
    except binascii.Error as error:
        raise ValueError("the public key is not base64") from error
