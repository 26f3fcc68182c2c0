"""A release that comes as one file, and the two places between which the station switches. Pure.

The file is a tar of wheels, beside it its signature (`FILE.sig`: 64 bytes, as `openssl pkeyutl -sign -rawin` writes
them, or their base64). The station has two environments, `a` and `b`; `current` is a link to the one that runs. A new
release goes into the other one, so that the way back is one link.
"""

import base64
import binascii
import io
import re
import tarfile
from dataclasses import dataclass

from station.errors import FieldError
from station.field.signature import SIGNATURE_BYTES, is_signed

PACKAGE = "emops"
SLOTS = ("a", "b")
MOST_BYTES = 256 << 20
"""Of all wheels together, unpacked: a station's card is small."""

_WHEEL = re.compile(r"(?P<package>[A-Za-z0-9_.]+)-(?P<version>[A-Za-z0-9_.!+]+)(-\w+)?-[\w.]+-[\w.]+-[\w.]+\.whl")
_NUMBERS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Release:
    """The wheels of a release by file name, and the version of our own."""

    version: str
    wheels: dict[str, bytes]


def read_release(data: bytes, signature: bytes, public: str) -> Release:
    """Check and unpack a release. Nothing of it is looked at before its signature is right.

    Args:
        data: the file.
        signature: beside it.
        public: whose signature counts, as `StationKey.public`; empty = nobody's.

    Raises:
        FieldError: it is not from there, or is no release.
    """
    if not public:
        raise FieldError("no key for updates is configured: set update.key to the maker's public key")
    if not is_signed(data, _raw(signature), public):
        raise FieldError("the signature is not that of update.key: the file is damaged, or from somebody else")
    return unpack_release(data)


def unpack_release(data: bytes) -> Release:
    """Unpack a release that is known to be genuine.

    Raises:
        FieldError: it is no release.
    """
    wheels = {}
    total = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:*") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isfile() else None
                if file is None or not _WHEEL.fullmatch(member.name):
                    raise FieldError(f"the release holds {member.name!r}: only wheels belong there")
                total += member.size
                if total > MOST_BYTES:
                    raise FieldError(f"the release is larger than {MOST_BYTES >> 20} MiB")
                wheels[member.name] = file.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise FieldError(f"the release is no tar file: {error}") from error
    own = [match["version"] for name in wheels if (match := _WHEEL.fullmatch(name)) and match["package"] == PACKAGE]
    if len(own) != 1:
        raise FieldError(f"the release holds {len(own)} wheels of {PACKAGE}: exactly one belongs there")
    return Release(own[0], wheels)


def is_older(version: str, installed: str) -> bool:
    """Tell whether a version comes before the installed one, by its numbers."""
    return _ordered(version) < _ordered(installed)


def other_slot(current: str) -> str:
    """Tell where a new release goes: not where the running one is."""
    return SLOTS[1] if current == SLOTS[0] else SLOTS[0]


def _ordered(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in _NUMBERS.findall(version.partition("+")[0]))


def _raw(signature: bytes) -> bytes:
    if len(signature) == SIGNATURE_BYTES:
        return signature
    try:
        return base64.b64decode(signature.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise FieldError("the .sig file holds neither 64 bytes nor their base64") from error
