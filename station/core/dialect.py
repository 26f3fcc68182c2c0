"""What the station says and hears, free of the version of OCPP that carries it.

A `Dialect` owns all that differs between versions in what the station *says*: the names of messages, their payloads,
and what an answer means. What the central system *asks* is a table of handlers beside it (station.ocpp16.requests),
which call station.operations. The setting csms.version chooses a version, and only that one is imported
(station.dialects). Everything else in the station knows neither.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from shared.ids import EvseId, IdToken
from shared.metering import MeterValue
from shared.ocpp.session import Payload
from shared.ocpp.validation import Version
from station.core.authorize import TokenInfo
from station.core.charging_schedule import Limit
from station.core.configuration import Configuration
from station.core.delivery import Acknowledge, Entry, Message, Park, Retry, Rules
from station.core.status_reports import Report


class BootReason(StrEnum):
    """Why the program began (OCPP 2.0.1 BootReasonEnumType, values as on the wire). 1.6 does not tell it."""

    POWER_UP = "PowerUp"
    REMOTE_RESET = "RemoteReset"
    LOCAL_RESET = "LocalReset"
    FIRMWARE_UPDATE = "FirmwareUpdate"
    APPLICATION_RESET = "ApplicationReset"
    TRIGGERED = "Triggered"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the station is, as BootNotification tells it; empty = not told."""

    vendor: str
    model: str
    firmware: str
    serial: str = ""
    box_serial: str = ""
    meter_type: str = ""
    meter_serial: str = ""
    iccid: str = ""
    imsi: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault that came or went.

    Args:
        evse_id: where.
        fault: in the words of `hardware.faults`.
        is_there: whether it came.
        info: for people, empty = nothing more.
        at: when.
    """

    evse_id: EvseId
    fault: str
    is_there: bool
    info: str
    at: datetime


class CertificateUse(StrEnum):
    """What a certificate of the station is for (OCPP 2.0.1 CertificateSigningUseEnumType). 1.6 has the first only."""

    STATION = "ChargingStationCertificate"
    VEHICLE = "V2GCertificate"


class Dialect(Protocol):
    """One version of OCPP, from the station's side. All methods are pure."""

    @property
    def version(self) -> Version:
        """The version; its subprotocol is negotiated and its schemas are judged by."""
        ...

    @property
    def tells_states(self) -> bool:
        """Tell whether a change of the charging state is an event of its transaction."""
        ...

    @property
    def token_length(self) -> int:
        """Longest IdToken."""
        ...

    def boot(self, about: Identity, reason: BootReason) -> Message:
        """Say who we are. The answer has status, interval and currentTime in every version."""
        ...

    def status(self, report: Report) -> Message:
        """Report the state of a connector."""
        ...

    def status_words(self, report: Report) -> str | None:
        """Give what a report says without its time: only a change of that is news. None = it can't be said."""
        ...

    def problem(self, problem: Problem, number: int) -> Message | None:
        """Tell that a fault came or went, as event `number`; None = the status says it."""
        ...

    def reservation_expired(self, number: int, *, is_removed: bool = False) -> Message | None:
        """Tell that a reservation came to its end unused, or was removed with its EVSE; None = the status says it."""
        ...

    def list_conflict(self, report: Report) -> Message | None:
        """Say that an answer contradicts the local list, at an EVSE in this state; None = there is no word for it."""
        ...

    def offline_threshold_s(self, configuration: Configuration) -> float:
        """Tell after how long without a connection all states are told again, not only those that changed."""
        ...

    def authorize(self, token: IdToken) -> Message:
        """Ask whether a driver may charge."""
        ...

    def token_info(self, payload: Payload) -> TokenInfo | None:
        """Read what an answer says of a token; None if it says nothing that can be understood."""
        ...

    def meter_values(self, evse_id: EvseId, values: Sequence[MeterValue], transaction_id: int | None = None) -> Message:
        """Tell values outside the ledger; EVSE 0 is the grid connection of the whole station.

        `transaction_id` is the central system's number of the transaction that runs there, where it gave one.
        """
        ...

    def security_event(self, kind: str, at: datetime, info: str) -> Message:
        """Tell a security event; `kind` is a word of OCPP (white paper ed. 3, appendix)."""
        ...

    def firmware_status(self, status: str, request_id: int | None = None, *, numbered: bool = False) -> Message:
        """Tell how an update stands; with `request_id` None it answers a request that bore no number.

        With `numbered` nothing is under way, and that is told in the words for requests that bear one.
        """
        ...

    def log_status(self, status: str, request_id: int | None = None, *, numbered: bool = False) -> Message:
        """Tell how an upload of logs stands; likewise."""
        ...

    def log_replaced(self, request_id: int | None) -> Message | None:
        """Tell that an upload gave way to a newer order; None = the answer to that one says it."""
        ...

    def sign_certificate(self, csr: str, use: CertificateUse) -> Message:
        """Ask for a certificate (PEM, PKCS #10)."""
        ...

    def charging_limit(self, limit: Limit | None) -> Message | None:
        """Tell what the site leaves the station, None = more than it can take; None comes back where no word is."""
        ...

    def data_transfer(self, vendor: str, name: str, data: str) -> Message:
        """Say what OCPP has no message for."""
        ...

    def outgoing(self, entry: Entry, rules: Rules) -> Message | Park:
        """Tell what to do with the oldest pending entry of the ledger."""
        ...

    def judge_result(self, entry: Entry, payload: Payload, rules: Rules) -> Acknowledge | Retry | Park:
        """Tell what an answer to it means. It may miss what its schema demands."""
        ...

    def judge_refusal(self, entry: Entry, reason: str, rules: Rules) -> Retry | Park:
        """Tell what a CALLERROR to it means."""
        ...
