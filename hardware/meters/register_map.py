"""What the registers of a meter mean, and how their words become numbers. Pure: no I/O.

A new meter is one more `MeterTable`, like those in `eastron`, and a line in `catalogue`.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from hardware.bus import Framing
from shared.units import MilliAmp, MilliVolt, Watt, Wh, wh_from_kwh


class Kind(StrEnum):
    """How words encode a number. Within a word the high byte is always first."""

    U16 = "u16"
    I16 = "i16"
    U32 = "u32"
    I32 = "i32"
    U64 = "u64"
    I64 = "i64"
    F32 = "f32"
    F64 = "f64"
    T5 = "t5"
    """Iskra: one byte is the power of ten, signed; three are the number, unsigned."""
    T6 = "t6"
    """Likewise with a signed number."""
    TEXT = "text"
    """ASCII, filled up with blanks or zeros; `Register.length` tells the words."""


_WORDS = {
    Kind.U16: 1,
    Kind.I16: 1,
    Kind.U32: 2,
    Kind.I32: 2,
    Kind.U64: 4,
    Kind.I64: 4,
    Kind.F32: 2,
    Kind.F64: 4,
    Kind.T5: 2,
    Kind.T6: 2,
}

_SIGNED = frozenset({Kind.I16, Kind.I32, Kind.I64})
_FLOAT_FORMATS = {Kind.F32: ">f", Kind.F64: ">d"}
_FLOAT_DIGITS = {Kind.F32: 9, Kind.F64: 17}
"""So many always tell one number from all others."""


class Quantity(StrEnum):
    """What a register tells. Currents and voltages are per phase, to neutral."""

    ENERGY_IMPORT = "energy_import"
    """The total, never a partial counter, and never the sum of both directions."""
    ENERGY_EXPORT = "energy_export"
    POWER = "power"
    """Of all phases, import positive."""
    POWER_OUT = "power_out"
    """Where a meter tells import (`POWER`) and export in two registers without sign."""
    POWER_L1 = "power_l1"
    POWER_L2 = "power_l2"
    POWER_L3 = "power_l3"
    CURRENT_L1 = "current_l1"
    CURRENT_L2 = "current_l2"
    CURRENT_L3 = "current_l3"
    VOLTAGE_L1 = "voltage_l1"
    VOLTAGE_L2 = "voltage_l2"
    VOLTAGE_L3 = "voltage_l3"
    FREQUENCY = "frequency"
    SERIAL = "serial"
    MODEL_CODE = "model_code"
    """A number that stands for the model."""
    MODEL = "model"
    """The model's name."""


POWERS = (Quantity.POWER_L1, Quantity.POWER_L2, Quantity.POWER_L3)
CURRENTS = (Quantity.CURRENT_L1, Quantity.CURRENT_L2, Quantity.CURRENT_L3)
VOLTAGES = (Quantity.VOLTAGE_L1, Quantity.VOLTAGE_L2, Quantity.VOLTAGE_L3)
IDENTITY = (Quantity.SERIAL, Quantity.MODEL_CODE, Quantity.MODEL)


@dataclass(frozen=True, slots=True)
class Register:
    """One line of a meter's table.

    Args:
        quantity: what it tells.
        function: Modbus function that reads it, 3 (holding) or 4 (input).
        address: first register, 0-based as on the wire.
        kind: encoding.
        unit: `Wh`, `kWh`, `W`, `kW`, `A`, `V`, `Hz`, or empty for a plain number or text.
        source: where this was read.
        scale: what the raw number is multiplied with to get `unit`.
        low_word_first: word order, where it is not the usual one.
        resolution: smallest step that the meter counts, in `unit`; each energy register has one.
        exponent_at: register that holds a power of ten to multiply with (SunSpec scale factors, Iskra).
        length: words of a text.
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
    exponent_at: int | None = None
    length: int = 0

    @property
    def words(self) -> int:
        """Number of 16-bit registers of the value itself."""
        return self.length if self.kind is Kind.TEXT else _WORDS[self.kind]

    @property
    def first(self) -> int:
        """First register that must be read to know the value."""
        return self.address if self.exponent_at is None else min(self.address, self.exponent_at)

    @property
    def end(self) -> int:
        """The register behind the last that must be read."""
        last = self.address + self.words
        return last if self.exponent_at is None else max(last, self.exponent_at + 1)


@dataclass(frozen=True, slots=True)
class Requirement:
    """A setting without which the meter's registers mean something else."""

    function: int
    address: int
    value: int
    advice: str


