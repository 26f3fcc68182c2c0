"""What an EVSE shows of itself: its state, its error, and why nobody can charge there now. Pure."""

from dataclasses import dataclass
from enum import Enum

from hardware.api import EvseStatus, PilotState
from hardware.faults import WORDS, gravest
from shared.transaction import ChargingState
from station.core.board_health import RCD_FAILED, WELDED
from station.core.connector import Status

NO_ERROR = "NoError"
METER_FAILURE = "PowerMeterFailure"
_OTHER_ERROR = "OtherError"
CONNECTED = (PilotState.B, PilotState.C, PilotState.D)
_WANTS_ENERGY = (PilotState.C, PilotState.D)


class Phase(Enum):
    """Where between idle and idle."""

    IDLE = "idle"
    ASKING = "asking"
    AUTHORIZED = "authorized"
    STARTING = "starting"
    RESUMING = "resuming"
    RUNNING = "running"
    ENDING = "ending"


@dataclass(frozen=True, slots=True)
class Condition:
    """All that decides what is shown.

    Args:
        phase: of the charge.
        board: what it said last, None if it is silent.
        faults: all that are known, in the words of `hardware.faults`.
        latched: those of them that only a technician may clear.
        failed_tests: those that a test found.
        meter_lost: the meter has answered before, or should have, and does not now.
        meter_read: it answers.
        energy_refused: the transaction goes on without energy.
        plug_held: the plug stays locked for the driver of the last charge.
        operative: the central system has not put it out of service.
        updating: the program is about to be exchanged.
        lent: a technician's tool has its lines.
        finished: a charge has ended and its vehicle is still there.
        reserved: it is kept for somebody.
        paused: why a limit leaves the running charge nothing now; empty if it leaves something.
        limited: in a few words, what holds its current down or pauses it.
    """

    phase: Phase
    board: EvseStatus | None
    faults: frozenset[str]
    latched: frozenset[str]
    failed_tests: frozenset[str]
    meter_lost: bool
    meter_read: bool
    energy_refused: bool
    plug_held: bool
    operative: bool
    updating: bool
    lent: bool
    finished: bool
    reserved: bool
    paused: str = ""
    limited: str = ""

    @property
    def is_plugged(self) -> bool:
        """Tell whether a vehicle is connected."""
        return self.board is not None and self.board.pilot in CONNECTED

    @property
    def blocked_by(self) -> str:
        """Say in a sentence why no charge could start or run now; empty if none stands in the way."""
        if self.lent:
            return "maintenance: a technician's tool has the lines of this EVSE, and gives them back when it ends"
        if self.board is None:
            return "the EVSE controller board does not answer: check its power, port, address and wiring"
        if WELDED in self.latched:
            return "the contactor did not open when it should have: a technician must check it and clear the fault"
        if RCD_FAILED in self.failed_tests:
            return "the residual current device failed its test: have it checked, then repeat the self-test"
        if self.faults:
            return f"the board reports {', '.join(sorted(self.faults))}"
        if self.energy_refused:
            return "the central system refused the driver's card"
        if self.plug_held:
            return "the plug stays locked until the card that began the last charge is shown"
        if not self.operative:
            return "the central system has put this EVSE out of service"
        if self.updating:
            return "the station is about to begin anew: charging is possible again in a few minutes"
        if not self.meter_read:
            return "the meter does not answer: no reading, no charge"
        return ""

    @property
    def status(self) -> Status:
        """Give the connector's state (OCPP 1.6 §4.9)."""
        if self.lent:
            return Status.UNAVAILABLE
        if self.board is None or self.faults:
            return Status.FAULTED
        if self.phase in (Phase.RUNNING, Phase.RESUMING, Phase.ENDING):
            if self.energy_refused or self.paused or self.phase is not Phase.RUNNING:
                return Status.SUSPENDED_EVSE
            wants = self.board.pilot in _WANTS_ENERGY and self.board.contactor_closed
            return Status.CHARGING if wants else Status.SUSPENDED_EV
        if not self.operative or self.updating:
            return Status.UNAVAILABLE
        if self.phase in (Phase.AUTHORIZED, Phase.STARTING):
            return Status.PREPARING
        if self.finished:
            return Status.FINISHING
        if self.reserved:
            return Status.RESERVED
        return Status.PREPARING if self.is_plugged else Status.AVAILABLE

    def charging_state(self, before: ChargingState | None) -> ChargingState | None:
        """Tell how a transaction stands, after it stood as `before` (OCPP 2.x; 1.6 has the status for it)."""
        if self.board is None:
            return before
        if not self.is_plugged:
            return ChargingState.IDLE
        match self.status:
            case Status.CHARGING:
                return ChargingState.CHARGING
            case Status.SUSPENDED_EV if self.board.pilot in _WANTS_ENERGY and before:
                return before  # the contactor is about to close
            case Status.SUSPENDED_EV:
                return ChargingState.SUSPENDED_EV
            case _:
                return ChargingState.SUSPENDED_EVSE

    @property
    def error(self) -> tuple[str, str]:
        """Give the error code and what people should know of it."""
        if self.lent:
            return NO_ERROR, "maintenance"
        if self.board is None:
            return _OTHER_ERROR, "the EVSE controller board does not answer"
        if WELDED in self.latched:
            return WELDED, "the contactor did not open"
        if self.faults:
            gravest_fault = gravest(self.faults)
            code = WORDS[gravest_fault].code
            return code, "" if code == gravest_fault else gravest_fault
        if self.meter_lost:
            return METER_FAILURE, "the meter does not answer"
        return NO_ERROR, self.limited
