"""The kinds of documents as data: a new kind is a row.

Each has its own series of numbers per operator and year. The law asks for unique numbers and allows several series
(§ 14 (4) No 4 UStG, UStAE 14.5 (10)); ours have no gap, so that none has to be explained.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

INVOICE = "380"
CREDIT_NOTE = "381"
CANCELLATION = "384"
SELF_BILLED = "389"
"""Type codes (UNTDID 1001)."""

OWN_PREFIX = "{invoice}"
"""In a prefix: the operator's prefix of invoices."""


@dataclass(frozen=True, slots=True)
class DocumentKind:
    """A kind of document.

    Args:
        name: of its series.
        type_code: see above.
        prefix: of its numbers, unless the operator has another one.
        sign: what the customer owes by a positive amount due: 1, or -1 where it gets something.
        title: key of its title in the texts of paper.
        self_billed: written in the seller's name by the buyer, who issues it and sends it to the seller.
    """

    name: str
    type_code: str
    prefix: str
    sign: int
    title: str
    self_billed: bool = False


KINDS = {
    kind.name: kind
    for kind in (
        DocumentKind("invoice", INVOICE, OWN_PREFIX, 1, "invoice"),
        DocumentKind("credit", CREDIT_NOTE, f"{OWN_PREFIX}-K", -1, "credit_note"),
        DocumentKind("cancel", CANCELLATION, "ST", 1, "cancellation"),
        DocumentKind("ad_hoc", INVOICE, "AH", 1, "receipt"),
        DocumentKind("self", SELF_BILLED, "GS", -1, "self_billed", self_billed=True),
        DocumentKind("self_void", CANCELLATION, "GS-ST", -1, "self_void", self_billed=True),
    )
}


def kind_of(name: str, type_code: str) -> DocumentKind | None:
    """Give a kind by name; of documents that don't tell theirs the usual one of their type. None: there is none."""
    usual = next((kind for kind in KINDS.values() if kind.type_code == type_code), None)
    return KINDS.get(name) if name else usual


def prefixes_of(invoice_prefix: str, own: Mapping[str, str]) -> dict[str, str]:
    """Give an operator's prefix of each kind; `own` are those it chose, by kind."""
    return {kind.name: own.get(kind.name, kind.prefix).replace(OWN_PREFIX, invoice_prefix) for kind in KINDS.values()}


BELEGFELD = re.compile(r"[A-Za-z0-9$%&*+/-]*")
"""What a number may consist of (DATEV Belegfeld 1, which takes 36 characters)."""
LONGEST_PREFIX = 20


def prefix_problems(prefixes: Mapping[str, str]) -> Iterator[str]:
    """Tell why prefixes can't be used.

    Args:
        prefixes: of each kind, from `prefixes_of`.
    """
    kinds: dict[str, list[str]] = defaultdict(list)
    for kind, prefix in prefixes.items():
        kinds[prefix.upper()].append(kind)
        if not BELEGFELD.fullmatch(prefix) or len(prefix) > LONGEST_PREFIX:
            yield (
                f"the prefix {prefix!r} of kind {kind} must be at most {LONGEST_PREFIX} of the characters that DATEV "
                "takes: letters A to Z, digits and $ % & * + - /"
            )
    for same in kinds.values():
        if len(same) > 1:
            yield f"kinds {' and '.join(same)} would have the same numbers: give them different prefixes"


def format_number(prefix: str, year: int, count: int) -> str:
    """Write a number: `RE-2026-000001`."""
    return f"{prefix}-{year}-{count:06}"
