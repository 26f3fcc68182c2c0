"""What is rated: meter points, and the periods that a session is cut into."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from backend.core.rates.hot_data import hot_dataclass
from shared.units import MilliAmp, Watt, Wh


class PeriodError(ValueError):
    """The meter values contradict each other, so no energy can be told. The text says which."""


class State(StrEnum):
    """What a vehicle does in a period; decides between TIME, PARKING_TIME and reservation prices."""

    __hash__ = str.__hash__

    CHARGING = "CHARGING"
    PARKING = "PARKING"
    RESERVATION = "RESERVATION"


class Between(StrEnum):
    """What is done where a price changes between two values of the meter.

    INTERPOLATE: the register is followed as a line, and the line of the rating says so. START_PRICE: energy is not
    divided, the price at the start of the period counts, and a note says so. HOLD: the session is not priced.
    """

    INTERPOLATE = "interpolate"
    START_PRICE = "start_price"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class MeterPoint:
    """A value of the register during a session.

    Args:
        at: when, aware.
        energy: the import register in Wh.
        power: W, None where unknown.
        current: sum over the phases in mA, None where unknown.
    """

    at: datetime
    energy: Wh
    power: Watt | None = None
    current: MilliAmp | None = None


@hot_dataclass(frozen=True, slots=True)
class Period:
    """A part of a session in which no price changes.

    Args:
        start: aware.
        end: aware; not before `start`.
        state: what the vehicle did.
        energy: Wh taken in the period; a Decimal where somebody else's record tells parts of a Wh.
        interpolated: the register at the start or the end lies between two values of the meter.
        min_power: kW; None where unknown or no price depends on it, as with the next three.
        max_power: kW.
        min_current: A, sum over the phases.
        max_current: A, sum over the phases.
        expired: of a reservation: nobody came.
        tariff_id: which of the session's tariffs counts, for instance solar or grid; empty if time decides.
    """

    start: datetime
    end: datetime
    state: State
    energy: Wh | Decimal
    interpolated: bool = False
    min_power: Decimal | None = None
    max_power: Decimal | None = None
    min_current: Decimal | None = None
    max_current: Decimal | None = None
    expired: bool = False
    tariff_id: str = ""
