"""What charging profiles permit at a moment, and over a time: the composite schedule (OCPP 1.6 §3.13, 2.0.1 K08).

- Of one purpose the highest stack level that has something to say at the moment counts; where it has nothing to say
  (before its begin, after its duration, outside its validity) the next lower one does. Of one level, a profile of the
  EVSE counts before one of the whole station.
- A TxProfile takes the place of TxDefaultProfile, for its own transaction only; where it has a gap, the default holds.
- Different purposes hold together: the smallest limit counts.
- A day is 24 hours of UTC, a week seven of them, counted from the begin of the schedule; before that it is silent.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from shared.ids import EvseId, TransactionKey
from station.core.charging_profile import (
    OF_STATION,
    Installed,
    Kind,
    Period,
    Profiles,
    Purpose,
    RateUnit,
    Recurrence,
)

NOMINAL_V = 230
"""Volts from phase to neutral by which watts become amperes (EN 60038)."""

_TENTH = Decimal("0.1")
_RECURRENCE_S = {Recurrence.DAILY: 86400, Recurrence.WEEKLY: 7 * 86400}
_CHARGE = (Purpose.TX, Purpose.TX_DEFAULT)


@dataclass(frozen=True, slots=True)
class Limit:
    """What is permitted; None = nothing is said of it.

    Args:
        current_ma: per phase.
        power_w: of all phases.
        phases: most phases to charge with.
    """

    current_ma: int | None = None
    power_w: int | None = None
    phases: int | None = None

    def both(self, other: "Limit") -> "Limit":
        """Give what is permitted if both hold."""
        return Limit(
            least(self.current_ma, other.current_ma),
            least(self.power_w, other.power_w),
            least(self.phases, other.phases),
        )

    def current_with(self, phases: int) -> int | None:
        """Give the current per phase, mA, of a charge with so many phases."""
        of_power = None if self.power_w is None else self.power_w * 1000 // (NOMINAL_V * phases)
        return least(self.current_ma, of_power)

    def power_with(self, phases: int) -> int | None:
        """Give the power, W, of a charge with so many phases."""
        of_current = None if self.current_ma is None else self.current_ma * NOMINAL_V * phases // 1000
        return least(self.power_w, of_current)


UNLIMITED = Limit()


@dataclass(frozen=True, slots=True)
class Charge:
    """What profiles are asked about: an EVSE, and the transaction that runs there.

    Args:
        evse_id: where.
        transaction: that runs, None if none does.
        started: its begin; without one the moment from which a relative schedule would count.
    """

    evse_id: EvseId
    transaction: TransactionKey | None
    started: datetime


@dataclass(frozen=True, slots=True)
class Span:
    """A limit from a moment on, seconds from the begin of what was asked."""

    start_s: int
    limit: Limit


@dataclass(frozen=True, slots=True)
class CompositePeriod:
    """One period of a composite schedule; its limit is in the unit of that, cut to one decimal place."""

    start_s: int
    limit: Decimal
    phases: int


@dataclass(frozen=True, slots=True)
class CompositeSchedule:
    """What is permitted from `start` on for `duration_s` seconds."""

    evse_id: EvseId
    start: datetime
    duration_s: int
    unit: RateUnit
    periods: tuple[CompositePeriod, ...]


def least(one: int | None, other: int | None) -> int | None:
    """Give the smaller, where None is more than all."""
    return other if one is None else one if other is None else min(one, other)


def station_limit(kept: Profiles, at: datetime) -> Limit:
    """Give what all EVSEs together may take at a moment."""
    return _first(kept, Purpose.STATION_MAX, None, at).both(_first(kept, Purpose.EXTERNAL, None, at))


def charge_limit(kept: Profiles, charge: Charge, at: datetime) -> Limit:
    """Give what one EVSE may take at a moment, apart from what holds for all together."""
    found = [_speaking(kept, purpose, charge, at) for purpose in _CHARGE]
    return next((limit for limit in found if limit is not None), UNLIMITED)


def _first(kept: Profiles, purpose: Purpose, charge: Charge | None, at: datetime) -> Limit:
    return _speaking(kept, purpose, charge, at) or UNLIMITED


def _speaking(kept: Profiles, purpose: Purpose, charge: Charge | None, at: datetime) -> Limit | None:
    """Give what the highest profile of a purpose says, None if all are silent."""
    concerned = [each for each in kept if each.profile.purpose is purpose and _concerns(each, charge)]
    for each in sorted(concerned, key=lambda each: (each.profile.stack_level, each.evse_id > 0, each.at), reverse=True):
        if period := period_at(each, charge, at):
            return _limit(each, period)
    return None


def _concerns(each: Installed, charge: Charge | None) -> bool:
    if charge is None:
        return True
    if each.profile.purpose is Purpose.TX:
        return not each.awaits and each.evse_id == charge.evse_id and each.profile.transaction == charge.transaction
    return each.evse_id in (0, charge.evse_id)


def period_at(kept: Installed, charge: Charge | None, at: datetime) -> Period | None:
    """Give the period of a profile that holds at a moment, None if it is silent."""
    profile, schedule = kept.profile, kept.profile.schedule
    if (profile.valid_from and at < profile.valid_from) or (profile.valid_to and at >= profile.valid_to):
        return None
    passed = (at - _begin(kept, charge)).total_seconds()
    if passed < 0:
        if _has_own_begin(kept):
            return None
        passed = 0  # the clock was set back meanwhile: what has begun has begun
    if profile.kind is Kind.RECURRING and profile.recurrence:
        passed %= _RECURRENCE_S[profile.recurrence]
    if schedule.duration_s is not None and passed >= schedule.duration_s:
        return None
    return next((period for period in reversed(schedule.periods) if period.start_s <= passed), None)


def _begin(kept: Installed, charge: Charge | None) -> datetime:
    profile = kept.profile
    if profile.schedule.start and _has_own_begin(kept):
        return profile.schedule.start
    return kept.at if charge is None or profile.purpose in OF_STATION else charge.started


def _has_own_begin(kept: Installed) -> bool:
    return kept.profile.schedule.start is not None and kept.profile.kind is not Kind.RELATIVE


def _limit(kept: Installed, period: Period) -> Limit:
    # Of the whole station's phases nothing is said: what counts there is the current of each.
    phases = None if kept.profile.purpose in OF_STATION else period.phases
    if kept.profile.schedule.unit is RateUnit.WATT:
        return Limit(power_w=int(period.limit), phases=phases)
    return Limit(current_ma=int(period.limit * 1000), phases=phases)


def spans(kept: Profiles, charge: Charge, start: datetime, duration_s: int) -> list[Span]:
    """Give all limits of one EVSE over a time, those for the whole station included."""
    found: list[Span] = []
    for second in changes(kept, charge, start, duration_s):
        at = start + timedelta(seconds=second)
        limit = charge_limit(kept, charge, at).both(station_limit(kept, at))
        if not found or found[-1].limit != limit:
            found.append(Span(second, limit))
    return found


def changes(kept: Profiles, charge: Charge, start: datetime, duration_s: int) -> list[int]:
    """Give the seconds from `start` at which a limit may change, 0 first."""
    end = start + timedelta(seconds=duration_s)
    moments = {moment for each in kept for moment in _moments(each, charge, start, end)}
    # A change between two seconds counts from the next one on.
    seconds = {-((start - moment) // timedelta(seconds=1)) for moment in moments if start < moment < end}
    return sorted({0} | {second for second in seconds if second < duration_s})


def _moments(kept: Installed, charge: Charge, start: datetime, end: datetime) -> Iterator[datetime]:
    profile, schedule = kept.profile, kept.profile.schedule
    yield from filter(None, (profile.valid_from, profile.valid_to))
    begin = _begin(kept, charge)
    offsets = [period.start_s for period in schedule.periods]
    if schedule.duration_s is not None:
        offsets.append(schedule.duration_s)
    if profile.kind is not Kind.RECURRING or not profile.recurrence:
        yield from (begin + timedelta(seconds=offset) for offset in offsets)
        return
    round_s = _RECURRENCE_S[profile.recurrence]
    begin += max((start - begin) // timedelta(seconds=round_s), 0) * timedelta(seconds=round_s)
    while begin < end:
        yield from (begin + timedelta(seconds=offset) for offset in offsets if offset < round_s)
        begin += timedelta(seconds=round_s)


def compose(
    kept: Profiles, charge: Charge, start: datetime, duration_s: int, unit: RateUnit, *, ceiling: Limit, phases: int
) -> CompositeSchedule:
    """Give the composite schedule of one EVSE.

    Args:
        kept: all profiles.
        charge: the EVSE and what runs there.
        start: from when, aware UTC.
        duration_s: how long.
        unit: of the limits that come out.
        ceiling: what cable, board, installation and site permit anyhow; names a current.
        phases: with which the EVSE charges.
    """
    periods: list[CompositePeriod] = []
    for span in spans(kept, charge, start, duration_s):
        limit = span.limit.both(ceiling)
        used = min(phases, limit.phases or phases)
        _add(periods, CompositePeriod(span.start_s, _told(limit, used, unit), used))
    return CompositeSchedule(charge.evse_id, start, duration_s, unit, tuple(periods))


def compose_station(
    kept: Profiles,
    charges: Sequence[tuple[Charge, Limit, int]],
    start: datetime,
    duration_s: int,
    unit: RateUnit,
    *,
    ceiling: Limit,
) -> CompositeSchedule:
    """Give what the grid connection may be asked for: all EVSEs together, within the limits of the whole.

    Args:
        kept: all profiles.
        charges: each EVSE with its ceiling and phases, see `compose`.
        start: from when.
        duration_s: how long.
        unit: of the limits that come out.
        ceiling: what the site leaves the whole station.
    """
    periods: list[CompositePeriod] = []
    for second in sorted({second for charge, _, _ in charges for second in changes(kept, charge, start, duration_s)}):
        at = start + timedelta(seconds=second)
        told = Decimal(0)
        for charge, most_of_it, used in charges:
            limit = charge_limit(kept, charge, at).both(most_of_it)
            told += _told(limit, min(used, limit.phases or used), unit)
        phases = max(used for _, _, used in charges)
        whole = station_limit(kept, at).both(ceiling)
        most = whole.power_with(phases) if unit is RateUnit.WATT else whole.current_with(phases)
        if most is not None:
            told = min(told, _cut(most, unit))
        _add(periods, CompositePeriod(second, told, phases))
    return CompositeSchedule(EvseId(0), start, duration_s, unit, tuple(periods))


def _add(periods: list[CompositePeriod], new: CompositePeriod) -> None:
    if not periods or (periods[-1].limit, periods[-1].phases) != (new.limit, new.phases):
        periods.append(new)


def _told(limit: Limit, phases: int, unit: RateUnit) -> Decimal:
    most = limit.power_with(phases) if unit is RateUnit.WATT else limit.current_with(phases)
    assert most is not None  # noqa: S101  the ceiling names a current
    return _cut(most, unit)


def _cut(most: int, unit: RateUnit) -> Decimal:
    value = Decimal(most) if unit is RateUnit.WATT else Decimal(most) / 1000
    return value.quantize(_TENTH, ROUND_DOWN)
