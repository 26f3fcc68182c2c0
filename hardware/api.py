"""What the station needs of its hardware, as Protocols. Drivers fulfil them; the registry makes drivers from settings.

All calls may raise LinkError (no answer; try again) or DeviceError (refused, or not plausible). Cancelling any of them
is safe: the device is left in a state in which the next call works.
"""

import socket
from abc import abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from hardware.errors import DeviceError
from shared.ids import IdToken, TransactionKey
from shared.metering import MeterReading, SignedData
from shared.units import Wh


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


@dataclass(frozen=True, slots=True)
class SignedSession:
    """What a meter signs beside its register.

    Args:
        key: the station's name of the transaction.
        id_token: who charges: it must be known before the session begins.
        evse: name of the EVSE as drivers know it, for instance `DE*ABC*E1`.
        register: import register at its begin, Wh; None while it begins.
    """

    key: TransactionKey
    id_token: IdToken
    evse: str
    register: Wh | None = None


@dataclass(frozen=True, slots=True)
class MeterTime:
    """What a meter's clock is set by.

    Args:
        at: aware, in the local time that the meter shall show.
        is_known: whether anybody told the station what time it is. A meter is never set by a guess.
        uptime: seconds on a clock of world time that never jumps.
    """

    at: datetime
    is_known: bool
    uptime: float