@dataclass(frozen=True, slots=True)
class MeterTable:
    """A family of meters with one register map.

    Args:
        model: name in the settings and on the console.
        title: the family in full.
        registers: the map; `ENERGY_IMPORT` must be in it.
        rated_a: largest current per phase that the meter is built for, A.
        phases: 1 or 3.
        max_words: longest block the family's document allows.
        small_words: longest block that its odd units accept.
        framing: as delivered, or as it is usually set.
        address: Modbus address as delivered.
        framing_is_known: False where no source tells the framing.
        transport: `rtu` or `tcp`, as the meter is sold.
        aliases: other names for the settings: brands and types with the same map.
        model_codes: value of the model code register to the name of the model. A hint only: some units tell another.
        foreign_codes: values that name another family for sure, to the model that must be set then.
        model_texts: how the text of the model register begins.
        verified: whether every row was compared with a real meter on the bench.
        billing: False where the import register can't be trusted for bills, for the reason in `remarks`.
        remarks: where sources disagree, and what the technician must check; shown with the table.
        requires: settings of the meter that this map depends on.
    """

    model: str
    title: str
    registers: tuple[Register, ...]
    rated_a: int
    max_words: int
    small_words: int
    phases: int = 3
    framing: Framing = Framing()
    address: int = 1
    framing_is_known: bool = True
    transport: str = "rtu"
    aliases: tuple[str, ...] = ()
    model_codes: Mapping[int, str] = field(default_factory=dict)
    foreign_codes: Mapping[int, str] = field(default_factory=dict)
    model_texts: tuple[str, ...] = ()
    verified: bool = False
    billing: bool = True
    remarks: tuple[str, ...] = ()
    requires: tuple[Requirement, ...] = ()

    def register(self, quantity: Quantity) -> Register | None:
        """Find the line of a quantity."""
        return next((row for row in self.registers if row.quantity is quantity), None)

    @property
    def energy_import(self) -> Register:
        """The line of the register that is billed."""
        return next(row for row in self.registers if row.quantity is Quantity.ENERGY_IMPORT)

    def polled(self) -> tuple[Register, ...]:
        """Tell which registers are read each time: what a reading is made of.

        Export is read where it stands beside import, though nobody asks for it: so the answer that is billed has a
        length of its own, and no late answer to another request can pass for it.
        """
        wanted = {Quantity.ENERGY_IMPORT, Quantity.POWER, Quantity.POWER_OUT, *CURRENTS, *VOLTAGES}
        if self.register(Quantity.POWER) is None:
            wanted |= set(POWERS)
        billed, export = self.energy_import, self.register(Quantity.ENERGY_EXPORT)
        if export and (export.function, export.first) == (billed.function, billed.end):
            wanted.add(Quantity.ENERGY_EXPORT)
        return tuple(row for row in self.registers if row.quantity in wanted)


Values = Mapping[Quantity, Decimal | None]
"""Quantities in the unit of their register. None: the meter doesn't know it, or tells something impossible."""


@dataclass(frozen=True, slots=True)
class Block:
    """Registers that are read with one request."""

    function: int
    address: int
    count: int
    registers: tuple[Register, ...]

    def values(self, words: Sequence[int]) -> dict[Quantity, Decimal | None]:
        """Decode the words of this block. All ones throughout is no value: nothing drives the bits."""
        if all(word == 0xFFFF for word in words):
            return dict.fromkeys(row.quantity for row in self.registers)
        return {row.quantity: self._value(row, words) for row in self.registers}

    def _value(self, row: Register, words: Sequence[int]) -> Decimal | None:
        start = row.address - self.address
        own = words[start : start + row.words]
        if row.exponent_at is None:
            return decode(row, own)
        exponent = _exponent(words[row.exponent_at - self.address])
        return None if exponent is None else decode(row, own, exponent)


def plan_blocks(registers: Sequence[Register], max_words: int) -> tuple[Block, ...]:
    """Group registers into few requests.

    Args:
        registers: in any order.
        max_words: longest block, in words; gaps between registers are read and thrown away.
    """
    blocks: list[Block] = []
    for row in sorted(registers, key=lambda row: (row.function, row.first)):
        last = blocks[-1] if blocks else None
        if last and last.function == row.function and row.end - last.address <= max_words:
            count = max(last.count, row.end - last.address)
            blocks[-1] = Block(last.function, last.address, count, (*last.registers, row))
        else:
            blocks.append(Block(row.function, row.first, row.end - row.first, (row,)))
    return tuple(blocks)


