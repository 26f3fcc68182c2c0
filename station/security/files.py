"""The security folder: keys, certificates, and what access is in force. Readable by the agent's user only.

    access.json              what is in force and on trial; replaced as a whole, so it is always one or the other
    client/NAME.key.pem      a private key, made here and never sent
    client/NAME.chain.pem    what was signed for it
    roots/USE-FINGERPRINT.pem

Every file is on the disk with its name before a method returns.
"""

import hashlib
import json
import os
import secrets
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from shared.ids import Secret
from station.errors import SecurityError
from station.security.access import Access, Plan, Profile


class RootUse(StrEnum):
    """What a root certificate is for."""

    CENTRAL_SYSTEM = "csms"
    MANUFACTURER = "manufacturer"


@dataclass(frozen=True, slots=True)
class State:
    """What access.json holds.

    Args:
        plan: what is in force and on trial.
        origin: fingerprint of what the settings said when this was written: new settings win.
        asked: name of the key whose certificate was asked for; empty = none.
        candidate: name of the client certificate that came and was not tried yet; empty = none.
        replaced: names of client certificates that were in force, and when they were replaced.
    """

    plan: Plan
    origin: str = ""
    asked: str = ""
    candidate: str = ""
    replaced: tuple[tuple[str, datetime], ...] = ()


class SecurityFiles:
    """See the module. Its methods block for the disk.

    Raises:
        SecurityError: from every method: the folder can't be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self) -> State | None:
        """Read what is in force, None if nothing was ever changed here."""
        path = self._folder / "access.json"
        try:
            told = json.loads(path.read_text("utf-8"))
            plan = Plan(_access(told["in_force"]), tuple(_access(trial) for trial in told["trials"]), told["what"])
            replaced = tuple((name, datetime.fromisoformat(at)) for name, at in told["replaced"])
            return State(plan, told["origin"], told["asked"], told["candidate"], replaced)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SecurityError(f"can't read {path}: {error.strerror}. Is it the agent's own?") from error
        except (ValueError, KeyError, TypeError) as error:
            path.replace(path.with_name(f"{path.name}.bad"))
            raise SecurityError(
                f"{path} is damaged and was put aside as {path.name}.bad: the settings hold again"
            ) from error

    def save(self, state: State) -> None:
        """Write what is in force."""
        told = {
            "in_force": _told(state.plan.in_force),
            "trials": [_told(trial) for trial in state.plan.trials],
            "what": state.plan.what,
            "origin": state.origin,
            "asked": state.asked,
            "candidate": state.candidate,
            "replaced": [(name, at.isoformat()) for name, at in state.replaced],
        }
        self._write(self._folder / "access.json", json.dumps(told).encode())

    def add_key(self, pem: bytes) -> str:
        """Keep a new private key and give its name."""
        name = secrets.token_hex(8)
        self._write(self._client(name, "key"), pem)
        return name

    def key(self, name: str) -> bytes | None:
        """Give a private key, None if there is none of that name."""
        return self._read(self._client(name, "key")) if name else None

    def add_chain(self, name: str, pem: str) -> None:
        """Keep what was signed for a key."""
        self._write(self._client(name, "chain"), pem.encode())

    def chain(self, name: str) -> str | None:
        """Give the certificate chain of a client, None if there is none of that name."""
        pem = self._read(self._client(name, "chain")) if name else None
        return pem.decode() if pem is not None else None

    def client(self, name: str) -> tuple[Path, Path] | None:
        """Give the files of chain and key, None if one is missing."""
        paths = self._client(name, "chain"), self._client(name, "key")
        return paths if name and all(path.is_file() for path in paths) else None

    def forget_clients(self, keep: set[str]) -> None:
        """Remove the keys and chains of all others."""
        folder = self._folder / "client"
        with _disk("write", folder):
            for path in folder.iterdir() if folder.is_dir() else ():
                if path.name.split(".")[0] not in keep:
                    path.unlink()

    def roots(self, use: RootUse) -> dict[str, str]:
        """Give the root certificates for a use, PEM by fingerprint, in a fixed order; a damaged one is left out."""
        found = {}
        with _disk("read", self._folder / "roots"):
            for path in self._root_paths(use):
                pem, fingerprint = path.read_text("ascii", errors="replace"), path.stem.partition("-")[2]
                if _fingerprint(pem) == fingerprint:
                    found[fingerprint] = pem
        return found

    def count_roots(self) -> int:
        """Count the root certificates for all uses."""
        return sum(1 for use in RootUse for _ in self._root_paths(use))

    def add_root(self, use: RootUse, fingerprint: str, pem: str) -> None:
        """Keep a root certificate."""
        self._write(self._root(use, fingerprint), pem.encode())

    def delete_root(self, use: RootUse, fingerprint: str) -> None:
        """Remove a root certificate."""
        with _disk("write", self._folder / "roots"):
            self._root(use, fingerprint).unlink(missing_ok=True)
            _sync(self._folder / "roots")

    def _root_paths(self, use: RootUse) -> Iterator[Path]:
        return iter(sorted((self._folder / "roots").glob(f"{use}-*.pem")))

    def _root(self, use: RootUse, fingerprint: str) -> Path:
        return self._folder / "roots" / f"{use}-{fingerprint}.pem"

    def _client(self, name: str, kind: str) -> Path:
        return self._folder / "client" / f"{name}.{kind}.pem"

    def _read(self, path: Path) -> bytes | None:
        with _disk("read", path):
            return path.read_bytes() if path.exists() else None

    def _write(self, path: Path, data: bytes) -> None:
        new = path.with_name(f"{path.name}.new")
        with _disk("write", path):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            new.unlink(missing_ok=True)
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
            _sync(path.parent)


@contextmanager
def _disk(verb: str, path: Path) -> Iterator[None]:
    """Say what the disk refuses."""
    try:
        yield
    except OSError as error:
        if verb == "read":
            raise SecurityError(f"can't read {path}: {error.strerror}. Is it the agent's own?") from error
        raise SecurityError(f"can't write {path}: {error.strerror}. Is the disk full or read-only?") from error


def _fingerprint(pem: str) -> str:
    """Give the SHA-256 of a certificate, empty if the text is none."""
    try:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
    except ValueError:
        return ""


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _told(access: Access) -> dict[str, object]:
    return {
        "profile": int(access.profile),
        "password": access.password.value,
        "is_key": access.is_key,
        "client": access.client,
    }


def _access(told: dict[str, object]) -> Access:
    profile = Profile(int(str(told["profile"])))
    return Access(profile, Secret(str(told["password"])), bool(told["is_key"]), str(told["client"]))
