"""What is in force, as the running agent knows it: the files, and one writer at a time."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from shared.log import Log
from station.errors import SecurityError
from station.security.access import Access, Means, Plan
from station.security.files import RootUse, SecurityFiles, State

_LOG = Log("station.security")


class SecurityMemory:
    """The state in force and its files. Make it with `open_memory`."""

    def __init__(self, files: SecurityFiles, state: State) -> None:
        self.files = files
        self.state = state
        self._lock = asyncio.Lock()

    @property
    def plan(self) -> Plan:
        """What to connect with."""
        return self.state.plan

    def means(self) -> Means:
        """Tell what there is to go to a higher profile with."""
        has_root = bool(self.files.roots(RootUse.CENTRAL_SYSTEM))
        return Means(has_root, self.files.client(self.plan.latest.client) is not None)

    def count_failure(self) -> None:
        """Go on to the next access on trial. Not stored: after a restart a round begins anew."""
        self.state = replace(self.state, plan=self.plan.after_failure())

    async def change(self, change: Callable[[State], State]) -> None:
        """Change the state; it is on the disk before it holds.

        Raises:
            SecurityError: it can't be written; then nothing has changed.
        """
        async with self._lock:
            state = change(self.state)
            await asyncio.to_thread(self.files.save, state)
            self.state = state


def open_memory(folder: Path, initial: Access, roots: str) -> SecurityMemory:
    """Read what is in force. What the central system has changed counts until the settings are changed.

    Args:
        folder: of the files; need not exist.
        initial: the access of the settings.
        roots: name of a PEM file with the first central system roots; they are taken over if there are none yet.

    Raises:
        SecurityError: the folder or the roots can't be used.
    """
    files = SecurityFiles(folder)
    origin = _fingerprint(initial)
    try:
        stored = files.load()
    except SecurityError as error:
        _LOG.error("security_state", reason=error)
        stored = None
    if roots and not files.roots(RootUse.CENTRAL_SYSTEM):
        _take_roots(files, roots)
    if stored is None:
        return SecurityMemory(files, State(Plan(initial), origin))
    if stored.origin != origin:
        _LOG.info("security_settings_changed", profile=initial.profile.value)
        access = replace(initial, client=stored.plan.in_force.client)
        stored = replace(stored, plan=Plan(access), origin=origin)
    return SecurityMemory(files, stored)


def _fingerprint(initial: Access) -> str:
    """Give what changes with the settings and does not tell the password, even to who can try many."""
    text = f"{initial.profile.value} {initial.password.value}".encode()
    return hashlib.scrypt(text, salt=b"emops access", n=2**12, r=8, p=1, dklen=16).hex()


def _take_roots(files: SecurityFiles, name: str) -> None:
    from station.security.certificates import CertificateError, parse_chain

    try:
        for root in parse_chain(Path(name).read_text("ascii")):
            files.add_root(RootUse.CENTRAL_SYSTEM, root.fingerprint, root.pem)
    except (OSError, UnicodeError, CertificateError) as error:
        raise SecurityError(f"security.roots = {name!r} can't be used: {error}") from error
