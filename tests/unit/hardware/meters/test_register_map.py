"""Words become numbers: literal words in, literal values out."""

import struct
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.meters import eastron
from hardware.meters.register_map import (
    Kind,
    Quantity,
    Register,
    decode,
    decode_text,
    energy,
    energy_step,
    frequency,
    plan_blocks,
)
from shared.units import Wh


def _row(kind: Kind, unit: str = "kWh", scale: str = "1", *, low_word_first: bool = False) -> Register:
    return Register(Quantity.ENERGY_IMPORT, 4, 0, kind, unit, "test", Decimal(scale), low_word_first)


@pytest.mark.parametrize(
    ("kind", "scale", "low_word_first", "words", "value"),
    [
        (Kind.U16, "0.1", False, [0x08FC], "230.0"),
        (Kind.I16, "1", False, [0xFFFE], "-2"),
        (Kind.U32, "0.01", False, [0x0001, 0x86A0], "1000.00"),
        (Kind.I32, "0.1", True, [0xB80E, 0x0000], "4711.8"),
        (Kind.I32, "0.1", False, [0xFFFF, 0xFFF6], "-1.0"),
        (Kind.U64, "0.01", False, [0, 0, 0x0007, 0x3046], "4711.10"),
        (Kind.F32, "1", False, [0x4593, 0x38FC], "4711.123"),
        (Kind.F32, "1", False, [0x0000, 0x0000], "0"),
        (Kind.F32, "1000", False, [0x412F, 0xAE14], "10980.0"),
        (Kind.F32, "1", True, [0x38FC, 0x4593], "4711.123"),
    ],
)
def test_decodes(kind: Kind, scale: str, low_word_first: bool, words: list[int], value: str) -> None:
    assert decode(_row(kind, scale=scale, low_word_first=low_word_first), words) == Decimal(value)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Kind.F32, [0x7FC0, 0x0000]),
        (Kind.F32, [0xFFFF, 0xFFFF]),
        (Kind.F32, [0x7F80, 0x0000]),
        (Kind.U16, [0xFFFF]),
        (Kind.I16, [0x7FFF]),
        (Kind.U32, [0xFFFF, 0xFFFF]),
        (Kind.I32, [0x7FFF, 0xFFFF]),
        (Kind.U64, [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF]),
    ],
)
def test_not_available_is_none(kind: Kind, words: list[int]) -> None:
    assert decode(_row(kind), words) is None


@pytest.mark.parametrize(
    ("kind", "scale", "words", "value"),
    [
        (Kind.I64, "1", [0x0000, 0x0000, 0x0047, 0xE2D3], "4711123"),
        (Kind.I64, "1", [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE], "-2"),
        (Kind.F64, "1", [0x4151, 0xF8B4, 0xE000, 0x0000], "4711123.5"),
        # 123456 x 10^-3, the example of Iskra's manuals; 230.5 V; -3200 W
        (Kind.T5, "1", [0xFD01, 0xE240], "123.456"),
        (Kind.T5, "1", [0xFF00, 0x0901], "230.5"),
        (Kind.T6, "1", [0x02FF, 0xFFE0], "-3200"),
    ],
)
def test_decodes_the_rarer_kinds(kind: Kind, scale: str, words: list[int], value: str) -> None:
    assert decode(_row(kind, scale=scale), words) == Decimal(value)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Kind.I64, [0x8000, 0, 0, 0]),
        (Kind.I16, [0x8000]),
        (Kind.F64, [0x7FF8, 0, 0, 0]),
        (Kind.T5, [0xFFFF, 0xFFFF]),
    ],
)
def test_the_rarer_kinds_know_not_available_too(kind: Kind, words: list[int]) -> None:
    assert decode(_row(kind), words) is None


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([0x4232, 0x3320, 0x3131, 0x322D], "B23 112-"),
        ([0x4142, 0x0000, 0x0000], "AB"),
        ([0x2020, 0x2020], ""),
        ([0x3030, 0x3030], ""),
        ([0xFFFF, 0xFFFF], ""),
    ],
)
def test_text_is_cut_to_what_can_be_read(words: list[int], text: str) -> None:
    row = Register(Quantity.SERIAL, 3, 0, Kind.TEXT, "", "test", length=len(words))
    assert decode_text(row, words) == text


@pytest.mark.parametrize(
    ("exponent", "value"), [(0x0000, 5), (0x0002, 500), (0xFFFE, Decimal("0.05")), (0x8000, None), (0x0010, None)]
)
def test_a_scale_register_moves_the_point(exponent: int, value: Decimal | None) -> None:
    row = Register(Quantity.ENERGY_IMPORT, 3, 10, Kind.U32, "Wh", "test", exponent_at=12)
    (block,) = plan_blocks([row], 5)
    assert (block.address, block.count) == (10, 3)
    assert block.values([0, 5, exponent]) == {Quantity.ENERGY_IMPORT: value}


