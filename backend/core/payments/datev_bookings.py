"""What documents and payments are in the books. Pure.

A document is booked on the account of who owes it, against revenue by its VAT, one booking for each cost centre. Their
sum is what the document is worth; a difference of rounding goes with the largest of them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from uuid import NAMESPACE_URL, uuid5

from backend.core.invoices.document_kind import CANCELLATION
from backend.core.invoices.invoice_model import Invoice, InvoiceLine, InvoiceTax
from backend.core.payments.datev import LedgerBooking
from backend.core.payments.datev_accounts import Ledger, Role, revenue_role
from backend.core.payments.dunning import ClaimKind
from backend.core.payments.open_item import BookingKind
from backend.core.rates.rounding import apportion

Centres = tuple[str, str]
"""Cost centres of the site and of the charge point."""


class LedgerError(ValueError):
    """A document can't be booked. The text names it, and what to set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """A booking on an open item or a customer's account, as `backend.store.open_items` keeps it.

    Args:
        id: of its row.
        account: personal account.
        kind: why.
        amount: signed, positive raises what the customer owes.
        day: date of value.
        number: of the document, empty on account.
        note: see `Posting`.
        by_debit: its money comes by a batch of debits.
        undoes: it takes another booking back.
    """

    id: int
    account: int
    kind: BookingKind
    amount: Decimal
    day: date
    number: str
    note: str
    by_debit: bool
    undoes: bool


def document_bookings(
    document: Invoice, account: int, ledger: Ledger, centres: Callable[[int], Centres]
) -> Iterator[LedgerBooking]:
    """Book a document.

    Args:
        document: the frozen document.
        account: personal account of who owes it, or whom we owe.
        ledger: how the books are kept.
        centres: gives the cost centres of a transaction.

    Raises:
        LedgerError: no account is known for its VAT.
    """
    reversal = document.type_code == CANCELLATION
    worth = -document.owed if reversal else document.owed
    amounts = dict(_amounts(document, ledger, centres))
    difference = abs(document.due) - sum(amounts.values(), Decimal(0)) * (1 if document.due >= 0 else -1)
    if amounts and difference:
        largest = max(amounts, key=lambda key: abs(amounts[key]))
        amounts[largest] += difference if document.due >= 0 else -difference
    for i, ((role, centre), amount) in enumerate(sorted(amounts.items(), key=str)):
        if not amount:
            continue
        # The side of the whole, turned for a part with the other sign.
        side = (worth >= 0) == ((amount >= 0) == (document.due >= 0))
        yield LedgerBooking(
            amount=abs(amount),
            debit=side,
            account=account,
            contra=ledger.account(role),
            day=document.issued_on,
            number=document.number,
            text=f"{document.number} {document.recipient.name}",
            due_on=document.due_on,
            cost_1=centre[0],
            cost_2=centre[1],
            vat_id=document.recipient.vat_id if role is Role.REVENUE_AE else "",
            mandate=document.direct_debit.mandate if document.direct_debit else "",
            delivered_on=document.period_end,
            reversal=reversal,
            guid=str(uuid5(NAMESPACE_URL, f"document/{document.number}/{i}")),
        )


def _amounts(
    document: Invoice, ledger: Ledger, centres: Callable[[int], Centres]
) -> Iterator[tuple[tuple[Role, Centres], Decimal]]:
    found: dict[tuple[Role, Centres], Decimal] = defaultdict(Decimal)
    for tax in document.tax_lines:
        role = _role(document, tax)
        shares: dict[Centres, Decimal] = defaultdict(Decimal)
        for line in document.lines:
            if line.vat == tax.rate:
                shares[_centre(document, line, ledger, centres)] += line.net
        if not shares or sum(shares.values()) != tax.base:
            shares = {("", ""): tax.base}
        gross = tax.base + tax.vat
        sign = 1 if tax.base >= 0 else -1
        parts = (
            apportion(gross, [sign * net * gross for net in shares.values()], abs(tax.base)) if tax.base else [gross]
        )
        for centre, part in zip(shares, parts, strict=False):
            found[role, centre] += part
    yield from found.items()


def _role(document: Invoice, tax: InvoiceTax) -> Role:
    if document.kind.self_billed:
        return Role.HOST_S if tax.category == "S" else Role.HOST_E
    role = revenue_role(tax.category, tax.rate)
    if role is None:
        raise LedgerError(f"{document.number}: no account is known for {tax.category} at {tax.rate} % VAT")
    return role


def _centre(document: Invoice, line: InvoiceLine, ledger: Ledger, centres: Callable[[int], Centres]) -> Centres:
    if not ledger.cost_centres or line.session is None:
        return "", ""
    return centres(document.sessions[line.session].transaction_id)


_CLAIMS = {
    ClaimKind.FEE.value: Role.DUNNING_FEE,
    ClaimKind.LUMP_SUM.value: Role.DUNNING_FEE,
    ClaimKind.INTEREST.value: Role.INTEREST,
}
_TEXTS = {
    BookingKind.PAYMENT: "Zahlung",
    BookingKind.RETURN: "Rücklastschrift",
    BookingKind.FEE: "Gebühr",
    BookingKind.WRITE_OFF: "Ausbuchung",
    BookingKind.REFUND: "Erstattung",
}
_CLAIM_TEXTS = {
    Role.DUNNING_FEE: "Mahnkosten",
    Role.INTEREST: "Verzugszinsen",
    Role.RETURN_FEE: "Rücklastschriftgebühr",
}


def movement_booking(one: Movement, ledger: Ledger) -> LedgerBooking | None:
    """Book a payment, a fee and so on; None for an allocation, which stays on the same account."""
    if one.kind is BookingKind.ALLOCATION:
        return None
    role, text = Role.BANK, _TEXTS[one.kind]
    if one.kind is BookingKind.FEE:
        role = _CLAIMS.get(one.note, Role.RETURN_FEE)
        text = _CLAIM_TEXTS[role]
    elif one.kind is BookingKind.WRITE_OFF:
        role = Role.BAD_DEBT
    elif one.by_debit or one.note == "prepaid":
        role = Role.TRANSIT
    booked = LedgerBooking(
        amount=abs(one.amount),
        debit=one.amount > 0,
        account=one.account,
        contra=ledger.account(role),
        day=one.day,
        number=one.number or f"K{one.id}",
        text=f"{text} {one.number}".strip(),
        guid=str(uuid5(NAMESPACE_URL, f"booking/{one.id}")),
    )
    return replace(booked, debit=not booked.debit, reversal=True) if one.undoes else booked
