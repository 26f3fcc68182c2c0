"""Whether what a meter says can be true. Pure: time is an argument.

In doubt there is no value: a missing reading delays a charge, a wrong one is a wrong bill.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from hardware.meters.register_map import MeterTable, Quantity
from shared.units import MilliAmp, MilliVolt, Watt, Wh

HIGHEST_VOLT = 300
LOWEST_MILLIVOLT, HIGHEST_MILLIVOLT = MilliVolt(80_000), MilliVolt(1000 * HIGHEST_VOLT)
"""Of a phase that carries a charge, in a network of 230 V."""

_OVERLOAD = Decimal("1.5")
"""Of the largest current; short peaks go that far."""

_LIFE_HOURS = 20 * 8766
"""No meter counts longer at full load."""

_LAG_S = 2.0
"""Meters renew their registers every second or two, so that a second's energy may show later in one piece."""

_FORGOTTEN = Wh(1000)
"""A meter that lost its supply may have forgotten so much at most; if it falls by more, it is another meter."""

_AGREEING = 2
"""So many more readings that agree with a value, and with each other, prove that it was no bad frame."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a meter can say: largest current per phase as built, A, and phases, 1 or 3."""

    rated_a: int
    phases: int

    @classmethod
    def of(cls, table: MeterTable) -> "Limits":
        """Give the limits of a family."""
        return cls(table.rated_a, table.phases)

    @property
    def highest_w(self) -> int:
        """More than any load that the meter can count, W."""
        return self.rated_a * self.phases * HIGHEST_VOLT

    def counted_within(self, seconds: float) -> Wh:
        """Tell the most energy that can be counted in so many seconds."""
        return Wh(int(self.highest_w * (seconds + _LAG_S) / 3600) + 1)

    def register(self, value: Wh) -> bool:
        """Tell whether an import register can show this."""
        return 0 <= value <= self.highest_w * _LIFE_HOURS

    def current(self, value: MilliAmp) -> bool:
        """Tell whether a phase's current can be this."""
        return abs(value) <= self.rated_a * 1000 * _OVERLOAD

    def voltage(self, value: MilliVolt) -> bool:
        """Tell whether a phase's voltage can be this."""
        return LOWEST_MILLIVOLT <= value <= HIGHEST_MILLIVOLT

    def power(self, value: Watt, currents: Sequence[MilliAmp], voltages: Sequence[MilliVolt]) -> bool:
        """Tell whether the power of all phases can be this, with the currents and voltages that were read with it.

        The active power is no larger than volts times amperes; where all phases are known, a power register that is
        off by ten is found out.
        """
        if abs(value) > self.highest_w * _OVERLOAD:
            return False
        if len(currents) < self.phases or len(voltages) < self.phases:
            return True
        apparent = sum(abs(amps) * volts for amps, volts in zip(currents, voltages, strict=True)) / 1e6
        return abs(value) <= 1.5 * apparent + 200


def is_another_map(values: Mapping[Quantity, Decimal | None]) -> bool:
    """Tell whether the voltages show that the words mean something else: another model, or the wrong word order.

    A dead phase has 0 V or some stray volts. Thousands, or a float next to nothing, is no voltage at all.
    """
    voltage = values.get(Quantity.VOLTAGE_L1)
    return voltage is not None and (abs(voltage) > 1000 or 0 < abs(voltage) < Decimal("1e-6"))


@dataclass(frozen=True, slots=True)
class _Point:
    register: Wh
    at: float


class ImportCounter:
    """The import register over time. It rises, and not faster than the meter's load can make it.

    The first value counts when a second one confirms it. Values that contradict the history and agree with each other
    come from another meter, or from one that is broken: from then on nothing counts any more.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._last: _Point | None = None
        self._other: _Point | None = None
        self._agreeing = 0
        self._verdict = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing counts any more."""
        return bool(self._verdict)

    def judge(self, register: Wh, at: float, step: Wh) -> str:
        """Judge a value.

        Args:
            register: of the import, Wh.
            at: time of the reading, s, on a clock that never jumps.
            step: by which the register jumps when it counts on, Wh.

        Returns:
            Why it can't be taken, in words; empty: it counts.
        """
        if self._verdict:
            return self._verdict
        point = _Point(register, at)
        if self._last and self._follows(self._last, point, step):
            self._last, self._other, self._agreeing = point, None, 0
            return ""
        confirms = self._other is not None and self._follows(self._other, point, step)
        self._other, self._agreeing = point, self._agreeing + 1 if confirms else 0
        if self._last is None:
            if confirms:
                self._last, self._other, self._agreeing = point, None, 0
                return ""
            return f"shows {register} Wh, which no second reading has confirmed"
        reason = self._contradiction(self._last, point)
        if self._agreeing >= _AGREEING and not 0 < self._last.register - register <= _FORGOTTEN:
            self._verdict = reason
        return reason

    def _follows(self, old: _Point, new: _Point, step: Wh) -> bool:
        return 0 <= new.register - old.register <= self._limits.counted_within(new.at - old.at) + step

    def _contradiction(self, last: _Point, point: _Point) -> str:
        if point.register < last.register:
            return f"fell from {last.register} to {point.register} Wh: it was exchanged or is faulty"
        return (
            f"leapt from {last.register} to {point.register} Wh in {point.at - last.at:.0f} s, more than it can count: "
            "it was exchanged or is faulty"
        )


_PROOF = Wh(500)
_PROOF_STEPS = 20
_FACTOR = 5
_LONGEST_GAP_S = 10.0


class ScaleCheck:
    """Whether register and power tell the same energy, within a factor of five.

    Finds a table whose energy is off by ten or by a thousand before anybody is billed: the power is added up over time
    until the sum or the register shows half a kWh and 20 of its steps.
    """

    def __init__(self) -> None:
        self._base, self._at = Wh(0), 0.0
        self._power: Watt | None = None
        self._watt_hours = 0.0

    def contradicts(self, register: Wh, power: Watt | None, at: float, step: Wh) -> str:
        """Take in a reading.

        Args:
            register: of the import, Wh.
            power: of all phases, W; None where it is not known.
            at: time of the reading, s, on a clock that never jumps.
            step: by which the register jumps when it counts on, Wh.

        Returns:
            The contradiction in words; empty where there is none, or where too little is known.
        """
        gap = at - self._at
        if power is None or self._power is None or gap > _LONGEST_GAP_S:
            self._begin(register, at, power)
            return ""
        self._watt_hours += max(0, power + self._power) / 2 * gap / 3600
        self._power, self._at = power, at
        counted = register - self._base
        if max(counted, self._watt_hours) < max(_PROOF, _PROOF_STEPS * step):
            return ""
        if counted > _FACTOR * self._watt_hours or self._watt_hours > _FACTOR * counted:
            return f"counted {counted} Wh while its power register told {self._watt_hours:.0f} Wh"
        self._begin(register, at, power)
        return ""

    def _begin(self, register: Wh, at: float, power: Watt | None) -> None:
        self._base, self._at, self._power, self._watt_hours = register, at, power, 0.0
