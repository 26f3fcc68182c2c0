"""The GiroCode: a QR code that fills in a bank's transfer form (EPC069-12, version 002). Pure."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby

from segno.helpers import make_epc_qr

from backend.core.invoice import Invoice

_QUIET = 4
"""Width of the white border in modules (ISO/IEC 18004)."""
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
    code = make_epc_qr(
        name=name[:_LONGEST_NAME],
        iban=iban.replace(" ", ""),
        bic=bic or None,
        amount=amount,
        text=text[:_LONGEST_TEXT],
        encoding="utf-8",
    )
    rows = [bytes(row) for row in code.matrix]
    size = len(rows) + 2 * _QUIET
    path = "".join(f"M{x} {y}h{width}v1h-{width}z" for x, y, width in _bars(rows))
    # One filled path: bars of their own would show hairlines between them.
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}"><path d="{path}"/></svg>'


def _bars(rows: list[bytes]) -> Iterator[tuple[int, int, int]]:
    """Give the dark modules of each row joined to bars: place and width."""
    for y, row in enumerate(rows, _QUIET):
        x = _QUIET
        for dark, run in groupby(row):
            width = len(list(run))
            if dark:
                yield x, y, width
            x += width
