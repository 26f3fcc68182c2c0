"""Devices by name: the spelling of the settings, and what a typing mistake is told."""

import pytest

from hardware.modbus import ModbusLine
from hardware.registry import BOARDS, METERS, READERS, make_board, make_meter, make_reader


def test_every_name_makes_its_driver() -> None:
    line = ModbusLine("/dev/null", 9600)
    for model in METERS:
        make_meter(model.lower(), line, 1, lambda: 0.0)
    for kind in BOARDS:
        make_board(kind, line, 2)
    for kind in READERS:
        make_reader(kind.upper(), "/dev/null")


def test_a_wrong_name_is_told_the_nearest() -> None:
    line = ModbusLine("/dev/null", 9600)
    with pytest.raises(ValueError, match="no meter called 'SDM72X'; the nearest is 'SDM72D-M'"):
        make_meter("SDM72X", line, 1, lambda: 0.0)
    with pytest.raises(ValueError, match="the nearest is 'simple-evse'"):
        make_board("simpleevse", line, 1)
    with pytest.raises(ValueError, match="the nearest is 'rdm6300'"):
        make_reader("", "/dev/null")
