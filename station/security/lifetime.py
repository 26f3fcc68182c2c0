"""When certificates are valid, when to renew them and when to warn. Pure.

The clock of a station may be wrong by years after a boot, and a wrong clock must not lock it out: the time would come
from the very central system that it then refuses. So an uncertain time is a floor, the last time that was sure: what
expired before it has expired, and nothing is *not yet* valid.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

WARN_DAYS = (60, 30, 7)
"""Days before its end at which a certificate is complained of."""

RENEW_BEFORE = timedelta(days=90)
"""A client certificate is renewed so long before its end, or when two thirds of its life are over if that is later."""

KEEP_OLD = timedelta(days=30)
"""A client certificate that was replaced is kept so long (white paper: about a month)."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The present for certificates: the time, or if that isn't certain the latest time that was."""

    at: datetime
    is_certain: bool


@dataclass(frozen=True, slots=True)
class Span:
    """How long a certificate is valid."""

    begin: datetime
    end: datetime


def invalidity(span: Span, moment: Moment) -> str:
    """Say why a certificate can't be used now; empty if it can."""
    if moment.at > span.end:
        return f"it expired on {span.end:%Y-%m-%d}"
    if moment.is_certain and moment.at < span.begin:
        return f"it is valid only from {span.begin:%Y-%m-%d %H:%M} UTC on"
    return ""


def renewal_due(span: Span, moment: Moment) -> bool:
    """Tell whether a client certificate should be renewed now."""
    return moment.at >= span.end - min(RENEW_BEFORE, (span.end - span.begin) / 3)


def warning_due(span: Span, moment: Moment, told: int | None) -> int | None:
    """Give the days, one of WARN_DAYS, of a warning that is due and was not told yet; None if there is none.

    Args:
        span: of the certificate. One that lives shortly is not complained of before its last third.
        moment: now.
        told: the days of the last warning about this certificate.
    """
    left = span.end - moment.at
    if left > (span.end - span.begin) / 3:
        return None
    due = [days for days in WARN_DAYS if left <= timedelta(days=days) and (told is None or days < told)]
    return min(due, default=None)
