"""Card readers on a serial port or an input device: what is pure reads the bytes, these keep the device open."""

import asyncio
import errno
import fcntl
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Protocol

from hardware.api import TagReader
from hardware.errors import PortError
from hardware.rfid.pn532 import Pn532Session
from hardware.rfid.presence import reverse_bytes
from hardware.rfid.wedge import EVIOCGRAB
from hardware.serial_port import READ_SIZE, SerialPort, until_readable
from shared.ids import IdToken
from shared.log import Log

RETRY_S = 2.0
"""Pause before a missing device is tried again."""


class Parser(Protocol):
    """Makes presentations of a reader's bytes."""

    def receive(self, data: bytes, now: float) -> list[str]:
        """Take bytes at a steady time in s; give UIDs presented anew, upper-case hex of whole bytes."""
        ...


class _Watch:
    """Tells once that a reader is lost, and once that it is back."""

    def __init__(self, port: str) -> None:
        self._port, self._lost = port, False
        self._log = Log(__name__)

    def good(self) -> None:
        if self._lost:
            self._lost = False
            self._log.info("card_reader_is_back", port=self._port)

    def bad(self, reason: object) -> None:
        if not self._lost:
            self._lost = True
            self._log.warning("card_reader_lost", port=self._port, reason=reason)


class SerialReader:
    """Fulfils `hardware.api.TagReader` for readers that send numbers by themselves, such as RDM6300."""

    def __init__(
        self, port: str, baud: int, parser: Parser, *, retry_s: float = RETRY_S, setting: str = "port"
    ) -> None:
        """Describe the reader; nothing is opened yet.

        Args:
            port: device file.
            baud: bits per second.
            parser: of its frames.
            retry_s: pause before a missing port is tried again, s.
            setting: name of the setting that holds the port, for the texts of errors.
        """
        self._port, self._baud, self._parser = port, baud, parser
        self._retry_s, self._setting = retry_s, setting

    async def tags(self) -> AsyncIterator[IdToken]:
        """See TagReader. Cancelling is safe."""
        watch = _Watch(self._port)
        while True:
            try:
                async with SerialPort.open(self._port, self._baud, setting=self._setting) as port:
                    watch.good()
                    while True:
                        data = await port.read()
                        for uid in self._parser.receive(data, asyncio.get_running_loop().time()):
                            yield IdToken.parse(uid)
            except PortError as error:
                watch.bad(error)
            await asyncio.sleep(self._retry_s)


class Pn532Reader:
    """Fulfils `hardware.api.TagReader` for a PN532, which must be asked. It is set up anew when it lost its supply."""

    def __init__(self, port: str, baud: int, *, retry_s: float = RETRY_S, setting: str = "port") -> None:
        """Describe the reader. See SerialReader."""
        self._port, self._baud, self._retry_s, self._setting = port, baud, retry_s, setting

    async def tags(self) -> AsyncIterator[IdToken]:
        """See TagReader. Cancelling is safe."""
        watch = _Watch(self._port)
        while True:
            try:
                async with (
                    SerialPort.open(self._port, self._baud, setting=self._setting) as port,
                    aclosing(self._converse(port, watch)) as uids,
                ):
                    async for uid in uids:
                        yield IdToken.parse(uid)
            except PortError as error:
                watch.bad(error)
            await asyncio.sleep(self._retry_s)

    async def _converse(self, port: SerialPort, watch: _Watch) -> AsyncGenerator[str, None]:
        loop = asyncio.get_running_loop()
        session = Pn532Session()
        session.start(loop.time())
        was_ready = False
        while True:
            await port.write(session.outgoing())
            try:
                async with asyncio.timeout_at(session.next_deadline):
                    data = await port.read()
            except TimeoutError:
                session.tick(loop.time())
                if session.gave_up:
                    watch.bad(
                        f"the PN532 does not answer at {self._baud} baud: check its wires and its switches for HSU"
                    )
            else:
                for uid in session.receive(data, loop.time()):
                    yield uid
            if session.is_ready and not was_ready:
                watch.good()
            was_ready = session.is_ready


class WedgeReader:
    """Fulfils `hardware.api.TagReader` for readers that type like a keyboard."""

    def __init__(
        self,
        device: str,
        parser: Parser,
        *,
        retry_s: float = RETRY_S,
        setting: str = "port",
        grab: Callable[[int], None] | None = None,
    ) -> None:
        """Describe the reader; nothing is opened yet.

        Args:
            device: `/dev/input/event0`, or better a link below `/dev/input/by-id`.
            parser: of its events.
            retry_s: pause before a missing device is tried again, s.
            setting: name of the setting that holds the device, for the texts of errors.
            grab: takes the device for us alone, given its file descriptor.
        """
        self._device, self._parser, self._retry_s, self._setting = device, parser, retry_s, setting
        self._grab = grab or _grab

    async def tags(self) -> AsyncIterator[IdToken]:
        """See TagReader. Cancelling is safe."""
        watch = _Watch(self._device)
        while True:
            try:
                fd = self._open()
                try:
                    watch.good()
                    while True:
                        data = await self._read(fd)
                        for uid in self._parser.receive(data, asyncio.get_running_loop().time()):
                            yield IdToken.parse(uid)
                finally:
                    os.close(fd)
            except PortError as error:
                watch.bad(error)
            await asyncio.sleep(self._retry_s)

    def _open(self) -> int:
        try:
            fd = os.open(self._device, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise self._explained(error) from error
        try:
            self._grab(fd)
        except OSError as error:
            os.close(fd)
            raise self._explained(error) from error
        return fd

    async def _read(self, fd: int) -> bytes:
        while True:
            await until_readable(fd)
            try:
                data = os.read(fd, READ_SIZE)
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._explained(error) from error
            if not data:
                raise PortError(f"{self._device} went away: check the reader's cable")
            return data

    def _explained(self, error: OSError) -> PortError:
        match error.errno:
            case errno.ENOENT | errno.ENODEV | errno.ENXIO:
                return PortError(f"{self._device} does not exist: check the reader's cable and {self._setting}")
            case errno.EACCES | errno.EPERM:
                return PortError(f"{self._device} is forbidden to this user: add it to the group input")
            case errno.EBUSY:
                return PortError(f"{self._device} is grabbed by another program: stop that one")
            case errno.ENOTTY | errno.EINVAL:
                return PortError(f"{self._device} is no input device: correct {self._setting}")
            case _:
                return PortError(f"{self._device} can't be read: {error.strerror}")


class ReversedBytes:
    """Fulfils `hardware.api.TagReader`: another reader's cards with the bytes of their UIDs the other way round."""

    def __init__(self, reader: TagReader) -> None:
        self._reader = reader

    async def tags(self) -> AsyncIterator[IdToken]:
        """See TagReader."""
        async for token in self._reader.tags():
            yield IdToken.parse(reverse_bytes(token.value))


def _grab(fd: int) -> None:
    fcntl.ioctl(fd, EVIOCGRAB, 1)
