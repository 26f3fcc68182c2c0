"""Signatures of the station (Ed25519, RFC 8032). Imports cryptography.

A report or a bundle that leaves the site is signed with the station's own key, which never leaves it. The backend or an
auditor keeps the public half; whoever has only the file can still see that it was not changed since.
"""

import base64
import json
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from shared import ed25519
from station.errors import FieldError

SIGNATURE_BYTES = 64


class StationKey:
    """The station's private key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @property
    def public(self) -> str:
        """The public half, base64 of its DER form: the line that `openssl pkey -pubout` prints."""
        der = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(der).decode("ascii")

    def sign(self, data: bytes) -> bytes:
        """Sign bytes, as 64 bytes."""
        return self._key.sign(data)


def key_path(journal: Path) -> Path:
    """Tell where the key of a station is."""
    return journal.with_name(journal.name + ".signing.pem")


def station_key(path: Path) -> StationKey:
    """Read the key, or make it at its first use, readable by its owner only.

    Raises:
        FieldError: it can't be read, made, or is none.
    """
    try:
        if not path.exists():
            _make(path)
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise FieldError(f"can't use the signing key {path}: {error}. Are you allowed to read it?") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise FieldError(f"{path} holds no Ed25519 key: move it away, then a new one is made")
    return StationKey(key)


def _make(path: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    new = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    try:
        # Unlike a rename this never replaces the key that another process made at the same moment.
        os.link(new, path)
    except FileExistsError:
        pass
    finally:
        new.unlink()


def is_signed(data: bytes, signature: bytes, public: str) -> bool:
    """Tell whether the owner of a public key signed these bytes.

    Args:
        data: what was signed.
        signature: 64 bytes.
        public: as `StationKey.public` gives it.

    Raises:
        FieldError: `public` is no key.
    """
    try:
        return ed25519.is_signed(data, signature, public)
    except ValueError as error:
        raise FieldError(str(error)) from error


def canonical(document: object) -> bytes:
    """Give a JSON document its one form in bytes: keys in order, no blanks, UTF-8. It must hold no floats."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