def test_a_block_that_nothing_drives_has_no_values() -> None:
    rows = [
        Register(Quantity.POWER, 4, 0, Kind.I32, "W", "test"),
        Register(Quantity.ENERGY_IMPORT, 4, 2, Kind.I32, "kWh", "test"),
    ]
    (block,) = plan_blocks(rows, 10)
    assert block.values([0xFFFF] * 4) == {Quantity.POWER: None, Quantity.ENERGY_IMPORT: None}
    assert block.values([0xFFFF, 0xFFFF, 0, 7]) == {Quantity.POWER: -1, Quantity.ENERGY_IMPORT: 7}


@pytest.mark.parametrize(
    ("kind", "value", "step"),
    [
        (Kind.F32, "4711.123", 1),
        (Kind.F32, "70000", 9),
        (Kind.U32, "4711.1", 100),
        (Kind.U32, "1E+2", 100_000),
        (Kind.F64, "70000", 1),
    ],
)
def test_the_step_of_a_register_is_known(kind: Kind, value: str, step: int) -> None:
    assert energy_step(_row(kind), Decimal(value)) == step


def test_a_frequency_in_tenths_is_found_out() -> None:
    assert [frequency(Decimal(hertz)) for hertz in ("49.98", "499.8")] == [Decimal("49.98"), Decimal("49.98")]


@given(st.integers(0, 16_383_999))
def test_a_float_register_gives_back_each_wh_it_can_hold(register: int) -> None:
    words = struct.unpack(">HH", struct.pack(">f", register / 1000))
    row = _row(Kind.F32)
    value = decode(row, words)
    assert value is not None
    assert energy(row, value) == Wh(register)


@given(st.integers(0, 200_000_000), st.integers(0, 1000))
def test_a_float_register_that_rises_never_reads_as_falling(register: int, more: int) -> None:
    row = _row(Kind.F32)
    before, after = (
        decode(row, struct.unpack(">HH", struct.pack(">f", wh / 1000))) for wh in (register, register + more)
    )
    assert before is not None
    assert after is not None
    assert energy(row, before) <= energy(row, after)


@given(st.binary(min_size=4, max_size=4))
def test_any_four_bytes_decode_to_the_same_float_or_to_nothing(raw: bytes) -> None:
    value = decode(_row(Kind.F32), struct.unpack(">HH", raw))
    number = struct.unpack(">f", raw)[0]
    if value is None:
        assert not abs(number) < float("inf")
    else:
        assert struct.pack(">f", float(value)) == raw or number == 0 == value


def test_energy_is_cut_and_never_rounded_up() -> None:
    assert energy(_row(Kind.U32), Decimal("12.3459")) == Wh(12345)
    assert energy(_row(Kind.U32, "Wh"), Decimal("12345.9")) == Wh(12345)


def _read_rows() -> list[Register]:
    return list(eastron.SDM72DM_V2.polled())


def test_an_eastron_is_read_with_one_request() -> None:
    (block,) = plan_blocks(_read_rows(), 80)
    assert (block.function, block.address, block.count) == (4, 0x0000, 0x4C)


def test_an_odd_eastron_is_read_with_short_blocks() -> None:
    blocks = plan_blocks(_read_rows(), 10)
    assert [(block.address, block.count) for block in blocks] == [(0x00, 10), (0x0A, 2), (0x34, 2), (0x48, 4)]


@pytest.mark.parametrize("words", [10, 80])
def test_no_other_answer_is_as_long_as_that_with_the_energy(words: int) -> None:
    """An RTU answer doesn't tell its register. A late one to another request must not pass for the energy."""
    blocks = plan_blocks(_read_rows(), words)
    billing = [block for block in blocks if any(row.quantity is Quantity.ENERGY_IMPORT for row in block.registers)]
    assert len(billing) == 1
    assert [block.count for block in blocks].count(billing[0].count) == 1


def test_blocks_never_mix_functions_and_overlap_is_read_once() -> None:
    rows = [
        Register(Quantity.SERIAL, 3, 10, Kind.U32, "", "test"),
        Register(Quantity.POWER, 4, 12, Kind.U16, "W", "test"),
        Register(Quantity.ENERGY_IMPORT, 4, 10, Kind.U64, "Wh", "test"),
    ]
    blocks = plan_blocks(rows, 20)
    assert [(block.function, block.address, block.count) for block in blocks] == [(3, 10, 2), (4, 10, 4)]
    assert blocks[1].values([0, 0, 5, 7]) == {
        Quantity.ENERGY_IMPORT: Decimal(5 * 65536 + 7),
        Quantity.POWER: Decimal(5),
    }
