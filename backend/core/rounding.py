"""Rounding of exact amounts, each way so that parts still sum to their total."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from shared.money import CENT

_STORED = Decimal("1e-10")


def cents(amount: Fraction) -> Decimal:
    """Round commercially to the cent, halves away from zero (DIN 1333)."""
    return _rounded(amount, CENT)


def stored(amounts: Sequence[Fraction]) -> list[Decimal]:
    """Round amounts to ten decimals, so that the sum of any first n is the rounded sum of the exact ones."""
    total, before, parts = Fraction(0), Decimal(0), []
    for amount in amounts:
        total += amount
        after = _rounded(total, _STORED)
        parts.append(after - before)
        before = after
    return parts


def apportion(total: Decimal, shares: Sequence[Fraction]) -> list[Decimal]:
    """Round shares to the cent so that they sum to a total, which is their sum rounded.

    Who was cut off most gets a cent first (largest remainder); of equals the first.
    """
    floors = [share * 100 // 1 for share in shares]
    missing = int(total / CENT) - sum(floors)
    order = sorted(range(len(shares)), key=lambda i: floors[i] - shares[i] * 100)
    for i in order[:missing]:
        floors[i] += 1
    return [Decimal(floor) * CENT for floor in floors]


def _rounded(amount: Fraction, unit: Decimal) -> Decimal:
    steps = (abs(amount) / Fraction(unit) * 2 + 1) // 2
    return Decimal(-steps if amount < 0 else steps) * unit
