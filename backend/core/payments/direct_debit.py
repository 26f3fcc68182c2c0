"""SEPA direct debits: mandates, when they may be used, and what is announced to a debtor. Pure.

A mandate that is used again and again is presented as RCUR from its first debit on: the schemes ask for no other word
since November 2016 (EPC016-06, EPC222-07). One for a single debit is OOFF.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from backend.core.invoices.billing_profile import DirectDebit
from backend.core.payments.target_calendar import is_banking_day, next_banking_day

LIFE_MONTHS = 36
"""A mandate that was not used for so long is void (EPC016-06, 4.1)."""


class Scheme(StrEnum):
    """CORE is for everybody, B2B for businesses only, who can't have a debit refunded."""

    CORE = "CORE"
    B2B = "B2B"


class Unusable(StrEnum):
    """Why a mandate may not be used."""

    REVOKED = "revoked"
    PAUSED = "paused"
    EXPIRED = "expired"
    USED_UP = "used_up"
    NOT_YET = "not_yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """A customer's consent to be debited.

    Args:
        id: of its row.
        customer_id: whose.
        reference: unique for the creditor, see `backend.core.payments.sepa_ids.is_mandate_reference`.
        scheme: see `Scheme`.
        recurrent: for more than one debit.
        signed_on: date of the signature.
        iban: account that is debited.
        bic: of its bank, may be empty.
        holder: of the account.
        evidence: what proves the consent: version of the text and time of the checkbox, or the name of a document.
        last_used_on: collection date of its last debit.
        paused: reason why it must not be used for now, empty for none.
        revoked_on: when the customer took it back.
    """

    id: int
    customer_id: str
    reference: str
    scheme: Scheme
    recurrent: bool
    signed_on: date
    iban: str
    bic: str
    holder: str
    evidence: str
    last_used_on: date | None = None
    paused: str = ""
    revoked_on: date | None = None

    @property
    def expires_on(self) -> date:
        """The first day on which it is void for not having been used."""
        return _months_after(max(self.last_used_on or self.signed_on, self.signed_on), LIFE_MONTHS)

    @property
    def sequence(self) -> str:
        """How its debits are presented to the bank."""
        return "RCUR" if self.recurrent else "OOFF"


@dataclass(frozen=True, slots=True, kw_only=True)
class Debit:
    """One debit of a batch: `end_to_end` is the invoice number, `text` what the debtor's bank shows."""

    invoice_id: int
    end_to_end: str
    amount: Decimal
    mandate: Mandate
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Creditor:
    """Who collects."""

    operator_id: str
    name: str
    iban: str
    bic: str
    creditor_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Debits of one scheme, collected on one day, in one file. `message_id` names the file for the bank."""

    creditor: Creditor
    scheme: Scheme
    collect_on: date
    message_id: str
    debits: tuple[Debit, ...]

    @property
    def total(self) -> Decimal:
        """The sum of its debits."""
        return sum((one.amount for one in self.debits), Decimal("0.00"))


def unusable(mandate: Mandate, on: date) -> Unusable | None:
    """Tell why a mandate may not be used for a debit collected on that day; None if it may."""
    if mandate.revoked_on and mandate.revoked_on <= on:
        return Unusable.REVOKED
    if mandate.paused:
        return Unusable.PAUSED
    if not mandate.recurrent and mandate.last_used_on:
        return Unusable.USED_UP
    if mandate.signed_on > on:
        return Unusable.NOT_YET
    return Unusable.EXPIRED if on >= mandate.expires_on else None


def choose_mandate(mandates: Iterable[Mandate], on: date) -> Mandate | None:
    """Give the mandate that a customer's debits use, of several the one signed last; None for none that may be used."""
    usable = [one for one in mandates if unusable(one, on) is None]
    return max(usable, key=lambda one: (one.signed_on, one.id), default=None)


def announce(creditor_id: str, mandates: Iterable[Mandate], due_on: date) -> DirectDebit | None:
    """Tell what an invoice announces: its debit on the first banking day from `due_on`. None without a usable mandate.

    The invoice is the pre-notification: it tells amount, day, mandate and creditor identifier.
    """
    mandate = choose_mandate(mandates, next_banking_day(due_on))
    if mandate is None or not creditor_id:
        return None
    return DirectDebit(creditor_id, mandate.reference, mandate.iban)


def collection_problem(collect_on: date, today: date) -> str:
    """Tell why nothing can be collected on a day, empty if it can: banks want the file at least a day ahead."""
    if collect_on <= today:
        return f"{collect_on} is not after today: banks take the file the banking day before at the latest"
    if not is_banking_day(collect_on):
        return f"{collect_on} is no TARGET banking day: choose {next_banking_day(collect_on)}"
    return ""


def _months_after(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    try:
        return day.replace(year=year, month=month + 1)
    except ValueError:  # 29 February
        return date(year, month + 2, 1)
