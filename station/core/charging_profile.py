"""Charging profiles of OCPP 1.6 (§3.13, §7.8) and 2.0.1 (part 2 K01, K10) as one thing, and the rules of keeping them.

What 1.6 calls ChargePointMaxProfile is ChargingStationMaxProfile here. An EVSE of 0 stands for the whole station. What
a profile permits at a moment is for station.core.charging_schedule to say.
"""

import itertools
import json
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from shared.ids import EvseId, IdToken, TransactionKey

MAX_STACK_LEVEL = 20
MAX_PERIODS = 100
"""Periods of one schedule: more than a week of hours is nobody's need on a thin link."""
MAX_PROFILES = 50
"""Profiles kept at one time; all of them are one value of the journal."""

_WHOLE = EvseId(0)


class Purpose(StrEnum):
    """What a profile limits (OCPP 2.0.1 ChargingProfilePurposeEnumType)."""

    EXTERNAL = "ChargingStationExternalConstraints"
    STATION_MAX = "ChargingStationMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"


OF_STATION = (Purpose.EXTERNAL, Purpose.STATION_MAX)
"""What limits all EVSEs together."""


class Kind(StrEnum):
    """What the times of a schedule count from."""

    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"


class Recurrence(StrEnum):
    """How often a recurring schedule begins anew."""

    DAILY = "Daily"
    WEEKLY = "Weekly"


class RateUnit(StrEnum):
    """Unit of a limit: amperes per phase, or watts of all phases."""

    AMPERE = "A"
    WATT = "W"


@dataclass(frozen=True, slots=True)
class Period:
    """What is permitted from a moment on.

    Args:
        start_s: that moment, seconds from the begin of the schedule.
        limit: in the unit of the schedule.
        phases: phases to charge with, None = all.
        phase: which of them, if one.
    """

    start_s: int
    limit: Decimal
    phases: int | None = None
    phase: int | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """Periods in time.

    Args:
        unit: of the limits.
        periods: in order of time, the first at 0.
        start: begin, aware UTC; None where it counts from the begin of the charge.
        duration_s: how long it holds, None = until it ends by other rules.
        minimum: smallest rate at which the vehicle charges well; kept and told.
        number: given by the central system, 0 where the version has none.
    """

    unit: RateUnit
    periods: tuple[Period, ...]
    start: datetime | None = None
    duration_s: int | None = None
    minimum: Decimal | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class ChargingProfile:
    """A profile as the central system sent it.

    Args:
        number: given by the central system.
        stack_level: of the same purpose the highest that has something to say counts.
        purpose: what it limits.
        kind: what its times count from.
        schedule: the limits.
        recurrence: for a recurring one.
        valid_from: begin of validity, None = at once.
        valid_to: end of validity, None = never.
        transaction: whose profile it is, for TxProfile.
    """

    number: int
    stack_level: int
    purpose: Purpose
    kind: Kind
    schedule: Schedule
    recurrence: Recurrence | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    transaction: TransactionKey | None = None


@dataclass(frozen=True, slots=True)
class Installed:
    """A profile that is kept.

    Args:
        evse_id: where it holds, 0 = everywhere.
        profile: what it says.
        at: since when it is kept; a schedule of the whole station without a begin of its own counts from here.
        awaits: card of a remote start that brought it; it holds when that card's transaction begins.
    """

    evse_id: EvseId
    profile: ChargingProfile
    at: datetime
    awaits: IdToken | None = None


Profiles = tuple[Installed, ...]


@dataclass(frozen=True, slots=True)
class ProfileRefused:
    """Why a profile is not kept: a word for programs (2.0.1 part 2 appendix 5) and a sentence for people."""

    code: str
    why: str


@dataclass(frozen=True, slots=True)
class InstallRules:
    """Where the versions of OCPP differ.

    Args:
        replaces_same_level: a profile takes the place of one of its purpose and stack level (1.6 §5.16); else it is
            refused if both are valid at one time (2.0.1 K01.FR.06, FR.39).
        needs_start: an absolute schedule must tell its begin (2.0.1 K01.FR.40); else it counts from the charge's.
        needs_transaction: a TxProfile names its transaction (2.0.1 K01.FR.03).
        phase_to_use: one phase may be chosen (2.0.1 K01.FR.20).
    """

    replaces_same_level: bool = False
    needs_start: bool = True
    needs_transaction: bool = True
    phase_to_use: bool = False


OCPP16_RULES = InstallRules(replaces_same_level=True, needs_start=False, needs_transaction=False)
OCPP2_RULES = InstallRules()


