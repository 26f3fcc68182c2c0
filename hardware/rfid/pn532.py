"""PN532 over UART (HSU), 115200 baud 8N1: frames, and the dialogue that finds ISO 14443 A cards. Pure.

Source: NXP UM0701-02, §6.2.1 (frames), §7.1 (host link), §7.2.10 SAMConfiguration, §7.3.1 RFConfiguration, §7.3.5
InListPassiveTarget, §7.3.11 InRelease. Not verified on a device.

    asleep --wake-up, SAMConfiguration--> --RFConfiguration--> polling --InListPassiveTarget--> polling ...

Each command is acknowledged, then answered. A damaged answer is asked for again with NACK; what is silent for too long
is woken up and set up anew, since a reader that lost its supply has forgotten everything. A card counts when two looks
in a row find the same UID: one checksum of eight bits lets a damaged UID pass now and then.
"""

from dataclasses import dataclass

from hardware.rfid.presence import PRESENCE_S, Presence

TO_READER, FROM_READER = 0xD4, 0xD5
SAM_CONFIGURATION, RF_CONFIGURATION, LIST_PASSIVE_TARGET, RELEASE = 0x14, 0x32, 0x4A, 0x52

START = b"\x00\xff"
ACK = b"\x00\x00\xff\x00\xff\x00"
NACK = b"\x00\x00\xff\xff\x00\x00"
WAKE_UP = b"\x55\x55" + bytes(14)
"""The first edges wake the reader, the zeros give it the 2 ms that it needs, and are preamble to the next frame."""

ACK_S = 0.2
"""§6.2.1.4 asks for 15 ms; a USB adapter adds its own."""
ANSWER_S = 1.5
"""Longest of our commands: a look for a card with RETRIES."""
POLL_S = 0.15
"""Between two looks."""
RETRIES = 0x10
"""Looks for a card within one command; then the reader answers that there is none."""
TRIES = 3
"""So many failures in a row mean that the reader is lost."""

_NORMAL_MODE, _TIMEOUT_50MS, _USE_IRQ = 0x01, 0x14, 0x01
_MAX_RETRIES = 0x05
_ONE_CARD, _106_KBPS_TYPE_A = 0x01, 0x00
_ALL_CARDS = 0x00

_BUFFER = 512
_UID_LENGTHS = (4, 7, 10)


def encode_frame(data: bytes, direction: int = TO_READER) -> bytes:
    """Give the normal information frame of a command and its parameters, at most 254 bytes."""
    body = bytes([direction]) + data
    length = len(body)
    return b"\x00" + START + bytes([length, -length & 0xFF]) + body + bytes([-sum(body) & 0xFF, 0])


@dataclass(frozen=True, slots=True)
class Ack:
    """The reader has taken the command."""


@dataclass(frozen=True, slots=True)
class Nack:
    """The reader wants the last frame again."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A frame with a wrong checksum."""


@dataclass(frozen=True, slots=True)
class Information:
    """A good frame: what follows the direction byte. An error frame of the reader has no answer in it."""

    data: bytes


Frame = Ack | Nack | Broken | Information


class FrameParser:
    """Cuts frames out of the bytes of the reader."""

    def __init__(self) -> None:
        self._buffer = b""

    def receive(self, data: bytes) -> list[Frame]:
        """Take bytes in pieces of any size and give the frames that are whole now."""
        self._buffer = (self._buffer + data)[-_BUFFER:]
        frames = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def _next(self) -> Frame | None:
        start = self._buffer.find(START)
        if start < 0:
            self._buffer = self._buffer[-1:]
            return None
        rest = self._buffer[start + 2 :]
        if len(rest) < 2:
            return None
        length, check = rest[0], rest[1]
        if (length, check) in ((0x00, 0xFF), (0xFF, 0x00)):
            self._buffer = rest[2:]
            return Ack() if length == 0 else Nack()
        if (length + check) & 0xFF or not length:
            self._buffer = rest  # the start may have been chance: a good frame may begin within
            return Broken()
        if len(rest) < 2 + length + 1:
            return None
        body = rest[2 : 2 + length]
        if (sum(body) + rest[2 + length]) & 0xFF:
            self._buffer = rest
            return Broken()
        self._buffer = rest[3 + length :]
        return Information(body[1:]) if body[0] == FROM_READER else Information(b"")


