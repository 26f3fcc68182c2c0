"""The letter that asks for what is due: frozen as it was sent, and the mail that brings it. Pure."""

from dataclasses import dataclass

from backend.core.invoices.invoice_model import Party
from backend.core.invoices.letter import Blob, Letter, Purpose, Value
from backend.core.payments.dunning import Demand, Level


@dataclass(frozen=True, slots=True, kw_only=True)
class DunningLetter:
    """A letter. It is never edited; paper and mail are made from it alone.

    Args:
        number: what it is called by: the customer and the day, of which there is at most one letter.
        operator_id: who asks.
        customer_id: who owes.
        seller: the operator's address.
        buyer: the customer's.
        iban: account to pay to.
        bic: may be empty.
        language: `de` or `en`.
        currency: ISO 4217.
        demand: what is asked for.
    """

    number: str
    operator_id: str
    customer_id: str
    seller: Party
    buyer: Party
    iban: str
    bic: str
    language: str
    currency: str
    demand: Demand


def dunning_number(customer_id: str, demand: Demand) -> str:
    """Name a letter: `MA-K-1001-20261110`."""
    return f"MA-{customer_id}-{demand.day:%Y%m%d}"


def dunning_mail(letter: DunningLetter, to: tuple[str, ...], pdf: bytes) -> Letter:
    """Order the mail that brings a letter."""
    demand = letter.demand
    values: dict[str, Value] = {
        "customer": letter.buyer.name,
        "level": demand.level - Level.REMINDER,
        "amount": str(demand.total),
        "currency": letter.currency,
        "due": demand.pay_by.isoformat(),
        "items": [
            {"number": item.number, "due": item.due_on.isoformat(), "amount": str(item.open), "returned": item.returned}
            for item in demand.items
        ],
        "interest": str(demand.interest),
        "fee": str(demand.fee),
        "lump_sum": str(demand.lump_sum),
        "earlier": str(demand.earlier),
        "iban": letter.iban,
        "reference": letter.customer_id,
        "suspended_on": demand.suspend_on.isoformat() if demand.suspend_on else "",
    }
    return Letter(
        operator_id=letter.operator_id,
        purpose=Purpose.DUNNING,
        document=letter.number,
        to=to,
        addressee=letter.buyer.name,
        language=letter.language,
        values=values,
        files=(Blob(f"{letter.number}.pdf", "application/pdf", pdf),),
    )
