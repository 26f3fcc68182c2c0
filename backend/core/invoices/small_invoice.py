"""Small invoices: what somebody gets who pays at the charge point and is nobody's customer.

Up to 250 EUR with VAT an invoice needs no buyer (§ 33 UStDV), and need not be an e-invoice either. EN 16931 knows none
without a buyer (BR-07, BR-11), and one made up would stand in the part that prevails: so a small invoice is paper
alone. Who wants an invoice in their own name, or pays more, tells who they are (`Payer`) and gets a full one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from decimal import Decimal

from backend.core.invoices.billing_profile import Payment
from backend.core.invoices.document_kind import INVOICE
from backend.core.invoices.invoice_model import Account, InvoiceDraft, Output, Party

LIMIT = Decimal(250)
"""EUR, VAT included (§ 33 UStDV)."""

SERIES = "ad_hoc"
NOBODY = Party(**dict.fromkeys((field.name for field in fields(Party)), ""))
_TAXED = ("S", "Z")


@dataclass(frozen=True, slots=True)
class Payer:
    """Who paid at the charge point and asks for an invoice in their name. `card` is its last 4 to 6 digits."""

    name: str
    street: str
    postcode: str
    city: str
    country: str
    email: str
    vat_id: str
    card: str


def ad_hoc_account(account: Account, payer: Payer | None, *, again: bool = False) -> Account:
    """Give the terms of a session that was paid by card at the charge point.

    Args:
        account: of the customer that stands for all who pay so.
        payer: None: nobody told; it is a small invoice.
        again: it corrects what was paid before. The card can't be charged once more.
    """
    account = replace(account, cost_centre="", order_number="", buyer_reference="", direct_debit=None)
    if payer is None:
        return replace(account, buyer=NOBODY, output=Output.RECEIPT, series=SERIES, payment=Payment.CARD, card="")
    known = {field.name: getattr(payer, field.name) for field in fields(Payer) if field.name != "card"}
    return replace(
        account,
        buyer=replace(account.buyer, phone="", **known),
        output=Output.HYBRID,
        payment=Payment.TRANSFER if again else Payment.CARD,
        card="" if again else payer.card,
    )


def small_problems(draft: InvoiceDraft) -> Iterator[str]:
    """Tell why a draft can't be a small invoice, and what to do."""
    if draft.type_code != INVOICE:
        return
    named = "name who paid (emops-backend invoice payer SESSION ...), then it is an invoice to them"
    if draft.currency != "EUR":
        yield f"an invoice in {draft.currency} needs a buyer (§ 33 UStDV): {named}"
    elif draft.due > LIMIT:
        yield f"{draft.due} EUR is more than the {LIMIT} EUR up to which no buyer is needed (§ 33 UStDV): {named}"
    if any(tax.category not in _TAXED for tax in draft.tax_lines):
        yield "without a buyer there is no exemption from VAT (§ 33 UStDV): see the customer's tax_case"
    if draft.fees:
        yield "nobody owes a base fee at the charge point: give ad-hoc payers a tariff without one"
    if draft.preceding and draft.due > 0:
        yield f"a session paid by card was rated again; {draft.due} {draft.currency} more can't be taken: {named}"
