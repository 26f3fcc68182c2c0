"""The simulated meter of any family shows what the driver of that family reads."""

from decimal import Decimal

import pytest

from hardware.meters.catalogue import MODELS, table
from hardware.meters.register_map import Quantity, decode_text, energy, plan_blocks
from shared.units import Watt, Wh
from simulators.meter import MeterSimulator
from simulators.modbus_slave import Refusal


@pytest.mark.parametrize("model", MODELS)
def test_every_family_can_be_played(model: str) -> None:
    family = table(model)
    meter = MeterSimulator(22411681, Wh(4_711_000), table=family)
    meter.count(Watt(11_000), 0, family.phases)
    values: dict[Quantity, Decimal | None] = {}
    for block in plan_blocks(family.polled(), family.max_words):
        values |= block.values(meter.read(block.function, block.address, block.count))
    billed = family.energy_import
    register = values[Quantity.ENERGY_IMPORT]
    assert register is not None
    assert energy(billed, register) == 4_711_000
    if family.register(Quantity.VOLTAGE_L1):
        assert values[Quantity.VOLTAGE_L1] == 230
    serial = family.register(Quantity.SERIAL)
    if serial:
        assert decode_text(serial, meter.read(serial.function, serial.address, serial.words)) == "22411681"


def test_it_refuses_what_its_family_refuses() -> None:
    meter = MeterSimulator(1, Wh(0), table=table("EM24"))
    assert len(meter.read(4, 0, 11)) == 11
    for function, register, count in ((4, 0, 12), (4, 0x2000, 2), (3, 0, 2)):
        with pytest.raises(Refusal):
            meter.read(function, register, count)
