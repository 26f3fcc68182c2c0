"""The devices of a station, made from its settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hardware.api import EvseBoard, Meter, Modem, TagReader
from shared.config import ConfigError
from shared.ids import EvseId
from station.settings import StationSettings

if TYPE_CHECKING:
    from hardware.modbus import ModbusLine


@dataclass(frozen=True, slots=True)
class EvseHardware:
    """The devices of one EVSE."""

    board: EvseBoard
    meter: Meter


@dataclass(frozen=True, slots=True)
class Hardware:
    """All devices. `readers` go with the EVSEs that their cards may use, `lines` with the names of the buses."""

    evses: Mapping[EvseId, EvseHardware]
    readers: tuple[tuple[TagReader, tuple[EvseId, ...]], ...] = ()
    modem: Modem | None = None
    lines: "Mapping[str, ModbusLine]" = field(default_factory=dict)


def build_hardware(settings: StationSettings) -> Hardware:
    """Make the drivers. Nothing is opened yet: a missing port is the business of the task that uses it.

    Raises:
        ConfigError: a kind of device is not known.
    """
    from hardware.modbus import ModbusLine
    from hardware.registry import make_board, make_meter, make_reader

    lines = {
        bus.name: ModbusLine(bus.port, bus.baud, parity=bus.parity, setting=f"port of bus {bus.name}")
        for bus in settings.bus
    }
    everything = tuple(EvseId(evse.id) for evse in settings.evse)
    try:
        evses = {
            EvseId(evse.id): EvseHardware(
                make_board(evse.board, lines[evse.board_bus], evse.board_address),
                make_meter(evse.meter, lines[evse.meter_bus], evse.meter_address),
            )
            for evse in settings.evse
        }
        readers = tuple(
            (
                make_reader(reader.kind, reader.port, reader.baud, setting="reader.port"),
                tuple(map(EvseId, reader.evse)) or everything,
            )
            for reader in settings.reader
        )
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return Hardware(evses, readers, _modem(settings) if settings.uplink.bearer == "modem" else None, lines)


def _modem(settings: StationSettings) -> Modem:
    from hardware.modem.at_modem import AtModem
    from hardware.modem.sim_memory import SimMemoryFile

    modem = settings.modem
    beside = settings.journal.path.with_name(settings.journal.path.name + ".sim.json")
    return AtModem(
        modem.port,
        modem.baud,
        apn=modem.apn,
        apn_user=modem.apn_user,
        apn_password=modem.apn_password,
        pin=modem.pin,
        sim_memory=SimMemoryFile(Path(modem.sim_memory) if modem.sim_memory else beside),
    )
