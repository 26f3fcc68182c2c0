"""What is left of an invoice when its time is over: number, days and amounts, and nobody's name. Pure."""

from dataclasses import replace

from backend.core.invoices.invoice_model import Invoice, Party

_SELF_BILLED = "389"


def without_persons(document: Invoice) -> Invoice:
    """Take out of a document who was charged, and what tells it; its sums stay, so that the series can be proved.

    In self-billing (389) the seller is the person, who was paid.
    """
    changed = replace(
        document,
        sessions=tuple(replace(one, token="", driver="", address="", signature=None) for one in document.sessions),
        direct_debit=None,
        card="",
        buyer_reference="",
        order_number="",
        cost_centre="",
    )
    if document.type_code == _SELF_BILLED:
        return replace(changed, seller=_nobody(document.seller), iban="", bic="")
    return replace(changed, buyer=_nobody(document.buyer))


def names_nobody(document: Invoice) -> bool:
    """Tell whether `without_persons` has been here."""
    return document == without_persons(document)


def _nobody(party: Party) -> Party:
    return Party(party.id, "", "", "", "", party.country, "", "", "")
