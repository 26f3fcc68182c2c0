"""What field tools remember between two runs: a small JSON file beside the journal, replaced as a whole."""

import json
import os
from pathlib import Path
from typing import Any

from station.errors import FieldError

Kept = dict[str, Any]
"""Any: JSON that these tools have written themselves."""


def keeping_path(journal: Path) -> Path:
    """Tell where the file is."""
    return journal.with_name(journal.name + ".commissioning.json")


def kept(path: Path) -> Kept:
    """Read the file; empty if there is none.

    Raises:
        FieldError: it can't be read.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise FieldError(f"can't read {path}: {error}. Delete it to begin the commissioning anew") from error
    return dict(found)


def keep(path: Path, values: Kept) -> None:
    """Replace the file. A power cut leaves the old one or the new one.

    Raises:
        FieldError: it can't be written.
    """
    new = path.with_name(path.name + ".new")
    try:
        with new.open("w", encoding="utf-8") as file:
            json.dump(values, file, indent=1, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        raise FieldError(f"can't write {path}: {error.strerror}") from error
