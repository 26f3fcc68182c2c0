"""Monitors that a central system sets on variables, and when each has something to tell (part 2, N04, N06, N07). Pure.

A threshold is told when it is crossed and again, as cleared, when the value has come back. A delta is told when the
value has moved by so much since it was told last, or at any change where it is no number. What is periodic is told each
so many seconds, or at such marks of the clock (UTC).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from shared.ocpp.session import Payload
from station.core.timekeeping import Now

MOST_MONITORS = 100
LEAST_SEVERE = 9
"""Severities go from 0, danger, to 9, debug."""


class Kind(StrEnum):
    """MonitorEnumType, values as on the wire."""

    UPPER = "UpperThreshold"
    LOWER = "LowerThreshold"
    DELTA = "Delta"
    PERIODIC = "Periodic"
    ALIGNED = "PeriodicClockAligned"


_CRITERIA = {
    "ThresholdMonitoring": (Kind.UPPER, Kind.LOWER),
    "DeltaMonitoring": (Kind.DELTA,),
    "PeriodicMonitoring": (Kind.PERIODIC, Kind.ALIGNED),
}


class Outcome(StrEnum):
    """SetMonitoringStatusEnumType, as far as a monitor itself decides it."""

    ACCEPTED = "Accepted"
    DUPLICATE = "Duplicate"
    REJECTED = "Rejected"
    UNSUPPORTED = "UnsupportedMonitorType"


@dataclass(frozen=True, slots=True)
class Monitor:
    """One monitor.

    Args:
        number: its id, 0 = not given yet.
        kind: what it looks for.
        value: threshold, delta, or seconds.
        severity: 0 to 9.
        in_transaction: it only counts while a transaction runs.
        component: name, or name and EVSE, as on the wire.
        variable: as on the wire.
    """

    number: int
    kind: Kind
    value: str
    severity: int
    in_transaction: bool
    component: Payload
    variable: Payload

    @property
    def place(self) -> str:
        """Name the variable it is on."""
        return json.dumps([self.component, self.variable], sort_keys=True).lower()

    def meets(self, criteria: Iterable[object]) -> bool:
        """Tell whether it is of a kind that MonitoringCriterionEnumType names; of any if nothing is named."""
        wanted = [kind for name in criteria for kind in _CRITERIA[str(name)]]
        return not wanted or self.kind in wanted


@dataclass(frozen=True, slots=True)
class Alert:
    """What a monitor tells: which, why (EventTriggerEnumType), the value, and whether it has come back."""

    monitor: Monitor
    trigger: str
    value: str
    is_cleared: bool = False


@dataclass(frozen=True, slots=True)
class _Seen:
    is_beyond: bool = False
    told: str | None = None
    at: float = 0.0


@dataclass(slots=True)
class Monitors:
    """All that are set.

    Args:
        level: what is less severe (a larger number) is not told.
        last: the largest number ever given.
        life: of the program, so that events of different lives have different numbers.
    """

    level: int = LEAST_SEVERE
    last: int = 0
    life: int = 0
    _all: dict[int, Monitor] = field(default_factory=dict)
    _seen: dict[int, _Seen] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Monitor]:
        return iter(self._all.values())

    def set(self, monitor: Monitor, *, is_number: bool) -> tuple[Outcome, int]:
        """Set a monitor, or exchange the one of its number; gives its number.

        Args:
            monitor: with the number of the one to exchange, or 0.
            is_number: whether its variable is a number.
        """
        known = self._all.get(monitor.number)
        value = _decimal(monitor.value)
        if monitor.number and (known is None or known.place != monitor.place):
            return Outcome.REJECTED, 0
        if monitor.kind in (Kind.UPPER, Kind.LOWER) and not is_number:
            return Outcome.UNSUPPORTED, 0
        is_span = monitor.kind is Kind.DELTA and is_number
        is_period = monitor.kind in (Kind.PERIODIC, Kind.ALIGNED)
        is_bad = value is None or (is_span and value <= 0) or (is_period and value < 1)
        if is_bad or not 0 <= monitor.severity <= LEAST_SEVERE:
            return Outcome.REJECTED, 0
        same = (monitor.place, monitor.kind, monitor.severity)
        if any((m.place, m.kind, m.severity) == same for m in self if m.number != monitor.number):
            return Outcome.DUPLICATE, 0
        if known is None and len(self._all) >= MOST_MONITORS:
            return Outcome.REJECTED, 0
        if known is None:
            self.last += 1
            monitor = replace(monitor, number=self.last)
        self._all[monitor.number] = monitor
        self._seen.pop(monitor.number, None)
        return Outcome.ACCEPTED, monitor.number

    def clear(self, number: int) -> bool:
        """Take a monitor away; tell whether there was one."""
        self._seen.pop(number, None)
        return self._all.pop(number, None) is not None

    def clear_all(self) -> None:
        """Take all away."""
        self._all.clear()
        self._seen.clear()

    def look(self, values: Mapping[int, str], now: Now) -> list[Alert]:
        """Take in the values of the variables by the numbers of their monitors, and give what is to be told."""
        found = (self._judge(self._all[number], text, now) for number, text in values.items())
        return [alert for alert in found if alert and alert.monitor.severity <= self.level]

    def _judge(self, monitor: Monitor, text: str, now: Now) -> Alert | None:
        match monitor.kind:
            case Kind.UPPER | Kind.LOWER:
                return self._judge_threshold(monitor, text)
            case Kind.DELTA:
                return self._judge_delta(monitor, text)
            case _:
                return self._judge_period(monitor, text, now)

    def _judge_threshold(self, monitor: Monitor, text: str) -> Alert | None:
        value, bound = _decimal(text), Decimal(monitor.value)
        if value is None:
            return None
        is_beyond = value > bound if monitor.kind is Kind.UPPER else value < bound
        was_beyond = self._seen.get(monitor.number, _Seen()).is_beyond
        self._seen[monitor.number] = _Seen(is_beyond)
        return Alert(monitor, "Alerting", text, not is_beyond) if is_beyond is not was_beyond else None

    def _judge_delta(self, monitor: Monitor, text: str) -> Alert | None:
        told = self._seen.get(monitor.number, _Seen()).told
        if told is None:
            self._seen[monitor.number] = _Seen(told=text)
            return None
        value, before = _decimal(text), _decimal(told)
        has_moved = text != told
        if value is not None and before is not None:
            has_moved = abs(value - before) >= Decimal(monitor.value)
        if not has_moved:
            return None
        self._seen[monitor.number] = _Seen(told=text)
        return Alert(monitor, "Delta", text)

    def _judge_period(self, monitor: Monitor, text: str, now: Now) -> Alert | None:
        period_s = float(monitor.value)
        at = now.utc.timestamp() // period_s if monitor.kind is Kind.ALIGNED else now.uptime
        seen = self._seen.get(monitor.number)
        if seen is None:
            self._seen[monitor.number] = _Seen(at=at)
            return None
        if at == seen.at or (monitor.kind is Kind.PERIODIC and at < seen.at + period_s):
            return None
        # The grid holds, unless a look was missed.
        is_late = monitor.kind is Kind.ALIGNED or at >= seen.at + 2 * period_s
        self._seen[monitor.number] = _Seen(at=at if is_late else seen.at + period_s)
        return Alert(monitor, "Periodic", text)

    def encode(self) -> str:
        """Write them for the journal."""
        rows = [asdict(monitor) for monitor in self]
        return json.dumps({"level": self.level, "last": self.last, "life": self.life, "all": rows})


def decode_monitors(text: str) -> Monitors:
    """Read what `encode` wrote; there are none in an empty text."""
    if not text:
        return Monitors()
    told = json.loads(text)
    monitors = [Monitor(**{**row, "kind": Kind(row["kind"])}) for row in told["all"]]
    return Monitors(told["level"], told["last"], told["life"], {monitor.number: monitor for monitor in monitors})


def _decimal(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None
