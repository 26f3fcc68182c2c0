"""What happens at an EVSE, and what is to be done about it: the words between station.core.charging and the outside."""

from dataclasses import dataclass
from datetime import datetime

from hardware.api import EvseStatus, SignedSession
from shared.ids import IdToken, TransactionKey
from shared.metering import MeterReading, MeterValue, SignedData
from shared.transaction import Started, StopReason, TransactionEvent
from shared.units import Wh
from station.core.connector import Status
from station.core.current_limit import Cap
from station.core.reservation import Reservation


@dataclass(frozen=True, slots=True)
class Ending:
    """Why and by whom a transaction is being ended; `at` is set when that moment lies before this start."""

    reason: StopReason
    id_token: IdToken | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """A transaction that has begun and not ended, as the journal gives it.

    Args:
        started: its first event.
        next_seq: number of its next event.
        register: highest register known.
        last_at: time of its last event.
        ending: set when its end had already been decided.
        same_boot: whether the last event was stamped in the present boot of the machine.
        deauthorized: whether the central system refused the card when it heard of the start.
        told: the values told so far; its end may repeat them.
    """

    started: Started
    next_seq: int
    register: Wh
    last_at: datetime
    ending: Ending | None = None
    same_boot: bool = True
    deauthorized: bool = False
    told: tuple[MeterValue, ...] = ()


@dataclass(frozen=True, slots=True)
class BoardSeen:
    """The board was asked; also tells of plugging and unplugging."""

    status: EvseStatus


@dataclass(frozen=True, slots=True)
class BoardLost:
    """The board does not answer any more."""


@dataclass(frozen=True, slots=True)
class MeterRead:
    """The meter was asked; None when it does not answer any more."""

    reading: MeterReading | None


@dataclass(frozen=True, slots=True)
class TagPresented:
    """A driver shows a card."""

    id_token: IdToken


@dataclass(frozen=True, slots=True)
class Authorized:
    """The driver may charge, by a card or by remote; `group` is the token's parent as far as known."""

    id_token: IdToken
    group: str = ""


@dataclass(frozen=True, slots=True)
class StopAuthorized:
    """The answer to CompareGroup: this driver may end what the owner began.

    `by_master_pass` if not as one of the owner's group, but with a card that may end everything.
    """

    id_token: IdToken
    owner: IdToken
    by_master_pass: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """The driver may not."""

    id_token: IdToken
    reason: str


@dataclass(frozen=True, slots=True)
class RemoteStart:
    """The central system starts a transaction; `ask` if the token is to be authorized first.

    `remote_start_id` is the number of its request, where it has one.
    """

    id_token: IdToken
    ask: bool = False
    remote_start_id: int | None = None


@dataclass(frozen=True, slots=True)
class Deauthorized:
    """The central system has answered the start of this transaction with a refusal."""

    key: TransactionKey


@dataclass(frozen=True, slots=True)
class EndRequested:
    """Whatever runs here is to end."""

    reason: StopReason


@dataclass(frozen=True, slots=True)
class SampleAsked:
    """The central system wants a reading of the running transaction now."""


@dataclass(frozen=True, slots=True)
class Lent:
    """A technician's tool has the lines of this EVSE, or has given them back."""

    yes: bool


@dataclass(frozen=True, slots=True)
class JournalSeen:
    """The journal was tried: why it can't be written now, empty if it can."""

    trouble: str


@dataclass(frozen=True, slots=True)
class StartNotStored:
    """The record of the start could not be written: it did not happen."""

    why: str


@dataclass(frozen=True, slots=True)
class OperativeChanged:
    """ChangeAvailability; takes effect when no transaction runs."""

    operative: bool


@dataclass(frozen=True, slots=True)
class Updating:
    """The program is about to end (update, reset): nothing begins any more, what runs may end. False = no longer."""

    yes: bool


@dataclass(frozen=True, slots=True)
class Reserved:
    """The EVSE is kept for a driver from now on, None for nobody any more."""

    reservation: Reservation | None


@dataclass(frozen=True, slots=True)
class PlugHeld:
    """The plug is locked until this card is shown, None = it was let go."""

    id_token: IdToken | None


@dataclass(frozen=True, slots=True)
class SelfTested:
    """The board has tested itself; `failed` are the faults found, empty if none (OCPP 1.6 §7.6)."""

    failed: frozenset[str]


@dataclass(frozen=True, slots=True)
class RcdTested:
    """The answer to CheckRcd: `failure` is empty if it passed; if not `definite`, the test itself could not be done."""

    failure: str = ""
    definite: bool = True


@dataclass(frozen=True, slots=True)
class PlugLocked:
    """The answer to LockPlug: `failure` is empty if the plug is locked."""

    failure: str = ""


@dataclass(frozen=True, slots=True)
class SigningDone:
    """The answer to BeginSigning or EndSigning.

    Args:
        key: of the transaction.
        is_end: which of them it answers.
        signed: what the meter signed; None if it failed, and at a begin that comes with the end.
        failure: why there is none, for people; empty if nothing failed.
        definite: whether asking again is of no use.
    """

    key: TransactionKey
    is_end: bool
    signed: SignedData | None = None
    failure: str = ""
    definite: bool = False


