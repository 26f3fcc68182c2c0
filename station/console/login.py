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
    """The wrong tries, in a file that all consoles share. What can't be written, on a full disk, is kept in memory."""

    def __init__(self) -> None:
        self._unsaved: Tries | None = None

    def read(self, path: Path) -> Tries:
        """Give the tries so far."""
        if self._unsaved is not None:
            return self._unsaved
        try:
            with _locked(path) as file:
                return _read(file)
        except OSError:
            return Tries()

    def change(self, path: Path, change: Callable[[Tries], Tries]) -> None:
        """Change the tries, in one step and durably."""
        try:
            with _locked(path) as file:
                tries = change(_read(file) if self._unsaved is None else self._unsaved)
                data = tries.encode().encode()
                os.pwrite(file, data, 0)
                os.ftruncate(file, len(data))
                os.fsync(file)
            self._unsaved = None
        except OSError as error:
            if self._unsaved is None:
                _LOG.warning("tries_not_kept", path=path, reason=error.strerror)
            self._unsaved = change(self._unsaved or Tries())


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)


def _read(file: int) -> Tries:
    data = os.pread(file, 4096, 0)
    return decode(data.decode("utf-8", "replace")) if data else Tries()


@dataclass(frozen=True, slots=True)
class Guard:
    """What stands between wrong PINs and the menu: tries, the file that they are kept in, and what time it is."""

    tries: TriesFile
    path: Path
    now: Callable[[], Moment]

    def locked_s(self) -> float:
        """Tell for how long no PIN is taken."""
        moment = self.now()
        return self.tries.read(self.path).locked_s(moment.boot, moment.uptime)

    def count(self) -> None:
        """Count a try, before it is judged."""
        moment = self.now()
        self.tries.change(self.path, lambda before: before.one_more(moment.boot, moment.uptime))

    def forgive(self) -> None:
        """The PIN was right."""
        self.tries.change(self.path, lambda _: Tries())


async def log_in(terminal: Terminal, pins: Sequence[PinSettings], guard: Guard) -> tuple[Role, str] | None:
    """Ask for the PIN until it is right.

    Returns:
        Role and name; None if the person went back.

    Raises:
        EOFError: the terminal went away, or nobody pressed a key for long.
    """
    while True:
        await _wait(terminal, guard)
        try:
            pin = await terminal.ask(terminal.pick(_ASK), secret=True)
        except Stopped:
            return None
        if not pin:
            return None
        if not is_plausible(pin):
            await terminal.tell(_NO_PIN)
            continue
        if guard.locked_s():
            continue  # another console has locked it meanwhile
        guard.count()
        found = await asyncio.to_thread(owner, pin, [entry.hash.value for entry in pins])
        if found is not None:
            guard.forgive()
            entry = pins[found]
            return Role[entry.role.upper()], entry.name or f"PIN {found + 1}"
        _LOG.warning("wrong_pin")
        await terminal.tell(_WRONG)


async def _wait(terminal: Terminal, guard: Guard) -> None:
    locked_s = math.ceil(guard.locked_s())
    if not locked_s:
        return
    _LOG.warning("console_locked", seconds=locked_s)
    text = Text(f"Too many wrong PINs. Locked for {locked_s} s.", f"Zu viele falsche PINs. Gesperrt für {locked_s} s.")
    await terminal.tell(text)
    await terminal.pause(locked_s)


_ASK = Text("PIN", "PIN")
_WRONG = Text("This PIN is wrong.", "Diese PIN ist falsch.")
_NO_PIN = Text(
    f"A PIN has {SHORTEST} to {LONGEST} letters or digits.",
    f"Eine PIN hat {SHORTEST} bis {LONGEST} Buchstaben oder Ziffern.",
)