class SigningMeter(Meter, Protocol):
    """An energy meter that signs the begin and the end of a session (OCMF).

    Each call looks first at the state of the meter, so it may be repeated after any failure, cancelling or restart.
    LinkError: try again. DeviceError: this session will have no signature, for the reason in its text.
    """

    async def public_key(self) -> str:
        """Read the key that its signatures are judged by, hexadecimal, DER where the meter tells the curve."""
        ...

    async def begin(self, session: SignedSession, now: MeterTime) -> SignedData | None:
        """Begin a session, with its contactor open. None where the signed begin comes with the end, in one text.

        What an earlier session left behind in the meter is closed and thrown away: call it only when none is open.
        """
        ...

    async def recover(self, session: SignedSession, now: MeterTime) -> bool:
        """Go on with an open session after a loss of power; tells whether the meter still measures it."""
        ...

    async def end(self, session: SignedSession, now: MeterTime) -> SignedData:
        """End a session, with its contactor open again, and give the signed end."""
        ...

    async def release(self) -> None:
        """Let the meter forget the end that was given. Call it once that is stored."""
        ...

    async def keep_time(self, now: MeterTime) -> None:
        """Set its clock if it is due, by the meter's own rule. Call it now and then while no session is open."""
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
        faults: faults that the board reports, in the words of `hardware.faults`.
        locked: whether the plug is locked; None where the board does not tell.
        pilot_v: upper level of the control pilot, V; None where the board does not tell.
        temperature_c: of the board, °C; None where it does not tell.
    """

    pilot: PilotState
    contactor_closed: bool
    offered_current_a: int
    cable_current_a: int | None = None
    faults: frozenset[str] = frozenset()
    locked: bool | None = None
    pilot_v: float | None = None
    temperature_c: float | None = None


@dataclass(frozen=True, slots=True)
class BoardCapabilities:
    """What an EVSE controller board can do beyond offering and stopping. Ask this, never for the board's class.

    Args:
        minimum_a: smallest current that it offers, A per phase.
        maximum_a: largest current that it offers, A per phase.
        cable_current: it reads the proximity resistor of the cable.
        weld_feedback: `contactor_closed` or a fault comes from the contactor's contacts, not from the command to it.
        rcd_test: it can test its residual current device, see `test_rcd`.
        lock: it locks the plug, see `lock` and `unlock`.
        phase_switching: it can charge with one phase or three, see `switch_phases`.
        lights: it has lights that we may set, see `show`.
        watchdog: it falls to a safe current by itself when we are silent for a time that we set.
        pilot_voltage: it tells the level of the control pilot.
        temperature: it tells its temperature.
    """

    minimum_a: int = 6
    maximum_a: int = 80
    cable_current: bool = False
    weld_feedback: bool = False
    rcd_test: bool = False
    lock: bool = False
    phase_switching: bool = False
    lights: bool = False
    watchdog: bool = False
    pilot_voltage: bool = False
    temperature: bool = False


@dataclass(frozen=True, slots=True)
class BoardIdentity:
    """Who the board is. `notes` are its own settings and what is unwise about them, one sentence each."""

    model: str
    firmware: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Watchdog:
    """What a board with a watchdog does when we are silent for `timeout_s`, s: it offers `safe_current_a`, 0 = nothing.

    A time of 0 leaves the board's own settings alone.
    """

    timeout_s: int = 0
    safe_current_a: int = 0


class Light(StrEnum):
    """What the lights of a station say."""

    READY = "ready"
    BUSY = "busy"
    CHARGING = "charging"
    FAULT = "fault"
    OFF = "off"


class EvseBoard(Protocol):
    """An EVSE controller board. The board keeps the safety loop (pilot, RCD, contactor); we request and observe.

    `status` is also our heartbeat: a board with a watchdog falls to its safe current when nobody asks any more.
    What not every board can do has a default here that refuses; `capabilities` tells before.
    """

    @property
    def capabilities(self) -> BoardCapabilities:
        """What the board can do, as far as it is known: some boards tell it with their first answer."""
        return BoardCapabilities()

    async def run(self) -> None:
        """Serve the board until cancelled, and leave it safe. A board with a controller of its own needs nothing."""
        return

    async def describe(self) -> BoardIdentity:
        """Read who the board is and how it is set."""
        raise DeviceError("this EVSE board does not tell who it is")

    @abstractmethod
    async def status(self) -> EvseStatus:
        """Read the present state."""
        ...

    @abstractmethod
    async def allow(self, current_a: int) -> None:
        """Offer so many amperes per phase and let the board close its contactor when the vehicle asks."""
        ...

    @abstractmethod
    async def stop(self) -> None:
        """Offer nothing, open the contactor, and then let go of the plug."""
        ...

    async def halt(self) -> None:
        """Stop as well as can be within 4 s: the program ends. Cancelling is safe."""
        await self.stop()

    async def test_rcd(self) -> None:
        """Let the residual current device test itself, without a vehicle; it trips and recovers.

        Raises:
            DeviceError: it did not trip, or did not recover: nobody may charge here.
        """
        raise DeviceError("this EVSE board can't test its residual current device")

    async def lock(self) -> None:
        """Lock the plug.

        Raises:
            DeviceError: the lock did not move, as far as the board can tell.
        """
        raise DeviceError("this EVSE board has no lock")

    async def unlock(self) -> None:
        """Let go of the plug. Likewise."""
        raise DeviceError("this EVSE board has no lock")

    async def switch_phases(self, phases: int) -> None:  # noqa: ARG002  for boards that can
        """Charge with so many phases from now on, 1 or 3. A running charge pauses meanwhile."""
        raise DeviceError("this EVSE board can't switch phases")

    async def show(self, light: Light) -> None:  # noqa: ARG002  likewise
        """Set the lights."""
        raise DeviceError("this EVSE board has no lights that can be set")


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
class RadioQuality:
    """What else the modem tells of the radio link, None or empty where it does not.

    Args:
        technology: for instance `LTE`.
        cell: number of the cell, hexadecimal.
        rsrp_dbm: power of the cell's reference signal.
        rsrq_db: its quality.
        sinr_db: signal against noise and interference.
    """

    technology: str = ""
    cell: str = ""
    rsrp_dbm: float | None = None
    rsrq_db: float | None = None
    sinr_db: float | None = None


@dataclass(frozen=True, slots=True)
class ModemIdentity:
    """Who the modem and its SIM are. IMSI and ICCID are personal data: they are shown, not logged."""

    manufacturer: str
    model: str
    revision: str
    imei: str
    iccid: str
    imsi: str = ""


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

    async def quality(self) -> RadioQuality:
        """Ask technology, cell and the finer figures of the signal."""
        ...

    async def last_cause(self) -> str:
        """Ask why the network refused or ended something last (AT+CEER); empty when it does not tell."""
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

    async def redial(self) -> None:
        """Give up the data context and what runs through it; `attach` brings up a new one."""
        ...

    async def cycle_radio(self) -> None:
        """Switch the radio off and on, so that it searches and registers anew."""
        ...

    async def restart(self) -> None:
        """Let the modem restart by its own command. It must be started again afterwards, when it has booted."""
        ...

    def use_access(self, name: str) -> None:
        """Use this access point name from the next `attach` on."""
        ...

    async def stop(self) -> None:
        """Close the connection and give the port back. The modem stays powered."""
        ...