@dataclass(frozen=True, slots=True)
class Criteria:
    """Which profiles are meant; None and an empty tuple exclude nothing."""

    numbers: tuple[int, ...] = ()
    evse_id: EvseId | None = None
    purpose: Purpose | None = None
    stack_level: int | None = None

    def match(self, kept: Installed) -> bool:
        """Tell whether a profile is one of them."""
        profile = kept.profile
        return (
            (not self.numbers or profile.number in self.numbers)
            and self.evse_id in (None, kept.evse_id)
            and self.purpose in (None, profile.purpose)
            and self.stack_level in (None, profile.stack_level)
        )


def flaw_of(evse_id: EvseId, profile: ChargingProfile, rules: InstallRules) -> ProfileRefused | None:
    """Tell what is wrong with a profile, whatever else is kept; None if nothing is."""
    purpose, schedule = profile.purpose, profile.schedule
    if purpose is Purpose.EXTERNAL:
        return ProfileRefused("InvalidProfile", "an external limit can't be set by the central system")
    if purpose is Purpose.STATION_MAX and evse_id != _WHOLE:
        return ProfileRefused("InvalidProfile", f"{purpose} is for the whole station, EVSE 0")
    if purpose is Purpose.TX and evse_id == _WHOLE:
        return ProfileRefused("InvalidProfile", f"{purpose} needs an EVSE")
    if purpose is not Purpose.TX and profile.transaction:
        return ProfileRefused("InvalidProfile", f"{purpose} belongs to no transaction")
    if not 0 <= profile.stack_level <= MAX_STACK_LEVEL:
        return ProfileRefused("InvalidStackLevel", f"stack levels go from 0 to {MAX_STACK_LEVEL}")
    if profile.valid_from and profile.valid_to and profile.valid_from >= profile.valid_to:
        return ProfileRefused("InvalidProfile", "its validity ends before it begins")
    return _flaw_of_kind(profile, rules) or _flaw_of_schedule(schedule, rules)


def _flaw_of_kind(profile: ChargingProfile, rules: InstallRules) -> ProfileRefused | None:
    start = profile.schedule.start
    if profile.kind is Kind.RECURRING and not (start and profile.recurrence):
        return ProfileRefused("InvalidProfile", "a recurring profile needs startSchedule and recurrencyKind")
    if profile.kind is Kind.ABSOLUTE and rules.needs_start and not start:
        return ProfileRefused("InvalidSchedule", "an absolute schedule needs startSchedule")
    if profile.kind is Kind.RELATIVE and rules.needs_start:
        if start:
            return ProfileRefused("InvalidSchedule", "a relative schedule has no startSchedule")
        if profile.purpose is Purpose.STATION_MAX:
            return ProfileRefused("InvalidProfile", "what limits the whole station can't be relative to a charge")
    return None


def _flaw_of_schedule(schedule: Schedule, rules: InstallRules) -> ProfileRefused | None:
    periods = schedule.periods
    if not 1 <= len(periods) <= MAX_PERIODS:
        return ProfileRefused("InvalidSchedule", f"a schedule has 1 to {MAX_PERIODS} periods")
    if periods[0].start_s != 0:
        return ProfileRefused("InvalidSchedule", "the first period must begin at 0")
    if any(later.start_s <= earlier.start_s for earlier, later in itertools.pairwise(periods)):
        return ProfileRefused("InvalidSchedule", "the periods are not in order of time")
    if any(period.limit < 0 for period in periods):
        return ProfileRefused("InvalidSchedule", "a limit is below 0")
    if schedule.duration_s is not None and schedule.duration_s <= 0:
        return ProfileRefused("InvalidSchedule", "the duration is not above 0")
    if any(period.phases not in (None, 1, 2, 3) for period in periods):
        return ProfileRefused("InvalidSchedule", "there are 1 to 3 phases")
    if any(period.phase and (not rules.phase_to_use or period.phases != 1) for period in periods):
        return ProfileRefused("InvalidSchedule", "phaseToUse can't be chosen here")
    return None


def install(
    kept: Profiles, new: Installed, rules: InstallRules, *, running: TransactionKey | None
) -> Profiles | ProfileRefused:
    """Keep a profile, or say why not.

    Args:
        kept: what is kept so far.
        new: what comes; its EVSE exists. With `awaits` it is for a transaction still to begin.
        rules: of the version spoken.
        running: transaction that runs at its EVSE.
    """
    profile = new.profile
    if flaw := flaw_of(new.evse_id, profile, rules):
        return flaw
    if profile.purpose is Purpose.TX and not new.awaits:
        if profile.transaction is None and rules.needs_transaction:
            return ProfileRefused("MissingParam", "a TxProfile names its transaction")
        if running is None or profile.transaction not in (None, running):
            return ProfileRefused("TxNotFound", "that transaction does not run at this EVSE")
        new = replace(new, profile=replace(profile, transaction=running))
    others = tuple(each for each in kept if each.profile.number != new.profile.number)
    if new.awaits:
        others = tuple(each for each in others if not each.awaits or each.evse_id != new.evse_id)
    same = [each for each in others if _is_same_place(each, new)]
    if rules.replaces_same_level:
        others = tuple(each for each in others if each not in same or each.evse_id != new.evse_id)
    elif any(_meet(each.profile, new.profile) for each in same):
        return ProfileRefused("DuplicateProfile", "another profile has this purpose and stack level at the same time")
    if len(others) >= MAX_PROFILES:
        return ProfileRefused("TooManyElements", f"{MAX_PROFILES} profiles are kept already")
    return (*others, new)


