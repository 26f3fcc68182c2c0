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

_ZERO = Decimal(0)
_ONE = Decimal(1)
_TWO = Decimal(2)
_STORED = Decimal("1e-10")

_MINOR_UNITS = dict.fromkeys(("CLP", "ISK", "JPY", "KRW", "PYG", "VND", "XAF", "XOF"), Decimal(1)) | dict.fromkeys(
    ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), Decimal("0.001")
)
"""Smallest units other than the cent (ISO 4217)."""


@dataclass(slots=True)
class Ratio:
    """An exact amount, `over` divided by `by`, which is positive."""

    over: Decimal
    by: Decimal = Decimal(1)


def cents(amount: Decimal | Ratio) -> Decimal:
    """Round commercially to the cent, halves away from zero (DIN 1333)."""
    return rounded(amount, CENT)


def minor_unit(currency: str) -> Decimal:
    """Give the smallest unit that amounts of a currency are rounded to (ISO 4217), for instance 0.01."""
    return _MINOR_UNITS.get(currency, CENT)


def rounded(amount: Decimal | Ratio, unit: Decimal) -> Decimal:
    """Round to a multiple of a unit, halves away from zero."""
    over, by = (amount.over, amount.by) if isinstance(amount, Ratio) else (amount, _ONE)
    with localcontext(EXACT):
        return to_unit(over, by, unit)


def summed(amounts: Sequence[Ratio]) -> Ratio:
    """Add exact amounts up; call it inside EXACT."""
    if len(amounts) == 1:
        return amounts[0]
    over, by = _ZERO, _ONE
    for amount in amounts:
        if amount.by == by:
            over += amount.over
        elif over:
            over, by = over * amount.by + amount.over * by, by * amount.by
        else:
            over, by = amount.over, amount.by
    return Ratio(over, by)


def stored(amounts: Sequence[Ratio], total: Ratio) -> list[Decimal]:
    """Round amounts to ten decimals so that they sum to their total, which is exact, rounded; call it inside EXACT.

    Where that differs from the rounded amounts, those that were rounded farthest the other way give or take one unit.
    """
    parts = [to_unit(amount.over, amount.by, _STORED) for amount in amounts]
    if len(parts) < 2:
        return parts
    short = to_unit(total.over, total.by, _STORED) - sum(parts)
    if short:
        missing = int(short / _STORED)
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


def to_unit(over: Decimal, by: Decimal, unit: Decimal) -> Decimal:
    """Divide and round to a multiple of a unit in one step, halves away from zero; call it inside EXACT."""
    steps = (_TWO * abs(over) // (by * unit) + _ONE) // _TWO
    return (-steps if over < _ZERO else steps) * unit


def _floor(amount: Ratio, unit: Decimal) -> int:
    steps, rest = divmod(amount.over, amount.by * unit)
    return int(steps) - (rest < 0)
