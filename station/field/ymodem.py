"""The sending half of YMODEM: how a file leaves over a serial line that carries nothing but characters. Pure.

One object sends one batch of files. It is given what the receiver says and the time, and gives bytes to send. A block
is sent again when the receiver asks for it or says nothing; after `TRIES` in a row the batch fails.

Source: C. Forsberg, XMODEM/YMODEM Protocol Reference (1988), chapters 5 (batch) and 7 (CRC-16); behaviour checked
against lrzsz 0.12.
"""

from collections.abc import Sequence
from dataclasses import dataclass

SOH, STX, EOT, ACK, NAK, CAN = 0x01, 0x02, 0x04, 0x06, 0x15, 0x18
START = ord("C")
"""By this byte the receiver asks to begin, with CRC-16."""

SHORT, LONG = 128, 1024
PAD = 0x1A
"""CP/M's end of text; the length in the header tells the receiver what to cut off."""

WAIT_FOR_RECEIVER_S = 120.0
"""A technician needs so long to find the terminal's menu for receiving."""
WAIT_FOR_ANSWER_S = 10.0
GOODBYES = 3
"""How often the end of the batch is told. A receiver that is silent then has all files, and ended without a word."""

WAIT_FOR_GOODBYE_S = 3.0
"""For the answer to the header that closes the batch. lrzsz flushes its line when it ends, and its last word with it;
every file has been acknowledged by then, so silence is taken for yes."""
TRIES = 10
CANCEL = bytes([CAN]) * 8 + b"\b" * 8
"""The backspaces wipe what a terminal that is not receiving shows of it."""


@dataclass(frozen=True, slots=True)
class File:
    """A file to send; its name holds no folder."""

    name: str
    data: bytes


class Sender:
    """Sends a batch. `outgoing` after each call of `receive` or `tick`."""

    def __init__(self, files: Sequence[File], now: float) -> None:
        """Begin to wait for the receiver.

        Args:
            files: in the order of sending.
            now: monotonic time, s, as for the other calls.
        """
        self._steps = _steps(files)
        self._step = 0
        self._tries = 0
        self._is_waiting_for_start = True
        self._cancels = 0
        self._out = b""
        self._deadline = now + WAIT_FOR_RECEIVER_S
        self.failure = ""
        self.is_done = False

    @property
    def total(self) -> int:
        """How many blocks there are."""
        return len(self._steps)

    @property
    def sent(self) -> int:
        """How many of them the receiver has."""
        return self._step

    @property
    def deadline(self) -> float:
        """When `tick` is due."""
        return self._deadline

    def outgoing(self) -> bytes:
        """Take what is to be sent."""
        out, self._out = self._out, b""
        return out

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes of the receiver. Each call answers at most one of them: the last that means something."""
        meaning = None
        for byte in data:
            self._cancels = self._cancels + 1 if byte == CAN else 0
            if self._cancels >= 2:
                self.failure = "the receiver cancelled"
                return
            if byte in (ACK, NAK, START):
                meaning = byte if meaning is None or byte != START else meaning
        if meaning is None or self.is_done or self.failure:
            return
        if self._is_waiting_for_start:
            if meaning == START or (ACK in data and START in data):
                self._is_waiting_for_start = False
                self._send(now)
        elif meaning == ACK:
            self._advance(now, is_started=START in data)
        elif meaning == NAK:
            self._again(now, "the receiver refuses a block")

    def tick(self, now: float) -> None:
        """Act on silence. To be called at `deadline`."""
        if self.is_done or self.failure or now < self._deadline:
            return
        if self._is_waiting_for_start:
            self.failure = "nobody receives: start YMODEM receiving in your terminal, then try again"
        elif self._is_last and self._tries + 1 >= GOODBYES:
            self.is_done = True
        else:
            self._again(now, "the receiver fell silent")

    def _advance(self, now: float, *, is_started: bool) -> None:
        asks_start = self._steps[self._step].then_start
        self._step += 1
        self._tries = 0
        if self._step == len(self._steps):
            self.is_done = True
        elif asks_start and not is_started:
            self._is_waiting_for_start = True
            self._deadline = now + WAIT_FOR_ANSWER_S
        else:
            self._send(now)

    def _again(self, now: float, why: str) -> None:
        # The first end-of-file is refused by design: the receiver makes sure that it was no noise.
        self._tries += 1
        if self._tries >= TRIES:
            self.failure = f"{why}, {TRIES} times"
            self._out = CANCEL
        else:
            self._send(now)

    def _send(self, now: float) -> None:
        self._out = self._steps[self._step].frame
        self._deadline = now + (WAIT_FOR_GOODBYE_S if self._is_last else WAIT_FOR_ANSWER_S)

    @property
    def _is_last(self) -> bool:
        return self._step == len(self._steps) - 1


@dataclass(frozen=True, slots=True)
class _Step:
    """A frame that the receiver acknowledges; `then_start`: after it the receiver asks anew to begin."""

    frame: bytes
    then_start: bool = False


def _steps(files: Sequence[File]) -> list[_Step]:
    steps = []
    for file in files:
        # Length, time of change and mode, octal; 0 stands for a time that is not known (§5).
        header = f"{file.name}\0{len(file.data)} 0 100644".encode("ascii", "replace")
        steps.append(_Step(frame(0, header), then_start=True))
        for number, start in enumerate(range(0, len(file.data), LONG), 1):
            steps.append(_Step(frame(number, file.data[start : start + LONG], PAD)))
        steps.append(_Step(bytes([EOT]), then_start=True))
    return [*steps, _Step(frame(0, b""))]


def frame(number: int, data: bytes, pad: int = 0) -> bytes:
    """Give a block its header, padding and CRC.

    Args:
        number: of the block; only its low byte is sent.
        data: at most 1024 bytes.
        pad: fills the block up.
    """
    size = SHORT if len(data) <= SHORT else LONG
    body = data + bytes([pad]) * (size - len(data))
    head = bytes([SOH if size == SHORT else STX, number & 0xFF, 0xFF - (number & 0xFF)])
    return head + body + crc16(body).to_bytes(2, "big")


def crc16(data: bytes) -> int:
    """Compute the CRC-16 of XMODEM: polynomial 0x1021, begins with 0."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1
        crc &= 0xFFFF
    return crc
