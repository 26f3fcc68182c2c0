"""The GiroCode: a QR code that fills in a bank's transfer form (EPC069-12, version 002). Pure."""

from decimal import Decimal

from backend.core.invoices.invoice import Invoice
from backend.documents.qr import draw_transfer

_LONGEST_NAME = 70
_LONGEST_TEXT = 140
_LARGEST = Decimal("999999999.99")


def girocode(invoice: Invoice) -> str:
    """Draw the code as SVG, border included; empty where there is nothing to transfer in EUR."""
    if invoice.currency != "EUR" or invoice.refunds or invoice.sample:
        return ""
    return transfer_code(invoice.seller.name, invoice.iban, invoice.bic, invoice.due, invoice.number)


def transfer_code(name: str, iban: str, bic: str, amount: Decimal, text: str) -> str:
    """Draw the code of a transfer in EUR; empty for an amount that can't be transferred.

    Args:
        name: of the payee, cut to what fits.
        iban: of the payee.
        bic: may be empty.
        amount: in EUR.
        text: the reference, at most 140 characters.
    """
    if not 0 < amount <= _LARGEST:
        return ""
    return draw_transfer(name[:_LONGEST_NAME], iban.replace(" ", ""), bic, amount, text[:_LONGEST_TEXT])
