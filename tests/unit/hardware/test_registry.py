"""Devices by name: the spelling of the settings, and what a typing mistake is told."""

import pytest

from hardware.api import BoardCapabilities, Watchdog
from hardware.evse.wiring import GpioWiring
from hardware.modbus import ModbusLine
from hardware.registry import BOARDS, METERS, READERS, make_board, make_gpio_board, make_meter, make_reader


def test_every_name_makes_its_driver() -> None:
    line = ModbusLine("/dev/null", 9600)
    for model in METERS:
        make_meter(model.lower(), line, 1, lambda: 0.0)
    for kind in set(BOARDS) - {"gpio"}:
        assert make_board(kind.upper(), line, 2, Watchdog()).capabilities.maximum_a >= 16
    assert make_gpio_board(GpioWiring(contactor="gpiochip0:4")).capabilities == BoardCapabilities(pilot_voltage=True)
    for kind in READERS:
        make_reader(kind.upper(), "/dev/null", backwards=kind == "pn532")


def test_a_gpio_board_is_on_no_bus() -> None:
    with pytest.raises(ValueError, match="on no bus"):
        make_board("gpio", ModbusLine("/dev/null", 9600), 1, Watchdog())


def test_a_wrong_name_is_told_the_nearest() -> None:
    line = ModbusLine("/dev/null", 9600)
    with pytest.raises(ValueError, match="no meter called 'SDM72X'; the nearest is 'SDM72D-M'"):
        make_meter("SDM72X", line, 1, lambda: 0.0)
    with pytest.raises(ValueError, match="the nearest is 'simple-evse'"):
        make_board("simpleevse", line, 1, Watchdog())
    with pytest.raises(ValueError, match="the nearest is 'rdm6300'"):
        make_reader("", "/dev/null")
