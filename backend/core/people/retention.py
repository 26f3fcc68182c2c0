"""How long what is known of a person is kept, and what goes at once when it is to be erased. Pure.

Sources: § 147 (3) AO and § 14b (1) UStG (vouchers 8 years from the end of the year), § 195 BGB (3 years from the end of
the year), SEPA core rulebook §4.7 (13 months to object to a debit), Art. 17, 18 GDPR.
"""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

VOUCHER_YEARS = 8
"""The law asks for no less (§ 147 (3) AO)."""

MANDATE_MONTHS = 14
"""After the last debit: a payer may object for 13 months."""

LIMITATION_YEARS = 3
"""§ 195, § 199 (1) BGB."""

_TOKEN_NAMES = ("idTag", "parentIdTag", "idToken", "groupIdToken", "uid")


@dataclass(frozen=True, slots=True)
class Periods:
    """How long things are kept.

    Args:
        voucher_years: invoices with all they rest on, from the end of their year.
        session_months: who charged in sessions on no invoice, from their end.
        person_years: whose token it was, from the end of the year in which the last contract ended.
        mandate_months: a mandate, from its last debit.
        letter_days: what stood in mails, from their sending.
        audit_months: who did what.
    """

    voucher_years: int = VOUCHER_YEARS
    session_months: int = 12
    person_years: int = LIMITATION_YEARS
    mandate_months: int = MANDATE_MONTHS
    letter_days: int = 90
    audit_months: int = 12


@dataclass(frozen=True, slots=True)
class Facts:
    """What there is of a person, by number; days are local, None where there is none.

    `unsettled` is documents and credit that are not settled, `unbilled` sessions and fees that wait for their price or
    their invoice, `letters_waiting` mails under way. Of `sessions` none is on an invoice, all of `billed_sessions` are.
    """

    running: int = 0
    unbilled: int = 0
    unsettled: int = 0
    debits: int = 0
    letters_waiting: int = 0
    profile: int = 0
    persons: int = 0
    accounts: int = 0
    tokens: int = 0
    tokens_billed: int = 0
    letters: int = 0
    sessions: int = 0
    billed_sessions: int = 0
    invoices: int = 0
    last_invoice: date | None = None
    mandates: int = 0
    mandates_used: int = 0
    last_debit: date | None = None
    evidence: int = 0
    home_years: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """A part of what is known: its name in `retention_texts`, how much of it, and the day from which it may go."""

    name: str
    count: int
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What an erasure does: why it can't be done yet, what goes at once, and what remains until when."""

    blockers: tuple[Part, ...]
    goes: tuple[Part, ...]
    remains: tuple[Part, ...]

    @property
    def restricted_until(self) -> date | None:
        """The day from which nothing is left; None where nothing remains."""
        return max((part.until for part in self.remains if part.until), default=None)


def plan_erasure(facts: Facts, periods: Periods, today: date) -> Plan:
    """Tell what an erasure does.

    Args:
        facts: of the person.
        periods: how long things are kept.
        today: local day.
    """
    vouchers = from_end_of_year(facts.last_invoice or today, periods.voucher_years)
    debits = add_months(facts.last_debit or today, periods.mandate_months)
    return Plan(
        _parts(facts, "running", "unbilled", "unsettled", "debits", "letters_waiting"),
        _parts(facts, "profile", "persons", "accounts", "tokens", "letters", "sessions", "mandates"),
        (
            *_parts(facts, "invoices", "billed_sessions", "tokens_billed", "evidence", "home_years", until=vouchers),
            *_parts(facts, "mandates_used", until=debits),
        ),
    )


def _parts(facts: Facts, *names: str, until: date | None = None) -> tuple[Part, ...]:
    return tuple(Part(name, count, until) for name in names if (count := getattr(facts, name)))


def from_end_of_year(day: date, years: int) -> date:
    """Give the first day on which something of a day may go that is kept for years from the end of its year."""
    return date(day.year + years + 1, 1, 1)


def add_months(day: date, months: int) -> date:
    """Give the same day of the month so many months later, or before; the last of the month if it has no such day."""
    count = day.year * 12 + day.month - 1 + months
    first = date(count // 12, count % 12 + 1, 1)
    following = date((count + 1) // 12, (count + 1) % 12 + 1, 1)
    return first.replace(day=min(day.day, (following - first).days))


def due_before(now: datetime, zone: ZoneInfo, months: int) -> datetime:
    """Give the instant before which something has had its months, by local days."""
    day = add_months(now.astimezone(zone).date(), -months)
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def vouchers_due_before(now: datetime, zone: ZoneInfo, years: int) -> datetime:
    """Give the instant before which documents are of years whose time is over."""
    return datetime(now.astimezone(zone).year - years, 1, 1, tzinfo=zone).astimezone(UTC)


def pseudonym(transaction_id: int) -> str:
    """Give what stands in a session instead of its token: it tells nothing, and no two sessions share it."""
    return f"erased-{transaction_id}"


def forget_token(text: str, instead: str) -> str:
    """Put something else in place of the tokens of a message or a CDR; of no other value.

    Args:
        text: JSON, as received or made.
        instead: from `pseudonym`.
    """
    return json.dumps(_without_tokens(json.loads(text), instead), ensure_ascii=False, separators=(",", ":"))


# Any: JSON.
def _without_tokens(value: Any, instead: str) -> Any:
    if isinstance(value, list):
        return [_without_tokens(one, instead) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: instead if name in _TOKEN_NAMES and isinstance(one, str) else _without_tokens(one, instead)
        for name, one in value.items()
    }
