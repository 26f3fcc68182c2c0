"""Logs that the central system asks for, and what became of them. Pure."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


class LogKind(StrEnum):
    """LogEnumType (values as on the wire)."""

    DIAGNOSTICS = "DiagnosticsLog"
    SECURITY = "SecurityLog"


class LogStatus(StrEnum):
    """UploadLogStatusEnumType (values as on the wire); 1.6's own diagnostics have one word for all failures."""

    IDLE = "Idle"
    UPLOADING = "Uploading"
    UPLOADED = "Uploaded"
    UPLOAD_FAILURE = "UploadFailure"
    BAD_MESSAGE = "BadMessage"
    PERMISSION_DENIED = "PermissionDenied"
    NOT_SUPPORTED = "NotSupportedOperation"


class LogOutcome(StrEnum):
    """What became of an order (LogStatusEnumType, values as on the wire)."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    ACCEPTED_CANCELED = "AcceptedCanceled"


@dataclass(frozen=True, slots=True)
class LogOrder:
    """What the central system asks for.

    Args:
        kind: which log.
        location: URL that it is sent to.
        tries: how often that is tried.
        interval_s: pause between two tries, link time.
        number: of the request; None where the version of OCPP gives none (GetDiagnostics of 1.6).
        oldest: nothing that is older.
        latest: nothing that is newer.
    """

    kind: LogKind
    location: str
    tries: int
    interval_s: int
    number: int | None = None
    oldest: datetime | None = None
    latest: datetime | None = None

    def covers(self, at: datetime) -> bool:
        """Tell whether something of that time is asked for."""
        return (self.oldest is None or at >= self.oldest) and (self.latest is None or at <= self.latest)


@dataclass(frozen=True, slots=True)
class Upload:
    """One order and what has become of it; `untold` as in station.core.firmware."""

    order: LogOrder
    name: str
    status: LogStatus = LogStatus.UPLOADING
    untold: tuple[LogStatus, ...] = (LogStatus.UPLOADING,)

    @property
    def is_over(self) -> bool:
        """Tell whether nothing comes after this."""
        return self.status is not LogStatus.UPLOADING

    @property
    def shown(self) -> LogStatus:
        """Give what is told when the central system asks."""
        return LogStatus.IDLE if self.is_over else self.status

    def end(self, status: LogStatus) -> "Upload":
        """Come to an end."""
        return replace(self, status=status, untold=(*self.untold, status))

    def told(self, status: LogStatus) -> "Upload":
        """Take note that the central system knows the oldest of what was not told."""
        return replace(self, untold=self.untold[1:]) if self.untold[:1] == (status,) else self

    def encode(self) -> str:
        """Give it as JSON, for `decode`."""
        order = self.order
        times = [at.isoformat() if at else None for at in (order.oldest, order.latest)]
        return json.dumps(
            {
                "order": [order.kind, order.location, order.tries, order.interval_s, order.number],
                "times": times,
                "name": self.name,
                "status": self.status,
                "untold": self.untold,
            }
        )


def decode(text: str) -> Upload | None:
    """Read what `Upload.encode` wrote; None if it is nothing of the kind."""
    try:
        told = json.loads(text)
        kind, location, tries, interval_s, number = told["order"]
        oldest, latest = (datetime.fromisoformat(at) if at else None for at in told["times"])
        untold = tuple(LogStatus(status) for status in told["untold"])
        order = LogOrder(LogKind(kind), location, tries, interval_s, number, oldest, latest)
        return Upload(order, told["name"], LogStatus(told["status"]), untold)
    except (ValueError, KeyError, TypeError):
        return None
