"""The devices that a configuration can name. A driver is imported when it is asked for: a station loads what it has."""

import difflib
from collections.abc import Iterable

from hardware.api import EvseBoard, Meter, TagReader
from hardware.modbus import ModbusLine

METERS = ("SDM72DM-V2", "SDM630-V2")
BOARDS = ("simple-evse",)
READERS = ("rdm6300",)


def make_meter(model: str, line: ModbusLine, address: int) -> Meter:
    """Make the driver of a meter.

    Args:
        model: one of METERS; case doesn't matter.
        line: its bus.
        address: Modbus address, 1 to 247.

    Raises:
        ValueError: there is no such model.
    """
    name = _find("meter", model, METERS)
    from hardware.meters import eastron
    from hardware.meters.modbus_meter import ModbusMeter

    tables = {"SDM72DM-V2": eastron.SDM72DM_V2, "SDM630-V2": eastron.SDM630_V2}
    return ModbusMeter(line, address, tables[name])


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