@dataclass(frozen=True, slots=True)
class LimitsSeen:
    """What limits the EVSE beside its installation, its board and the cable."""

    caps: tuple[Cap, ...]


@dataclass(frozen=True, slots=True)
class PhasesSwitched:
    """The board charges with so many phases from now on."""

    phases: int


@dataclass(frozen=True, slots=True)
class FaultCleared:
    """A technician has seen to a fault that is kept until then."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event = (
    BoardSeen
    | BoardLost
    | MeterRead
    | TagPresented
    | Authorized
    | Refused
    | RemoteStart
    | Deauthorized
    | EndRequested
    | SampleAsked
    | Lent
    | JournalSeen
    | StartNotStored
    | OperativeChanged
    | Updating
    | Reserved
    | PlugHeld
    | StopAuthorized
    | SelfTested
    | RcdTested
    | PlugLocked
    | SigningDone
    | LimitsSeen
    | PhasesSwitched
    | FaultCleared
    | Tick
)


@dataclass(frozen=True, slots=True)
class Record:
    """Write to the journal. `past` if its time is not of this boot's clock and must not be corrected with it."""

    event: TransactionEvent
    past: bool = False


@dataclass(frozen=True, slots=True)
class MarkEnding:
    """Write to the journal that the transaction is being ended, so that a restart does not go on charging."""

    key: TransactionKey
    ending: Ending


@dataclass(frozen=True, slots=True)
class Allow:
    """Offer so many amperes."""

    current_a: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Offer nothing, open the contactor."""


@dataclass(frozen=True, slots=True)
class SwitchPhases:
    """Charge with so many phases from now on; the contactor is open. Answer with PhasesSwitched if that went well."""

    phases: int


@dataclass(frozen=True, slots=True)
class Authorize:
    """Find out whether the driver may charge; answer with Authorized or Refused."""

    id_token: IdToken


@dataclass(frozen=True, slots=True)
class CompareGroup:
    """Find out whether a card is of the same group as another; answer with StopAuthorized, or not at all."""

    id_token: IdToken
    owner: IdToken


@dataclass(frozen=True, slots=True)
class HoldPlug:
    """Lock the plug again, if the board can; answer with PlugHeld if that went well."""

    id_token: IdToken


@dataclass(frozen=True, slots=True)
class ReleasePlug:
    """Let go of the plug that was held."""


@dataclass(frozen=True, slots=True)
class KeepReservation:
    """Write to the journal for whom the EVSE is kept, None = for nobody."""

    reservation: Reservation | None


@dataclass(frozen=True, slots=True)
class TellExpired:
    """Say that a reservation came to its end unused; `is_removed` if its EVSE failed before its time."""

    number: int
    is_removed: bool = False


@dataclass(frozen=True, slots=True)
class LockPlug:
    """Lock the plug before a charge; its answer is PlugLocked."""


@dataclass(frozen=True, slots=True)
class CheckRcd:
    """Test the residual current device before this charge; answer with RcdTested."""


@dataclass(frozen=True, slots=True)
class BeginSigning:
    """Let the meter begin a signed session; answer with SigningDone. The contactor is open."""

    session: SignedSession


@dataclass(frozen=True, slots=True)
class EndSigning:
    """Let the meter end it, likewise."""

    session: SignedSession


@dataclass(frozen=True, slots=True)
class RecoverSigning:
    """The session goes on after a restart: let the meter go on with it."""

    session: SignedSession


@dataclass(frozen=True, slots=True)
class ReleaseSigned:
    """The signed end is in the journal: the meter may forget it."""


@dataclass(frozen=True, slots=True)
class KeepFaults:
    """Write to the journal which faults only a technician may clear; empty = none any more."""

    faults: frozenset[str]


@dataclass(frozen=True, slots=True)
class KeepHeld:
    """Write to the journal which faults hold until the vehicle has gone, or heat until it has cooled; empty = none."""

    faults: frozenset[str]


@dataclass(frozen=True, slots=True)
class Notify:
    """The connector's state changed."""

    status: Status
    error_code: str
    info: str = ""
    is_plugged: bool = True


@dataclass(frozen=True, slots=True)
class SendSample:
    """Clock-aligned value outside a transaction: sent if there is a connection, else not."""

    value: MeterValue


@dataclass(frozen=True, slots=True)
class Tell:
    """A fact for the log and the driver: event name and plain words. `is_danger`: a person must come."""

    fact: str
    why: str = ""
    is_danger: bool = False


Action = (
    Record
    | MarkEnding
    | Allow
    | Stop
    | SwitchPhases
    | Authorize
    | CompareGroup
    | HoldPlug
    | ReleasePlug
    | KeepReservation
    | TellExpired
    | CheckRcd
    | LockPlug
    | BeginSigning
    | EndSigning
    | RecoverSigning
    | ReleaseSigned
    | KeepFaults
    | KeepHeld
    | Notify
    | SendSample
    | Tell
)
