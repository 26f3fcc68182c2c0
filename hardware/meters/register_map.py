"""What the registers of a meter mean, and how their words become numbers. Pure: no I/O.

A new meter is one more `MeterTable`, like those in `eastron`.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from shared.units import MilliAmp, MilliVolt, Watt, Wh, wh_from_kwh


class Kind(StrEnum):
    """How words encode a number. Within a word the high byte is always first."""

    U16 = "u16"
    I16 = "i16"
    U32 = "u32"
    I32 = "i32"
    U64 = "u64"
    F32 = "f32"

    @property
    def words(self) -> int:
        """Number of 16-bit registers."""
        return int(self.value[1:]) // 16


class Quantity(StrEnum):
    """What a register tells. Currents and voltages are per phase, to neutral."""

    ENERGY_IMPORT = "energy_import"
    ENERGY_EXPORT = "energy_export"
    POWER = "power"
    CURRENT_L1 = "current_l1"
    CURRENT_L2 = "current_l2"
    CURRENT_L3 = "current_l3"
    VOLTAGE_L1 = "voltage_l1"
    VOLTAGE_L2 = "voltage_l2"
    VOLTAGE_L3 = "voltage_l3"
    SERIAL = "serial"
    MODEL_CODE = "model_code"


CURRENTS = (Quantity.CURRENT_L1, Quantity.CURRENT_L2, Quantity.CURRENT_L3)
VOLTAGES = (Quantity.VOLTAGE_L1, Quantity.VOLTAGE_L2, Quantity.VOLTAGE_L3)
IDENTITY = (Quantity.SERIAL, Quantity.MODEL_CODE)


@dataclass(frozen=True, slots=True)
class Register:
    """One line of a meter's table.

    Args:
        quantity: what it tells.
        function: Modbus function that reads it, 3 (holding) or 4 (input).
        address: first register, 0-based as on the wire.
        kind: encoding.
        unit: `Wh`, `kWh`, `W`, `kW`, `A`, `V`, or empty for a plain number.
        scale: what the raw number is multiplied with to get `unit`.
        low_word_first: word order, where it is not the usual one.
        resolution: smallest step the meter counts, in `unit`; None where its document doesn't tell.
        minimum: what is below, in `unit`, is not plausible and counts as not known.
        maximum: likewise above.
        source: where this was read.
    """

    quantity: Quantity
    function: int
    address: int
    kind: Kind
    unit: str
    source: str
    scale: Decimal = Decimal(1)
    low_word_first: bool = False
    resolution: Decimal | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None


@dataclass(frozen=True, slots=True)
class MeterTable:
    """A family of meters with one register map.

    Args:
        model: name in the settings and on the console.
        registers: the map; `ENERGY_IMPORT` must be in it.
        max_words: longest block the family's document allows.
        small_words: longest block that its odd units accept.
        model_codes: value of the model code register to the name of the model. A hint only: some units tell another.
    """

    model: str
    registers: tuple[Register, ...]
    max_words: int
    small_words: int
    model_codes: Mapping[int, str] = field(default_factory=dict)

    def register(self, quantity: Quantity) -> Register | None:
        """Find the line of a quantity."""
        return next((row for row in self.registers if row.quantity is quantity), None)


@dataclass(frozen=True, slots=True)
class Block:
    """Registers that are read with one request."""

    function: int
    address: int
    count: int
    registers: tuple[Register, ...]

    def values(self, words: Sequence[int]) -> dict[Quantity, Decimal | None]:
        """Decode the words of this block."""
        found = {}
        for row in self.registers:
            start = row.address - self.address
            found[row.quantity] = decode(row, words[start : start + row.kind.words])
        return found


def plan_blocks(registers: Sequence[Register], max_words: int) -> tuple[Block, ...]:
    """Group registers into few requests.

    Args:
        registers: in any order.
        max_words: longest block, in words; gaps between registers are read and thrown away.
    """
    blocks: list[Block] = []
    for row in sorted(registers, key=lambda row: (row.function, row.address)):
        end = row.address + row.kind.words
        last = blocks[-1] if blocks else None
        if last and last.function == row.function and end - last.address <= max_words:
            count = max(last.count, end - last.address)
            blocks[-1] = Block(last.function, last.address, count, (*last.registers, row))
        else:
            blocks.append(Block(row.function, row.address, row.kind.words, (row,)))
    return tuple(blocks)


def decode(register: Register, words: Sequence[int]) -> Decimal | None:
    """Turn the words of a register into its value in `register.unit`.

    None means that the meter doesn't know it (NaN, infinity, the type's not-available mark) or that it isn't plausible.
    """
    ordered = tuple(reversed(words)) if register.low_word_first else tuple(words)
    raw = struct.pack(f">{len(ordered)}H", *ordered)
    number = _float32(raw) if register.kind is Kind.F32 else _integer(register.kind, raw)
    if number is None:
        return None
    value = number * register.scale
    if register.minimum is not None and value < register.minimum:
        return None
    if register.maximum is not None and value > register.maximum:
        return None
    return value


def _integer(kind: Kind, raw: bytes) -> Decimal | None:
    """Decode an integer. Not available is all ones; for signed types the largest number (ABB B-series manual)."""
    signed = kind in (Kind.I16, Kind.I32)
    missing = b"\x7f" + b"\xff" * (len(raw) - 1) if signed else b"\xff" * len(raw)
    return None if raw == missing else Decimal(int.from_bytes(raw, "big", signed=signed))


def _float32(raw: bytes) -> Decimal | None:
    """Decode a float to the shortest decimal that stands for it.

    4711.123 arrives as 4711.123046875: digits that the meter never counted would end up in an invoice.
    """
    number: float = struct.unpack(">f", raw)[0]
    if not math.isfinite(number):
        return None
    for digits in range(1, 9):
        text = format(number, f".{digits}g")
        if _as_float32(text) == raw:
            return Decimal(text)
    return Decimal(format(number, ".9g"))  # nine digits always tell one float32 from all others


def _as_float32(text: str) -> bytes:
    try:
        return struct.pack(">f", float(text))
    except OverflowError:  # rounded up beyond the largest float32
        return b""


_FACTORS = {
    "Wh": Decimal("0.001"),
    "kWh": Decimal(1),
    "W": Decimal(1),
    "kW": Decimal(1000),
    "A": Decimal(1000),
    "V": Decimal(1000),
}
"""To kWh, W, mA and mV."""


def energy(register: Register, value: Decimal) -> Wh:
    """Give a value of an energy register in Wh, cut off."""
    return wh_from_kwh(value * _FACTORS[register.unit])


def power(register: Register, value: Decimal) -> Watt:
    """Give a value of a power register in W."""
    return Watt(round(value * _FACTORS[register.unit]))


def current(register: Register, value: Decimal) -> MilliAmp:
    """Give a value of a current register in mA."""
    return MilliAmp(round(value * _FACTORS[register.unit]))


def voltage(register: Register, value: Decimal) -> MilliVolt:
    """Give a value of a voltage register in mV."""
    return MilliVolt(round(value * _FACTORS[register.unit]))
