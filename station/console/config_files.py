"""The configuration file with the files it had before: changed as a whole or not at all, and back again.

Previous files stand beside it as `station.toml.1` (the last) to `.5`. A new file is checked as the agent would check it
at its start, written beside the old one, and then takes its place in one step.
"""

import difflib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

from shared.config import ConfigError, describe, load, parse
from shared.ids import Secret
from station.settings import StationSettings, check

KEPT = 5

_SECRET = re.compile(r"([^=#]*\b(?:password|apn_password|pin|hash|id_token)\s*=\s*)(\"[^\"]*\"|'[^']*')")


def load_checked(path: Path) -> StationSettings:
    """Read the configuration and check it whole.

    Raises:
        ConfigError: it can't be used.
    """
    settings = load(path, StationSettings)
    check(settings)
    return settings


def load_or_previous(path: Path) -> tuple[StationSettings, str]:
    """Read the configuration; if it can't be used, the newest previous one that can, and why.

    Raises:
        ConfigError: none of them can be used.
    """
    try:
        return load_checked(path), ""
    except ConfigError as error:
        for previous in previous_files(path):
            try:
                return load_checked(previous), str(error)
            except ConfigError:
                continue
        raise


def previous_files(path: Path) -> list[Path]:
    """Name the previous files that exist, newest first."""
    return [file for number in range(1, KEPT + 1) if (file := _previous(path, number)).is_file()]


def replace_file(path: Path, text: str) -> None:
    """Let a new text take the place of the file, if the agent could start with it.

    Raises:
        ConfigError: it could not, or the folder can't be written; the old file is untouched.
    """
    judge(text)
    try:
        for number in range(KEPT, 1, -1):
            if (older := _previous(path, number - 1)).is_file():
                older.replace(_previous(path, number))
        _write(_previous(path, 1), path.read_bytes(), path)
        _write(path, text.encode(), path)
    except OSError as error:
        raise ConfigError(f"can't write {path}: {error.strerror or error}. Has this user the right to?") from error


def judge(text: str) -> None:
    """Check a new text as the agent would at its start.

    Raises:
        ConfigError: it could not start with it.
    """
    check(parse(text, StationSettings, "the new file"))


def difference(old: str, new: str) -> list[str]:
    """Show the lines that go away (-) and come (+), without secrets."""
    lines = difflib.ndiff(hidden(old).splitlines(), hidden(new).splitlines())
    return [line for line in lines if line.startswith(("- ", "+ "))]


def hidden(text: str) -> str:
    """Hide passwords, PINs and card numbers of a TOML text; what is not empty stays recognisable as such."""
    return "\n".join(_SECRET.sub(lambda found: found[1] + ('""' if len(found[2]) == 2 else '"***"'), line)
                     for line in text.split("\n"))  # fmt: skip


def values(settings: object, prefix: str = "") -> Iterator[tuple[str, str]]:
    """List every setting with its value, secrets masked; places in arrays count from 1."""
    assert is_dataclass(settings)  # noqa: S101  settings are
    for field in fields(settings):
        value, name = getattr(settings, field.name), f"{prefix}{field.name}"
        if isinstance(value, tuple) and value and is_dataclass(value[0]):
            for number, row in enumerate(value, 1):
                yield from values(row, f"{name}[{number}].")
        elif is_dataclass(value) and not isinstance(value, Secret):
            yield from values(value, f"{name}.")
        elif field.name == "id_token":
            yield name, "***"
        else:
            yield name, ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def type_of(name: str) -> str:
    """Give the type of a setting by its name with `[]` for arrays, as shared.config writes it.

    Raises:
        ConfigError: there is none.
    """
    known = {row.name: row.type_name for row in describe(StationSettings)}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
        raise ConfigError(f"there is no setting {name}; the nearest is {near}")
    return known[name]


def _previous(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def _write(path: Path, data: bytes, like: Path) -> None:
    """Write a file that is whole or not there, durable, with owner and rights of another."""
    handle, name = tempfile.mkstemp(prefix=path.name, dir=path.parent)
    new = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(like, new)
        owner = like.stat()
        if os.geteuid() == 0:
            os.chown(new, owner.st_uid, owner.st_gid)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
