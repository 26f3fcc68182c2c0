"""Profiles: a session may have several tariffs, for instance one for solar energy and a regular one, that take turns.

Which profile is in force at a place is told by switches, which are only ever added. The rules:

- A switch holds at its place, and at all that lies in it, from its time until the next one. Of switches at one time the
  one for the smaller place counts; of those for one place the one that came last, so an error can be corrected.
- Before the first switch, and for a profile that the session has no tariff for, the regular tariff counts.
- Each profile's tariff counts in the version valid at the session's start. With `VersionSwitch.SWITCH` a version that
  becomes valid meanwhile counts from then on.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from backend.core.rates.rating_model import VersionSwitch
from backend.core.tariffs.assignment import Scope
from backend.core.tariffs.tariff_model import Tariff, TariffType
from backend.core.tariffs.turns import Turn, TurnCause

PROFILES = (
    TariffType.REGULAR,
    TariffType.PROFILE_CHEAP,
    TariffType.PROFILE_FAST,
    TariffType.PROFILE_GREEN,
)
"""What can be in force at a place (OCPI 2.2.1 TariffType without AD_HOC_PAYMENT, which is about the payer)."""

PLACES = (Scope.LOCATION, Scope.CHARGE_POINT, Scope.EVSE)
"""Where a profile can be in force, the largest first."""

_ALWAYS = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Switch:
    """From a time on a profile is in force at a place.

    Args:
        scope: one of `PLACES`.
        target: its id; an EVSE is `CP-1/1`.
        at: aware.
        profile: one of `PROFILES`.
        source: who tells it, for instance an energy management system.
        reason: why, in its words.
    """

    scope: Scope
    target: str
    at: datetime
    profile: TariffType
    source: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """A version of a tariff that a session may be priced by, and the profile that it is for."""

    profile: TariffType
    version: str
    tariff: Tariff


def plan(
    members: Sequence[Member], switches: Iterable[Switch], start: datetime, end: datetime, mode: VersionSwitch
) -> tuple[Turn, ...]:
    """Tell which tariff of a session counts when.

    Args:
        members: at least one for `TariffType.REGULAR`.
        switches: at the session's place, in the order in which they came.
        start: of the session.
        end: of the session; nothing turns then or later.
        mode: what a version that becomes valid meanwhile means.

    Returns:
        The first turn begins at `start`; each one has another version than the one before.
    """
    told = sorted(switches, key=lambda one: (one.at, PLACES.index(one.scope)))
    instants = [one.at for one in told]
    if mode is VersionSwitch.SWITCH:
        instants += [at for m in members for at in (m.tariff.start_date_time, m.tariff.end_date_time) if at]
    turns: list[Turn] = []
    for at in [start, *sorted({at for at in instants if start < at < end})]:
        switch = next((one for one in reversed(told) if one.at <= at), None)
        turn = _turn(members, switch, at, at if mode is VersionSwitch.SWITCH else start)
        if not turns:
            turns.append(turn)
        elif turn.version != turns[-1].version:
            same = (turn.profile, turn.since) == (turns[-1].profile, turns[-1].since)
            turns.append(replace(turn, cause=TurnCause.VERSION if same else TurnCause.PROFILE))
    return tuple(turns)


def used(members: Iterable[Member], turns: Sequence[Turn]) -> tuple[Member, ...]:
    """Give the members that get a turn, in the order of their first one."""
    known = {member.version: member for member in members}
    return tuple(known[version] for version in dict.fromkeys(turn.version for turn in turns))


def set_problems(tariffs: Sequence[tuple[TariffType, Tariff]]) -> Iterator[str]:
    """Say why tariffs can't take turns, each with the profile that it is meant for."""
    if not tariffs:
        return
    first = tariffs[0][1]
    for profile, tariff in tariffs:
        kind = tariff.type if tariff.type in PROFILES else None
        if kind not in (None, profile):
            yield f"tariff {tariff.id} is of type {kind}, so it can't be the one for {profile}"
        if (tariff.currency, tariff.basis) != (first.currency, first.basis):
            yield f"tariffs {first.id} and {tariff.id} must share one currency, and be both with or both without VAT"


def _turn(members: Sequence[Member], switch: Switch | None, at: datetime, valid_at: datetime) -> Turn:
    profile = switch.profile if switch else TariffType.REGULAR
    own = [member for member in members if member.profile is profile]
    member = _valid(own or [member for member in members if member.profile is TariffType.REGULAR], valid_at)
    return Turn(
        start=at,
        tariff_id=member.tariff.id,
        version=member.version,
        cause=TurnCause.START,
        profile=profile,
        covered=bool(own),
        since=switch.at if switch else None,
        source=switch.source if switch else "",
        reason=switch.reason if switch else "",
    )


def _valid(versions: Sequence[Member], at: datetime) -> Member:
    """Give the version that is valid, of several the one that began last; without any the one that was so last."""

    def began(member: Member) -> datetime:
        return member.tariff.start_date_time or _ALWAYS

    begun = [member for member in versions if began(member) <= at] or [min(versions, key=began)]
    lasting = [m for m in begun if m.tariff.end_date_time is None or at < m.tariff.end_date_time]
    return max(lasting or begun, key=began)