def _is_same_place(one: Installed, other: Installed) -> bool:
    """Tell whether two profiles compete; a default of the whole station does with one of an EVSE (K01.FR.52, FR.53)."""
    a, b = one.profile, other.profile
    if (a.purpose, a.stack_level) != (b.purpose, b.stack_level):
        return False
    if a.purpose is Purpose.TX:
        return one.evse_id == other.evse_id and one.awaits == other.awaits and a.transaction == b.transaction
    return one.evse_id == other.evse_id or _WHOLE in (one.evse_id, other.evse_id)


def _meet(one: ChargingProfile, other: ChargingProfile) -> bool:
    """Tell whether both are valid at one time."""
    ends_before = one.valid_to and other.valid_from and one.valid_to <= other.valid_from
    begins_after = other.valid_to and one.valid_from and other.valid_to <= one.valid_from
    return not ends_before and not begins_after


def clear(kept: Profiles, criteria: Criteria) -> Profiles:
    """Forget what matches, but not what the central system did not set (2.0.1 K10.FR.06)."""
    return tuple(each for each in kept if each.profile.purpose is Purpose.EXTERNAL or not criteria.match(each))


def bind(kept: Profiles, evse_id: EvseId, key: TransactionKey, token: IdToken) -> Profiles:
    """Give a transaction that begins the profiles that its remote start brought; those of others fall away."""
    bound: list[Installed] = []
    for each in kept:
        if each.evse_id != evse_id or not each.awaits:
            bound.append(each)
        elif each.awaits == token:
            bound.append(replace(each, profile=replace(each.profile, transaction=key), awaits=None))
    return tuple(bound)


def release(kept: Profiles, evse_id: EvseId, running: TransactionKey | None = None) -> Profiles:
    """Forget the profiles of an EVSE's transactions, but not those of the one that runs."""
    return tuple(
        each
        for each in kept
        if each.profile.purpose is not Purpose.TX
        or each.evse_id != evse_id
        or (running is not None and each.profile.transaction == running)
    )


def encode(kept: Profiles) -> str:
    """Write the profiles as the journal keeps them."""
    return json.dumps([_row(each) for each in kept], separators=(",", ":"))


def decode(text: str) -> Profiles:
    """Read what `encode` wrote.

    Raises:
        ValueError: it can't be read.
    """
    try:
        return tuple(_installed(row) for row in json.loads(text))
    except (TypeError, KeyError, IndexError, InvalidOperation) as error:
        raise ValueError(f"charging profiles can't be read: {error!r}") from error


# Any: JSON in both directions.
def _row(kept: Installed) -> dict[str, Any]:
    profile, schedule = kept.profile, kept.profile.schedule
    return {
        "evse": kept.evse_id,
        "at": kept.at.isoformat(),
        "awaits": kept.awaits.value if kept.awaits else None,
        "number": profile.number,
        "level": profile.stack_level,
        "purpose": profile.purpose,
        "kind": profile.kind,
        "recurrence": profile.recurrence,
        "from": _text(profile.valid_from),
        "to": _text(profile.valid_to),
        "transaction": profile.transaction,
        "unit": schedule.unit,
        "start": _text(schedule.start),
        "duration": schedule.duration_s,
        "minimum": _text(schedule.minimum),
        "schedule": schedule.number,
        "periods": [[each.start_s, str(each.limit), each.phases, each.phase] for each in schedule.periods],
    }


def _installed(row: dict[str, Any]) -> Installed:
    schedule = Schedule(
        RateUnit(row["unit"]),
        tuple(Period(start, Decimal(limit), phases, phase) for start, limit, phases, phase in row["periods"]),
        _time(row["start"]),
        row["duration"],
        Decimal(row["minimum"]) if row["minimum"] else None,
        row["schedule"],
    )
    profile = ChargingProfile(
        row["number"],
        row["level"],
        Purpose(row["purpose"]),
        Kind(row["kind"]),
        schedule,
        Recurrence(row["recurrence"]) if row["recurrence"] else None,
        _time(row["from"]),
        _time(row["to"]),
        TransactionKey(row["transaction"]) if row["transaction"] else None,
    )
    awaits = IdToken(row["awaits"]) if row["awaits"] else None
    return Installed(EvseId(row["evse"]), profile, datetime.fromisoformat(row["at"]), awaits)


def _text(value: datetime | Decimal | None) -> str | None:
    if value is None:
        return None
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
