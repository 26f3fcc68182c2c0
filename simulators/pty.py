"""A pseudo terminal for simulated devices: what the program under test opens as its serial port."""

import asyncio
import os
import termios
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from hardware.serial_port import READ_SIZE, until_readable, until_writable

_BITS_PER_BYTE = 10
"""Start bit, 8 data bits, stop bit."""
_CHUNK_S = 0.005
"""Paced writing sleeps about once per so many seconds of line time."""
_STALLED_S = 1.0
"""A UART doesn't wait for its listener: what nobody has read after so long is lost."""
_RATES = {
    getattr(termios, f"B{rate}"): rate
    for rate in (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
}


class Pty:
    """The device's end of a serial line. One task reads, one writes."""

    def __init__(self, device_fd: int, client_fd: int, baud: int) -> None:
        self._device_fd, self._client_fd, self._baud = device_fd, client_fd, baud
        self._open_fds: tuple[int, ...] = (device_fd, client_fd)
        self._line_free_at = 0.0

    @classmethod
    @asynccontextmanager
    async def open(cls, link: Path, baud: int = 0) -> "AsyncIterator[Pty]":
        """Make a pair in raw mode; `link` becomes a symbolic link to the end that clients open, until the block ends.

        Clients may come and go: the device doesn't notice.

        Args:
            link: path of the link. A stale link is replaced.
            baud: bits per second at which `write` is paced; 0 = as fast as it goes.

        Raises:
            FileExistsError: `link` exists and is no symbolic link.
        """
        device_fd, client_fd = os.openpty()
        try:
            tty.setraw(client_fd)
            os.set_blocking(device_fd, False)
            pty = cls(device_fd, client_fd, baud)
        except BaseException:
            os.close(device_fd)
            os.close(client_fd)
            raise
        try:
            with _linked(link, os.ttyname(client_fd)):
                yield pty
        finally:
            pty.close()

    async def read(self) -> bytes:
        """Wait for at least one byte from the client. Cancelling loses nothing."""
        while True:
            await until_readable(self._device_fd)
            try:
                return os.read(self._device_fd, READ_SIZE)
            except BlockingIOError:
                continue

    async def write(self, data: bytes) -> None:
        """Send to the client at the pace of the line. Bytes that nobody reads for a second are lost.

        Cancelling may leave a part sent.
        """
        step = max(1, int(self._baud * _CHUNK_S / _BITS_PER_BYTE)) if self._baud else max(1, len(data))
        self._line_free_at = max(asyncio.get_running_loop().time(), self._line_free_at)
        for start in range(0, len(data), step):
            chunk = data[start : start + step]
            await self._pace(len(chunk))
            await self._write_chunk(chunk)

    def close(self) -> None:
        """Unplug it: clients see that their port went away. The block's end does the same."""
        for fd in self._open_fds:
            os.close(fd)
        self._open_fds = ()

    def baud_of_client(self) -> int:
        """Tell the rate that the client has set, bits per second; 0 where it is not a usual one."""
        return _RATES.get(termios.tcgetattr(self._client_fd)[5], 0)

    async def _pace(self, size: int) -> None:
        """Wait until the line has carried so many bytes."""
        if not self._baud:
            return
        # From the begin of the whole write on, so that a sleep that took too long makes the next one shorter.
        self._line_free_at += size * _BITS_PER_BYTE / self._baud
        await asyncio.sleep(self._line_free_at - asyncio.get_running_loop().time())

    async def _write_chunk(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._device_fd, data) :]
            except BlockingIOError:
                try:
                    async with asyncio.timeout(_STALLED_S):
                        await until_writable(self._device_fd)
                except TimeoutError:
                    return


@contextmanager
def _linked(link: Path, target: str) -> Iterator[None]:
    if link.is_symlink():
        link.unlink()
    link.symlink_to(target)
    try:
        yield
    finally:
        link.unlink(missing_ok=True)
