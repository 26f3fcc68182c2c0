"""Base fees: what a tariff costs for a span (`x_graduated`), whether anybody charged or not.

The rules:

- A contract (or group, as the tariff says) owes the fee for each span at any time of which the tariff is its own: the
  one that its user, contract, customer, group or partner, or else the operator, has assigned. Tariffs of places are
  nobody's own. A contract that is not valid at any time of the span owes nothing by itself.
- A session that was priced by the tariff owes it as well, wherever the tariff came from.
- The fee is for the whole span, once, in the version with which the span began, else in the first one of the span.
- A group pays by that of its customers whose number comes first; who is in no group pays for the contract.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from backend.core.rates.rating import Context, Rating, rate_base_fee
from backend.core.tariffs.assignment import Assignment, Facts, Outcome, TariffVersion, choose
from backend.core.tariffs.tariff_model import Scope, Span, Tariff

_OWN_SESSION = "session"


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who may have a tariff: a token's user, or a contract by itself. `facts` name no place."""

    customer_id: str
    contract_id: str
    group_id: str
    relationship: str
    facts: Facts
    valid_from: datetime | None = None
    valid_to: datetime | None = None

    def holds_in(self, start: datetime, end: datetime) -> bool:
        """Tell whether the contract is valid at any time of a span."""
        return (self.valid_from is None or self.valid_from < end) and (self.valid_to is None or start < self.valid_to)


@dataclass(frozen=True, slots=True)
class FeeVersion:
    """A version of a tariff that has, or may once have had, a base fee."""

    id: str
    valid_from: datetime
    tariff: Tariff


@dataclass(frozen=True, slots=True)
class Agreements:
    """Who has which tariff of an operator.

    Args:
        zone: the operator's local time.
        holders: all of them.
        assignments: by target.
        versions: of all tariffs, by tariff id.
        fees: those with a base fee, by tariff id.
    """

    zone: ZoneInfo
    holders: Sequence[Holder]
    assignments: Mapping[str, Sequence[Assignment]]
    versions: Mapping[str, Sequence[TariffVersion]]
    fees: Mapping[str, Sequence[FeeVersion]]


@dataclass(frozen=True, slots=True)
class BaseFee:
    """A base fee that is owed.

    Args:
        scope: who owes it: a contract or a group.
        target: id of that.
        customer_id: who pays.
        start: of the span.
        end: of the span, exclusive.
        tariff_id: whose fee.
        tariff_version: the version that says how much.
        rating: one line.
    """

    scope: Scope
    target: str
    customer_id: str
    start: datetime
    end: datetime
    tariff_id: str
    tariff_version: str
    rating: Rating


def span_of(per: Span, at: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Give begin and end (exclusive) of the local day, month or year of an instant, in UTC."""
    day = at.astimezone(zone).date()
    match per:
        case Span.YEAR:
            first, last = day.replace(month=1, day=1), date(day.year + 1, 1, 1)
        case Span.MONTH:
            first = day.replace(day=1)
            last = (first + timedelta(days=32)).replace(day=1)
        case _:
            first, last = day, day + timedelta(days=1)
    return _midnight(first, zone), _midnight(last, zone)


def ended_spans(per: Span, since: datetime, now: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """List the spans from the one that begins at (or holds) `since` to the last that is over."""
    start, end = span_of(per, since, zone)
    while end <= now:
        yield start, end
        start, end = span_of(per, end, zone)


def used_span(name: str, session: tuple[datetime, datetime], zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Give the span that the last part of a key of `Rating.used` names: `2026-10` is a month.

    Args:
        name: that part.
        session: begin and end; of a price that counts within one session, which is its own span.
        zone: local time.
    """
    if name.startswith(_OWN_SESSION):
        return session
    year, month, day = (int(part) for part in [*name.split("-"), "1", "1"][:3])
    per = (Span.YEAR, Span.MONTH, Span.DAY)[name.count("-")]
    return span_of(per, datetime.combine(date(year, month, day), time(12), zone), zone)


def version_of(versions: Iterable[FeeVersion], start: datetime, end: datetime) -> FeeVersion | None:
    """Choose of one tariff's versions the one that decides over a span; None if none was valid in it."""
    known = [version for version in versions if version.valid_from < end]
    before = [version for version in known if version.valid_from <= start]
    if before:
        return max(before, key=lambda version: version.valid_from)
    return min(known, key=lambda version: version.valid_from, default=None)


def owed_fees(agreed: Agreements, span: tuple[datetime, datetime], per: Span) -> list[BaseFee]:
    """List the fees of one span that is over: each contract's or group's once for each tariff."""
    found: dict[tuple[Scope, str, str], BaseFee] = {}
    targets = {t for t, ones in agreed.assignments.items() if any(one.tariff_id in agreed.fees for one in ones)}
    for holder in sorted(agreed.holders, key=lambda holder: (holder.customer_id, holder.contract_id)):
        if targets.isdisjoint(holder.facts.values()) or not holder.holds_in(*span):
            continue
        for tariff_id in sorted(own_tariffs(agreed, holder, span) & agreed.fees.keys()):
            version = version_of(agreed.fees[tariff_id], *span)
            graduated = version.tariff.graduated if version else None
            if version and graduated and graduated.per is per:
                fee = fee_of(holder, version, span, agreed.zone)
                if fee:
                    found.setdefault((fee.scope, fee.target, tariff_id), fee)
    return list(found.values())


def own_tariffs(agreed: Agreements, holder: Holder, span: tuple[datetime, datetime]) -> set[str]:
    """Tell which tariffs are a holder's own at any time of a span."""
    mine = [one for target in set(holder.facts.values()) for one in agreed.assignments.get(target, ())]
    known = [v for tariff_id in {one.tariff_id for one in mine} for v in agreed.versions.get(tariff_id, ())]
    edges = {one.valid_from for one in mine} | {one.valid_to for one in mine if one.valid_to}
    edges |= {version.valid_from for version in known}
    found = set()
    for at in (span[0], *(edge for edge in edges if span[0] < edge < span[1])):
        rule = choose(mine, known, holder.facts, at).rule
        if rule.outcome is Outcome.CHOSEN and rule.assignment:
            found.add(rule.assignment.tariff_id)
    return found


def fee_of(holder: Holder, version: FeeVersion, span: tuple[datetime, datetime], zone: ZoneInfo) -> BaseFee | None:
    """Price the fee of one span for who owes it; None if the version has none."""
    graduated = version.tariff.graduated
    if graduated is None or not graduated.base_fee:
        return None
    rating = rate_base_fee(version.tariff, *span, zone, Context(relationship=holder.relationship))
    if rating is None:
        return None
    by_group = graduated.scope is Scope.GROUP and holder.group_id
    return BaseFee(
        scope=Scope.GROUP if by_group else Scope.CONTRACT,
        target=holder.group_id if by_group else holder.contract_id,
        customer_id=holder.customer_id,
        start=span[0],
        end=span[1],
        tariff_id=version.tariff.id,
        tariff_version=version.id,
        rating=rating,
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(0), zone).astimezone(UTC)
