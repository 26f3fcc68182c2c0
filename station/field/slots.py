"""The two versions of the program, `a` and `b`, and the link `current` to the one that is started next.

An update by a technician waits until the new version has come up, and goes back if it does not. One that nobody
watches arms the way back before it switches: the file `trial` beside the link names the version before and how often
the new one may begin. The service manager runs `guard` before each start, which counts, and puts the link back when
nothing is left. The new version takes `trial` away when the central system has accepted it.
"""

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

from station.errors import FieldError
from station.field.release import Release, other_slot, read_release, unpack_release

CURRENT, TRIAL, GUARD = "current", "trial", "guard"
STARTS = 5
"""A new version may begin so often before it is proven: each cut of the power costs one."""

INSTALL_S = 900.0
"""A small controller unpacks for minutes."""
CHECK_S = 60.0

_GUARD = f"""#!/bin/sh
# Runs before each start of the station's program: a version on trial that does not last gives way to the one before.
cd "$(dirname "$0")" || exit 0
[ -f {TRIAL} ] || exit 0
read -r before left < {TRIAL}
if [ "${{left:-0}}" -gt 0 ]; then
    echo "$before $((left - 1))" > {TRIAL}.new && mv {TRIAL}.new {TRIAL}
else
    ln -sfn "$before" {CURRENT}.new && mv -T {CURRENT}.new {CURRENT} && rm -f {TRIAL}
fi
sync
exit 0
"""


class Slots:
    """Fulfils station.firmware.Installer.

    Args:
        root: folder of the two versions and of the link.
        key: the maker's public key, for images that come without a certificate.
        config: the present configuration; a new version must accept it. None = not known, then it is not asked.
    """

    def __init__(self, root: Path, key: str, config: Path | None) -> None:
        self._root = root
        self._key = key
        self._config = config

    async def install(self, image: Path, signature: bytes | None) -> tuple[str, str]:
        """See Installer."""
        release = await asyncio.to_thread(self._read, image, signature)
        slot = self._root / other_slot(self.current())
        await install_release(release, slot)
        if self._config:
            await run_program(
                "the new version", CHECK_S, slot / "bin/emops-station", "check-config", "--config", self._config
            )
        return release.version, slot.name

    def _read(self, image: Path, signature: bytes | None) -> Release:
        try:
            data = image.read_bytes()
        except OSError as error:
            raise FieldError(f"can't read {image}: {error.strerror}") from error
        return unpack_release(data) if signature is None else read_release(data, signature, self._key)

    def arm(self, slot: str) -> None:
        """See Installer."""
        before = other_slot(slot)
        if not (self._root / before / "bin/emops-station").exists():
            before = self.current()
        try:
            _write(self._root / GUARD, _GUARD, 0o755)
            if before:
                _write(self._root / TRIAL, f"{before} {STARTS}\n", 0o644)
        except OSError as error:
            raise FieldError(f"can't write {self._root}: {error.strerror}. Is it the agent's own?") from error

    def is_armed(self) -> bool:
        """See Installer."""
        return (self._root / TRIAL).exists()

    def switch(self, slot: str) -> None:
        """See Installer."""
        point(self._root, slot)

    def current(self) -> str:
        """See Installer."""
        return current(self._root)

    def disarm(self) -> None:
        """See Installer."""
        try:
            (self._root / TRIAL).unlink(missing_ok=True)
        except OSError as error:
            raise FieldError(f"can't write {self._root}: {error.strerror}. Is it the agent's own?") from error

    def back(self) -> None:
        """See Installer."""
        point(self._root, other_slot(self.current()))
        self.disarm()


def current(root: Path) -> str:
    """Tell where the link points; empty if there is none."""
    link = root / CURRENT
    return link.readlink().name if link.is_symlink() else ""


def point(root: Path, slot: str) -> None:
    """Switch the link in one step: a power cut finds the old one or the new one. Without a slot there is no link.

    Raises:
        FieldError: the folder can't be written.
    """
    new = root / f"{CURRENT}.new"
    try:
        if not slot:
            (root / CURRENT).unlink()
            return
        new.unlink(missing_ok=True)
        new.symlink_to(slot)
        new.replace(root / CURRENT)
        _sync(root)
    except OSError as error:
        raise FieldError(f"can't switch {root / CURRENT}: {error.strerror}") from error


async def install_release(release: Release, slot: Path) -> None:
    """Make the environment anew and put the wheels into it; no index is asked.

    Raises:
        FieldError: it could not be made; the other one is untouched.
    """
    try:
        await asyncio.to_thread(_empty, slot)
    except OSError as error:
        raise FieldError(f"can't make room in {slot}: {error.strerror}. Are you root?") from error
    await run_program("a new environment", INSTALL_S, sys.executable, "-m", "venv", slot)
    with tempfile.TemporaryDirectory(dir=slot) as folder:
        wheels = await asyncio.to_thread(_unpack, release, Path(folder))
        options = ("--no-index", "--no-deps", "--disable-pip-version-check", "--no-cache-dir", "--quiet")
        await run_program("the installation", INSTALL_S, slot / "bin/python", "-m", "pip", "install", *options, *wheels)
    await asyncio.to_thread(os.sync)


async def run_program(what: str, for_s: float, *command: str | Path) -> None:
    """Run a program to its end.

    Raises:
        FieldError: it can't be run, fails, or takes too long; with the last line that it printed.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except OSError as error:
        raise FieldError(f"{what} failed: {command[0]}: {error.strerror}") from error
    try:
        async with asyncio.timeout(for_s):
            output, _ = await process.communicate()
    except TimeoutError as error:
        raise FieldError(f"{what} took longer than {for_s:.0f} s") from error
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    if process.returncode:
        lines = output.decode("utf-8", "replace").strip().splitlines() or [f"exit status {process.returncode}"]
        raise FieldError(f"{what} failed: {lines[-1]}")


def _empty(slot: Path) -> None:
    if slot.exists():
        shutil.rmtree(slot)
    slot.parent.mkdir(parents=True, exist_ok=True)


def _unpack(release: Release, folder: Path) -> list[Path]:
    for name, data in release.wheels.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in release.wheels]


def _write(path: Path, text: str, mode: int) -> None:
    new = path.with_name(f"{path.name}.new")
    with new.open("w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.chmod(mode)
    new.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
