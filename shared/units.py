"""Units of measurement as types, and the few conversions between them. Energy is always a whole number of Wh."""

from decimal import Decimal
from typing import NewType

Wh = NewType("Wh", int)
"""Energy in watt-hours, integer: a register or a difference of registers."""

Watt = NewType("Watt", int)
"""Active power in watts; negative when energy flows out of the vehicle."""

MilliAmp = NewType("MilliAmp", int)
"""Current in mA."""

MilliVolt = NewType("MilliVolt", int)
"""Voltage in mV."""


def kwh(energy: Wh) -> Decimal:
    """Give energy in kWh, exact, with three decimals: Wh(12345) is Decimal("12.345")."""
    return Decimal(energy).scaleb(-3)


def wh_from_kwh(value: Decimal) -> Wh:
    """Give whole Wh of a register in kWh, cut off and never rounded up: what the meter hasn't counted isn't sold."""
    return Wh(int(value.scaleb(3)))
