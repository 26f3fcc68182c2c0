"""Security events: which there are, and which of them leave the station. Pure.

The names are those of the OCPP 1.6 security white paper ed. 3 (appendix on security events), so OCPP 2.0.1 has them
too, some with newer names: the 2.0.1 edge translates those.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.ids import MessageId

TECH_INFO_LENGTH = 255
"""techInfo of SecurityEventNotification.req."""


class EventKind(StrEnum):
    """What may happen here."""

    FIRMWARE_UPDATED = "FirmwareUpdated"
    FAILED_TO_AUTHENTICATE = "FailedToAuthenticateAtCentralSystem"
    SETTING_SYSTEM_TIME = "SettingSystemTime"
    STARTUP = "StartupOfTheDevice"
    RESET_OR_REBOOT = "ResetOrReboot"
    LOG_WAS_CLEARED = "SecurityLogWasCleared"
    PARAMETERS_CHANGED = "ReconfigurationOfSecurityParameters"
    MEMORY_EXHAUSTION = "MemoryExhaustion"
    INVALID_MESSAGES = "InvalidMessages"
    TAMPER_DETECTED = "TamperDetectionActivated"
    INVALID_FIRMWARE_SIGNATURE = "InvalidFirmwareSignature"
    INVALID_FIRMWARE_CERTIFICATE = "InvalidFirmwareSigningCertificate"
    INVALID_CENTRAL_SYSTEM_CERTIFICATE = "InvalidCentralSystemCertificate"
    INVALID_CHARGE_POINT_CERTIFICATE = "InvalidChargePointCertificate"
    INVALID_TLS_VERSION = "InvalidTLSVersion"
    INVALID_CIPHER_SUITE = "InvalidTLSCipherSuite"
    CERTIFICATE_EXPIRES = "CertificateExpiresSoon"
    """Ours: the white paper has no event that speaks before the site goes silent."""
    STORAGE_WEARS_OUT = "StorageWearsOut"
    """Ours: a card that dies takes the site out of service, and what it had not delivered with it."""
    TRANSACTION_PARKED = "TransactionParked"
    """Ours: what is refused for good waits for a person, so one must hear of it."""


ONLY_LOGGED = frozenset({EventKind.INVALID_MESSAGES})
"""Not critical, and as many as the other side likes: these stay in the security log. All others are delivered: the
critical ones by the white paper's list, those on certificates and keys because nobody else can tell the operator."""


def is_sent(kind: EventKind) -> bool:
    """Tell whether an event is delivered to the central system, beside being kept in the security log."""
    return kind not in ONLY_LOGGED


@dataclass(frozen=True, slots=True)
class EventEntry:
    """A security event that waits for delivery, its time corrected as far as known.

    Args:
        row_id: its place in the order.
        message_id: the same in every try.
        kind: its name as stored.
        at: when it happened.
        info: technical details, at most 255 characters, nothing secret.
        refusals: how often the central system refused it.
    """

    row_id: int
    message_id: MessageId
    kind: str
    at: datetime
    info: str
    refusals: int


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of the security log. `state` is logged (never to be sent), pending, acknowledged or parked."""

    row_id: int
    at: datetime
    is_certain: bool
    kind: str
    info: str
    state: str

    def __str__(self) -> str:
        doubt = "" if self.is_certain else " (time not confirmed)"
        return f"{self.at:%Y-%m-%dT%H:%M:%SZ} {self.kind} {self.info}".rstrip() + doubt
