"""What the samples of one meter value say together, the same for every version of OCPP.

A version's edge makes `Sample`s in the base unit of their quantity; this module knows which of them are the register
that is billed, power, currents and voltages. Float noise (`9.1660000001` kWh) is dropped, then a register is cut to Wh.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from shared.metering import MeterReading, SignedData
from shared.units import MilliAmp, MilliVolt, Watt, Wh

PHASES = ("L1", "L2", "L3")
ENERGY = "Energy.Active.Import.Register"
"""The default measurand (OCPP 1.6 §7.45, OCPP 2.0.1 part 2 SampledValueType), and the one that is billed."""

_LARGEST = Decimal(10) ** 15
"""Beyond this a number is no register of a meter."""

_EXPONENTS = {"kwh": 3, "kw": 3, "ma": -3, "mv": -3}
"""Units other than the base unit, as powers of ten. Case does not count: stations write KWh and kwH."""

_NOISE = Decimal("0.001")

N = TypeVar("N", bound=int)


@dataclass(frozen=True, slots=True)
class Sample:
    """One sampled value in the base unit: Wh, W, A or V. `phase` is empty for all phases together."""

    measurand: str
    phase: str
    value: Decimal


def make_sample(measurand: object, phase: object, value: object, unit: object, multiplier: int = 0) -> Sample | None:
    """Make a sample of what stands on the wire; absent fields take their defaults.

    Args:
        measurand: for instance `Power.Active.Import`, None for the default.
        phase: for instance `L1`, None for all together.
        value: a number or the text of one.
        unit: for instance `kWh`, None for the base unit.
        multiplier: power of ten that the value is to be multiplied by (OCPP 2.x UnitOfMeasureType).

    Returns:
        None if the value is no number, or one that no meter shows.
    """
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    exponent = _EXPONENTS.get(str(unit or "").lower(), 0) + multiplier
    if not number.is_finite() or abs(number) > _LARGEST or abs(exponent) > 15:
        return None
    number = number.scaleb(exponent)
    if abs(number) > _LARGEST:
        return None
    return Sample(str(measurand or ENERGY), str(phase or ""), number.quantize(_NOISE))


def reading_of(samples: Sequence[Sample], signed: SignedData | None = None) -> MeterReading | None:
    """Give what samples of one instant say; None without an energy register. A total missing is the sum of phases."""
    energy = _total(s for s in samples if s.measurand == ENERGY and s.value >= 0)
    if energy is None:
        return None
    power = _total(s for s in samples if s.measurand == "Power.Active.Import")
    return MeterReading(
        energy_import=Wh(int(energy)),
        power=None if power is None else Watt(int(power)),
        currents=tuple(MilliAmp(value) for value in _phases(samples, "Current.Import")),
        voltages=tuple(MilliVolt(value) for value in _phases(samples, "Voltage")),
        signed=signed,
    )


def _total(samples: Iterable[Sample]) -> Decimal | None:
    """Give the value of all phases: as told (the last one, if told twice), else the sum of all three.

    One or two phases alone are no total: nobody knows whether the others have none or were left out.
    """
    values = {sample.phase: sample.value for sample in samples}
    if "" in values:
        return values[""]
    parts = _by_phase(values)
    return sum(parts.values(), Decimal(0)) if len(parts) == len(PHASES) else None


def _phases(samples: Sequence[Sample], measurand: str) -> tuple[int, ...]:
    parts = _by_phase({s.phase: s.value for s in samples if s.measurand == measurand})
    return tuple(int(parts[phase].scaleb(3)) for phase in PHASES if phase in parts)


def _by_phase(values: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Keep single phases, `L1` or to neutral, `L1-N`; between two phases is something else."""
    return {phase: values[name] for phase in PHASES for name in (f"{phase}-N", phase) if name in values}
