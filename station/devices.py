"""The devices of a station, made from its settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hardware.api import EvseBoard, Meter, Modem, SigningMeter, TagReader, Watchdog
from hardware.bus import Direction, Framing
from hardware.evse.wiring import has_bus
from shared.clock import Clock
from shared.config import ConfigError
from shared.ids import EvseId
from station.core.signing import SigningMode
from station.settings import EvseSettings, StationSettings

if TYPE_CHECKING:
    from hardware.modbus import ModbusLine


@dataclass(frozen=True, slots=True)
class EvseHardware:
    """The devices of one EVSE."""

    board: EvseBoard
    meter: Meter
    signing: SigningMeter | None = None
    """The same meter, where it is to sign."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """All devices. `readers` go with the EVSEs that their cards may use, `lines` with the names of the buses."""

    evses: Mapping[EvseId, EvseHardware]
    readers: tuple[tuple[TagReader, tuple[EvseId, ...]], ...] = ()
    modem: Modem | None = None
    lines: "Mapping[str, ModbusLine]" = field(default_factory=dict)


def build_hardware(settings: StationSettings, clock: Clock) -> Hardware:
    """Make the drivers. Nothing is opened yet: a missing port is the business of the task that uses it.

    Raises:
        ConfigError: a kind of device is not known.
    """
    from hardware.modbus import ModbusLine
    from hardware.registry import make_reader

    lines = {
        bus.name: ModbusLine(
            bus.port,
            bus.baud,
            parity=bus.parity,
            stop_bits=bus.stop_bits,
            direction=Direction(bus.direction),
            timeout_s=bus.timeout_s,
            gap_s=bus.gap_s or None,
            rest_s=bus.rest_s,
            setting=f"port of bus {bus.name}",
        )
        for bus in settings.bus
    }
    for evse in settings.evse:
        if has_bus(evse.board):
            _set_framing(lines[evse.board_bus], evse.board_address, evse.board_baud, evse.board_parity)
        _set_framing(lines[evse.meter_bus], evse.meter_address, evse.meter_baud, evse.meter_parity)
    everything = tuple(EvseId(evse.id) for evse in settings.evse)
    try:
        evses = {
            EvseId(evse.id): EvseHardware(_board(evse, lines), *_meter(evse, lines[evse.meter_bus], clock))
            for evse in settings.evse
        }
        readers = tuple(
            (
                make_reader(reader.kind, reader.port, reader.baud, backwards=reader.backwards, setting="reader.port"),
                tuple(map(EvseId, reader.evse)) or everything,
            )
            for reader in settings.reader
        )
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return Hardware(evses, readers, _modem(settings) if settings.uplink.bearer == "modem" else None, lines)


def advice(settings: StationSettings) -> tuple[str, ...]:
    """Say what a technician should look at, though the settings can be used.

    Raises:
        ConfigError: a model of meter is not known.
    """
    from hardware.registry import find_table

    buses = {bus.name: bus for bus in settings.bus}
    sentences = []
    for evse in settings.evse:
        try:
            table = find_table(evse.meter)
        except ValueError as error:
            raise ConfigError(str(error)) from error
        who = f"evse {evse.id}: the meter {table.model}"
        if not table.billing:
            sentences.append(f"{who} is not fit for billing: {table.remarks[0]}")
        elif not table.verified:
            sentences.append(
                f"{who}: its register table was not checked on a real one. Compare it with the display: "
                "emops-station meter verify"
            )
        bus = buses[evse.meter_bus]
        framing = Framing(evse.meter_baud or bus.baud, evse.meter_parity or bus.parity, bus.stop_bits)
        if "://" not in bus.port and table.framing_is_known and framing != table.framing:
            sentences.append(f"{who} usually has {table.framing}, this line has {framing}")
    return tuple(sentences)


def _set_framing(line: "ModbusLine", address: int, baud: int, parity: str) -> None:
    """Give a device its own speed or parity, where the settings have one."""
    if baud or parity:
        framing = line.framing
        line.set_framing(address, replace(framing, baud=baud or framing.baud, parity=parity or framing.parity))


def _board(evse: EvseSettings, lines: "Mapping[str, ModbusLine]") -> EvseBoard:
    from hardware.registry import make_board, make_gpio_board

    if not has_bus(evse.board):
        return make_gpio_board(evse.gpio)
    watchdog = Watchdog(evse.board_watchdog_s, evse.board_safe_current_a)
    return make_board(evse.board, lines[evse.board_bus], evse.board_address, watchdog)


def _meter(evse: EvseSettings, line: "ModbusLine", clock: Clock) -> tuple[Meter, SigningMeter | None]:
    from hardware.registry import make_meter, make_signing_meter

    if evse.signed == SigningMode.OFF:
        return make_meter(evse.meter, line, evse.meter_address, clock.uptime, serial=evse.meter_serial), None
    signing = make_signing_meter(evse.meter, line, evse.meter_address, clock.uptime, serial=evse.meter_serial)
    return signing, signing


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
