"""Amounts of money. Decimal only; rounding happens once, where a stored policy says so."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
"""The smallest unit of the currencies that emops bills in."""


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount in one currency.

    Args:
        amount: any number of decimals.
        currency: ISO 4217 code, three capital letters.
    """

    amount: Decimal
    currency: str

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount + other.amount, self._same_currency(other))

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount - other.amount, self._same_currency(other))

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"

    def rounded(self) -> "Money":
        """Round commercially to the cent, halves away from zero (DIN 1333)."""
        return Money(self.amount.quantize(CENT, ROUND_HALF_UP), self.currency)

    def _same_currency(self, other: "Money") -> str:
        if self.currency != other.currency:
            raise ValueError(f"can't add {self.currency} and {other.currency}")
        return self.currency
