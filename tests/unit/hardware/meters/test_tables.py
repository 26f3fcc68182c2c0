"""What holds for every register table."""

import itertools

import pytest

from hardware.meters.catalogue import ALIASES, MODELS, all_tables, table
from hardware.meters.register_map import CURRENTS, VOLTAGES, Kind, MeterTable, Quantity, plan_blocks

_LINE_LIMIT = 125


def test_the_catalogue_names_every_table_once() -> None:
    assert [each.model for each in all_tables()] == list(MODELS)
    assert {alias: each.model for each in all_tables() for alias in each.aliases} == ALIASES
    names = [name.casefold() for name in (*MODELS, *ALIASES)]
    assert len(set(names)) == len(names)
    assert table("EM540") is not None


@pytest.mark.parametrize("family", all_tables(), ids=lambda family: family.model)
def test_a_table_is_whole(family: MeterTable) -> None:
    quantities = [row.quantity for row in family.registers]
    assert len(set(quantities)) == len(quantities)
    assert all(row.source.startswith("[") for row in family.registers)
    assert all(row.function in (3, 4) for row in family.registers)
    assert not family.verified, "no table was compared with a real meter yet"
    assert family.billing or family.remarks
    for quantity in (Quantity.ENERGY_IMPORT, Quantity.ENERGY_EXPORT):
        row = family.register(quantity)
        assert row is None or (row.unit in ("kWh", "Wh") and row.resolution)
    if family.phases == 1:
        assert not any(family.register(quantity) for quantity in (*CURRENTS[1:], *VOLTAGES[1:]))
    for row in family.registers:
        assert row.words > 0
        assert row.unit or row.quantity in (Quantity.SERIAL, Quantity.MODEL, Quantity.MODEL_CODE)


@pytest.mark.parametrize("family", all_tables(), ids=lambda family: family.model)
def test_no_two_values_share_registers(family: MeterTable) -> None:
    measured = [row for row in family.registers if row.unit]
    for one, other in itertools.combinations(measured, 2):
        if one.function == other.function:
            assert one.address + one.words <= other.address or other.address + other.words <= one.address


@pytest.mark.parametrize("family", all_tables(), ids=lambda family: family.model)
def test_blocks_are_no_longer_than_the_unit_takes(family: MeterTable) -> None:
    for limit in (family.max_words, family.small_words):
        assert limit <= _LINE_LIMIT
        assert all(block.count <= limit for block in plan_blocks(family.polled(), limit))


@pytest.mark.parametrize("family", all_tables(), ids=lambda family: family.model)
def test_energy_comes_from_whole_numbers_where_the_meter_has_them(family: MeterTable) -> None:
    floats = {"SDM", "PRO", "7M.", "7E.78", "UEM", "Jan"}
    is_float = family.energy_import.kind is Kind.F32
    assert is_float is any(family.model.startswith(name) for name in floats)


@pytest.mark.parametrize(
    ("model", "function", "register"),
    [("EM24", 4, 0x003E), ("PRO380", 3, 0x600C), ("7E.23", 3, 27), ("DS100", 3, 0x010E), ("iEM3155", 3, 0x0C83)],
)
def test_import_is_the_total_and_no_counter_beside_it(model: str, function: int, register: int) -> None:
    billed = table(model).energy_import
    assert (billed.function, billed.address) == (function, register)
