"""What a payment that came in is for: proposals with a score and the reason, the best first. Pure.

A proposal is sure when something that only the right payer knows agrees: the end-to-end id, the number of the document,
or account and exact amount together. Only those book themselves; all others wait for a person.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from difflib import SequenceMatcher
from functools import lru_cache

from backend.core.payments.bank_entry import BankEntry
from backend.core.payments.open_item import ZERO, OpenItem, spread
from backend.core.payments.sepa_ids import plain

SURE = 80
"""Score from which a payment books itself."""


@dataclass(frozen=True, slots=True)
class Part:
    """A share of a payment: for a document, or on the customer's account where `invoice_id` is None."""

    invoice_id: int | None
    number: str
    customer_id: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a payment may be for. `reason` is a key of the texts `match.*`; parts sum up to what the entry has left."""

    parts: tuple[Part, ...]
    score: int
    reason: str
    batch_id: int | None = None

    @property
    def sure(self) -> bool:
        """Tell whether it may book itself."""
        return self.score >= SURE


@dataclass(frozen=True, slots=True)
class Collection:
    """A batch of debits whose money is on its way, or came without a word of its parts."""

    batch_id: int
    message_id: str
    collect_on: date
    parts: tuple[Part, ...]

    @property
    def total(self) -> Decimal:
        """What the bank credits for it."""
        return sum((part.amount for part in self.parts), ZERO)


@dataclass(frozen=True, slots=True)
class Books:
    """What is open, and who pays from which account.

    Args:
        items: documents that are not settled.
        holders: customers by the IBANs that they have used.
        collections: see `Collection`.
        settled: customers by the numbers of documents that were settled lately.
        names: customers' names by id.
    """

    items: tuple[OpenItem, ...] = ()
    holders: Mapping[str, frozenset[str]] = field(default_factory=dict)
    collections: tuple[Collection, ...] = ()
    settled: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


def propose(entry: BankEntry, left: Decimal, books: Books) -> tuple[Proposal, ...]:
    """Propose what the rest of a payment is for, the best first; empty if nothing speaks for anything.

    Args:
        entry: a credit of our account.
        left: of its amount, positive: what is not booked yet.
        books: as they are now.
    """
    items = [item for item in books.items if item.currency == entry.currency and item.open > 0]
    found = [
        *_by_batch(entry, left, books.collections),
        *_by_reference(entry, left, items),
        *_by_numbers(entry, left, items, books),
        *_by_account(entry, left, items, books),
        *_by_settled(entry, left, books),
        *_by_amount(entry, left, items),
    ]
    best: dict[tuple[Part, ...], Proposal] = {}
    for proposal in sorted(found, key=lambda one: -one.score):
        best.setdefault(proposal.parts, proposal)
    return tuple(best.values())


def _by_batch(entry: BankEntry, left: Decimal, collections: Sequence[Collection]) -> list[Proposal]:
    found = []
    for one in collections:
        if one.total != left or not one.parts:
            continue
        named = bool(one.message_id) and one.message_id in (entry.message_id, entry.end_to_end)
        near = abs((entry.booked_on - one.collect_on).days) <= 3
        if named:
            found.append(Proposal(one.parts, 100, "batch", one.batch_id))
        elif near and not entry.iban:
            found.append(Proposal(one.parts, 70, "batch_total", one.batch_id))
    return found


def _by_reference(entry: BankEntry, left: Decimal, items: Sequence[OpenItem]) -> list[Proposal]:
    """Find the document whose number came back as end-to-end id, as that of a debit or of a transfer by GiroCode."""
    for item in items:
        if entry.end_to_end and plain(entry.end_to_end) == plain(item.number):
            if left == item.open:
                return [_proposal(left, [item], 100, "end_to_end")]
            return [_proposal(left, [item], 95 if left < item.open else 75, "end_to_end_amount")]
    return []


def _by_numbers(entry: BankEntry, left: Decimal, items: Sequence[OpenItem], books: Books) -> list[Proposal]:
    text = f"{entry.purpose} {entry.end_to_end}"
    exact = [item for item in items if _names(text, item.number)]
    loose = [item for item in items if item not in exact and _names_loosely(text, item.number)]
    chosen, reason = (exact, "number") if exact else (loose, "number_loose")
    if not chosen:
        return []
    owed = sum((item.open for item in chosen), ZERO)
    customers = {item.customer_id for item in chosen}
    known = customers == books.holders.get(entry.iban, frozenset()) or _alike(entry.name, chosen[0].customer)
    if owed == left:
        return [_proposal(left, chosen, 98 if exact else 90, reason)]
    if len(customers) > 1:
        return [_proposal(left, chosen, 45, "number_several")]
    if left < owed:  # the oldest first; which of several is meant only one of them tells
        score = (85 if len(chosen) == 1 else 65) if exact else 60
        return [_proposal(left, chosen, score, f"{reason}_partly")]
    return [_proposal(left, chosen, (82 if known else 70) if exact else 55, f"{reason}_more")]


def _by_account(entry: BankEntry, left: Decimal, items: Sequence[OpenItem], books: Books) -> list[Proposal]:
    holders = books.holders.get(entry.iban, frozenset()) if entry.iban else frozenset()
    found = []
    for customer_id in sorted(holders):
        own = [item for item in items if item.customer_id == customer_id]
        equal = [item for item in own if item.open == left]
        alone = len(holders) == 1
        if len(equal) == 1:
            found.append(_proposal(left, equal, 88 if alone else 60, "account_amount"))
        elif own and sum((item.open for item in own), ZERO) == left:
            found.append(_proposal(left, own, 84 if alone else 58, "account_total"))
        elif own:
            found.append(_proposal(left, own, 50, "account_oldest"))
        else:
            found.append(Proposal((Part(None, "", customer_id, left),), 40, "account_credit"))
    return found


def _by_settled(entry: BankEntry, left: Decimal, books: Books) -> list[Proposal]:
    """Find a document that was paid already: the money is the customer's."""
    text = f"{entry.purpose} {entry.end_to_end}"
    customers = {customer for number, customer in books.settled.items() if _names(text, number)}
    return [Proposal((Part(None, "", one, left),), 48, "settled") for one in sorted(customers)]


