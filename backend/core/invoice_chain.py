"""The hash chain of an operator's invoices: each link covers an invoice, its e-invoice and the link before it.

Whoever changes, removes or inserts an invoice must write all later links anew; whoever keeps a hash of a later day
outside of the server sees that. The chain holds hashes only, so that erasing personal data when it is due breaks
nothing but its own link.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

FIRST = ""
"""What the first link has instead of a hash before it."""

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
"""Columns of an invoice that a link covers, all that are not our own row number."""


@dataclass(frozen=True, slots=True)
class Link:
    """An invoice as it is stored, with its link.

    Args:
        seq: of the link, None if the invoice has none.
        stored: hash of the link.
        row: the values of `COVERED` as the database keeps them: texts, and times in milliseconds since 1970.
        xml: the e-invoice, empty for invoices from before there were any.
        writer: see `backend.core.einvoice.WRITER`; None without XML.
    """

    seq: int | None
    stored: str
    row: Mapping[str, str | int]
    xml: bytes
    writer: int | None


def link_hash(previous: str, row: Mapping[str, str | int], xml: bytes) -> str:
    """Give the hash of a link, 64 hex digits.

    Args:
        previous: hash of the link before it, `FIRST` for none.
        row: see `Link`.
        xml: see `Link`.
    """
    content = [previous, *(row[name] for name in COVERED), sha256(xml).hexdigest()]
    return sha256(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()
