"""How often a password may be tried. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Limit:
    """After `tries` failures within `window` nobody is let in for `window` after the last one."""

    tries: int
    window: timedelta


@dataclass(frozen=True, slots=True)
class Failures:
    """What is known of a login name or an address."""

    count: int = 0
    last: datetime | None = None


def locked_until(failures: Failures, limit: Limit, now: datetime) -> datetime | None:
    """Tell until when nobody is let in; None if they may try."""
    if failures.last is None or failures.count < limit.tries:
        return None
    until = failures.last + limit.window
    return until if until > now else None


def after_failure(failures: Failures, limit: Limit, now: datetime) -> Failures:
    """Count one more; those of long ago are forgotten."""
    fresh = failures.last is not None and failures.last + limit.window > now
    return Failures(failures.count + 1 if fresh else 1, now)
