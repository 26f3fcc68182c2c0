"""What a company car was charged at home, as payroll needs it to refund the electricity. No invoice. Pure.

Since 2026 there are no monthly lump sums any more: the kWh of each session, from a meter of its own, times the price of
the employee's own contract or the official average of the year. Which of the two is chosen for a calendar year.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from backend.core.invoices.host import Month
from backend.core.rates.rounding import cents
from shared.units import Wh, kwh

OFFICIAL_PRICES = {2026: Decimal("0.34")}
"""EUR per kWh with VAT by calendar year: the official average price of households."""


class Method(StrEnum):
    """Where the price is from."""

    CONTRACT = "contract"
    AVERAGE = "average"


class Left(StrEnum):
    """Why a session is not refunded."""

    NO_METER = "no_meter"
    NO_REGISTER = "no_register"
    RUNNING = "running"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Plan:
    """What was chosen for a year.

    Args:
        employee: name.
        vehicle: as the employer knows it.
        place: the charge point at home.
        method: see above.
        price: EUR per kWh of the contract; None for the average.
        evidence: of the contract.
        shows_times: the employer sees when and where.
    """

    employee: str
    vehicle: str
    place: str
    method: Method
    price: Decimal | None
    evidence: str
    shows_times: bool


@dataclass(frozen=True, slots=True)
class HomeSession:
    """A session at home. None marks a register that is not known; `held` that it waits for a person."""

    transaction_id: int
    started_at: datetime
    ended_at: datetime | None
    serial: str
    begin: int | None
    end: int | None
    held: bool = False

    @property
    def left(self) -> Left | None:
        """Why it is not refunded; None if it is."""
        if self.ended_at is None:
            return Left.RUNNING
        if self.held:
            return Left.HELD
        if self.begin is None or self.end is None:
            return Left.NO_REGISTER
        return None if self.serial else Left.NO_METER

    @property
    def energy(self) -> Wh:
        """What it took, 0 where that is not known."""
        return Wh(self.end - self.begin) if self.begin is not None and self.end is not None else Wh(0)


@dataclass(frozen=True, slots=True)
class HomeProof:
    """The proof of a month.

    Args:
        plan: what was chosen.
        month: which.
        zone: of the times.
        price: EUR per kWh.
        counted: sessions that are refunded, in order of time.
        left: sessions that are not.
    """

    plan: Plan
    month: Month
    zone: ZoneInfo
    price: Decimal
    counted: tuple[HomeSession, ...]
    left: tuple[HomeSession, ...]

    @property
    def energy(self) -> Wh:
        """What is refunded."""
        return Wh(sum(one.energy for one in self.counted))

    @property
    def total(self) -> Decimal:
        """Refund in EUR: all kWh of the month times the price, rounded once."""
        return cents(kwh(self.energy) * self.price)


def price_of(plan: Plan, year: int) -> Decimal | None:
    """Give EUR per kWh; None if the official price of that year is not known."""
    return OFFICIAL_PRICES.get(year) if plan.method is Method.AVERAGE else plan.price


def prove(plan: Plan, month: Month, zone: ZoneInfo, price: Decimal, sessions: Sequence[HomeSession]) -> HomeProof:
    """Put together the proof of a month from the sessions that began in it."""
    ordered = sorted(sessions, key=lambda one: (one.started_at, one.transaction_id))
    return HomeProof(
        plan,
        month,
        zone,
        price,
        tuple(one for one in ordered if one.left is None),
        tuple(one for one in ordered if one.left is not None),
    )
