"""An update of the firmware from order to outcome, as a table. Pure.

The states are those of OCPP (FirmwareStatusEnumType of 2.0.1 and of the 1.6 security white paper); 1.6 itself knows
fewer of them. Each is stored before it is told, so that a power cut continues where it was: a download at its last
stored byte, an installation from its begin, and after the restart into the new version comes its trial. What was not
told yet is kept too, in its order, until the central system has it.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


class FirmwareStatus(StrEnum):
    """FirmwareStatusEnumType (values as on the wire)."""

    IDLE = "Idle"
    DOWNLOAD_SCHEDULED = "DownloadScheduled"
    DOWNLOADING = "Downloading"
    DOWNLOAD_PAUSED = "DownloadPaused"
    DOWNLOADED = "Downloaded"
    DOWNLOAD_FAILED = "DownloadFailed"
    SIGNATURE_VERIFIED = "SignatureVerified"
    INVALID_SIGNATURE = "InvalidSignature"
    INSTALL_SCHEDULED = "InstallScheduled"
    INSTALLING = "Installing"
    INSTALL_REBOOTING = "InstallRebooting"
    INSTALLED = "Installed"
    INSTALLATION_FAILED = "InstallationFailed"
    INSTALL_VERIFICATION_FAILED = "InstallVerificationFailed"


class UpdateOutcome(StrEnum):
    """What became of an order (UpdateFirmwareStatusEnumType, values as on the wire)."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    ACCEPTED_CANCELED = "AcceptedCanceled"
    INVALID_CERTIFICATE = "InvalidCertificate"


_S = FirmwareStatus
MOVES: dict[FirmwareStatus, tuple[FirmwareStatus, ...]] = {
    _S.DOWNLOAD_SCHEDULED: (_S.DOWNLOADING,),
    _S.DOWNLOADING: (_S.DOWNLOADED, _S.DOWNLOAD_PAUSED, _S.DOWNLOAD_FAILED),
    _S.DOWNLOAD_PAUSED: (_S.DOWNLOADING,),
    _S.DOWNLOADED: (_S.SIGNATURE_VERIFIED, _S.INVALID_SIGNATURE, _S.INSTALL_SCHEDULED, _S.INSTALLING),
    _S.SIGNATURE_VERIFIED: (_S.INSTALL_SCHEDULED, _S.INSTALLING),
    _S.INSTALL_SCHEDULED: (_S.INSTALLING,),
    _S.INSTALLING: (_S.INSTALL_REBOOTING, _S.INSTALLATION_FAILED),
    _S.INSTALL_REBOOTING: (_S.INSTALLED, _S.INSTALLATION_FAILED, _S.INSTALL_VERIFICATION_FAILED),
}
"""From a state to where it may go; what is not a key here is an end."""

MAY_BE_REPLACED = frozenset(MOVES) - {_S.INSTALLING, _S.INSTALL_REBOOTING}
"""A new order cancels an update in these states. Later the version is being exchanged, and that must come to an end."""


class IllegalStepError(Exception):
    """The table has no such move."""


@dataclass(frozen=True, slots=True)
class FirmwareOrder:
    """What the central system asks for.

    Args:
        location: URL of the image.
        retrieve_at: not before this.
        tries: how often a download that gets nowhere is begun.
        interval_s: pause between two of these, link time.
        number: of the request; None where the version of OCPP gives none (UpdateFirmware of 1.6).
        install_at: not before this, None = as soon as nobody charges.
        signature: base64 of the maker's signature of the image.
        certificate: PEM of who signed it, and its issuers; empty = the image has its own signature beside it.
    """

    location: str
    retrieve_at: datetime
    tries: int
    interval_s: int
    number: int | None = None
    install_at: datetime | None = None
    signature: str = ""
    certificate: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download has come.

    Args:
        have: bytes that are safely on the disk.
        total: of the image, None while nobody has told.
        tag: which image it is (ETag); a part of another one is worth nothing.
        failures: tries that brought nothing since the last one that did.
    """

    have: int = 0
    total: int | None = None
    tag: str = ""
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Update:
    """One order and what has become of it.

    Args:
        order: what was asked for.
        status: where it stands.
        untold: what the central system has not been told yet, oldest first.
        progress: of the download.
        version: that was installed; empty before that.
        slot: where it is.
    """

    order: FirmwareOrder
    status: FirmwareStatus
    untold: tuple[FirmwareStatus, ...] = ()
    progress: Progress = Progress()
    version: str = ""
    slot: str = ""

    @property
    def is_over(self) -> bool:
        """Tell whether nothing comes after this."""
        return self.status not in MOVES

    @property
    def shown(self) -> FirmwareStatus:
        """Give what is told when the central system asks (OCPP 1.6 §4.8, 2.0.1 L01.FR.25 and 26)."""
        plain = self.order.number is None
        return FirmwareStatus.IDLE if self.is_over and (plain or self.status is _S.INSTALLED) else self.status

    def become(self, status: FirmwareStatus) -> "Update":
        """Move on.

        Raises:
            IllegalStepError: the table has no such move.
        """
        if status not in MOVES.get(self.status, ()):
            raise IllegalStepError(f"an update does not go from {self.status} to {status}")
        return replace(self, status=status, untold=(*self.untold, status))

    def told(self, status: FirmwareStatus) -> "Update":
        """Take note that the central system knows the oldest of what was not told."""
        return replace(self, untold=self.untold[1:]) if self.untold[:1] == (status,) else self

    def encode(self) -> str:
        """Give it as JSON, for `decode`."""
        order, progress = self.order, self.progress
        return json.dumps(
            {
                "location": order.location,
                "retrieve_at": order.retrieve_at.isoformat(),
                "tries": order.tries,
                "interval_s": order.interval_s,
                "number": order.number,
                "install_at": order.install_at.isoformat() if order.install_at else None,
                "signature": order.signature,
                "certificate": order.certificate,
                "status": self.status,
                "untold": self.untold,
                "progress": [progress.have, progress.total, progress.tag, progress.failures],
                "version": self.version,
                "slot": self.slot,
            }
        )


def begin(order: FirmwareOrder, now: datetime) -> Update:
    """Take an order."""
    status = _S.DOWNLOAD_SCHEDULED if order.retrieve_at > now else _S.DOWNLOADING
    return Update(order, status, (status,))


def decode(text: str) -> Update | None:
    """Read what `Update.encode` wrote; None if it is nothing of the kind."""
    try:
        told = json.loads(text)
        order = FirmwareOrder(
            told["location"],
            datetime.fromisoformat(told["retrieve_at"]),
            told["tries"],
            told["interval_s"],
            told["number"],
            datetime.fromisoformat(told["install_at"]) if told["install_at"] else None,
            told["signature"],
            told["certificate"],
        )
        return Update(
            order,
            FirmwareStatus(told["status"]),
            tuple(FirmwareStatus(status) for status in told["untold"]),
            Progress(*told["progress"]),
            told["version"],
            told["slot"],
        )
    except (ValueError, KeyError, TypeError):
        return None
