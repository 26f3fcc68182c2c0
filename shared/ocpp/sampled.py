"""What the samples of one meter value say together, the same for every version of OCPP.

A version's edge makes `Sample`s in the base unit of their quantity; this module knows which of them are the register
that is billed, power, currents and voltages. Float noise (`9.1660000001` kWh) is dropped, then a register is cut to Wh.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from shared.metering import MeterReading, SignedData
from shared.units import MilliAmp, MilliVolt, Watt, Wh

PHASES = ("L1", "L2", "L3")
_PHASE_NAMES = tuple((phase, f"{phase}-N") for phase in PHASES)
ENERGY = "Energy.Active.Import.Register"
"""The default measurand (OCPP 1.6 §7.45, OCPP 2.0.1 part 2 SampledValueType), and the one that is billed."""

_READ = frozenset((ENERGY, "Power.Active.Import", "Current.Import", "Voltage"))
"""What `reading_of` looks at."""

_LARGEST = Decimal(10) ** 15
"""Beyond this a number is no register of a meter."""

_EXPONENTS = {"kwh": 3, "kw": 3, "ma": -3, "mv": -3}
"""Units other than the base unit, as powers of ten. Case does not count: stations write KWh and kwH."""

_NOISE = Decimal("0.001")


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
        None if the value is no number, or one that no meter shows, or of something that is not read here.
    """
    if measurand and measurand not in _READ:
        return None
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
    told = {(s.measurand, s.phase): s.value for s in samples if s.value >= 0 or s.measurand != ENERGY}
    energy = _total(told, ENERGY)
    if energy is None:
        return None
    power = _total(told, "Power.Active.Import")
    return MeterReading(
        energy_import=Wh(int(energy)),
        power=None if power is None else Watt(int(power)),
        currents=tuple(MilliAmp(int(value.scaleb(3))) for value in _phases(told, "Current.Import")),
        voltages=tuple(MilliVolt(int(value.scaleb(3))) for value in _phases(told, "Voltage")),
        signed=signed,
    )


_Told = Mapping[tuple[str, str], Decimal]
"""Values by measurand and phase; of what was told twice, the last one."""


def _total(told: _Told, measurand: str) -> Decimal | None:
    """Give the value of all phases: as told, else the sum of all three.

    One or two phases alone are no total: nobody knows whether the others have none or were left out.
    """
    whole = told.get((measurand, ""))
    if whole is not None:
        return whole
    parts = _phases(told, measurand)
    return sum(parts, Decimal(0)) if len(parts) == len(PHASES) else None


def _phases(told: _Told, measurand: str) -> list[Decimal]:
    """Give single phases, `L1` or to neutral, `L1-N`; between two phases is something else."""
    found = (told.get((measurand, one), told.get((measurand, to_neutral))) for one, to_neutral in _PHASE_NAMES)
    return [value for value in found if value is not None]