def decode(register: Register, words: Sequence[int], exponent: int = 0) -> Decimal | None:
    """Turn the words of a register into its value in `register.unit`, times ten to the power of `exponent`.

    None means that the meter doesn't know it: NaN, infinity, the type's not-available mark.
    """
    ordered = tuple(reversed(words)) if register.low_word_first else tuple(words)
    raw = struct.pack(f">{len(ordered)}H", *ordered)
    match register.kind:
        case Kind.F32 | Kind.F64:
            number = _float(register.kind, raw)
        case Kind.T5 | Kind.T6:
            number = _packed(raw, signed=register.kind is Kind.T6)
        case _:
            number = _integer(register.kind, raw)
    return None if number is None else (number * register.scale).scaleb(exponent)


def decode_text(register: Register, words: Sequence[int]) -> str:
    """Give what an identity register tells as text: a number in decimal digits, or the letters. Empty = not told."""
    if register.kind is not Kind.TEXT:
        number = decode(register, words)
        return "" if number is None or number == 0 else str(int(number))
    raw = struct.pack(f">{len(words)}H", *words)
    text = "".join(chr(byte) for byte in raw if 32 <= byte < 127).strip()
    return text.strip("0") and text


def _integer(kind: Kind, raw: bytes) -> Decimal | None:
    """Decode an integer.

    Not available is all ones; for signed types the largest number (ABB B-series manual) or the smallest (SunSpec).
    """
    if kind not in _SIGNED:
        return None if raw == b"\xff" * len(raw) else Decimal(int.from_bytes(raw, "big"))
    if raw in (b"\x7f" + b"\xff" * (len(raw) - 1), b"\x80" + bytes(len(raw) - 1)):
        return None
    return Decimal(int.from_bytes(raw, "big", signed=True))


def _packed(raw: bytes, *, signed: bool) -> Decimal | None:
    if raw == b"\xff" * 4:
        return None
    exponent = int.from_bytes(raw[:1], "big", signed=True)
    return Decimal(int.from_bytes(raw[1:], "big", signed=signed)).scaleb(exponent)


_MAX_EXPONENT = 10
"""SunSpec scale factors go from -10 to 10."""


def _exponent(word: int) -> int | None:
    exponent = word - 0x10000 if word & 0x8000 else word
    return exponent if abs(exponent) <= _MAX_EXPONENT else None


def _float(kind: Kind, raw: bytes) -> Decimal | None:
    """Decode a float to the shortest decimal that stands for it.

    4711.123 arrives as 4711.123046875: digits that the meter never counted would end up in an invoice.
    """
    number: float = struct.unpack(_FLOAT_FORMATS[kind], raw)[0]
    if not math.isfinite(number):
        return None
    for digits in range(1, _FLOAT_DIGITS[kind]):
        text = format(number, f".{digits}g")
        if _as_float(kind, text) == raw:
            return Decimal(text)
    return Decimal(format(number, f".{_FLOAT_DIGITS[kind]}g"))


def _as_float(kind: Kind, text: str) -> bytes:
    try:
        return struct.pack(_FLOAT_FORMATS[kind], float(text))
    except OverflowError:  # rounded up beyond the largest number
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

_FLOAT32_MANTISSA = 2**23


def energy(register: Register, value: Decimal) -> Wh:
    """Give a value of an energy register in Wh, cut off."""
    return wh_from_kwh(value * _FACTORS[register.unit])


def energy_step(register: Register, value: Decimal) -> Wh:
    """Tell by how much an energy register jumps at this value when it counts on, Wh, at least 1.

    A float32 has 24 bits: near 70,000 kWh it counts in steps of 8 Wh, whatever the meter's document says. An integer
    counts in steps of its power of ten, which a scale register may make larger than the document's.
    """
    step = energy(register, register.resolution or Decimal(0))
    if register.kind is Kind.F32:
        step = max(step, Wh(math.ceil(energy(register, abs(value)) / _FLOAT32_MANTISSA)))
    elif register.kind is not Kind.F64:
        step = max(step, energy(register, Decimal((0, (1,), int(value.as_tuple().exponent)))))
    return max(step, Wh(1))


def power(register: Register, value: Decimal) -> Watt:
    """Give a value of a power register in W."""
    return Watt(round(value * _FACTORS[register.unit]))


def current(register: Register, value: Decimal) -> MilliAmp:
    """Give a value of a current register in mA."""
    return MilliAmp(round(value * _FACTORS[register.unit]))


def voltage(register: Register, value: Decimal) -> MilliVolt:
    """Give a value of a voltage register in mV."""
    return MilliVolt(round(value * _FACTORS[register.unit]))


def frequency(value: Decimal) -> Decimal:
    """Give a frequency in Hz. Revisions of one meter differ by a factor of ten (openWB: above 100 Hz means tenths)."""
    return value / 10 if value > 100 else value
