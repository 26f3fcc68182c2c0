"""PIN attempts in a small file of their own: they must outlive the program, and need nothing of its journal."""

import dataclasses
import json
import os
from pathlib import Path

from hardware.modem.sim_pin import PinAttempt


class SimMemoryFile:
    """Fulfils SimMemory with a JSON file that is replaced as a whole. A file that can't be read counts as empty.

    Args:
        path: of the file; its folder must exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    async def recall(self, iccid: str, pin_digest: str) -> PinAttempt | None:
        """See SimMemory."""
        return self._load().get((iccid, pin_digest))

    async def remember(self, attempt: PinAttempt) -> None:
        """See SimMemory.

        Raises:
            OSError: it can't be stored, so the PIN must not be tried.
        """
        self._store(self._load() | {(attempt.iccid, attempt.pin_digest): attempt})

    async def forget(self, iccid: str, pin_digest: str) -> None:
        """See SimMemory."""
        attempts = self._load()
        if attempts.pop((iccid, pin_digest), None):
            self._store(attempts)

    def _load(self) -> dict[tuple[str, str], PinAttempt]:
        try:
            rows = [PinAttempt(**row) for row in json.loads(self._path.read_text("utf-8"))]
        except (FileNotFoundError, ValueError, TypeError):
            return {}
        return {(row.iccid, row.pin_digest): row for row in rows}

    def _store(self, attempts: dict[tuple[str, str], PinAttempt]) -> None:
        """Replace the file, durably: contents first, then the name."""
        new = self._path.with_suffix(".new")
        with new.open("w", encoding="utf-8") as file:
            json.dump([dataclasses.asdict(attempt) for attempt in attempts.values()], file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
