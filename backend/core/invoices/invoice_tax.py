"""VAT of an invoice: what its lines bear, and the sum of each rate."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal

from backend.core.invoices.invoice_model import Account, InvoiceLine, InvoiceTax, TaxCase
from backend.core.rates.rounding import Ratio, cents
from backend.core.tariffs.tariff import PriceBasis

_ZERO = Decimal("0.00")
_NO_VAT = Decimal(0)
_FREE = {TaxCase.REVERSE_CHARGE: "AE", TaxCase.EXEMPT: "E", TaxCase.OUTSIDE_SCOPE: "O"}
"""Categories of UNTDID 5305."""
_REASONS = {
    "de": {
        TaxCase.REVERSE_CHARGE: "Steuerschuldnerschaft des Leistungsempfängers",
        TaxCase.OUTSIDE_SCOPE: "Nicht steuerbar",
    },
    "en": {TaxCase.REVERSE_CHARGE: "Reverse charge", TaxCase.OUTSIDE_SCOPE: "Outside the scope of VAT"},
}


def with_vat(lines: Iterable[InvoiceLine], account: Account, basis: PriceBasis) -> list[InvoiceLine]:
    """Give lines the VAT that the customer's case allows, as far as their prices are net.

    Gross prices contain their VAT: leaving it out, or adding it, would make another price of what was promised. The
    self-check finds those.
    """
    if account.tax_case is TaxCase.STANDARD:
        rate = account.standard_vat
        if rate is None:
            return list(lines)
        return [replace(line, vat=line.vat or rate) if basis is PriceBasis.NET else line for line in lines]
    if basis is PriceBasis.NET:
        return [replace(line, vat=_NO_VAT) for line in lines]
    # A tariff without VAT and one with 0 % mean the same to whoever is not charged any.
    return [replace(line, vat=line.vat or _NO_VAT) for line in lines]


def taxes(lines: Iterable[InvoiceLine], account: Account) -> Iterator[InvoiceTax]:
    """Sum up base and tax of each rate, the highest first."""
    bases: dict[Decimal | None, Decimal] = defaultdict(lambda: _ZERO)
    for line in lines:
        bases[line.vat] += line.net
    reason = account.tax_reason or _REASONS[account.language].get(account.tax_case, "")
    for rate in sorted(bases, key=lambda vat: -1 if vat is None else vat, reverse=True):
        category = _FREE.get(account.tax_case, "S" if rate else "Z")
        vat = cents(Ratio(bases[rate] * (rate or _ZERO), Decimal(100)))
        yield InvoiceTax(rate, category, bases[rate], vat, reason if category in _FREE.values() else "")
