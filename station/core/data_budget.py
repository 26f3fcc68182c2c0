"""What the mobile link costs: bytes by class of message, per day and month, against what the SIM may use.

Three levels: normal, thrift from a share of the allowance on, over when it is used up. A level only changes what is
told between the begin and the end of a transaction and how soon a state is told. Begin, end and remote commands leave
at once on every level, and nothing that is billed is ever dropped.

Months are the operator's: they begin on `first_day`, UTC. While the date is not known bytes are kept aside, and count
for the first day that is.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from station.core.configuration import MEASURANDS


class Traffic(StrEnum):
    """What bytes are for."""

    CONNECT = "connect"
    """Handshakes of TLS and WebSocket."""
    BOOT = "boot"
    HEARTBEAT = "heartbeat"
    STATUS = "status"
    AUTHORIZE = "authorize"
    TRANSACTION = "transaction"
    """Begins and ends."""
    METER_VALUES = "meter_values"
    SECURITY = "security"
    FILES = "files"
    KEEPALIVE = "keepalive"
    REMOTE = "remote"
    """What comes between our calls, above all requests of the central system."""
    HEADERS = "headers"
    """IP and TCP headers, and what was sent twice."""
    OTHER = "other"


_CLASSES = {
    "BootNotification": Traffic.BOOT,
    "Heartbeat": Traffic.HEARTBEAT,
    "StatusNotification": Traffic.STATUS,
    "Authorize": Traffic.AUTHORIZE,
    "StartTransaction": Traffic.TRANSACTION,
    "StopTransaction": Traffic.TRANSACTION,
    "TransactionEvent": Traffic.TRANSACTION,
    "MeterValues": Traffic.METER_VALUES,
    "SecurityEventNotification": Traffic.SECURITY,
    "SignCertificate": Traffic.SECURITY,
}


def traffic_of(action: str, payload: Mapping[str, object]) -> Traffic:
    """Tell of which class a call is."""
    if payload.get("eventType") == "Updated":
        return Traffic.METER_VALUES
    return _CLASSES.get(action, Traffic.OTHER)


class Level(StrEnum):
    """How much is left."""

    NORMAL = "normal"
    THRIFT = "thrift"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the SIM may use.

    Args:
        month_bytes: in one month, 0 = without end.
        thrift_percent: from this share on the station is thrifty.
        first_day: of the operator's month, 1 to 28.
    """

    month_bytes: int = 0
    thrift_percent: int = 80
    first_day: int = 1

    def month_of(self, day: date) -> str:
        """Name the month in which a day lies by the month in which it began, as 2026-11."""
        year, month = (day.year, day.month) if day.day >= self.first_day else _before(day.year, day.month)
        return f"{year:04}-{month:02}"


class DataBudget:
    """The counts of today and of this month.

    Args:
        allowance: see there.
        stored: what `text` gave before, "" = nothing yet; what can't be read counts as nothing.
    """

    def __init__(self, allowance: Allowance, stored: str = "") -> None:
        self.allowance = allowance
        self.today: Counter[str] = Counter()
        self.month: Counter[str] = Counter()
        self.last_month = 0
        self._day, self._month = "", ""
        self._aside: Counter[str] = Counter()
        self._restore(stored)

    def count(self, bytes_by_class: Mapping[Traffic, int], day: date | None) -> None:
        """Take in bytes. `day` is None while nobody knows it. A clock that was set back begins no new day."""
        self._aside.update({kind.value: count for kind, count in bytes_by_class.items() if count})
        if day is None:
            return
        self._turn_to(day)
        self.today.update(self._aside)
        self.month.update(self._aside)
        self._aside.clear()

    @property
    def used(self) -> int:
        """Give the bytes of this month, those of an unknown day included."""
        return self.by_class.total()

    @property
    def by_class(self) -> Counter[str]:
        """Give the same by class."""
        return self.month + self._aside

    @property
    def level(self) -> Level:
        """Tell how much is left."""
        allowed = self.allowance.month_bytes
        if not allowed or self.used * 100 < allowed * self.allowance.thrift_percent:
            return Level.NORMAL
        return Level.THRIFT if self.used < allowed else Level.OVER

    def text(self) -> str:
        """Write the counts as one short line, for a restart."""
        told = {"day": self._day, "month": self._month, "today": self.today, "used": self.month}
        return json.dumps({**told, "aside": self._aside, "last": self.last_month}, separators=(",", ":"))

    def _turn_to(self, day: date) -> None:
        month = self.allowance.month_of(day)
        if month > self._month:
            self.last_month = self.month.total() if self._month else 0
            self.month.clear()
            self._month = month
        if day.isoformat() > self._day:
            self.today.clear()
            self._day = day.isoformat()

    def _restore(self, stored: str) -> None:
        try:
            match json.loads(stored or "null"):
                case {
                    "day": str(day),
                    "month": str(month),
                    "today": dict(today),
                    "used": dict(used),
                    "aside": dict(aside),
                    "last": int(last),
                }:
                    self.today, self.month, self._aside = _counts(today), _counts(used), _counts(aside)
                    self._day, self._month, self.last_month = day, month, last
                case _:
                    pass
        except ValueError:
            pass


def _counts(told: Mapping[str, object]) -> Counter[str]:
    names = {kind.value for kind in Traffic}
    return Counter({name: count for name, count in told.items() if name in names and isinstance(count, int)})


def _before(year: int, month: int) -> tuple[int, int]:
    return (year, month - 1) if month > 1 else (year - 1, 12)


@dataclass(frozen=True, slots=True)
class Thrift:
    """What a level makes of the configuration keys while it lasts; the keys themselves stay as they were set.

    Args:
        least: numbers that count as no less than this; 0 = never or none stays what it is.
        only: lists that count as this.
    """

    least: Mapping[str, int]
    only: Mapping[str, str]


NOTHING_SAVED = Thrift({}, {})


def thrift_of(level: Level, sample_s: int) -> Thrift:
    """Tell what is saved on a level.

    Args:
        level: see Level.
        sample_s: between two samples in thrift; when the allowance is used up it is four times that.
    """
    if level is Level.NORMAL:
        return NOTHING_SAVED
    factor = 4 if level is Level.OVER else 1
    least = {
        "MeterValueSampleInterval": sample_s * factor,
        "ClockAlignedDataInterval": sample_s * factor,
        "HeartbeatInterval": 900 * factor,
        "MinimumStatusDuration": 30,
    }
    register = MEASURANDS[0]
    return Thrift(least, {"MeterValuesSampledData": register, "MeterValuesAlignedData": register})
