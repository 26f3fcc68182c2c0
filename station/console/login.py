"""Logging in with a PIN. Wrong ones lock the console, longer each time, over restarts and for all consoles together."""

import asyncio
import fcntl
import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.log import Log
from station.console.lockout import Tries, decode
from station.console.terminal import Stopped, Terminal
from station.core.pins import LONGEST, SHORTEST, Role, is_plausible, owner
from station.field.text import Text
from station.settings import PinSettings

_LOG = Log("station.console")


@dataclass(frozen=True, slots=True)
class Moment:
    """When something is: the boot of the controller, and the seconds since."""

    boot: str
    uptime: float


class TriesFile:
    """The wrong tries, in a file that consoles share. If it can't be written they are kept in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tries = Tries()

    def read(self) -> Tries:
        """Give the tries so far."""
        with self._file() as file:
            return self._tries if file is None else _read(file)

    def change(self, change: Callable[[Tries], Tries]) -> None:
        """Change the tries, in one step and durably."""
        with self._file() as file:
            self._tries = change(self._tries if file is None else _read(file))
            if file is not None:
                data = self._tries.encode().encode()
                os.ftruncate(file, 0)
                os.pwrite(file, data, 0)
                os.fsync(file)

    @contextmanager
    def _file(self) -> Iterator[int | None]:
        try:
            file = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            _LOG.warning("tries_not_kept", path=self._path, reason=error.strerror)
            yield None
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)


def _read(file: int) -> Tries:
    data = os.pread(file, 4096, 0)
    return decode(data.decode("utf-8", "replace")) if data else Tries()


async def log_in(
    terminal: Terminal, pins: Sequence[PinSettings], tries: TriesFile, now: Callable[[], Moment]
) -> tuple[Role, str] | None:
    """Ask for the PIN until it is right.

    Returns:
        Role and name; None if the person went back.

    Raises:
        EOFError: the terminal went away, or nobody pressed a key for long.
    """
    while True:
        await _wait(terminal, tries, now)
        try:
            pin = await terminal.ask(terminal.pick(_ASK), secret=True)
        except Stopped:
            return None
        if not pin:
            return None
        if not is_plausible(pin):
            await terminal.tell(_NO_PIN)
            continue
        moment = now()
        if tries.read().locked_s(moment.boot, moment.uptime):
            continue  # another console has locked it meanwhile
        tries.change(lambda before, at=moment: before.one_more(at.boot, at.uptime))  # type: ignore[misc]
        found = await asyncio.to_thread(owner, pin, [entry.hash.value for entry in pins])
        if found is not None:
            tries.change(lambda _: Tries())
            entry = pins[found]
            return Role[entry.role.upper()], entry.name or f"PIN {found + 1}"
        _LOG.warning("wrong_pin", tries=tries.read().count)
        await terminal.tell(_WRONG)


async def _wait(terminal: Terminal, tries: TriesFile, now: Callable[[], Moment]) -> None:
    moment = now()
    locked_s = math.ceil(tries.read().locked_s(moment.boot, moment.uptime))
    if not locked_s:
        return
    _LOG.warning("console_locked", seconds=locked_s)
    await terminal.tell(Text(f"Too many wrong PINs. Locked for {locked_s} s.",
                             f"Zu viele falsche PINs. Gesperrt für {locked_s} s."))  # fmt: skip
    await terminal.pause(locked_s)


_ASK = Text("PIN", "PIN")
_WRONG = Text("This PIN is wrong.", "Diese PIN ist falsch.")
_NO_PIN = Text(
    f"A PIN has {SHORTEST} to {LONGEST} letters or digits.",
    f"Eine PIN hat {SHORTEST} bis {LONGEST} Buchstaben oder Ziffern.",
)
