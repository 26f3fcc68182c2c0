"""Entries of a bank account as files of any format tell them, and by what one is known again. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from hashlib import sha256

from backend.core.payments.sepa_ids import plain

_NO_REFERENCE = frozenset({"", "NONREF", "NOTPROVIDED", "NOTAVAILABLE", "0"})
"""What banks write where they have no reference."""


class BankFileError(ValueError):
    """A file of a bank can't be used. The text names what is wrong; nothing of it was booked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BankEntry:
    """Money that came or went.

    Args:
        account: our IBAN; empty where the file does not tell.
        booked_on: date of the booking at the bank.
        amount: positive what came in.
        currency: ISO 4217.
        name: of the other party.
        iban: of the other party.
        purpose: what the payer wrote, blanks as they came.
        end_to_end: reference that goes from payer to payee.
        mandate: of a direct debit.
        reference: the bank's own number of the entry.
        part: 1, 2, ... where the file tells the payments within one entry, else 0.
        message_id: of our file that the entry collects, or its payment information.
        returned: it is a debit that came back.
        reason: why, see `backend.core.payments.return_reasons`.
        original: amount of the debit that came back, without fees; None where it is not told.
    """

    account: str
    booked_on: date
    amount: Decimal
    currency: str
    name: str = ""
    iban: str = ""
    purpose: str = ""
    end_to_end: str = ""
    mandate: str = ""
    reference: str = ""
    part: int = 0
    message_id: str = ""
    returned: bool = False
    reason: str = ""
    original: Decimal | None = None

    @property
    def fee(self) -> Decimal:
        """What the bank charged for the return of a debit."""
        if not self.returned or self.original is None:
            return Decimal("0.00")
        return max(-self.amount - self.original, Decimal("0.00"))

    @property
    def has_reference(self) -> bool:
        """Tell whether the bank's own number can be relied on."""
        return self.reference not in _NO_REFERENCE


def entry_keys(entries: Iterable[BankEntry]) -> list[str]:
    """Give each entry a key by which it is known again in another file of the same account.

    It is the bank's reference where there is one, else a digest of what the entry says. Payments that are all the same
    count up, so that two of a day stay two, and the same two in an overlapping file are the same two.
    """
    seen: Counter[str] = Counter()
    keys = []
    for entry in entries:
        key = _key(entry)
        seen[key] += 1
        keys.append(f"{key}#{seen[key]}")
    return keys


def _key(entry: BankEntry) -> str:
    if entry.has_reference:
        return f"ref:{entry.reference}/{entry.part}:{entry.amount}"
    words = [plain(text) for text in (entry.name, entry.iban, entry.purpose, entry.end_to_end)]
    content = "|".join([entry.booked_on.isoformat(), str(entry.amount), entry.currency, *words])
    return f"sha:{sha256(content.encode()).hexdigest()[:40]}"


def is_twin(one: BankEntry, other: BankEntry) -> bool:
    """Tell whether two entries with different keys may be the same payment, told by files of different kinds.

    That is the case where one of them has the bank's reference and the other none, or one is the sum of which the
    other is a part.
    """
    if one.has_reference and one.reference == other.reference:
        return bool(one.part) != bool(other.part)
    if one.has_reference == other.has_reference:
        return False
    same = (one.booked_on, one.amount, one.currency) == (other.booked_on, other.amount, other.currency)
    return same and (one.iban == other.iban or not (one.iban and other.iban))


def check_entries(entries: Sequence[BankEntry], source: str) -> None:
    """Check what no file may contain.

    Raises:
        BankFileError: an amount has more than two decimals or is zero, or the entries are of several accounts.
    """
    for entry in entries:
        if entry.amount == 0 or entry.amount != entry.amount.quantize(Decimal("0.01")):
            raise BankFileError(f"{source}: {entry.amount} on {entry.booked_on} is no amount that can be booked")
    if len({entry.account for entry in entries}) > 1:
        raise BankFileError(f"{source} tells of several accounts: export one account a file")
