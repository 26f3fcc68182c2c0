"""The hash chain of an operator: each entry covers a piece of content and the entry before it.

Whoever changes, removes or inserts something must write all later entries anew; whoever keeps a hash of a later day
outside of the server sees that. The chain holds hashes only, so that erasing personal data when it is due breaks
nothing but the proof of what was erased.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

FIRST = ""
"""What the first entry has instead of a hash before it."""

COVERED = (
    "operator_id",
    "customer_id",
    "number",
    "type_code",
    "issued_at",
    "period_start",
    "period_end",
    "currency",
    "total_net",
    "total_gross",
    "body",
)
"""Columns of an invoice that its entry covers, all that are not our own row number."""


class ChainKind(StrEnum):
    """What an entry covers. `ref` of an entry is told in brackets.

    `LINK` is of invoices from before the chain was about more than them: row and e-invoice in one (see `link_hash`).
    """

    INVOICE = "invoice"  # the row and its frozen document [number]
    LINK = "invoice.link"  # [number]
    XML = "invoice.xml"  # the e-invoice [number]
    PDF = "invoice.pdf"  # as it was rendered [number]
    SIGNED_VALUES = "messdaten"  # what was judged, and the records byte for byte [transaction/verdict]
    MAIL_SENT = "mail.sent"  # [Message-ID]
    MAIL_BOUNCE = "mail.bounce"  # [Message-ID]
    PAYMENT = "payment"
    TARIFF_VERSION = "tariff.version"  # canonical JSON [tariff@version id]
    EXPORT = "export"
    RETENTION_PURGE = "retention.purge"  # the hash of what was deleted when its time was over [its kind and ref]
    STATEMENT = "statement"
    DUNNING = "dunning"
    ANCHOR = "anchor"  # the hash of an entry that was told to somebody outside [its seq]


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the chain.

    Args:
        operator_id: whose chain.
        seq: 1, 2, ... without a gap.
        kind: see `ChainKind`.
        ref: what the content is found by.
        sha256: of the content, 64 hex digits.
        previous: hash of the entry before it, `FIRST` for none.
        hash: of this entry, see `entry_hash`.
        at: when it was appended, milliseconds since 1970.
    """

    operator_id: str
    seq: int
    kind: str
    ref: str
    sha256: str
    previous: str
    hash: str
    at: int


def entry_hash(entry: Entry) -> str:
    """Compute what the hash of an entry must be: SHA-256 of a JSON list of all else that it has."""
    return _digest([entry.operator_id, entry.seq, entry.kind, entry.ref, entry.sha256, entry.at, entry.previous])


def row_content(row: Mapping[str, str | int]) -> bytes:
    """Give what an entry of an invoice covers: the values of `COVERED` as the database keeps them."""
    return _canonical([row[name] for name in COVERED])


def link_hash(previous: str, row: Mapping[str, str | int], xml: bytes) -> str:
    """Give the hash of a `LINK`, 64 hex digits.

    Args:
        previous: hash of the link before it, `FIRST` for none.
        row: see `row_content`.
        xml: the e-invoice, empty for invoices from before there were any.
    """
    return _digest([previous, *(row[name] for name in COVERED), sha256(xml).hexdigest()])


class ChainCheck:
    """Goes along a chain, from its begin or from after an entry; `seq` and `head` tell how far it came."""

    def __init__(self, seq: int = 0, head: str = FIRST) -> None:
        self.seq = seq
        self.head = head

    def check(self, entry: Entry) -> Iterator[str]:
        """Tell what is wrong with the next entry in itself: nothing of its content."""
        name = f"entry {entry.seq} ({entry.kind} {entry.ref})"
        if entry.seq != self.seq + 1:
            yield f"the chain goes from entry {self.seq} to entry {entry.seq}"
        if entry.previous != self.head:
            yield f"{name} does not follow the entry before it: one was removed, inserted or changed"
        if entry.hash != entry_hash(entry):
            yield f"{name} was changed: its hash is of something else"
        self.seq, self.head = entry.seq, entry.hash


def _digest(content: Sequence[str | int]) -> str:
    return sha256(_canonical(content)).hexdigest()


def _canonical(content: Sequence[str | int]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
