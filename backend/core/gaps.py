"""Where a station's record has gaps: complete up to when, what is missing, which sessions have uncertain time. Pure.

A session that still runs is no gap. It is one when its EVSE has begun another since, so that its end must have been.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

_AHEAD = timedelta(minutes=2)
"""A stamp that is later than its arrival by more than this was made by a wrong clock."""

_FIRST = 2020
"""Stamps of an earlier year come from a clock that was never set."""


class Gap(StrEnum):
    """What is missing of a session."""

    END = "end"
    BEGIN = "begin"
    MESSAGES = "messages"


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What is known of one session: `notes` as in the transaction, arrival of its first and its last message."""

    id: int
    evse_id: int
    started_at: datetime
    ended_at: datetime | None
    begin_known: bool
    notes: str
    first_came: datetime
    last_came: datetime


@dataclass(frozen=True, slots=True)
class Missing:
    """A gap: of which session, from when on, and for messages their numbers in words."""

    transaction_id: int
    since: datetime
    gap: Gap
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """A station's record. Before `complete_until` nothing is missing; None where it was never heard."""

    complete_until: datetime | None
    missing: tuple[Missing, ...]
    uncertain: tuple[int, ...]


def record_of(sessions: Iterable[SessionFacts], heard_at: datetime | None) -> Record:
    """Look for the gaps of one station.

    Args:
        sessions: all of a time that is long enough to look at.
        heard_at: when the station was last heard; what happened since may be missing.
    """
    ordered = sorted(sessions, key=lambda one: (one.started_at, one.id))
    missing = tuple(gap for i, one in enumerate(ordered) for gap in _gaps(one, ordered[i + 1 :]))
    came = [one.last_came for one in ordered]
    heard = max([*came, heard_at] if heard_at else came, default=None)
    until = min([gap.since for gap in missing] + ([heard] if heard else []), default=None)
    return Record(until, missing, tuple(one.id for one in ordered if _is_uncertain(one)))


def _gaps(one: SessionFacts, later: Sequence[SessionFacts]) -> Iterable[Missing]:
    if not one.begin_known:
        yield Missing(one.id, one.started_at, Gap.BEGIN)
    if one.ended_at is None and any(other.evse_id == one.evse_id for other in later):
        yield Missing(one.id, one.started_at, Gap.END)
    never = "; ".join(note for note in one.notes.split("; ") if note.endswith(" never came"))
    if never:
        yield Missing(one.id, one.started_at, Gap.MESSAGES, never)


def _is_uncertain(one: SessionFacts) -> bool:
    last = one.ended_at or one.started_at
    return (
        one.started_at.year < _FIRST
        or one.started_at > one.first_came + _AHEAD
        or last > one.last_came + _AHEAD
        or last < one.started_at
    )
