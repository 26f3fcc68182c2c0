"""What is paid out to hosts, as a file of transfers tells it. Pure."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Payout:
    """A transfer of what is open of a statement.

    Args:
        invoice_id: of its row.
        number: of the document, which the bank tells the host.
        name: of the host.
        iban: as the document bears it.
        bic: of its bank, may be empty.
        amount: EUR, positive.
    """

    invoice_id: int
    number: str
    name: str
    iban: str
    bic: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class PayoutBatch:
    """Transfers from one account on one day."""

    operator_id: str
    name: str
    iban: str
    bic: str
    message_id: str
    pay_on: date
    payouts: tuple[Payout, ...]

    @property
    def total(self) -> Decimal:
        """What is paid out."""
        return sum((one.amount for one in self.payouts), Decimal("0.00"))
