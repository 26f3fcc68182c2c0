"""What stands in a meter's registers: the way back from `hardware.meters.register_map`. Pure."""

import struct
from collections.abc import Mapping
from decimal import Decimal

from hardware.meters.register_map import Kind, MeterTable, Quantity, Register

_FLOATS = {Kind.F32: ">f", Kind.F64: ">d"}
_FACTORS = {"Wh": Decimal(1000), "kW": Decimal("0.001")}
"""From kWh and W to other units of tables."""
_GAP = 200
"""Registers between two of a table that answer with zero, as most meters do."""
_PACKED_DIGITS = 3
"""Iskra's packed values hold 24 bits: with three decimals they reach to 8388."""


def register_image(
    table: MeterTable, values: Mapping[Quantity, Decimal], texts: Mapping[Quantity, str]
) -> dict[int, dict[int, int]]:
    """Lay out all registers of a table.

    Args:
        table: of the family.
        values: in kWh, W, A, V and Hz; what is missing is 0.
        texts: serial number, model, model code as decimal digits; what is missing is not there.

    Returns:
        Words by Modbus function and register.
    """
    image: dict[int, dict[int, int]] = {3: {}, 4: {}}
    for row in table.registers:
        place = image[row.function]
        if row.unit:
            words = encode(row, values.get(row.quantity, Decimal(0)))
        elif row.quantity in texts:
            words = _text(row, texts[row.quantity])
        else:
            continue
        place |= dict(zip(range(row.address, row.address + row.words), words, strict=True))
        if row.exponent_at is not None:
            place[row.exponent_at] = 0
    for needed in table.requires:
        image[needed.function][needed.address] = needed.value
    return {function: _filled(words) for function, words in image.items()}


def encode(row: Register, value: Decimal) -> list[int]:
    """Give the words of a value in kWh, W, A, V or Hz; cut to what the register can show."""
    number = value * _FACTORS.get(row.unit, Decimal(1)) / row.scale
    if row.kind in _FLOATS:
        raw = struct.pack(_FLOATS[row.kind], float(number))
    elif row.kind in (Kind.T5, Kind.T6):
        digits = _PACKED_DIGITS if abs(number) < 8000 else 0
        raw = struct.pack(">b", -digits) + int(number.scaleb(digits)).to_bytes(3, "big", signed=row.kind is Kind.T6)
    else:
        raw = int(number).to_bytes(2 * row.words, "big", signed=number < 0)
    words = [int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2)]
    return words[::-1] if row.low_word_first else words


def _text(row: Register, text: str) -> list[int]:
    if row.kind is not Kind.TEXT:
        return encode(row, Decimal(text))
    raw = text.encode("ascii")[: 2 * row.length].ljust(2 * row.length, b"\0")
    return list(struct.unpack(f">{row.length}H", raw))


def _filled(words: Mapping[int, int]) -> dict[int, int]:
    filled: dict[int, int] = {}
    last: int | None = None
    for register in sorted(words):
        if last is not None and register - last <= _GAP:
            filled |= dict.fromkeys(range(last + 1, register), 0)
        filled[register] = words[register]
        last = register
    return filled
