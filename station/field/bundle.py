"""The support bundle: what an engineer far away needs to see, without what nobody but the operator may know. Pure.

A tar.gz of text files with `MANIFEST.json` (their SHA-256) and `MANIFEST.sig` (the station's signature of it).
"""

import gzip
import hashlib
import io
import json
import re
import tarfile
import tomllib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from station.field.signature import StationKey, canonical

MASK = "***"
MANIFEST, SIGNATURE = "MANIFEST.json", "MANIFEST.sig"

_SUSPICIOUS = re.compile(r"passw|secret|pin$|pin_|token|api_?key|authorizationkey|private", re.IGNORECASE)
"""Keys that hold a secret even if this version's settings do not know them."""
_USER_IN_URL = re.compile(r"(?<=://)[^/@\s]+@")
_SHORTEST_SECRET = 4
"""A PIN of four digits; shorter texts would mask half of the log."""


def masked_config(text: str, secret_names: Iterable[str]) -> tuple[str, frozenset[str]]:
    """Give a configuration file as JSON without its secrets, and the secrets, so that other parts can be cleaned too.

    Args:
        text: the TOML file. If it is none, nothing of it is given away but the mistake.
        secret_names: names of the settings that are secret, without their table.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return f"the file is not valid TOML: {error}\n", frozenset()
    secrets: set[str] = set()
    clean = _masked(values, frozenset(secret_names), secrets)
    return json.dumps(clean, indent=1, ensure_ascii=False, default=str) + "\n", frozenset(secrets)


# Any: values of a TOML file.
def _masked(value: Any, names: frozenset[str], secrets: set[str]) -> Any:
    if isinstance(value, list):
        return [_masked(item, names, secrets) for item in value]
    if isinstance(value, str):
        return _USER_IN_URL.sub(f"{MASK}@", value)
    if not isinstance(value, dict):
        return value
    clean = {}
    for name, item in value.items():
        if (name in names or _SUSPICIOUS.search(name)) and not isinstance(item, dict | bool):
            secrets |= {str(part) for part in (item if isinstance(item, list) else [item])}
            clean[name] = MASK if item else item
        else:
            clean[name] = _masked(item, names, secrets)
    return clean


def without(secrets: Iterable[str], text: str) -> str:
    """Mask secrets wherever they stand in a text: a log of a modem may hold what was sent to it."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            # A PIN of digits must not blot out the readings in which the same digits stand.
            text = re.sub(rf"(?<![\w.,]){re.escape(secret)}(?!\w|[.,]\d)", MASK, text)
    return text


def make_bundle(parts: Mapping[str, str], about: Mapping[str, str], at: datetime, key: StationKey) -> bytes:
    """Put a bundle together.

    Args:
        parts: texts by file name.
        about: facts for the manifest: who, which version.
        at: when, aware UTC.
        key: signs the manifest.
    """
    files = {name: text.encode("utf-8") for name, text in sorted(parts.items())}
    manifest = canonical(
        {
            **about,
            "at": at.isoformat(),
            "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
            "key": key.public,
        }
    )
    files[MANIFEST], files[SIGNATURE] = manifest, key.sign(manifest)
    out = io.BytesIO()
    stamp = int(at.timestamp())
    with (
        gzip.GzipFile(fileobj=out, mode="wb", mtime=stamp) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(data), stamp
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()
