"""The devices that a configuration can name. A driver is imported when it is asked for: a station loads what it has."""

import difflib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from hardware.api import EvseBoard, TagReader
from hardware.meters import catalogue
from hardware.modbus import ModbusLine

if TYPE_CHECKING:
    from hardware.meters.modbus_meter import ModbusMeter
    from hardware.meters.register_map import MeterTable

METERS = tuple(catalogue.MODELS)
BOARDS = ("simple-evse",)
READERS = ("rdm6300",)


def find_table(model: str) -> "MeterTable":
    """Give the register table of a meter.

    Args:
        model: one of METERS or of their other names; case doesn't matter.

    Raises:
        ValueError: there is no such model.
    """
    return catalogue.table(_find("meter", model, (*catalogue.MODELS, *catalogue.ALIASES)))


def make_meter(
    model: str, line: ModbusLine, address: int, uptime: Callable[[], float], *, serial: str = ""
) -> "ModbusMeter":
    """Make the driver of a meter.

    Args:
        model: see `find_table`.
        line: its bus.
        address: Modbus address, 1 to 247; behind a TCP gateway also 0 and 255.
        uptime: seconds on a clock of world time that never jumps.
        serial: serial number that the meter must have; empty = any.

    Raises:
        ValueError: there is no such model.
    """
    from hardware.meters.modbus_meter import ModbusMeter

    return ModbusMeter(line, address, find_table(model), uptime, serial=serial)


def make_board(kind: str, line: ModbusLine, address: int) -> EvseBoard:
    """Make the driver of an EVSE controller board. Likewise, with one of BOARDS."""
    _find("EVSE board", kind, BOARDS)
    from hardware.evse.simple_evse import SimpleEvse

    return SimpleEvse(line, address)


def make_reader(kind: str, port: str, baud: int = 9600, *, setting: str = "rfid.port") -> TagReader:
    """Make the driver of a card reader.

    Args:
        kind: one of READERS; case doesn't matter.
        port: device file.
        baud: bits per second.
        setting: name of the setting that holds the port, for the texts of errors.

    Raises:
        ValueError: there is no such reader.
    """
    _find("card reader", kind, READERS)
    from hardware.rfid.readers import SerialReader

    return SerialReader(port, baud, setting=setting)


def _find(what: str, name: str, known: Iterable[str]) -> str:
    by_key = {each.casefold(): each for each in known}
    if name.casefold() not in by_key:
        near = difflib.get_close_matches(name.casefold(), by_key, n=1, cutoff=0.0)[0]
        raise ValueError(
            f"no {what} called {name!r}; the nearest is {by_key[near]!r}. Known: {', '.join(by_key.values())}"
        )
    return by_key[name.casefold()]
