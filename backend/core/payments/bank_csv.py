"""Bank accounts as CSV: which column means what is data, with the exports of some banks known beforehand. Pure."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from backend.core.payments.bank_entry import BankEntry, BankFileError, check_entries

MOST_BYTES = 20_000_000
_HEADING_WITHIN = 20
"""Lines that may stand before the headings."""

_DATES = ("%d.%m.%Y", "%d.%m.%y", "%Y-%m-%d", "%d/%m/%Y")
_RETURN_WORDS = re.compile(r"R(ü|ue|u)ckl(ast|g)|Retoure|unbezahlt|returned|Lastschr?ift.*R(ü|ue)ck", re.IGNORECASE)
_REASON = re.compile(r"\b(AC0[1-6]|AC13|AG0[12]|AM0[45]|BE05|CNOR|DNOR|MD0[1267]|MS0[23]|RR0[1-4]|SL01|TM01)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Headings of the columns; what a bank does not tell is left out.

    Args:
        date: of the booking.
        amount: with its sign; decimal comma or point.
        currency: left out = all is in EUR.
        name: of the other party.
        iban: of the other party.
        purpose: may be several columns, joined by a blank.
        end_to_end: reference of the payer.
        mandate: of a debit.
        account: our IBAN.
        kind: words of the bank for what it is; tells returned debits.
        original: amount of the debit that came back, without fees.
        reference: the bank's own number.
    """

    date: str
    amount: str
    currency: str = ""
    name: str = ""
    iban: str = ""
    purpose: tuple[str, ...] = ()
    end_to_end: str = ""
    mandate: str = ""
    account: str = ""
    kind: str = ""
    original: str = ""
    reference: str = ""


PRESETS: Mapping[str, Columns] = {
    "sparkasse": Columns(
        date="Buchungstag",
        amount="Betrag",
        currency="Waehrung",
        name="Beguenstigter/Zahlungspflichtiger",
        iban="Kontonummer/IBAN",
        purpose=("Verwendungszweck",),
        end_to_end="Kundenreferenz (End-to-End)",
        mandate="Mandatsreferenz",
        account="Auftragskonto",
        kind="Buchungstext",
        original="Lastschrift Ursprungsbetrag",
    ),
    "volksbank": Columns(
        date="Buchungstag",
        amount="Betrag",
        currency="Waehrung",
        name="Name Zahlungsbeteiligter",
        iban="IBAN Zahlungsbeteiligter",
        purpose=("Verwendungszweck",),
        mandate="Mandatsreferenz",
        account="IBAN Auftragskonto",
        kind="Buchungstext",
    ),
    "dkb": Columns(
        date="Buchungsdatum",
        amount="Betrag (€)",
        name="Zahlungspflichtige*r",
        iban="IBAN",
        purpose=("Verwendungszweck",),
        end_to_end="Kundenreferenz",
        mandate="Mandatsreferenz",
        kind="Umsatztyp",
    ),
    "plain": Columns(
        date="date",
        amount="amount",
        currency="currency",
        name="name",
        iban="iban",
        purpose=("purpose",),
        end_to_end="end_to_end",
        mandate="mandate",
        account="account",
        kind="kind",
        original="original",
        reference="reference",
    ),
}
"""By name. A file says by its headings which one it is."""


def parse_csv(content: bytes, source: str, columns: Columns | None = None) -> list[BankEntry]:
    """Read the entries of a CSV file, in the order of the file.

    Args:
        content: of the file: UTF-8 or Windows-1252, separated by semicolon, comma or tab.
        source: its name, for what is said about it.
        columns: of the file; None finds out which of `PRESETS` it is.

    Raises:
        BankFileError: its headings are none that are known, or a line lacks what it must have; the text names it.
    """
    if len(content) > MOST_BYTES:
        raise BankFileError(f"{source} has more than {MOST_BYTES // 1_000_000} MB: export a shorter time")
    if b"\x00" in content:
        raise BankFileError(f"{source} is no text")
    lines = _decode(content).splitlines()
    start, separator, columns = _heading(lines, source, columns)
    try:
        reader = csv.DictReader(lines[start:], delimiter=separator, strict=True)
        rows = list(enumerate(reader, start + 2))
    except csv.Error as error:
        raise BankFileError(f"{source} is no CSV: {error}") from error
    entries = [_entry(row, columns, f"{source}, line {line}") for line, row in rows if any(row.values())]
    if not entries:
        raise BankFileError(f"{source} has no entries")
    check_entries(entries, source)
    return entries


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _heading(lines: Sequence[str], source: str, columns: Columns | None) -> tuple[int, str, Columns]:
    """Find the line of headings, what separates them and what they mean."""
    wanted = [columns] if columns else PRESETS.values()
    for i, line in enumerate(lines[:_HEADING_WITHIN]):
        for separator in ";,\t":
            names = set(next(csv.reader([line], delimiter=separator), []))
            for one in wanted:
                if {one.date, one.amount, *one.purpose, *filter(None, [one.name])} <= names:
                    return i, separator, one
    known = ", ".join(PRESETS)
    raise BankFileError(f"{source}: no line has the headings of {known}: tell the columns by a mapping")


def _entry(row: Mapping[str, str | None], columns: Columns, source: str) -> BankEntry:
    def given(name: str) -> str:
        return (row.get(name) or "").strip() if name else ""

    if None in row:
        raise BankFileError(f"{source} has more fields than there are headings")
    amount = _amount(given(columns.amount), source)
    purpose = " ".join(filter(None, (given(name) for name in columns.purpose)))
    kind, original = given(columns.kind), given(columns.original)
    returned = amount < 0 and bool(_RETURN_WORDS.search(f"{kind} {purpose}"))
    reason = _REASON.search(f"{kind} {purpose}") if returned else None
    return BankEntry(
        account="".join(given(columns.account).split()),
        booked_on=_date(given(columns.date), source),
        amount=amount,
        currency=given(columns.currency) or "EUR",
        name=given(columns.name),
        iban="".join(given(columns.iban).split()),
        purpose=purpose,
        end_to_end="" if given(columns.end_to_end) == "NOTPROVIDED" else given(columns.end_to_end),
        mandate=given(columns.mandate),
        reference=given(columns.reference),
        returned=returned,
        reason=reason.group() if reason else "",
        original=abs(_amount(original, source)) if returned and original else None,
    )


def _amount(text: str, source: str) -> Decimal:
    """Read `1.234,56`, `1,234.56`, `-77,29` or `77.29`: what comes last of comma and point divides the cents."""
    bare = text.replace(" ", "").replace("\xa0", "").removesuffix("€").removesuffix("EUR")
    thousands = "." if bare.rfind(",") > bare.rfind(".") else ","
    plain = bare.replace(thousands, "").replace(",", ".")
    if not re.fullmatch(r"[+-]?\d{1,12}(\.\d{1,2})?", plain):
        raise BankFileError(f"{source}: the amount {text!r} is no number such as 1.234,56")
    try:
        return Decimal(plain).quantize(Decimal("0.01"))
    except InvalidOperation:
        raise BankFileError(f"{source}: the amount {text!r} is too large") from None


def _date(text: str, source: str) -> date:
    for pattern in _DATES:
        try:
            return datetime.strptime(text, pattern).date()  # noqa: DTZ007  a date has no zone
        except ValueError:
            continue
    raise BankFileError(f"{source}: the date {text!r} is none such as 31.10.2026")
