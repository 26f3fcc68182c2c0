"""The mains supply of a simulated station: when it goes, everything goes at once, the controller included."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

WAIT_S = 20.0
"""A command that switches a controller has no longer, link time."""


class CommandFailed(Exception):  # noqa: N818  it is answered, not raised to anybody
    """The controller could not be switched. The text names the command."""


class Supply:
    """Switches the devices and the controller.

    The controller is either a program that lives and dies with the supply, or what two commands switch.

    Args:
        switch_devices: called with whether there is power.
        program: command line of the controller, started with the power and killed without it; empty = none.
        off_command: switches a controller off that somebody else started; empty = none.
        on_command: switches it on again.
    """

    def __init__(
        self,
        switch_devices: Callable[[bool], None],
        *,
        program: Sequence[str] = (),
        off_command: Sequence[str] = (),
        on_command: Sequence[str] = (),
    ) -> None:
        self._switch_devices = switch_devices
        self._program_line, self._off, self._on = program, off_command, on_command
        self._program: asyncio.subprocess.Process | None = None
        self.is_on = True

    @property
    def controller_pid(self) -> int | None:
        """Number of the controller's process, None while it is none of ours or does not run."""
        running = self._program is not None and self._program.returncode is None
        return self._program.pid if running and self._program else None

    async def start(self) -> None:
        """Start the controller's program.

        Raises:
            CommandFailed: it can't be started.
        """
        if self._program_line:
            self._program = await _start(self._program_line)

    async def cut(self) -> None:
        """Take the power away: the controller is killed first, so that it sees nothing of what follows.

        Raises:
            CommandFailed: its command failed. The devices are without power all the same.
        """
        try:
            await self._kill()
            await _run(self._off)
        finally:
            self.is_on = False
            self._switch_devices(False)

    async def restore(self) -> None:
        """Give the power back.

        Raises:
            CommandFailed: the controller could not be started.
        """
        self.is_on = True
        self._switch_devices(True)
        await _run(self._on)
        await self.start()

    async def end(self) -> None:
        """Kill the program that `start` started."""
        await self._kill()

    async def _kill(self) -> None:
        if self._program is not None:
            with contextlib.suppress(ProcessLookupError):
                self._program.kill()
            await self._program.wait()
            self._program = None


async def _run(command: Sequence[str]) -> None:
    if not command:
        return
    process = await _start(command)
    try:
        async with asyncio.timeout(WAIT_S):
            status = await process.wait()
    except TimeoutError as error:
        process.kill()
        raise CommandFailed(f"{command[0]} has not ended after {WAIT_S:.0f} s") from error
    if status:
        raise CommandFailed(f"{command[0]} ended with status {status}")


async def _start(command: Sequence[str]) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(*command)
    except OSError as error:
        raise CommandFailed(f"{command[0]}: {error.strerror}") from error
