"""A batch of files over a stream of bytes by YMODEM: the shell around `ymodem`."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from station.errors import FieldError
from station.field.ymodem import CANCEL, File, Sender


class ByteStream(Protocol):
    """A line that carries all 256 bytes unchanged: a serial port, or a terminal in raw mode."""

    async def read(self) -> bytes:
        """Wait for at least one byte. Cancelling loses nothing."""
        ...

    async def write(self, data: bytes) -> None:
        """Send all bytes."""
        ...


async def send_files(
    stream: ByteStream, files: Sequence[File], progress: Callable[[int, int], Awaitable[None]] | None = None
) -> None:
    """Send files to a receiver that the person starts in the terminal program.

    Cancelling tells the receiver.

    Args:
        stream: the line.
        files: to send.
        progress: told how many blocks of how many have arrived; it must not write to the same line.

    Raises:
        FieldError: nobody receives, or the receiver gave up.
    """
    loop = asyncio.get_running_loop()
    sender = Sender(files, loop.time())
    try:
        while not (sender.is_done or sender.failure):
            if out := sender.outgoing():
                await stream.write(out)
            try:
                async with asyncio.timeout_at(sender.deadline):
                    data = await stream.read()
            except TimeoutError:
                sender.tick(loop.time())
            else:
                sender.receive(data, loop.time())
            if progress:
                await progress(sender.sent, sender.total)
    except asyncio.CancelledError:
        await stream.write(CANCEL)
        raise
    if sender.failure:
        await stream.write(sender.outgoing())
        raise FieldError(f"the transfer failed: {sender.failure}")
