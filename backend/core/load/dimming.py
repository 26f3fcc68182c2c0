"""Dimming by the grid operator (sec. 14a EnWG): what it must leave, and which limit counts. Pure.

BNetzA, BK6-22-300 of 27 November 2023, annex 1: a controllable device keeps at least 4.2 kW of grid power. Where an
energy management system controls several, the least for all of them together is 4.2 kW for the first, and for each
further one 4.2 kW times a factor of simultaneity (no. 4.5.2). Publicly accessible charge points are none
of these devices.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

DEVICE_MINIMUM_W = 4200

SIMULTANEITY = {
    2: Decimal("0.80"),
    3: Decimal("0.75"),
    4: Decimal("0.70"),
    5: Decimal("0.65"),
    6: Decimal("0.60"),
    7: Decimal("0.55"),
    8: Decimal("0.50"),
}
SIMULTANEITY_OF_MORE = Decimal("0.45")
"""From nine devices on."""

KEPT = timedelta(days=2 * 366)
"""How long what was dimmed can be proved: two years."""


@dataclass(frozen=True, slots=True)
class Dimming:
    """What the grid operator asked for last.

    Args:
        limit_w: for all EVSEs of the site together; None = it does not dim.
        at: when it came.
        until: it ends by itself; None = when the grid operator says so.
    """

    limit_w: int | None
    at: datetime
    until: datetime | None = None

    def limit_at(self, now: datetime) -> int | None:
        """Give the limit that counts at a time, W."""
        return None if self.until is not None and now >= self.until else self.limit_w


def minimum_w(devices: int) -> int:
    """Tell what a grid operator has to leave to so many devices together, W."""
    if devices <= 0:
        return 0
    factor = SIMULTANEITY.get(devices, SIMULTANEITY_OF_MORE) if devices > 1 else Decimal(0)
    return int(DEVICE_MINIMUM_W * (1 + (devices - 1) * factor))
