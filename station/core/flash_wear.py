"""How fast the station's storage card wears out, who writes how much, and how long the card lasts. Pure.

Amounts are noted as they come, and the last week is kept by days of running time: a station that is switched off wears
nothing out. What the whole card took counts for its end, where the kernel tells it, because other programs write too;
else what the station itself wrote.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

DAY_S = 86_400.0
DAYS_KEPT = 7
YEAR_DAYS = 365
WARN_YEARS = 1.0
"""A card that ends sooner is complained of ..."""
CALM_YEARS = 2.0
"""... and once more only if it has looked as good as this in between."""


class Writer(StrEnum):
    """Who writes."""

    JOURNAL = "journal"
    STATUS = "status"
    LOGS = "logs"
    UPDATES = "updates"
    """New versions, and the few other files of the program and of what it starts."""
    CARD = "card"
    """All programs of the machine, as the kernel counts for the card."""


@dataclass(frozen=True, slots=True)
class Amount:
    """What was written: bytes, and in how many writes as far as they are counted."""

    written: int = 0
    writes: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.written + other.written, self.writes + other.writes)


Amounts = Mapping[Writer, Amount]


@dataclass(frozen=True, slots=True)
class Span:
    """What was written in a time of running, s; at most a day and what one look adds."""

    seconds: float
    amounts: Amounts


@dataclass(frozen=True, slots=True)
class Wear:
    """What is known of the card.

    Args:
        days: the last days, the running one last.
        lifetime: bytes since the first look at all.
        warned: its near end was told.
    """

    days: tuple[Span, ...] = ()
    lifetime: int = 0
    warned: bool = False


@dataclass(frozen=True, slots=True)
class Outlook:
    """What follows from it.

    Args:
        seconds: how long the figures were watched.
        per_day: who writes how much in 24 hours of running.
        years_left: how long the card lasts at that rate; None = nobody knows yet, or what it endures is not configured.
        ends_soon: it ends within a year.
    """

    seconds: float = 0.0
    per_day: Amounts | None = None
    years_left: float | None = None
    ends_soon: bool = False


def noted(wear: Wear, seconds: float, amounts: Amounts) -> Wear:
    """Add what was written in the last seconds of running."""
    *days, today = wear.days or (Span(0.0, {}),)
    if today.seconds >= DAY_S:
        days, today = [*days, today], Span(0.0, {})
    both = {writer: today.amounts.get(writer, Amount()) + amounts.get(writer, Amount()) for writer in Writer}
    total = {writer: amount for writer, amount in both.items() if amount.written or amount.writes}
    days = [*days, Span(today.seconds + seconds, total)][-DAYS_KEPT:]
    return replace(wear, days=tuple(days), lifetime=wear.lifetime + _all_bytes(amounts))


def outlook(wear: Wear, endurance_bytes: int) -> Outlook:
    """Tell what follows.

    Args:
        wear: so far.
        endurance_bytes: what the card takes in its life by its maker's word, 0 = not known.
    """
    seconds = sum(day.seconds for day in wear.days)
    if not seconds:
        return Outlook()
    total = {writer: sum((day.amounts.get(writer, Amount()) for day in wear.days), Amount()) for writer in Writer}
    factor = DAY_S / seconds
    per_day = {w: Amount(round(a.written * factor), round(a.writes * factor)) for w, a in total.items()}
    a_year = _all_bytes(per_day) * YEAR_DAYS
    if not endurance_bytes or not a_year or seconds < DAY_S:
        return Outlook(seconds, per_day)
    years = max(0, endurance_bytes - wear.lifetime) / a_year
    return Outlook(seconds, per_day, years, years < WARN_YEARS)


def warned(wear: Wear, now: Outlook) -> Wear:
    """Take note of what was told, so that each near end is told once."""
    if now.ends_soon:
        return replace(wear, warned=True)
    return replace(wear, warned=False) if (now.years_left or 0.0) >= CALM_YEARS else wear


def encode(wear: Wear) -> str:
    """Write it for the journal."""
    days = [[round(d.seconds), {w: [a.written, a.writes] for w, a in d.amounts.items()}] for d in wear.days]
    return json.dumps({"days": days, "lifetime": wear.lifetime, "warned": wear.warned})


def decode(text: str) -> Wear:
    """Read what `encode` wrote; nothing is known of an empty text."""
    if not text:
        return Wear()
    told = json.loads(text)
    days = tuple(
        Span(float(seconds), {Writer(name): Amount(*amount) for name, amount in amounts.items()})
        for seconds, amounts in told["days"]
    )
    return Wear(days, told["lifetime"], told["warned"])


def _all_bytes(amounts: Amounts) -> int:
    """Give what the card took: by the kernel's count, or by ours where that is larger or alone."""
    own = sum(amount.written for writer, amount in amounts.items() if writer is not Writer.CARD)
    return max(own, amounts.get(Writer.CARD, Amount()).written)
