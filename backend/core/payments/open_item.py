"""Open items: what customers owe by each document, derived from bookings that are never changed. Pure.

Signs are the debtor's: an invoice is positive, a credit note negative, a payment that comes in negative. What is open
of a document is its amount and all bookings on it; what is booked on no document is the customer's credit. So the sum
of all documents and all bookings is what the customer owes, whatever was allocated to what.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

ZERO = Decimal("0.00")


class BookingError(ValueError):
    """A booking contradicts what is open. The text names the document and the amounts."""


class BookingKind(StrEnum):
    """Why an amount moved.

    `ALLOCATION` moves between two documents, or between a document and the customer's credit: two bookings whose sum
    is zero. `WRITE_OFF` gives up a claim, `REFUND` is money that we pay back, `FEE` what a customer owes beside a
    document, for instance the bank's fee of a returned debit.
    """

    PAYMENT = "payment"
    RETURN = "return"
    FEE = "fee"
    WRITE_OFF = "write_off"
    REFUND = "refund"
    ALLOCATION = "allocation"


RAISES = (BookingKind.RETURN, BookingKind.FEE, BookingKind.REFUND)
"""Kinds that raise what a customer owes. Payments and write-offs lower it, an allocation does both."""


class ItemState(StrEnum):
    """Where a document stands. `CREDIT` is a credit note that is not used up."""

    OPEN = "open"
    DUE = "due"
    REMINDED = "reminded"
    DUNNED_1 = "dunned_1"
    DUNNED_2 = "dunned_2"
    HANDED_OVER = "handed_over"
    PAID = "paid"
    OVERPAID = "overpaid"
    CREDIT = "credit"


_DUNNING = (ItemState.DUE, ItemState.REMINDED, ItemState.DUNNED_1, ItemState.DUNNED_2, ItemState.HANDED_OVER)
"""By dunning level."""

AGES = (0, 30, 60, 90)
"""Upper ends of the bands of days overdue: not due, to 30, to 60, to 90, more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenItem:
    """A document and what was booked on it.

    Args:
        invoice_id: of its row.
        number: of the document.
        operator_id: who issued it.
        customer_id: who owes it.
        customer: the name.
        due_on: local date; overdue from the day after. What is debited was announced for that day.
        currency: ISO 4217.
        amount: of the document, negative of a credit note.
        booked: sum of the bookings on it.
        disputed: what the customer objects, empty for nothing.
        dunning_level: 0 none, 1 reminded, 2 and 3 dunned, 4 handed over.
        debited: a debit of it is on its way.
        mandate: reference of the mandate that its debit was announced by, empty for none.
    """

    invoice_id: int
    number: str
    operator_id: str
    customer_id: str
    customer: str
    due_on: date
    currency: str
    amount: Decimal
    booked: Decimal = ZERO
    disputed: str = ""
    dunning_level: int = 0
    debited: bool = False
    mandate: str = ""

    @property
    def open(self) -> Decimal:
        """What is still owed; negative where the customer has something to get."""
        return self.amount + self.booked

    def state(self, today: date) -> ItemState:
        """Tell where it stands on a local date."""
        if self.open == 0:
            return ItemState.PAID
        if self.open < 0:
            return ItemState.CREDIT if self.amount < 0 else ItemState.OVERPAID
        if today <= self.due_on and not self.dunning_level:
            return ItemState.OPEN
        return _DUNNING[min(self.dunning_level, len(_DUNNING) - 1)]

    def days_overdue(self, today: date) -> int:
        """Count the days since it fell due; 0 before, and for what is not owed."""
        return max(0, (today - self.due_on).days) if self.open > 0 else 0


def check_booking(number: str, open_amount: Decimal, kind: BookingKind, amount: Decimal) -> None:
    """Check that a booking fits what is open.

    A booking may settle an item but not carry it past zero: what a customer pays too much is their credit, not a
    negative invoice.

    Args:
        number: of the document.
        open_amount: before the booking.
        kind: of the booking.
        amount: signed.

    Raises:
        BookingError: it does not.
    """
    if amount == 0 or amount != amount.quantize(Decimal("0.01")):
        raise BookingError(f"{amount} can't be booked: give an amount of at least one cent, with two decimals")
    if kind is not BookingKind.ALLOCATION and (amount > 0) != (kind in RAISES):
        raise BookingError(f"a {kind.value} of {amount} has the wrong sign")
    if kind in (BookingKind.RETURN, BookingKind.FEE):
        return
    if amount < 0 and -amount > max(open_amount, ZERO):
        raise BookingError(f"{number} has {open_amount} open: {-amount} is more")
    if amount > 0 and amount > max(-open_amount, ZERO):
        raise BookingError(f"{number} has {-open_amount} to give back: {amount} is more")


def spread(amount: Decimal, items: Sequence[OpenItem]) -> tuple[list[tuple[OpenItem, Decimal]], Decimal]:
    """Spread a payment over items, the oldest first, none beyond what is open.

    Returns:
        items with their positive share, and what is left.
    """
    shares = []
    for item in sorted(items, key=lambda one: (one.due_on, one.invoice_id)):
        share = min(amount, item.open)
        if share > 0:
            shares.append((item, share))
            amount -= share
    return shares, amount


@dataclass(frozen=True, slots=True)
class Ages:
    """What a customer owes by age, see `AGES`; the last one is older than all of them. `credit` is what we owe."""

    bands: tuple[Decimal, ...]
    credit: Decimal

    @property
    def total(self) -> Decimal:
        """What is owed after credits."""
        return sum(self.bands, ZERO) - self.credit


def ages(items: Iterable[OpenItem], credit: Decimal, today: date) -> Ages:
    """Sort what is open into bands of age.

    Args:
        items: of one customer, or of all of them.
        credit: booked on no document, positive.
        today: local date.
    """
    bands = [ZERO] * (len(AGES) + 1)
    for item in items:
        if item.open < 0:
            credit -= item.open
        else:
            days = item.days_overdue(today)
            bands[sum(days > end for end in AGES)] += item.open
    return Ages(tuple(bands), credit)
