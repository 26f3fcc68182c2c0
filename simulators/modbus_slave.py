"""A Modbus RTU slave on a serial line, for one or more simulated devices, and its ways to misbehave.

The framing is written here and not taken from pymodbus, so that driver and simulator can't share a mistake, and because
a library's server can't be made to answer wrongly.

Source: Modbus over Serial Line V1.02 §2.5, Modbus Application Protocol V1.1b3 §6.
"""

import asyncio
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from simulators.faults import Line

READ_HOLDING, READ_INPUT, WRITE_SINGLE, WRITE_MULTIPLE = 3, 4, 6, 16
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3

_SILENCE_S = 0.2
"""A frame that doesn't go on for so long is thrown away. Real slaves use 3.5 characters; we are not that exact."""


class Refusal(Exception):  # noqa: N818  an answer of the protocol, not an error of ours
    """The device answers with an exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exception {code}")
        self.code = code


class Device(Protocol):
    """What answers at one address."""

    def read(self, function: int, register: int, count: int) -> list[int]:
        """Give the words of `count` registers, or raise Refusal. `function` is 3 or 4."""
        ...

    def write(self, register: int, value: int) -> None:
        """Take a word, or raise Refusal."""
        ...


@dataclass(slots=True)
class BusFaults:
    """Ways to misbehave; tests and the control port set them at any time.

    Args:
        silent: addresses that don't answer.
        corrupt_every: each n-th answer has a flipped bit; 0 = none.
        delay_s: pause before each answer, s.
        delays_s: further pauses by address, s.
    """

    silent: set[int] = field(default_factory=set)
    corrupt_every: int = 0
    delay_s: float = 0.0
    delays_s: dict[int, float] = field(default_factory=dict)


class ModbusSlave:
    """Answers on a line for its devices and ignores frames for others.

    With a `baud` it hears nothing from a client that has set another one.
    """

    def __init__(
        self,
        line: Line,
        devices: Mapping[int, Device],
        *,
        baud: int = 0,
        before_request: Callable[[int], None] | None = None,
    ) -> None:
        """Connect devices to a line.

        Args:
            line: our end of the serial line.
            devices: by address.
            baud: rate of the line, 0 = any.
            before_request: called with the address before a device is asked; brings the simulated world up to now.
        """
        self._line, self._devices, self._baud, self._before_request = line, devices, baud, before_request
        self._answers = 0
        self.faults = BusFaults()
        self.has_power = True

    async def run(self) -> None:
        """Answer until cancelled."""
        buffer = b""
        while True:
            try:
                async with asyncio.timeout(_SILENCE_S if buffer else None):
                    buffer += await self._line.read()
            except TimeoutError:
                buffer = b""
                continue
            if self._baud and self._line.baud_of_client() != self._baud:
                buffer = b""
                continue
            while (cut := take_request(buffer)) is not None:
                frame, buffer = cut
                await self._answer(frame)

    async def _answer(self, frame: bytes) -> None:
        address, pdu = frame[0], frame[1:-2]
        if not self.has_power or address not in self._devices or address in self.faults.silent:
            return
        if self._before_request:
            self._before_request(address)
        answer = with_crc(bytes([address]) + answer_pdu(self._devices[address], pdu))
        self._answers += 1
        if self.faults.corrupt_every and self._answers % self.faults.corrupt_every == 0:
            answer = answer[:3] + bytes([answer[3] ^ 0x10]) + answer[4:]
        await asyncio.sleep(self.faults.delay_s + self.faults.delays_s.get(address, 0.0))
        await self._line.write(answer)


def answer_pdu(device: Device, pdu: bytes) -> bytes:
    """Carry out a request and give the answer's PDU, or that of an exception."""
    function = pdu[0]
    try:
        if function in (READ_HOLDING, READ_INPUT):
            register, count = struct.unpack(">HH", pdu[1:5])
            if not 1 <= count <= 125:
                raise Refusal(ILLEGAL_VALUE)
            words = device.read(function, register, count)
            return struct.pack(f">BB{count}H", function, 2 * count, *words)
        if function == WRITE_SINGLE:
            device.write(*struct.unpack(">HH", pdu[1:5]))
            return pdu
        if function == WRITE_MULTIPLE:
            register, count = struct.unpack(">HH", pdu[1:5])
            for offset, (word,) in enumerate(struct.iter_unpack(">H", pdu[6:])):
                device.write(register + offset, word)
            return pdu[:5]
    except Refusal as refusal:
        return bytes([function | 0x80, refusal.code])
    return bytes([function | 0x80, ILLEGAL_FUNCTION])


def take_request(buffer: bytes) -> tuple[bytes, bytes] | None:
    """Cut the first whole request off a buffer; what stands before it is dropped. None while there is none."""
    for start in range(len(buffer)):
        length = _request_length(buffer[start:])
        frame = buffer[start : start + length]
        if len(frame) == length and with_crc(frame[:-2]) == frame:
            return frame, buffer[start + length :]
    return None


def _request_length(frame: bytes) -> int:
    if len(frame) >= 7 and frame[1] == WRITE_MULTIPLE:
        return 9 + frame[6]
    return 8


def with_crc(frame: bytes) -> bytes:
    """Append the CRC-16 of a frame, low byte first (Modbus over Serial Line V1.02 §2.5.1.2)."""
    crc = 0xFFFF
    for byte in frame:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xA001 if crc & 1 else 0)
    return frame + crc.to_bytes(2, "little")
