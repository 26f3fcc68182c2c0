"""Rounding of exact amounts, each way so that parts still sum to their total.

An exact amount is a Decimal over a Decimal: VAT and hours divide, so few amounts end after some decimals. Numerators
are added and multiplied, which is exact; the division comes last and rounds in the same step.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow, localcontext

from shared.money import CENT

EXACT = Context(prec=6000, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
"""Arithmetic in which every result is exact: one that is not raises `decimal.Inexact`."""

_STORED = Decimal("1e-10")

_MINOR_UNITS = dict.fromkeys(("CLP", "ISK", "JPY", "KRW", "PYG", "VND", "XAF", "XOF"), Decimal(1)) | dict.fromkeys(
    ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), Decimal("0.001")
)
"""Smallest units other than the cent (ISO 4217)."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """An exact amount, `over` divided by `by`, which is positive."""

    over: Decimal
    by: Decimal = Decimal(1)

    def __add__(self, other: "Ratio") -> "Ratio":
        with localcontext(EXACT):
            if self.by == other.by:
                return Ratio(self.over + other.over, self.by)
            return Ratio(self.over * other.by + other.over * self.by, self.by * other.by)


def cents(amount: Decimal | Ratio) -> Decimal:
    """Round commercially to the cent, halves away from zero (DIN 1333)."""
    return rounded(amount, CENT)


def minor_unit(currency: str) -> Decimal:
    """Give the smallest unit that amounts of a currency are rounded to (ISO 4217), for instance 0.01."""
    return _MINOR_UNITS.get(currency, CENT)


def rounded(amount: Decimal | Ratio, unit: Decimal) -> Decimal:
    """Round to a multiple of a unit, halves away from zero."""
    over, by = (amount.over, amount.by) if isinstance(amount, Ratio) else (amount, 1)
    with localcontext(EXACT):
        steps = (2 * abs(over) // (by * unit) + 1) // 2
        return (-steps if over < 0 else steps) * unit


def stored(amounts: Sequence[Ratio]) -> list[Decimal]:
    """Round amounts to ten decimals so that they sum to their exact sum rounded.

    Where that differs from the rounded amounts, those that were rounded farthest the other way give or take one unit.
    """
    parts = [rounded(amount, _STORED) for amount in amounts]
    if len(parts) < 2:
        return parts
    total = amounts[0]
    for amount in amounts[1:]:
        total += amount
    with localcontext(EXACT):
        missing = int((rounded(total, _STORED) - sum(parts)) / _STORED)
        if missing:
            unit = _STORED.copy_sign(Decimal(missing))
            errors = [Ratio(a.over - part * a.by, a.by) for a, part in zip(amounts, parts, strict=True)]
            order = sorted(range(len(parts)), key=lambda i: _floor(errors[i], _STORED / 10**6) * missing, reverse=True)
            for i in order[: abs(missing)]:
                parts[i] += unit
    return parts


def apportion(total: Decimal, shares: Sequence[Decimal], by: Decimal = Decimal(1)) -> list[Decimal]:
    """Round shares, each divided by `by`, to the cent so that they sum to a total, which is their sum rounded.

    Who was cut off most gets a cent first (largest remainder); of equals the first.
    """
    with localcontext(EXACT):
        floors = [_floor(Ratio(share, by), CENT) for share in shares]
        missing = int(total / CENT) - sum(floors)
        order = sorted(range(len(shares)), key=lambda i: floors[i] * CENT * by - shares[i])
        for i in order[:missing]:
            floors[i] += 1
        return [floor * CENT for floor in floors]


def _floor(amount: Ratio, unit: Decimal) -> int:
    steps, rest = divmod(amount.over, amount.by * unit)
    return int(steps) - (rest < 0)
