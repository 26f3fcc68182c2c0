"""A serial port in the event loop: no threads, one owner. The only module that imports pyserial."""

import asyncio
import errno
import os
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import serial
from serial.rs485 import RS485Settings
from serial.tools.list_ports import comports

from hardware.errors import PortError

READ_SIZE = 4096
"""Most bytes taken in one read: what the kernel's line discipline holds."""


class SerialPort:
    """An open serial port, 8 data bits, 1 stop bit, no flow control. One task reads, one writes."""

    def __init__(self, port: serial.Serial) -> None:
        self.name: str = port.port or ""
        self._port = port
        self._fd = port.fileno()

    @classmethod
    @asynccontextmanager
    async def open(
        cls, path: str, baud: int, *, parity: str = "N", setting: str = "port"
    ) -> "AsyncIterator[SerialPort]":
        """Open the port for us alone, forget what it received before, and close it at the end of the block.

        Args:
            path: device file, for instance `/dev/ttyUSB2` or a link below `/dev/serial/by-id`.
            baud: bits per second.
            parity: `N`, `E` or `O`.
            setting: name of the setting that holds the path, for the texts of errors.

        Raises:
            PortError: it does not exist, is in use, is forbidden, or is no serial port.
        """
        try:
            port = serial.Serial(path, baud, parity=parity, timeout=0, write_timeout=0, exclusive=True)
        except (serial.SerialException, OSError, ValueError, termios.error) as error:
            raise PortError(_explain(path, baud, setting, error)) from error
        try:
            yield cls(port)
        finally:
            port.close()

    async def read(self) -> bytes:
        """Wait for at least one byte and give what is there. Cancelling loses nothing.

        Raises:
            PortError: the port went away.
        """
        while True:
            await until_readable(self._fd)
            try:
                data = os.read(self._fd, READ_SIZE)
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._gone() from error
            if not data:
                raise self._gone()
            return data

    async def write(self, data: bytes) -> None:
        """Hand all bytes to the port, waiting where its buffer is full. Cancelling may leave a part written.

        Raises:
            PortError: the port went away.
        """
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:
                await until_writable(self._fd)
            except OSError as error:
                raise self._gone() from error

    def discard_output(self) -> None:
        """Forget what has not been sent yet; closing a port that can't send would wait for it."""
        with suppress(serial.SerialException, OSError, termios.error):
            self._port.reset_output_buffer()

    def has_peer(self) -> bool | None:
        """Tell whether the other end raises DCD or DSR; None where the port has no such lines."""
        try:
            return bool(self._port.cd or self._port.dsr)
        except (serial.SerialException, OSError):
            return None

    def _gone(self) -> PortError:
        return PortError(f"{self.name} went away: check the cable and the supply of the device")


async def until_readable(fd: int) -> None:
    """Wait until a file descriptor has something to read, or its other end hung up. Cancelling is safe."""
    loop = asyncio.get_running_loop()
    await _until(lambda wake: loop.add_reader(fd, wake), lambda: loop.remove_reader(fd))


async def until_writable(fd: int) -> None:
    """Wait until a file descriptor takes bytes, or its other end hung up. Cancelling is safe."""
    loop = asyncio.get_running_loop()
    await _until(lambda wake: loop.add_writer(fd, wake), lambda: loop.remove_writer(fd))


async def _until(watch: Callable[[Callable[[], None]], object], forget: Callable[[], object]) -> None:
    ready = asyncio.Event()
    watch(ready.set)
    try:
        await ready.wait()
    finally:
        forget()


def switch_by_rts(port: serial.Serial, high: bool, *, setting: str) -> None:
    """Let the port's driver switch an RS-485 transceiver to sending by RTS.

    The driver does it, and not this program: the line must be free again within a character or two.

    Args:
        port: open.
        high: RTS is high while sending.
        setting: name of the setting that holds the path, for the text of the error.

    Raises:
        PortError: the port's driver can't.
    """
    try:
        port.rs485_mode = RS485Settings(rts_level_for_tx=high, rts_level_for_rx=not high)
    except (OSError, ValueError) as error:
        raise PortError(
            f"{port.port} can't switch an RS-485 transceiver by RTS: set the bus's direction to auto if its adapter "
            f"switches by itself, or use another port ({setting})"
        ) from error


def _explain(path: str, baud: int, setting: str, error: Exception) -> str:
    """Say in one line what is wrong with a port and what to try. pyserial keeps the errno where there is one."""
    match getattr(error, "errno", None):
        case errno.ENOENT | errno.ENODEV | errno.ENXIO:
            present = ", ".join(sorted(port.device for port in comports())) or "none"
            return f"{path} does not exist: check the cable and the setting {setting}; present ports: {present}"
        case errno.EACCES | errno.EPERM:
            return f"{path} is forbidden to this user: add it to the group dialout, or correct the setting {setting}"
        case errno.EAGAIN | errno.EBUSY:
            return f"{path} is in use by another program: stop it (fuser {path} names it), or correct {setting}"
        case _ if isinstance(error, ValueError | termios.error):
            return f"{path} can't run at {baud} baud with this parity: correct both beside the setting {setting}"
        case _:
            return f"{path} can't be used as a serial port: correct the setting {setting} ({error})".replace("\n", " ")
