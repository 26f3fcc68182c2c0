"""What the station needs of its hardware, as Protocols. Drivers fulfil them; the registry makes drivers from settings.

All calls may raise LinkError (no answer; try again) or DeviceError (refused, or not plausible). Cancelling any of them
is safe: the device is left in a state in which the next call works.
"""

import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from shared.ids import IdToken
from shared.metering import MeterReading


@dataclass(frozen=True, slots=True)
class MeterIdentity:
    """Who the meter is. `serial` is empty where the device does not tell it."""

    model: str
    serial: str


class Meter(Protocol):
    """An energy meter."""

    async def identify(self) -> MeterIdentity:
        """Read model and serial number."""
        ...

    async def read(self) -> MeterReading:
        """Read the registers now. Never gives an old value: if the meter does not answer, it raises."""
        ...


class PilotState(StrEnum):
    """State of the control pilot (IEC 61851-1 table A.4)."""

    A = "A"
    """No vehicle."""
    B = "B"
    """Vehicle connected, not ready for energy."""
    C = "C"
    """Vehicle asks for energy."""
    D = "D"
    """Vehicle asks for energy and for ventilation."""
    E = "E"
    """Short circuit, or the board has no supply."""
    F = "F"
    """The board reports a fault of its own."""


@dataclass(frozen=True, slots=True)
class EvseStatus:
    """What an EVSE controller board reports.

    Args:
        pilot: state of the control pilot.
        contactor_closed: whether energy can flow.
        offered_current_a: current offered to the vehicle by PWM, A; 0 when none is offered.
        cable_current_a: what the cable carries by its proximity resistor, A; None where the board does not tell.
        faults: faults that the board reports, in the words of OCPP 1.6 ChargePointErrorCode (§7.6).
    """

    pilot: PilotState
    contactor_closed: bool
    offered_current_a: int
    cable_current_a: int | None = None
    faults: frozenset[str] = frozenset()


class EvseBoard(Protocol):
    """An EVSE controller board. The board keeps the safety loop (pilot, RCD, contactor); we request and observe."""

    async def status(self) -> EvseStatus:
        """Read the present state. Also serves as our heartbeat where the board watches one."""
        ...

    async def allow(self, current_a: int) -> None:
        """Offer so many amperes per phase, 6 to 80, and let the board close its contactor when the vehicle asks."""
        ...

    async def stop(self) -> None:
        """Offer nothing and open the contactor."""
        ...


class TagReader(Protocol):
    """A card reader."""

    def tags(self) -> AsyncIterator[IdToken]:
        """Give each card once per presentation, as upper-case hex UID. Never ends; waits for a reader that vanished."""
        ...


class Registration(StrEnum):
    """Registration with the mobile network (3GPP 27.007 §7.2)."""

    NOT_SEARCHING = "not searching"
    HOME = "home"
    SEARCHING = "searching"
    DENIED = "denied"
    UNKNOWN = "unknown"
    ROAMING = "roaming"


@dataclass(frozen=True, slots=True)
class NetworkStatus:
    """The radio link.

    Args:
        registration: state.
        operator: name or number, empty when not registered.
        signal_dbm: received signal strength, dBm, None when not known.
    """

    registration: Registration
    operator: str = ""
    signal_dbm: int | None = None

    @property
    def is_registered(self) -> bool:
        """Tell whether data can be tried."""
        return self.registration in (Registration.HOME, Registration.ROAMING)


@dataclass(frozen=True, slots=True)
class ModemIdentity:
    """Who the modem and its SIM are. IMSI and ICCID are personal data: they are shown, not logged."""

    manufacturer: str
    model: str
    revision: str
    imei: str
    iccid: str


class Modem(Protocol):
    """A cellular modem. `start` must have succeeded before anything else is asked."""

    async def start(self) -> ModemIdentity:
        """Find the modem, set it up, unlock the SIM if needed.

        Raises:
            SimError: the SIM needs a person.
        """
        ...

    async def network(self) -> NetworkStatus:
        """Ask registration and signal."""
        ...

    async def network_time(self) -> datetime | None:
        """Ask the network's time (NITZ), aware UTC; None when the network has not told it."""
        ...

    async def attach(self) -> None:
        """Bring up the packet data context with the configured APN."""
        ...

    async def connect(self, host: str, port: int) -> socket.socket:
        """Open a TCP connection through the modem and give our end of it, a non-blocking stream socket.

        Every byte written to the socket crosses the modem. It reads end-of-file when the modem reports the connection
        or the context lost. One connection at a time: a new one closes the last.
        """
        ...

    async def stop(self) -> None:
        """Close the connection and give the port back. The modem stays powered."""
        ...
