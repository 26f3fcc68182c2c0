"""When somebody must be told about a station: rules, what they find, and which of it is news. Pure.

A condition is what a rule finds now. An alert is a condition that lasts: it is opened once, however often the rule
finds it, and ends when the rule has not found it for `Plan.calm_min`, so that what comes and goes is told once. In
quiet hours nothing is sent; what is over when they end is never sent.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from backend.core.watch.fault import Fault, telling


class AlertKind(StrEnum):
    """What a rule looks for."""

    OFFLINE = "offline"
    FAULT = "fault"
    IDLE = "idle"
    CERTIFICATE = "certificate"
    CLOCK = "clock"
    PARKED = "parked"


class Phase(StrEnum):
    """What a notice tells of an alert."""

    RAISED = "raised"
    RECOVERED = "recovered"


UNITS: Mapping[AlertKind, str] = {
    AlertKind.OFFLINE: "min",
    AlertKind.FAULT: "min",
    AlertKind.IDLE: "d",
    AlertKind.CERTIFICATE: "d",
    AlertKind.CLOCK: "s",
    AlertKind.PARKED: "",
}
"""Of each rule's limit; without one it is a number of messages."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule and its limit in the unit of `UNITS`; one that is off finds nothing."""

    kind: AlertKind
    limit: int
    on: bool = True


DEFAULT_RULES = (
    Rule(AlertKind.OFFLINE, 15),
    Rule(AlertKind.FAULT, 2),
    Rule(AlertKind.IDLE, 14),
    Rule(AlertKind.CERTIFICATE, 30),
    Rule(AlertKind.CLOCK, 60),
    Rule(AlertKind.PARKED, 1),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What an operator wants to be told, and where.

    Args:
        rules: one of each kind.
        emails: addresses; none = no mail.
        language: of mails.
        webhook: address that is posted to; empty = none.
        mqtt: whether the program's broker is told.
        quiet_from: local time from which nothing is sent, `22:00`; empty = no quiet hours.
        quiet_to: until when.
        calm_min: how long a condition must be gone before its alert ends, min.
    """

    rules: tuple[Rule, ...] = DEFAULT_RULES
    emails: tuple[str, ...] = ()
    language: str = "de"
    webhook: str = ""
    mqtt: bool = False
    quiet_from: str = ""
    quiet_to: str = ""
    calm_min: int = 5

    def limit(self, kind: AlertKind) -> int | None:
        """Give the limit of a rule, None if it is off."""
        return next((rule.limit for rule in self.rules if rule.kind is kind and rule.on), None)


@dataclass(frozen=True, slots=True)
class StationFacts:
    """What is known of a station now.

    Args:
        id: of the charge point.
        offline_since: None while it is connected, and where it never was.
        faults: that last.
        last_session: when one began last, or since when the station is known.
        certificate_until: of its client certificate; None = it uses none.
        drift: by how much its clock is ahead; None = not known.
        parked: messages that its ledger holds back for good.
        told_at: when the station's last report of its ledger came.
    """

    id: str
    offline_since: datetime | None = None
    faults: tuple[Fault, ...] = ()
    last_session: datetime | None = None
    certificate_until: datetime | None = None
    drift: timedelta | None = None
    parked: int = 0
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """Something to be told: `subject` tells apart several of one kind at a station, `values` say what it is."""

    kind: AlertKind
    charge_point_id: str
    since: datetime
    subject: str = ""
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        """Equal conditions at different times have equal keys."""
        return self.kind.value, self.charge_point_id, self.subject


@dataclass(frozen=True, slots=True)
class Lasting:
    """An open alert: when its condition was found last."""

    id: int
    key: tuple[str, str, str]
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class News:
    """What changes: conditions to open, alerts found again, alerts that are over."""

    opened: tuple[Condition, ...]
    seen: tuple[int, ...]
    ended: tuple[int, ...]


def conditions(plan: Plan, stations: Iterable[StationFacts], now: datetime, watched_since: datetime) -> list[Condition]:
    """Apply an operator's rules.

    Args:
        plan: with the rules.
        stations: of the operator.
        now: world time.
        watched_since: when the backend began to run: nobody can have been offline for us before.
    """
    return [one for station in stations for one in _conditions(plan, station, now, watched_since)]


def _conditions(plan: Plan, station: StationFacts, now: datetime, watched_since: datetime) -> Iterator[Condition]:
    limit = plan.limit(AlertKind.OFFLINE)
    away = station.offline_since
    if limit is not None and away and now - max(away, watched_since) >= timedelta(minutes=limit):
        yield Condition(AlertKind.OFFLINE, station.id, away)
    if (limit := plan.limit(AlertKind.FAULT)) is not None:
        yield from _faults(station, now - timedelta(minutes=limit))
    limit, last = plan.limit(AlertKind.IDLE), station.last_session
    if limit is not None and last and now - last >= timedelta(days=limit):
        yield Condition(AlertKind.IDLE, station.id, last)
    limit, until = plan.limit(AlertKind.CERTIFICATE), station.certificate_until
    if limit is not None and until and until - now <= timedelta(days=limit):
        yield Condition(AlertKind.CERTIFICATE, station.id, now, values={"until": until.isoformat()})
    limit, drift = plan.limit(AlertKind.CLOCK), station.drift
    if limit is not None and drift is not None and abs(drift) >= timedelta(seconds=limit):
        seconds = str(round(drift.total_seconds()))
        yield Condition(AlertKind.CLOCK, station.id, now, values={"seconds": seconds})
    limit = plan.limit(AlertKind.PARKED)
    if limit is not None and station.parked >= max(1, limit):
        values = {"count": str(station.parked)}
        yield Condition(AlertKind.PARKED, station.id, station.told_at or now, values=values)


def _faults(station: StationFacts, before: datetime) -> Iterator[Condition]:
    for fault in telling(station.faults):
        if fault.began_at <= before:
            subject = f"{fault.evse_id}.{fault.connector_id} {fault.code} {fault.vendor_code}".rstrip()
            values = {"evse": str(fault.evse_id), "code": fault.code, "vendor": fault.vendor_code, "info": fault.info}
            yield Condition(AlertKind.FAULT, station.id, fault.began_at, subject, values)


def compare(open_alerts: Sequence[Lasting], found: Sequence[Condition], now: datetime, calm: timedelta) -> News:
    """Tell which conditions are new, which alerts last and which are over."""
    known = {one.key: one for one in open_alerts}
    keys = {one.key for one in found}
    opened = {one.key: one for one in found if one.key not in known}
    seen = tuple(one.id for one in open_alerts if one.key in keys)
    ended = tuple(one.id for one in open_alerts if one.key not in keys and now - one.seen_at >= calm)
    return News(tuple(opened.values()), seen, ended)


def quiet_until(plan: Plan, now: datetime, zone: ZoneInfo) -> datetime | None:
    """Tell when the quiet hours end that `now` is in; None outside of them."""
    if not plan.quiet_from or not plan.quiet_to or plan.quiet_from == plan.quiet_to:
        return None
    start, end = time.fromisoformat(plan.quiet_from), time.fromisoformat(plan.quiet_to)
    local = now.astimezone(zone)
    clock = local.time().replace(tzinfo=None)
    over_night = start > end
    if not (clock >= start or clock < end if over_night else start <= clock < end):
        return None
    day = local.date() + timedelta(days=1) if over_night and clock >= start else local.date()
    return datetime.combine(day, end, zone)
