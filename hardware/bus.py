"""What a Modbus line is: where it is, how its bytes are framed, who goes first, and how its devices fared. Pure."""

from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from urllib.parse import urlsplit

MINIMUM_GAP_S = 0.01
"""Transceivers that turn by themselves hold the line for a moment after the last bit."""

MODBUS_TCP_PORT = 502
"""Registered with IANA."""


class Priority(IntEnum):
    """Who goes first on a line when several wait."""

    SAFETY = 0
    """The EVSE board: open a contactor, look at the pilot."""
    BILLING = 1
    """The energy register."""
    TELEMETRY = 2
    """All else."""


class Direction(StrEnum):
    """Who switches an RS-485 transceiver to sending."""

    AUTO = "auto"
    """The adapter does it by itself."""
    RTS = "rts"
    """The port's driver raises RTS while it sends."""
    RTS_LOW = "rts-low"
    """The port's driver lowers RTS while it sends."""


class Transport(StrEnum):
    """How frames travel."""

    SERIAL = "serial"
    TCP = "tcp"
    RTU_OVER_TCP = "rtu+tcp"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a line is: a device file (`place`), or a gateway's host and TCP port."""

    transport: Transport
    place: str
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> "Endpoint":
        """Read the setting of a line: a device file, `tcp://host:port` or `rtu+tcp://host:port`.

        Raises:
            ValueError: it is none of these.
        """
        if "://" not in text:
            return cls(Transport.SERIAL, text)
        example = "write a device file such as /dev/ttyS1, or tcp://gateway.example.com:502, or rtu+tcp://..."
        try:
            url = urlsplit(text)
            transport, host, port = Transport(url.scheme), url.hostname, url.port or MODBUS_TCP_PORT
        except ValueError as error:
            raise ValueError(f"{text!r} names no Modbus line: {example}") from error
        if transport is Transport.SERIAL or not host or url.path.strip("/") or url.query:
            raise ValueError(f"{text!r} names no Modbus line: {example}")
        return cls(transport, host, port)

    def __str__(self) -> str:
        host = f"[{self.place}]" if ":" in self.place else self.place
        return self.place if self.transport is Transport.SERIAL else f"{self.transport}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Framing:
    """How a device frames its bytes: bits per second, parity `N`, `E` or `O`, stop bits 1 or 2."""

    baud: int = 9600
    parity: str = "N"
    stop_bits: int = 1

    @property
    def bits_per_byte(self) -> int:
        """Start bit, data, parity, stop bits."""
        return 9 + (self.parity != "N") + self.stop_bits

    def wire_s(self, count: int) -> float:
        """Tell how long so many bytes take on the wire, s."""
        return count * self.bits_per_byte / self.baud

    def gap_s(self) -> float:
        """Tell the silence between two frames, s: 3.5 characters, 1.75 ms above 19200 baud, and MINIMUM_GAP_S.

        Source: Modbus over Serial Line V1.02 §2.5.1.1.
        """
        silence = 0.00175 if self.baud > 19200 else 3.5 * 11 / self.baud
        return max(silence, MINIMUM_GAP_S)

    def __str__(self) -> str:
        return f"{self.baud} baud 8{self.parity}{self.stop_bits}"


class Failure(StrEnum):
    """Why a try got no good answer."""

    SILENT = "silent"
    """Nothing came."""
    BROKEN = "broken"
    """Bytes came, but no good frame of this device: noise, wrong framing, two devices at one address."""
    UNFIT = "unfit"
    """A good frame that answers another question."""
    BUSY = "busy"
    """The device asks for patience."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """How the requests to one device went since the start. A request that is repeated counts again."""

    requests: int = 0
    answers: int = 0
    refusals: int = 0
    """Exceptions: the device has no such register, for instance. They are answers too."""
    silent: int = 0
    broken: int = 0
    unfit: int = 0
    busy: int = 0
    fastest_s: float = 0.0
    slowest_s: float = 0.0
    last_s: float = 0.0
    total_s: float = 0.0

    @property
    def errors(self) -> int:
        """Requests without a good answer, of all kinds."""
        return self.silent + self.broken + self.unfit + self.busy

    @property
    def mean_s(self) -> float:
        """Mean time from the request to the whole answer, s; 0 without answers."""
        return self.total_s / self.answers if self.answers else 0.0

    def asked(self) -> "Statistics":
        """Count a request."""
        return replace(self, requests=self.requests + 1)

    def answered(self, latency_s: float, *, refused: bool = False) -> "Statistics":
        """Count an answer that came after so many seconds."""
        return replace(
            self,
            answers=self.answers + 1,
            refusals=self.refusals + refused,
            fastest_s=min(self.fastest_s, latency_s) if self.answers else latency_s,
            slowest_s=max(self.slowest_s, latency_s),
            last_s=latency_s,
            total_s=self.total_s + latency_s,
        )

    def failed(self, kind: Failure) -> "Statistics":
        """Count a try without a good answer."""
        match kind:
            case Failure.SILENT:
                return replace(self, silent=self.silent + 1)
            case Failure.BROKEN:
                return replace(self, broken=self.broken + 1)
            case Failure.UNFIT:
                return replace(self, unfit=self.unfit + 1)
            case Failure.BUSY:
                return replace(self, busy=self.busy + 1)
