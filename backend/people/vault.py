"""Secrets that must be read again, encrypted at rest with a key beside the database. The only module that knows Fernet.

Whoever gets a copy of the database alone learns no second factor from it.
"""

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from backend.errors import AccessError
from shared.ids import Secret


def key_path(database: Path) -> Path:
    """Name the file of the key: a copy of the database is of little use without it."""
    return database.with_name(database.name + ".key")


class Vault:
    """Seals and opens secrets. The key is made at the first use."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def seal(self, secret: Secret) -> str:
        """Encrypt a secret (AES-128-CBC with HMAC-SHA256).

        Raises:
            AccessError: the key can't be read or made.
        """
        return self._key().encrypt(secret.value.encode()).decode()

    def open(self, sealed: str) -> Secret:
        """Give a secret back.

        Raises:
            AccessError: it was sealed with another key, or the key can't be read.
        """
        try:
            return Secret(self._key().decrypt(sealed.encode()).decode())
        except InvalidToken as error:
            raise AccessError(f"{self._path} is not the key of this database: put the right file back") from error

    def _key(self) -> Fernet:
        try:
            if not self._path.exists():
                self._make()
            return Fernet(self._path.read_bytes().strip())
        except (OSError, ValueError) as error:
            raise AccessError(f"the key {self._path} can't be used: {error}") from error

    def _make(self) -> None:
        """Write a new key whole, readable by its owner only; who comes second takes the one that is there."""
        part = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(Fernet.generate_key())
                file.flush()
                os.fsync(file.fileno())
            if not self._path.exists():
                part.rename(self._path)
        finally:
            part.unlink(missing_ok=True)
