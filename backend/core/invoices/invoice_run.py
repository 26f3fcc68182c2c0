"""What an invoice run makes of the periods that are over: what goes out, what is carried forward, and under which key.

Amounts below a customer's threshold wait for what comes after them. They wait no longer than a setting says (an
invoice is due within six months of the supply, § 14 (2) UStG) and not beyond the local end of the year in which they
began. What is owed to the customer never waits.

A draft has a key: the same customer, period, user or place, kind of document and tax make the same slot, and a slot's
invoices are counted. Whoever issues a draft again is given the number that it has.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256

from backend.core.invoices.billing_period import Group, begin_of, close_of, midnight

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class DraftKey:
    """Names a draft: its slot (32 hex digits) and the how manieth of that slot it is, from 1 on."""

    slot: str
    generation: int

    def __str__(self) -> str:
        """Write it as in addresses: `0f3a...-1`."""
        return f"{self.slot}-{self.generation}"


@dataclass(frozen=True, slots=True)
class Carried:
    """What is carried forward: it goes out with what comes next, or else at `latest`."""

    group: Group
    amount: Decimal
    threshold: Decimal
    latest: datetime


@dataclass(frozen=True, slots=True)
class Sifted:
    """What goes out now, and what is carried forward."""

    due: tuple[Group, ...]
    carried: tuple[Carried, ...]


def slot_of(group: Group, variant: str) -> str:
    """Give the slot of a document that is made of a group.

    Args:
        group: at least one; the period of the last one counts.
        variant: tells documents of one group apart: currency, price basis, tax case, kind.
    """
    last = max(group, key=begin_of)
    parts = (last.customer_id, last.cycle.value, begin_of(last).isoformat(), last.value, variant)
    return sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def sift(
    groups: Iterable[Group], thresholds: Mapping[str, Decimal], now: datetime, *, carry: timedelta, grace: timedelta
) -> Sifted:
    """Join small amounts with what comes after them, and tell what goes out now.

    Args:
        groups: those that are due.
        thresholds: by customer; who is not in it has none.
        now: world time.
        carry: how long after its period an amount may wait.
        grace: how long after a period its invoice is due.
    """
    due: list[Group] = []
    small: dict[tuple[str, str], list[Group]] = defaultdict(list)
    for group in groups:
        if thresholds.get(group[0].customer_id):
            small[group[0].customer_id, group[0].value].append(group)
        else:
            due.append(group)
    carried: list[Carried] = []
    for (customer_id, _), mine in small.items():
        waiting: Group = ()
        for group in sorted(mine, key=lambda one: begin_of(one[0])):
            waiting = (*waiting, *group)
            one = _carry(waiting, thresholds[customer_id], carry, grace)
            if not _ZERO <= one.amount < one.threshold or now >= one.latest:
                due.append(waiting)
                waiting = ()
        if waiting:
            carried.append(_carry(waiting, thresholds[customer_id], carry, grace))
    return Sifted(tuple(due), tuple(carried))


def _carry(group: Group, threshold: Decimal, carry: timedelta, grace: timedelta) -> Carried:
    first = min(begin_of(one) for one in group)
    close, _ = close_of([one for one in group if begin_of(one) == first])
    oldest = min(group, key=lambda one: one.started_at)
    year = oldest.started_at.astimezone(oldest.zone).year
    year_end = midnight(date(year + 1, 1, 1), oldest.zone)
    return Carried(group, sum((one.amount for one in group), _ZERO), threshold, min(close + carry, year_end) + grace)
