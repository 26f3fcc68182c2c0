"""YMODEM: literal bytes, a receiver that complains, and lrzsz as a foreign receiver."""

import asyncio
import os
import pty
import shutil
import subprocess
import tty
from pathlib import Path

import pytest

from hardware.serial_port import until_readable, until_writable
from station.errors import FieldError
from station.field.transfer import send_files
from station.field.ymodem import ACK, CAN, EOT, NAK, File, Sender, crc16, frame

C = b"C"


def say(sender: Sender, data: bytes, now: float = 0.0) -> bytes:
    sender.receive(data, now)
    return sender.outgoing()


def test_the_crc_is_that_of_xmodem() -> None:
    assert crc16(b"123456789") == 0x31C3


def test_a_batch_of_one_file_frame_by_frame() -> None:
    sender = Sender([File("a.txt", b"hello")], 0.0)
    assert sender.outgoing() == b""
    header = say(sender, C)
    assert header[:3] == b"\x01\x00\xff"
    assert header[3:].startswith(b"a.txt\x005 0 100644\x00")
    assert say(sender, bytes([ACK])) == b""
    assert say(sender, C)[:9] == b"\x01\x01\xfehello\x1a"
    assert say(sender, bytes([ACK])) == bytes([EOT])
    assert say(sender, bytes([NAK])) == bytes([EOT])
    assert say(sender, bytes([ACK]) + C) == frame(0, b"")
    assert not sender.is_done
    say(sender, bytes([ACK]))
    assert sender.is_done


def test_a_refused_block_is_sent_again_and_silence_too() -> None:
    sender = Sender([File("a", b"x" * 2000)], 0.0)
    say(sender, C)
    first = say(sender, bytes([ACK]) + C)
    assert len(first) == 1029
    assert say(sender, bytes([NAK]), 1.0) == first
    sender.tick(5.0)
    assert sender.outgoing() == b""
    sender.tick(11.0)
    assert sender.outgoing() == first


def test_the_end_is_told_again_until_silence_can_only_be_goodbye() -> None:
    sender, now = Sender([File("a", b"")], 0.0), 1.0
    say(sender, C)
    for answer in (bytes([ACK]) + C, bytes([NAK]), bytes([ACK]) + C):
        closing = say(sender, answer, now)
    assert closing == frame(0, b"")
    for _ in range(2):
        now += 3.0
        sender.tick(now)
        assert sender.outgoing() == closing
        assert not sender.is_done
    sender.tick(now + 3.0)
    assert (sender.is_done, sender.outgoing(), sender.failure) == (True, b"", "")


def test_who_says_nothing_or_cancels_ends_the_batch() -> None:
    alone = Sender([File("a", b"x")], 0.0)
    alone.tick(121.0)
    assert "start YMODEM receiving" in alone.failure
    cancelled = Sender([File("a", b"x")], 0.0)
    say(cancelled, C + bytes([CAN, CAN]))
    assert cancelled.failure == "the receiver cancelled"
    stubborn = Sender([File("a", b"x")], 0.0)
    say(stubborn, C)
    for _ in range(10):
        say(stubborn, bytes([NAK]))
    assert stubborn.failure == "the receiver refuses a block, 10 times"


class Fd:
    """A stream over a file descriptor that flips a bit in one of its writes, as a bad line would."""

    def __init__(self, fd: int, spoil: int = -1) -> None:
        self._fd, self._spoil, self._writes = fd, spoil, 0

    async def read(self) -> bytes:
        await until_readable(self._fd)
        return os.read(self._fd, 1000)

    async def write(self, data: bytes) -> None:
        self._writes += 1
        if self._writes == self._spoil:
            data = data[:50] + bytes([data[50] ^ 1]) + data[51:]
        while data:
            await until_writable(self._fd)
            data = data[os.write(self._fd, data) :]


@pytest.mark.slow
@pytest.mark.parametrize("spoil", [-1, 4])
def test_lrzsz_receives_the_batch(tmp_path: Path, spoil: int) -> None:
    program = shutil.which("rz") or shutil.which("lrz")
    assert program, "apt-get install -y lrzsz"
    files = [File("bundle.tar.gz", os.urandom(5000)), File("empty", b""), File("short.txt", b"Guten Tag\n" * 12)]
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    receiver = subprocess.Popen(
        [program, "--ymodem", "--binary", "--quiet"],
        cwd=tmp_path,
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
    )
    os.set_blocking(ours, False)
    try:
        asyncio.run(asyncio.wait_for(send_files(Fd(ours, spoil), files), 60))
        assert receiver.wait(10) == 0
    finally:
        receiver.kill()
        receiver.wait()
        os.close(ours)
        os.close(theirs)
    assert {file.name: (tmp_path / file.name).read_bytes() for file in files} == {f.name: f.data for f in files}


def test_a_cancelled_transfer_tells_the_receiver(tmp_path: Path) -> None:
    ours, theirs = os.pipe(), os.pipe()

    class Pipes:
        async def read(self) -> bytes:
            await until_readable(theirs[0])
            return os.read(theirs[0], 100)

        async def write(self, data: bytes) -> None:
            os.write(ours[1], data)

    async def cancel_it() -> None:
        task = asyncio.create_task(send_files(Pipes(), [File("a", b"x")]))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel_it())
    assert os.read(ours[0], 100)[:2] == bytes([CAN, CAN])
    for fd in (*ours, *theirs):
        os.close(fd)


def test_a_failure_names_what_to_do() -> None:
    class Canceller:
        async def read(self) -> bytes:
            return bytes([CAN, CAN])

        async def write(self, data: bytes) -> None:
            pass

    with pytest.raises(FieldError, match="the receiver cancelled"):
        asyncio.run(send_files(Canceller(), [File("a", b"x")]))