def decode_card(data: bytes) -> str | None:
    """Give the UID in an answer to InListPassiveTarget, upper-case hex; None if there is no card, or no sensible one.

    A frame that lost a zero passes its checksum, with the zero that follows it. So all lengths must fit.

    Args:
        data: behind the answer's code: number of cards, then number, SENS_RES (2), SEL_RES, length, UID; some cards
            add their ATS, which begins with its length.
    """
    if len(data) < 6 or data[:2] != bytes([_ONE_CARD, _ONE_CARD]):
        return None
    length = data[5]
    uid, ats = data[6 : 6 + length], data[6 + length :]
    if length not in _UID_LENGTHS or len(uid) != length or (ats and ats[0] != len(ats)):
        return None
    return uid.hex().upper()


class Pn532Session:
    """The dialogue. After each call write `outgoing()`, and call `tick` at `next_deadline`."""

    def __init__(self, presence_s: float = PRESENCE_S) -> None:
        self.is_ready = False
        """Whether the reader has been set up and answers."""
        self.next_deadline = 0.0
        self._parser = FrameParser()
        self._presence = Presence(presence_s)
        self._out = b""
        self._command = 0
        self._frame = b""
        self._is_acknowledged = False
        self._failures = 0
        self._candidate = ""

    @property
    def gave_up(self) -> bool:
        """Whether the reader counts as lost. It is tried all the same."""
        return self._failures >= TRIES

    def start(self, now: float) -> None:
        """Wake the reader up and set it up, whatever it did before."""
        self._parser = FrameParser()
        self._out = WAKE_UP
        self._send(bytes([SAM_CONFIGURATION, _NORMAL_MODE, _TIMEOUT_50MS, _USE_IRQ]), now)

    def outgoing(self) -> bytes:
        """Give the bytes to write now, and forget them."""
        out, self._out = self._out, b""
        return out

    def receive(self, data: bytes, now: float) -> list[str]:
        """Take bytes of the reader.

        Args:
            data: in pieces of any size.
            now: any steady clock, s.

        Returns:
            UIDs of cards presented anew, upper-case hex.
        """
        found = []
        for frame in self._parser.receive(data):
            match frame:
                case Ack() if self._command:
                    self._is_acknowledged = True
                    self.next_deadline = now + ANSWER_S
                case Nack() if self._command:
                    self._out += self._frame
                case Broken() if self._is_acknowledged:
                    self._out += NACK
                case Information(answer) if self._is_acknowledged and answer[:1] == bytes([self._command + 1]):
                    uid = self._take(answer[1:], now)
                    if uid and self._presence.is_new(uid, now):
                        found.append(uid)
                case _:
                    pass
        return found

    def tick(self, now: float) -> None:
        """Go on at the deadline: with the next look for a card, or with a reader that did not answer."""
        if now < self.next_deadline:
            return
        if not self._command:
            self._look(now)
            return
        self._failures += 1
        if self.gave_up:
            self.is_ready = False
        self.start(now)

    def _take(self, data: bytes, now: float) -> str | None:
        self._failures = 0
        match self._command:
            case 0x14:
                self._send(bytes([RF_CONFIGURATION, _MAX_RETRIES, 0xFF, 0x01, RETRIES]), now)
            case 0x32:
                self.is_ready = True
                self._look(now)
            case 0x4A if uid := decode_card(data):
                # Released, the card answers the next look again, and another card may be found.
                self._send(bytes([RELEASE, _ALL_CARDS]), now)
                last, self._candidate = self._candidate, uid
                return uid if uid == last else None
            case 0x4A:
                self._candidate = ""
                self._pause(now)
            case _:
                self._pause(now)
        return None

    def _pause(self, now: float) -> None:
        self._command = 0
        self.next_deadline = now + POLL_S

    def _look(self, now: float) -> None:
        self._send(bytes([LIST_PASSIVE_TARGET, _ONE_CARD, _106_KBPS_TYPE_A]), now)

    def _send(self, command: bytes, now: float) -> None:
        self._command, self._is_acknowledged = command[0], False
        self._frame = encode_frame(command)
        self._out += self._frame
        self.next_deadline = now + ACK_S
