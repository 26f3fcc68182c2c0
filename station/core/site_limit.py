"""The limit of the site as an energy manager tells it: what is believed, how long, and what holds when it is silent."""

import json
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from station.core.charging_profile import RateUnit
from station.core.charging_schedule import Limit
from station.core.current_limit import Cap, LimitSource

LONGEST = 1000
"""Bytes of a message; a limit needs a tenth."""
NEWS_S = 60.0
"""Time between two words to the central system about the site's limit."""
_AHEAD = timedelta(seconds=60)
"""Clocks of the sender and the station may differ so much."""


@dataclass(frozen=True, slots=True)
class SiteRules:
    """What is plausible, and what holds without word.

    Args:
        unit: of a plain number: A per phase, or W of all phases; for the whole station.
        maximum: largest value that is believed, in that unit.
        silent_after_s: a value holds so long.
        fail_safe_a: what the whole station may take per phase then; 0 = nothing.
    """

    unit: RateUnit
    maximum: float
    silent_after_s: float
    fail_safe_a: int


@dataclass(frozen=True, slots=True)
class Told:
    """A limit, and when the sender says it made it."""

    limit: Limit
    at: datetime | None = None


def parse_told(payload: bytes, rules: SiteRules) -> Told:
    """Read a message: a plain number, or JSON with `limit` and if need be `unit` (A, W) and `at` (ISO 8601).

    Raises:
        ValueError: it is not that, or not plausible.
    """
    if len(payload) > LONGEST:
        raise ValueError(f"it has more than {LONGEST} bytes")
    try:
        value = json.loads(payload.decode())
    except (ValueError, RecursionError):
        raise ValueError("it is neither a number nor JSON") from None
    if not isinstance(value, dict):
        return Told(limit_of(value, rules.unit, rules))
    if unknown := set(value) - {"limit", "unit", "at"}:
        raise ValueError(f"{min(map(str, unknown))[:20]!r} is not known; there is: limit, unit, at")
    try:
        unit = RateUnit(value.get("unit", rules.unit))
    except ValueError:
        raise ValueError("the unit is neither A nor W") from None
    return Told(limit_of(value.get("limit"), unit, rules), _time(value.get("at")))


def limit_of(value: object, unit: RateUnit, rules: SiteRules) -> Limit:
    """Give the limit that a number means.

    Raises:
        ValueError: it is none, negative or more than is plausible.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("the limit is no number")
    maximum = rules.maximum if unit is rules.unit else math.inf
    if not 0 <= value <= maximum or value > 1_000_000:
        raise ValueError(f"the limit is not between 0 and {min(maximum, 1_000_000):g}")
    return Limit(power_w=int(value)) if unit is RateUnit.WATT else Limit(current_ma=int(value * 1000))


def _time(value: object) -> datetime | None:
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError("at is no ISO 8601 time") from None
    if at.tzinfo is None:
        raise ValueError("at has no offset from UTC")
    return at


class SiteLimit:
    """What is known of the limit. Times are uptime, s; `refused` counts what was not believed."""

    def __init__(self, rules: SiteRules, uptime: float) -> None:
        self.rules = rules
        self.refused = 0
        self._limit: Limit | None = None
        self._until = uptime

    def take(self, told: Told, uptime: float, now: datetime | None, *, is_old: bool = False) -> None:
        """Believe a value from now on.

        Args:
            told: the value.
            uptime: now.
            now: the time of day, None if nobody knows it.
            is_old: it was kept by a broker for who knows how long: only the time that it bears can tell its age.

        Raises:
            ValueError: it is too old, or its age can't be told.
        """
        age_s = 0.0
        if told.at is not None and now is not None:
            age_s = (now - told.at).total_seconds()
            if age_s > self.rules.silent_after_s or told.at > now + _AHEAD:
                raise ValueError(f"it was made {age_s:.0f} s ago")
        elif is_old:
            raise ValueError("the broker kept it, and its age can't be told")
        self._limit, self._until = told.limit, uptime + self.rules.silent_after_s - max(age_s, 0.0)

    def cap(self, uptime: float) -> Cap:
        """Give what holds now for the whole station."""
        if self._limit is None or uptime >= self._until:
            return Cap(LimitSource.SITE_SILENT, Limit(current_ma=self.rules.fail_safe_a * 1000))
        return Cap(LimitSource.SITE, self._limit)


class LimitNews:
    """Tells when a limit is news for the central system: by a change of a tenth, at most every NEWS_S."""

    def __init__(self) -> None:
        self._told: Limit | None = None
        self._at = -math.inf

    def is_due(self, limit: Limit | None, uptime: float) -> bool:
        """Take in a limit, None = more than the station can take; tells whether that is to be told now."""
        if limit == self._told or (not _differs(self._told, limit)) or uptime < self._at + NEWS_S:
            return False
        self._told, self._at = limit, uptime
        return True


def _differs(told: Limit | None, limit: Limit | None) -> bool:
    if told is None or limit is None:
        return True
    before, now = told.current_with(3) or 0, limit.current_with(3) or 0
    return abs(now - before) * 10 >= max(before, 1)


class AwayWatch:
    """Gives a fail-safe cap when the central system has been away for long.

    Args:
        after_s: how long; 0 = never.
        fail_safe_a: what each EVSE may take per phase then.
        uptime: now, s.
    """

    def __init__(self, after_s: float, fail_safe_a: int, uptime: float) -> None:
        self._after_s, self._fail_safe_a = after_s, fail_safe_a
        self._seen_at = uptime

    def cap(self, uptime: float, *, is_online: bool) -> Cap | None:
        """Give the cap, None while there is none."""
        if is_online:
            self._seen_at = uptime
        if not self._after_s or uptime < self._seen_at + self._after_s:
            return None
        return Cap(LimitSource.OFFLINE, Limit(current_ma=self._fail_safe_a * 1000))