def _by_amount(entry: BankEntry, left: Decimal, items: Sequence[OpenItem]) -> list[Proposal]:
    equal = [item for item in items if item.open == left]
    if len(equal) > 5:
        return []
    found = []
    for item in equal:
        alike = _alike(entry.name, item.customer)
        found.append(_proposal(left, [item], 65 if alike else 30, "name_amount" if alike else "amount"))
    return found


def _proposal(left: Decimal, items: Sequence[OpenItem], score: int, reason: str) -> Proposal:
    shares, rest = spread(left, items)
    parts = [Part(item.invoice_id, item.number, item.customer_id, share) for item, share in shares]
    if rest:
        parts.append(Part(None, "", items[0].customer_id, rest))
    return Proposal(tuple(parts), score, reason)


def _names(text: str, number: str) -> bool:
    """Tell whether a text names a number, whatever stands between its characters, and no longer number."""
    return plain(number) in _squeezed(text) and bool(_pattern(number).search(text))


def _names_loosely(text: str, number: str) -> bool:
    """Tell whether a text names the year and the count of a number, without prefix or with zeros left out."""
    return (
        _tail(number) in _squeezed(text)
        and (pattern := _loose_pattern(number)) is not None
        and bool(pattern.search(text))
    )


@lru_cache(maxsize=1024)
def _squeezed(text: str) -> str:
    return plain(text)


def _tail(number: str) -> str:
    return re.split(r"\D", number)[-1].lstrip("0")


@lru_cache(maxsize=20_000)
def _pattern(number: str) -> "re.Pattern[str]":
    return re.compile(rf"(?<![0-9A-Za-z]){_spaced(plain(number))}(?!\d)", re.IGNORECASE)


@lru_cache(maxsize=20_000)
def _loose_pattern(number: str) -> "re.Pattern[str] | None":
    groups = re.findall(r"\d+", number)
    if len(groups) < 2 or not groups[-1].strip("0"):
        return None
    year, count = _spaced(groups[-2]), _spaced(groups[-1].lstrip("0"))
    return re.compile(rf"(?<!\d){year}[\W_]*0*[\W_]*{count}(?!\d)")


def _spaced(text: str) -> str:
    return r"[\W_]*".join(map(re.escape, text))


def _alike(name: str, other: str) -> bool:
    """Tell whether two names are nearly the same, in any order of their words."""
    one, two = (" ".join(sorted(filter(None, map(plain, re.split(r"[\s,.]+", text))))) for text in (name, other))
    return bool(one and two) and SequenceMatcher(None, one, two).ratio() >= 0.85
