"""What is due for an invoice, and when to look again.

A session belongs to the billing period in which it began, in the operator's local time; the correction of one that was
billed to the period in which it was rated again; a base fee to the period in which its span ends. A period's invoice
waits for a grace time, because stations hold sessions that ended offline, and for the customer's sessions that still
run or are not rated (those of the same user, charge point ... if invoices are made for each), but at most so many days.
What comes later is billed by itself, with the days on which it took place.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo


class Cycle(StrEnum):
    """How often a customer gets an invoice."""

    AT_ONCE = "at_once"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"


class Source(StrEnum):
    """What is billed."""

    SESSION = "session"
    CORRECTION = "correction"
    FEE = "fee"


@dataclass(frozen=True, slots=True)
class Unbilled:
    """Something without an invoice: `id` is that of a CDR, or of a fee. Times aware; those of a fee are its end.

    `value` tells what it is grouped by: a user, a charge point ..., empty where all goes together. `amount` is what it
    costs, VAT included, as far as somebody asks for it. `alone`: nothing can join it on its document, so nothing is
    waited for.
    """

    source: Source
    id: int
    customer_id: str
    cycle: Cycle
    zone: ZoneInfo
    started_at: datetime
    ended_at: datetime
    value: str = ""
    amount: Decimal = Decimal(0)
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A customer's session that runs, or is over and not rated. For `value` see `Unbilled`."""

    customer_id: str
    started_at: datetime
    value: str = ""


Group = tuple[Unbilled, ...]
"""What is billed together."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Groups to invoice now, when the next group falls due by time alone (None: none will), and each with its time."""

    due: tuple[Group, ...]
    next_at: datetime | None
    later: tuple[tuple[datetime, Group], ...] = field(default=(), compare=False)


def plan_invoices(
    unbilled: Iterable[Unbilled], unfinished: Sequence[Unfinished], now: datetime, *, grace: timedelta, hold: timedelta
) -> Plan:
    """Tell what to invoice now, in groups of one customer, billing period and value."""
    groups: dict[tuple[str, str, datetime], list[Unbilled]] = defaultdict(list)
    for session in unbilled:
        groups[session.customer_id, session.value, begin_of(session)].append(session)
    running: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    for one in unfinished:
        running[one.customer_id, one.value].append(one.started_at)
    due, later = [], []
    for (customer_id, value, begin), sessions in groups.items():
        first, close = close_of(sessions)
        waits = any(begin <= started_at < close for started_at in running.get((customer_id, value), ()))
        at = first + max(grace, hold) if waits else min(close + grace, first + max(grace, hold))
        if sessions[0].alone:
            at = close
        if now >= at:
            due.append(tuple(sorted(sessions, key=_order)))
        else:
            later.append((at, tuple(sorted(sessions, key=_order))))
    later.sort(key=lambda one: (one[0], _order(one[1][0])))
    return Plan(
        tuple(sorted(due, key=lambda group: _order(group[0]))), later[0][0] if later else None, later=tuple(later)
    )


def _order(one: Unbilled) -> tuple[int, int]:
    return list(Source).index(one.source), one.id


_EVER = datetime.min.replace(tzinfo=ZoneInfo("UTC"))


def begin_of(session: Unbilled) -> datetime:
    """Give the begin of a session's billing period; at once there is one period for ever."""
    if session.cycle is Cycle.AT_ONCE:
        return _EVER
    return midnight(_span_of(session.cycle, session.started_at.astimezone(session.zone).date())[0], session.zone)


def _span_of(cycle: Cycle, day: date) -> tuple[date, date]:
    """Give the first day of the period that a local day lies in, and the first day after it. Weeks begin on Monday."""
    match cycle:
        case Cycle.WEEK:
            first = day - timedelta(days=day.weekday())
            return first, first + timedelta(days=7)
        case Cycle.MONTH:
            first = day.replace(day=1)
            return first, (first + timedelta(days=32)).replace(day=1)
        case Cycle.QUARTER:
            first = day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
            return first, (first + timedelta(days=95)).replace(day=1)
        case _:
            return day, day + timedelta(days=1)


def close_of(sessions: Sequence[Unbilled]) -> tuple[datetime, datetime]:
    """Give when the longest wait starts to count, and when the period is over: both the same but for at once."""
    session = sessions[0]
    if session.cycle is Cycle.AT_ONCE:
        # A correction rides along: it must not make the others wait.
        ends = [s.ended_at for s in sessions if s.source is not Source.CORRECTION]
        ends = ends or [s.ended_at for s in sessions]
        return min(ends), max(ends)
    close = midnight(_span_of(session.cycle, session.started_at.astimezone(session.zone).date())[1], session.zone)
    return close, close


def days_of(group: Sequence[Unbilled]) -> tuple[date, date]:
    """Give the first and the last local day of a group's billing period; at once those of what is in it."""
    session = group[0]
    if session.cycle is Cycle.AT_ONCE:
        days = [one.started_at.astimezone(one.zone).date() for one in group]
        return min(days), max(days)
    first, after = _span_of(session.cycle, session.started_at.astimezone(session.zone).date())
    return first, after - timedelta(days=1)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Give the begin of a local day."""
    return datetime.combine(day, time(0), zone)
