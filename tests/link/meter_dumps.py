"""What meters hold in their registers, written as words and not by the code under test.

Each dump has the traps of its family beside the right register: partial counters, sums of both directions, floats of
another unit. The energy stands as literal words, so that no helper here can share a mistake with the decoder.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

Words = list[int]


def words(layout: str, *values: float) -> Words:
    """Pack values one after another, high byte and high word first."""
    raw = struct.pack(">" + layout * len(values), *values)
    return list(struct.unpack(f">{len(raw) // 2}H", raw))


def f32(*values: float) -> Words:
    return words("f", *values)


def u16(*values: int) -> Words:
    return words("H", *values)


def i16(*values: int) -> Words:
    return words("h", *values)


def u32(*values: int) -> Words:
    return words("I", *values)


def i32(*values: int) -> Words:
    return words("i", *values)


def low_first(*values: int) -> Words:
    return [word for value in values for word in reversed(i32(value))]


def text(letters: str, count: int) -> Words:
    return list(struct.unpack(f">{count}H", letters.encode("ascii").ljust(2 * count, b"\0")))


@dataclass(frozen=True)
class Dump:
    """Registers by function and first address, and what a reading of them is.

    Args:
        model: name of the table.
        blocks: function, first register, words.
        energy: import, Wh.
        power: W.
        currents: mA.
        voltages: mV.
        serial: as told.
        told: the model as told; empty = that of the table.
        gaps: whether registers between the blocks can be read, as zeros.
    """

    model: str
    blocks: tuple[tuple[int, int, Words], ...]
    energy: int
    power: int | None = 10_957
    currents: tuple[int, ...] = (15_900, 16_000, 15_700)
    voltages: tuple[int, ...] = (230_500, 231_000, 229_400)
    serial: str = ""
    told: str = ""
    gaps: bool = True

    def image(self, function: int) -> dict[int, int]:
        """Give the registers that a function reads; gaps of less than 200 words are zeros if the meter has such."""
        found: dict[int, int] = {}
        for of, first, content in sorted(self.blocks, key=lambda block: block[:2]):
            if of != function:
                continue
            if self.gaps and found and first - max(found) < 200:
                found |= dict.fromkeys(range(max(found) + 1, first), 0)
            found |= {first + number: word for number, word in enumerate(content)}
        return found


_V, _A, _W = (230.5, 231.0, 229.4), (15.9, 16.0, 15.7), (3664.0, 3696.0, 3597.0)
_EASTRON = (
    (4, 0x0000, f32(*_V, *_A, *_W)),
    (4, 0x0034, f32(10957.0)),
    (4, 0x0046, f32(49.98)),
    # kWh bought, sold; then the sums of both (trap)
    (4, 0x0048, [0x4593, 0x38FC, *f32(0.5)]),
    (4, 0x0156, f32(4711.623)),
    (3, 0xFC00, [0x0155, 0xF9A1, 0x0070]),
)
_CG_PHASES = (
    (4, 0x0000, low_first(2305, 2310, 2294, 3998, 3996, 3990)),
    (4, 0x000C, low_first(15900, 16000, 15700, 36640, 36960, 35970)),
    (4, 0x0028, low_first(109570)),
)


def _eastron_one_phase(energy: Words) -> tuple[tuple[int, int, Words], ...]:
    return (
        (4, 0x0000, f32(230.5)),
        (4, 0x0006, f32(15.9)),
        (4, 0x000C, f32(3664.0)),
        (4, 0x0046, f32(49.98)),
        (4, 0x0048, [*energy, *f32(0.0)]),
        (3, 0xFC00, [0x0155, 0xF9A1, 0x0020]),
    )


def _one(model: str, blocks: Iterable[tuple[int, int, Words]], energy: int, **more: str) -> Dump:
    return Dump(model, tuple(blocks), energy, 3664, (15_900,), (230_500,), **more)  # type: ignore[arg-type]  # texts


def _finder_7m(energy: Words) -> tuple[tuple[int, int, Words], ...]:
    return (
        (4, 2500, f32(*_V)),
        (4, 2516, f32(*_A)),
        (4, 2530, f32(*_W, 10957.0)),
        (4, 2584, f32(49.98)),
        (4, 2752, [*energy, *f32(1.0, 500.0, 2.0)]),
    )


_ALGODUE = (
    (4, 0x1000, f32(*_V, 399.8, 399.6, 399.0, 0.0, *_A, 0.1, 47.6, *(0.0,) * 4, *_W, 10957.0)),
    (4, 0x1038, f32(49.98)),
    (4, 0x1106, [0x4947, 0x0D80, *f32(0.0, 0.0, 0.0, 500.0)]),
)
_ABB_PHASES = (3, 0x5B00, [*u32(2305, 2310, 2294, 3998, 3996, 3990), *u32(1590, 1600, 1570, 0xFFFFFFFF)])
_ABB_POWER = (3, 0x5B14, i32(1095700, 366400, 369600, 359700))
_ABB_ENERGY = (3, 0x5000, [0x0000, 0x0000, 0x0007, 0x3048, *words("Q", 50), *words("Q", 471062)])
_SCHNEIDER = (
    (3, 0x0031, text("iEM3155", 20)),
    (3, 0x0081, u32(22411681)),
    (3, 0x0BB7, f32(*_A)),
    (3, 0x0BD3, f32(*_V)),
    (3, 0x0BED, f32(3.664, 3.696, 3.597, 10.957)),
    (3, 0x0C25, f32(49.98)),
    (3, 0x0C83, [0x0000, 0x0000, 0x0047, 0xE2D3, *words("q", 500)]),
    (3, 0xB02B, f32(4711.123, 0.5)),
)

DUMPS = (
    Dump("SDM630-V2", _EASTRON, 4_711_123, serial="22411681", told="SDM630"),
    Dump("SDM72DM-V2", _EASTRON, 4_711_123, serial="22411681", told="SDM630"),
    Dump(
        "SDM72D-M",
        ((4, 0x0034, f32(10957.0)), (4, 0x0048, [0x444B, 0xE000, *f32(0.5)]), (3, 0xFC00, [0, 0x07D1, 0x0200])),
        815_500,
        currents=(),
        voltages=(),
        serial="2001",
    ),
    _one("SDM120", _eastron_one_phase([0x4228, 0x25E3]), 42_037, serial="22411681"),
    _one("SDM230", _eastron_one_phase([0x4228, 0x25E3]), 42_037, serial="22411681"),
    Dump(
        "B23",
        (
            _ABB_ENERGY,
            _ABB_PHASES,
            _ABB_POWER,
            (3, 0x5B2C, u16(4998)),
            (3, 0x8900, u32(1234567)),
            (3, 0x8960, text("B23 112-100 ", 6)),
        ),
        4_711_120,
        serial="1234567",
        told="B23 112-100",
    ),
    Dump("B24", (_ABB_ENERGY, _ABB_PHASES, _ABB_POWER), 4_711_120, gaps=False),
    _one(
        "B21",
        (
            _ABB_ENERGY,
            (3, 0x5B00, [*u32(2305, *(0xFFFFFFFF,) * 5), *u32(1590, *(0xFFFFFFFF,) * 3)]),
            # what one phase lacks is not available: signed, so the largest number
            (3, 0x5B14, i32(366400, 0x7FFFFFFF, 0x7FFFFFFF, 0x7FFFFFFF)),
            (3, 0x8960, text("B21 112-100 ", 6)),
        ),
        4_711_120,
        told="B21 112-100",
    ),
    Dump(
        "EM340",
        (
            *_CG_PHASES,
            (4, 0x0033, i16(500)),
            (4, 0x0034, [0xB807, 0x0000, *low_first(12345)]),
            (4, 0x004E, low_first(5)),
            (4, 0x5000, text("KX123456789XY", 7)),
        ),
        4_711_100,
        serial="KX123456789XY",
    ),
    Dump("EM330", (*_CG_PHASES, (4, 0x0034, [0xB807, 0x0000])), 4_711_100, gaps=False),
    Dump(
        "EM580",
        (
            *_CG_PHASES,
            (4, 0x0033, i16(500)),
            # coarse, as in the older models (trap); what is billed stands finer at 0x0500, the lowest word first
            (4, 0x0034, [0xB807, 0x0000]),
            (4, 0x0500, [0xE2A3, 0x0047, 0x0000, 0x0000]),
            (4, 0x051C, [0x0005, 0x0000, 0x0000, 0x0000]),
            (4, 0x5000, text("KX123456789XY", 7)),
        ),
        0x0047E2A3,
        serial="KX123456789XY",
    ),
    Dump(
        "EM24",
        (
            *_CG_PHASES,
            (4, 0x0037, i16(500)),
            # total, kvarh, then the partial counter, which mbmd takes for the total (trap)
            (4, 0x003E, [0x007B, 0x0000, *low_first(77), *low_first(45)]),
        ),
        12_300,
    ),
    Dump(
        "EM24-E1",
        (
            *_CG_PHASES,
            (4, 0x0034, [0xB807, 0x0000]),
            (4, 0x0040, low_first(15000, 16000, 16111)),
            (4, 0x5000, text("1234567E", 7)),
            (3, 0xA000, u16(7)),
        ),
        4_711_100,
        serial="1234567E",
    ),
    _one(
        "EM112",
        (
            (4, 0x0000, low_first(2305, 15900, 36640, 36700)),
            (4, 0x000F, i16(500)),
            (4, 0x0010, [0x0936, 0x0001]),
            (4, 0x0020, low_first(5)),
            (4, 0x5000, text("AB12345", 7)),
        ),
        6_789_400,
        serial="AB12345",
    ),
    Dump("iEM3155", _SCHNEIDER, 4_711_123, serial="22411681", told="iEM3155", gaps=False),
    Dump("iEM3255", _SCHNEIDER, 4_711_123, serial="22411681", told="iEM3155"),
    Dump(
        "PAC2200",
        (
            (4, 1, f32(*_V)),
            (4, 13, f32(*_A)),
            (4, 25, f32(*_W)),
            (4, 55, f32(49.98)),
            (4, 65, f32(10957.0)),
            (4, 801, [0x4151, 0xF8B4, 0xE000, 0x0000, *words("d", 77.0), *words("d", 500.0)]),
        ),
        4_711_123,
        gaps=False,
    ),
    Dump(
        "7KT1665",
        (
            (3, 1, u32(23050, 23100, 22940)),
            (3, 7, u32(159000, 160000, 157000)),
            (3, 57, i32(1095700)),
            (3, 6687, [0x000C, 0x6FC7]),
        ),
        815_047,
        voltages=(230_500,),
    ),
    Dump(
        "PRO380",
        (
            (3, 0x1010, [0x2007]),
            (3, 0x4000, u32(18230001)),
            (3, 0x5000, f32(230.3, *_V, 49.98, 47.6, *_A, 10.957, 3.664, 3.696, 3.597)),
            # sum of both directions (trap), tariffs, phases; then import
            (3, 0x6000, [*f32(1300.0, 1300.0, 0.0, 400.0, 450.0, 450.0), 0x449A, 0x51EC]),
            (3, 0x6018, f32(65.44)),
        ),
        1_234_560,
        serial="18230001",
        told="PRO380-Mod",
    ),
    Dump(
        "DVH4013",
        (
            (3, 0x0000, [*u32(109570, 0), *u32(23050, 23100, 22940), *u32(15900, 16000, 15700), *u32(998, 49980)]),
            (3, 0x4000, [0x0047, 0xE2D3]),
            (3, 0x4100, u32(500)),
        ),
        4_711_123,
    ),
    Dump(
        "WM3M4",
        (
            (4, 1, text("WM3M4C", 8)),
            (4, 9, text("01234567", 4)),
            # T5: the first byte is the power of ten
            (4, 105, [0xFE00, 0x1386, 0xFF00, 0x0901, 0xFF00, 0x0906, 0xFF00, 0x08F6]),
            (4, 126, [0xFD00, 0x3E1C, 0xFD00, 0x3E80, 0xFD00, 0x3D54]),
            (4, 140, [0x0000, 0x2ACD, 0x0000, 0x0E50, 0x0000, 0x0E70, 0x0000, 0x0E0D]),
            # exponents -1 and 0, then 47111.2 Wh as a whole number of tenths
            (4, 414, [*i16(-1, 0, 0, 0), 0x0007, 0x3048, *i32(5)]),
        ),
        47_111,
        serial="01234567",
        told="WM3M4C",
    ),
    Dump(
        "BSM-WS36A",
        (
            (3, 40052, text("21070006", 16)),
            (3, 40092, [*i16(476, 159, 160, 157), *i16(-1), *i16(2303, 2305, 2310, 2294, *(0,) * 4), *i16(-1)]),
            (3, 40106, [*i16(4998), *i16(-2), *i16(10957, 3664, 3696, 3597), *i16(0)]),
            (3, 40136, [0x0007, 0x3048, *u32(0, 0, 0), *i16(1)]),
        ),
        4_711_120,
        serial="21070006",
    ),
    Dump("7M.38", _finder_7m([0x4A8F, 0xC5A0]), 4_711_120),
    Dump("7M.24", _finder_7m([0x4A8F, 0xC5A0]), 4_711_120, None, (15_900,), (230_500,)),
    Dump("7E.78", _ALGODUE, 815_320),
    Dump(
        "7E.23",
        # total, then the counter that can be reset (trap), unused, volts, tenths of amperes, 10 W
        ((3, 27, [0x0007, 0x3048, *u32(12), *u16(0, 0, 0, 0), *u16(231, 159, 366)]),),
        4_711_120,
        3660,
        (15_900,),
        (231_000,),
    ),
    Dump("UEM", (*_ALGODUE, (3, 0x0500, text("UEM0012345", 5))), 815_320, serial="UEM0012345"),
    Dump("EEM-350", (*_CG_PHASES, (4, 0x003E, [0xB807, 0x0000, *low_first(77), *low_first(45)])), 4_711_100),
    Dump(
        "Janitza-B23",
        (
            (3, 0x4A38, f32(*_V, 399.8, 399.6, 399.0, *_A, 47.6, *_W, 10957.0)),
            (3, 0x4A6A, f32(49.98)),
            (3, 0x4A7C, [0x4A8F, 0xC5A6]),
            (3, 0x4A84, f32(500.0)),
        ),
        4_711_123,
    ),
    Dump(
        "DS100",
        (
            (3, 0x010E, [0x0007, 0x3048]),
            (3, 0x0122, u32(471162)),
            (3, 0x0400, u32(230500, 231000, 229400)),
            (3, 0x0410, u32(15900, 16000, 15700)),
            (3, 0x041A, i32(3664, 3696, 3597, 10957)),
            (3, 0x0435, u16(500)),
        ),
        4_711_120,
    ),
    Dump(
        "MPM3PM",
        (
            (4, 0x0000, [*u32(471162), 0x0007, 0x3048, *u32(50, 0)]),
            (4, 0x0008, u32(2305, 2310, 2294, 1590, 1600, 1570)),
            (4, 0x0014, i32(366400, 369600, 359700)),
            (4, 0x0026, i32(1095700)),
            (4, 0x002C, u32(4998)),
            (4, 0x0033, u32(2101)),
        ),
        4_711_120,
        serial="2101",
    ),
    Dump(
        "DMG610",
        (
            (4, 0x0001, i32(23050, 23100, 22940, 159000, 160000, 157000)),
            (4, 0x0013, i32(366400, 369600, 359700)),
            (4, 0x0031, i32(49980)),
            (4, 0x1B1F, [0x0000, 0x0000, 0x0007, 0x3048, *words("Q", 50)]),
        ),
        4_711_120,
    ),
)
