"""The two ways to a person: a serial port, and the terminal in which the program was started (SSH)."""

import os
import sys
import termios
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from hardware.errors import PortError
from hardware.serial_port import READ_SIZE, SerialPort, until_readable, until_writable
from station.errors import StationError


class Line(Protocol):
    """Bytes to and from a person. Reading and writing end with EOFError when the other end went away."""

    @property
    def name(self) -> str:
        """For the log."""
        ...

    async def read(self) -> bytes:
        """Wait for at least one byte. Cancelling loses nothing."""
        ...

    async def write(self, data: bytes) -> None:
        """Hand all bytes over, waiting where there is no room. Cancelling may leave a part written."""
        ...

    def discard(self) -> None:
        """Forget what was handed over and not sent: nobody takes it, and closing would wait for it."""
        ...

    def has_peer(self) -> bool | None:
        """Tell whether a terminal is plugged in and switched on (DCD, DSR), None where the port can't know."""
        ...


class SerialLine:
    """A serial port as a Line."""

    def __init__(self, port: SerialPort) -> None:
        self._port = port
        self.name = port.name

    async def read(self) -> bytes:
        """See Line."""
        try:
            return await self._port.read()
        except PortError as error:
            raise EOFError(str(error)) from error

    async def write(self, data: bytes) -> None:
        """See Line."""
        try:
            await self._port.write(data)
        except PortError as error:
            raise EOFError(str(error)) from error

    def discard(self) -> None:
        """See Line."""
        self._port.discard_output()

    def has_peer(self) -> bool | None:
        """See Line."""
        return self._port.has_peer()


class TerminalLine:
    """The terminal of this process, in raw mode. Make it with `open`."""

    def __init__(self, fd: int) -> None:
        self.name = os.ttyname(fd)
        self._fd = fd

    @classmethod
    @asynccontextmanager
    async def open(cls) -> "AsyncIterator[TerminalLine]":
        """Take the terminal, and give it back as it was.

        Raises:
            StationError: the program was started without one.
        """
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise StationError(
                "the console needs a terminal; name a serial port with --port, and for scripts use `status --json`"
            )
        before = termios.tcgetattr(0)
        # Opened anew, because not waiting is a property of the open file, which the shell before us shares.
        fd = os.open(os.ttyname(0), os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            tty.setraw(fd, termios.TCSANOW)
            yield cls(fd)
        finally:
            termios.tcsetattr(fd, termios.TCSANOW, before)
            os.close(fd)

    async def read(self) -> bytes:
        """See Line."""
        while True:
            await until_readable(self._fd)
            try:
                data = os.read(self._fd, READ_SIZE)
            except BlockingIOError:
                continue
            except OSError as error:
                raise EOFError(f"{self.name} went away") from error
            if not data:
                raise EOFError(f"{self.name} went away")
            return data

    async def write(self, data: bytes) -> None:
        """See Line."""
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:
                await until_writable(self._fd)
            except OSError as error:
                raise EOFError(f"{self.name} went away") from error

    def discard(self) -> None:
        """See Line."""
        termios.tcflush(self._fd, termios.TCOFLUSH)

    def has_peer(self) -> bool | None:
        """See Line."""
        return None
