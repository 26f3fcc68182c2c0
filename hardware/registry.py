"""The devices that a configuration can name. A driver is imported when it is asked for: a station loads what it has."""

import difflib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from hardware.api import EvseBoard, TagReader, Watchdog
from hardware.evse.wiring import GPIO, GpioWiring
from hardware.meters import catalogue
from hardware.modbus import ModbusLine

if TYPE_CHECKING:
    from hardware.meters.modbus_meter import ModbusMeter
    from hardware.meters.register_map import MeterTable
    from hardware.meters.signing_meter import ModbusSigningMeter

METERS = tuple(catalogue.MODELS)
SIGNING_METERS = ("WM3M4", "BSM-WS36A", "EM580")
BOARDS = (
    "simple-evse",
    "phoenix-em-cp-pp-eth",
    "phoenix-ev-cc-ac1-m3-eth",
    "phoenix-ev-cc-ac1-m",
    "bender-cc612",
    "walther-basicevo-pro",
    "heidelberg-energy-control",
    GPIO,
)
READERS = ("rdm6300", "pn532", "keyboard", "keyboard-decimal")


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


def make_signing_meter(
    model: str, line: ModbusLine, address: int, uptime: Callable[[], float], *, serial: str = ""
) -> "ModbusSigningMeter":
    """Make the driver of a meter that signs. See `make_meter`.

    Raises:
        ValueError: there is no such model, or it does not sign.
    """
    from hardware.meters.signing_meter import ModbusSigningMeter, Procedures

    name = find_table(model).model
    procedures: Procedures
    if name == "WM3M4":
        from hardware.meters.iskra_signed import IskraSigning

        procedures = IskraSigning()
    elif name == "BSM-WS36A":
        from hardware.meters.bauer_signed import BauerSigning

        procedures = BauerSigning()
    elif name == "EM580":
        from hardware.meters.cg_em580 import Em580Signing

        procedures = Em580Signing()
    else:
        raise ValueError(f"the meter {name} does not sign; those that do: {', '.join(SIGNING_METERS)}")
    return ModbusSigningMeter(make_meter(model, line, address, uptime, serial=serial), line, address, procedures)


def make_board(kind: str, line: ModbusLine, address: int, watchdog: Watchdog) -> EvseBoard:
    """Make the driver of an EVSE controller board on a Modbus line.

    Args:
        kind: one of BOARDS but GPIO; case doesn't matter.
        line: its bus.
        address: Modbus address, 1 to 247, over TCP to 255.
        watchdog: what it shall do when we are silent; for boards that can.

    Raises:
        ValueError: there is no such board.
    """
    name = _find("EVSE board", kind, BOARDS)
    if name == "simple-evse":
        from hardware.evse.simple_evse import SimpleEvse

        return SimpleEvse(line, address)
    if name == "bender-cc612":
        from hardware.evse.bender import Bender

        return Bender(line, address, watchdog)
    if name in ("walther-basicevo-pro", "heidelberg-energy-control"):
        from hardware.evse.walther import Walther

        return Walther(line, address, watchdog)
    if name == GPIO:
        raise ValueError(f"a {GPIO} board is on no bus")
    from hardware.evse import phoenix

    maps = {
        "phoenix-em-cp-pp-eth": phoenix.EM_CP_PP_ETH,
        "phoenix-ev-cc-ac1-m3-eth": phoenix.EV_CC_AC1_M3,
        "phoenix-ev-cc-ac1-m": phoenix.EV_CC_AC1_M,
    }
    return phoenix.Phoenix(line, address, maps[name])


def make_gpio_board(wiring: GpioWiring) -> EvseBoard:
    """Make the driver of a board of GPIO lines.

    Raises:
        ValueError: the wiring makes no board.
    """
    from hardware.evse.gpio_board import GpioBoard, Lines
    from hardware.evse.wiring import INPUTS, OUTPUTS

    def open_lines(wiring: GpioWiring) -> Lines:
        from hardware.gpio import GpioLines

        return GpioLines(wiring.lines(OUTPUTS), wiring.lines(INPUTS))

    return GpioBoard(wiring, open_lines)


def make_reader(
    kind: str, port: str, baud: int = 0, *, backwards: bool = False, setting: str = "rfid.port"
) -> TagReader:
    """Make the driver of a card reader.

    Args:
        kind: one of READERS; case doesn't matter.
        port: device file.
        baud: bits per second; 0 = what such readers have from the factory.
        backwards: whether the bytes of its UIDs are turned round.
        setting: name of the setting that holds the port, for the texts of errors.

    Raises:
        ValueError: there is no such reader.
    """
    name = _find("card reader", kind, READERS)
    from hardware.rfid import readers

    reader: TagReader
    if name == "pn532":
        reader = readers.Pn532Reader(port, baud or 115200, setting=setting)
    elif name == "rdm6300":
        from hardware.rfid.rdm6300 import Presentations

        reader = readers.SerialReader(port, baud or 9600, Presentations(), setting=setting)
    else:
        from hardware.rfid.wedge import WedgeParser

        reader = readers.WedgeReader(port, WedgeParser(decimal=name == "keyboard-decimal"), setting=setting)
    return readers.ReversedBytes(reader) if backwards else reader


def _find(what: str, name: str, known: Iterable[str]) -> str:
    by_key = {each.casefold(): each for each in known}
    if name.casefold() not in by_key:
        near = difflib.get_close_matches(name.casefold(), by_key, n=1, cutoff=0.0)[0]
        raise ValueError(
            f"no {what} called {name!r}; the nearest is {by_key[near]!r}. Known: {', '.join(by_key.values())}"
        )
    return by_key[name.casefold()]
