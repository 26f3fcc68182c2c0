"""Files for DATEV: batches of bookings and their debtors (EXTF 700, formats 21/13 and 16/5). Pure.

Windows-1252, CRLF, `;`, decimal comma. Columns of text are quoted even if they are empty, all others never. What
Windows-1252 lacks is written without its accents, or as `?`, and counted.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from backend.core.payments.datev_columns import DEBTOR_TEXTS, DEBTOR_TITLES, TEXTS, TITLES

_PLAIN = str.maketrans({"ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ı": "i", "ħ": "h", "ŧ": "t", "\u2011": "-"})
_LONGEST = {"number": 36, "text": 60, "cost": 36, "name": 50, "street": 36, "city": 30, "postcode": 10, "email": 60}


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What the first line of a file tells.

    Args:
        consultant: number of the tax adviser (Beraternummer).
        client: number of the client (Mandantennummer).
        year_start: begin of the fiscal year.
        account_length: digits of general ledger accounts, 4 to 8; personal accounts have one more.
        first: first day of the batch.
        last: last day of it.
        created_at: when it was made.
        name: of the batch, at most 30 characters.
        currency: ISO 4217.
        chart: chart of accounts, 03 or 04.
        locked: bookings can't be changed after the import (Festschreibung).
    """

    consultant: int
    client: int
    year_start: date
    account_length: int
    first: date
    last: date
    created_at: datetime
    name: str
    currency: str
    chart: str
    locked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerBooking:
    """A booking. `debit` tells the side of `account`; what may be empty is left out.

    Args:
        amount: with VAT, positive.
        debit: True is S, False is H.
        account: usually of a debtor.
        contra: general ledger account.
        day: of the document.
        number: of the document (Belegfeld 1).
        text: for people, cut to 60 characters.
        due_on: when it is due.
        cost_1: cost centre, the site.
        cost_2: cost centre, the charge point.
        vat_id: of a customer abroad.
        mandate: that it is collected by.
        delivered_on: last day of the supply (Leistungsdatum).
        reversal: it takes a booking of the same sides back (Generalumkehr).
        guid: names the booking.
    """

    amount: Decimal
    debit: bool
    account: int
    contra: int
    day: date
    number: str
    text: str
    due_on: date | None = None
    cost_1: str = ""
    cost_2: str = ""
    vat_id: str = ""
    mandate: str = ""
    delivered_on: date | None = None
    reversal: bool = False
    guid: str = ""

    @property
    def effect(self) -> Decimal:
        """What it adds to the balance of `account`: positive is debit."""
        return self.amount if self.debit != self.reversal else -self.amount


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerDebtor:
    """A personal account: of a customer, or of a host that we pay."""

    account: int
    name: str
    business: bool
    street: str
    postcode: str
    city: str
    country: str
    vat_id: str
    email: str
    customer_id: str


@dataclass(frozen=True, slots=True)
class DatevFile:
    """A file; `replaced` counts the characters that Windows-1252 lacks."""

    content: bytes
    replaced: int


def write_bookings(head: Head, bookings: Sequence[LedgerBooking]) -> DatevFile:
    """Write a batch of bookings."""
    rows = (_line(_booking(one, head), TEXTS, len(TITLES)) for one in bookings)
    return _file([_head(head, 21, "Buchungsstapel", 13), ";".join(TITLES), *rows])


def write_debtors(head: Head, debtors: Sequence[LedgerDebtor]) -> DatevFile:
    """Write personal accounts."""
    rows = (_line(_debtor(one), DEBTOR_TEXTS, len(DEBTOR_TITLES)) for one in debtors)
    return _file([_head(head, 16, "Debitoren/Kreditoren", 5), ";".join(DEBTOR_TITLES), *rows])


def _head(head: Head, category: int, name: str, version: int) -> str:
    batch = category == 21
    stamp = f"{head.created_at:%Y%m%d%H%M%S}{head.created_at.microsecond // 1000:03}"
    fields = [_quoted("EXTF"), "700", str(category), _quoted(name), str(version), stamp, "", _quoted("RE")]
    fields += ['""', '""', str(head.consultant), str(head.client), f"{head.year_start:%Y%m%d}"]
    fields += [str(head.account_length), *((f"{day:%Y%m%d}" if batch else "") for day in (head.first, head.last))]
    fields += [_quoted(_text(head.name)[:30] if batch else ""), '""', "1" if batch else "", "0" if batch else ""]
    fields += [str(int(head.locked)) if batch else "", _quoted(head.currency if batch else ""), "", '""', "", ""]
    return ";".join([*fields, _quoted(head.chart), "", "", '""', '""'])


def _booking(one: LedgerBooking, head: Head) -> dict[int, str]:
    if one.amount <= 0 or one.amount != one.amount.quantize(Decimal("0.01")):
        raise ValueError(f"booking {one.number}: {one.amount} is no positive amount of cents")
    return {
        1: f"{one.amount:.2f}".replace(".", ","),
        2: "S" if one.debit else "H",
        3: head.currency,
        7: str(one.account),
        8: str(one.contra),
        10: f"{one.day:%d%m}",
        11: one.number[: _LONGEST["number"]],
        12: f"{one.due_on:%d%m%y}" if one.due_on else "",
        14: _text(one.text)[: _LONGEST["text"]],
        37: _text(one.cost_1)[: _LONGEST["cost"]],
        38: _text(one.cost_2)[: _LONGEST["cost"]],
        40: one.vat_id,
        103: one.guid,
        105: one.mandate,
        114: str(int(head.locked)),
        115: f"{one.delivered_on:%d%m%Y}" if one.delivered_on else "",
        116: f"{one.day:%d%m%Y}" if one.delivered_on else "",
        117: f"{one.due_on:%d%m%Y}" if one.due_on else "",
        118: "1" if one.reversal else "",
    }


def _debtor(one: LedgerDebtor) -> dict[int, str]:
    name = _text(one.name)[: _LONGEST["name"]]
    return {
        1: str(one.account),
        2: name if one.business else "",
        6: "" if one.business else name,
        7: "2" if one.business else "0",
        9: one.vat_id[:2],
        10: one.vat_id[2:],
        15: "STR",
        16: _text(one.street)[: _LONGEST["street"]],
        18: _text(one.postcode)[: _LONGEST["postcode"]],
        19: _text(one.city)[: _LONGEST["city"]],
        20: one.country,
        33: one.email[: _LONGEST["email"]],
        99: one.customer_id[:15],
    }


def _line(values: Mapping[int, str], texts: Iterable[int], width: int) -> str:
    return ";".join(_quoted(values.get(i, "")) if i in texts else values.get(i, "") for i in range(1, width + 1))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _text(text: str) -> str:
    """Write it in one line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _file(lines: Sequence[str]) -> DatevFile:
    replaced, parts = 0, []
    for char in unicodedata.normalize("NFC", "\r\n".join([*lines, ""])):
        known = char.encode("cp1252", "ignore")
        if not known:
            replaced += 1
            bare = unicodedata.normalize("NFKD", char.translate(_PLAIN))
            known = bare.encode("cp1252", "ignore") or b"?"
        parts.append(known)
    return DatevFile(b"".join(parts), replaced)
