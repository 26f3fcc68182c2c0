"""The settings of `emops-sim`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.config import ClockSettings, ConfigError, setting, table
from shared.ids import Secret


@dataclass(frozen=True, slots=True)
class CoverageStep:
    """One step of a coverage script."""

    after_s: float = setting(help="world time since the start at which this begins", unit="s", minimum=0.0)
    dbm: int = setting(0, help="signal strength; 0 = no coverage", unit="dBm", minimum=-113, maximum=0)


@dataclass(frozen=True, slots=True)
class ModemSettings:
    """The GSM modem."""

    link: Path = setting(Path("modem.tty"), help="link to the modem's serial port")
    baud: int = setting(115200, help="rate of the port; a client at another rate gets no answer", unit="baud")
    sim_pin: Secret = setting(Secret(""), help="PIN of the SIM, four to eight digits; empty = none is asked")
    coverage: tuple[CoverageStep, ...] = setting((), help="coverage script; empty = -71 dBm all the time")


@dataclass(frozen=True, slots=True)
class EvseSettings:
    """Meter, board and cable of one EVSE."""

    meter: str = setting("SDM72DM-V2", help="model of the meter, one of those that emops-station knows")
    meter_address: int = setting(1, help="Modbus address of the meter", minimum=1, maximum=247)
    meter_serial: int = setting(22411873, help="serial number of the meter", minimum=1, maximum=4294967295)
    initial_kwh: float = setting(
        4711.0, help="import register of a new meter", unit="kWh", minimum=0.0, maximum=10000.0
    )
    register_file: Path = setting(
        Path("meter.json"), help="file that keeps the import register while the program is not running"
    )
    board: str = setting(
        "simple-evse",
        choices=("simple-evse", "bender-cc612", "walther-basicevo-pro"),
        help="kind of the EVSE board; the last two watch their master and tell more faults",
    )
    board_address: int = setting(2, help="Modbus address of the EVSE board", minimum=1, maximum=247)
    board_watch_s: float = setting(
        0.0, help="silence after which the board offers nothing; 0 = it doesn't watch", unit="s", minimum=0.0
    )
    cable_current_a: int = setting(32, help="what the charging cable carries", unit="A", minimum=6, maximum=63)
    phases: int = setting(3, help="phases of the supply", minimum=1, maximum=3)


@dataclass(frozen=True, slots=True)
class BusSettings(EvseSettings):
    """The RS-485 bus, and the only EVSE on it where no [[evse]] is given."""

    link: Path = setting(Path("bus.tty"), help="link to the bus's serial port")
    baud: int = setting(9600, help="rate of the bus; a client at another rate gets no answer", unit="baud")


@dataclass(frozen=True, slots=True)
class ReaderSettings:
    """A card reader. Which EVSEs it serves is for the station to know."""

    link: Path = setting(Path("rfid.tty"), help="link to the reader's serial port")
    baud: int = setting(9600, help="rate of the port", unit="baud")
    kind: str = setting("rdm6300", choices=("rdm6300", "pn532"), help="kind of the reader")


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """A TCP relay in front of the central system, for a station without a modem."""

    target: str = setting("", help="host:port of the central system; empty = no relay")
    port: int = setting(
        9010, help="port on 127.0.0.1 that the station uses; 0 = any free one", minimum=0, maximum=65535
    )


@dataclass(frozen=True, slots=True)
class PowerSettings:
    """What the mains supply feeds beside the devices: the station's controller."""

    program: tuple[str, ...] = setting(
        (), help="command line of the station: runs with the power, is killed without it"
    )
    off_command: tuple[str, ...] = setting((), help="command that switches off a station that somebody else started")
    on_command: tuple[str, ...] = setting((), help="command that switches it on again")


@dataclass(frozen=True, slots=True)
class MailboxSettings:
    """The mail server."""

    host: str = setting("127.0.0.1", help="address to listen on")
    port: int = setting(2525, help="port to listen on; 0 = any free one", minimum=0, maximum=65535)
    folder: Path = setting(Path("mailbox"), help="folder for the mails")
    greylist: bool = setting(False, help="refuse the first delivery to each recipient for now")


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """The control port."""

    port: int = setting(8190, help="port on 127.0.0.1; 0 = any free one", minimum=0, maximum=65535)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings."""

    clock: ClockSettings = table(ClockSettings, help="world time")
    modem: ModemSettings = table(ModemSettings, help="the GSM modem")
    bus: BusSettings = table(BusSettings, help="the bus, and meter and board of an only EVSE")
    evse: tuple[EvseSettings, ...] = setting((), help="the EVSEs, all on the bus, in the order of their numbers")
    rfid: ReaderSettings = table(ReaderSettings, help="the only card reader")
    reader: tuple[ReaderSettings, ...] = setting((), help="card readers, in the order of their numbers")
    relay: RelaySettings = table(RelaySettings, help="a link without the modem")
    power: PowerSettings = table(PowerSettings, help="the mains supply")
    mailbox: MailboxSettings = table(MailboxSettings, help="the mail server")
    control: ControlSettings = table(ControlSettings, help="the control port")
    log_level: str = setting(
        "INFO", help="least important log lines to write", choices=("DEBUG", "INFO", "WARNING", "ERROR")
    )

    def evses(self) -> tuple[EvseSettings, ...]:
        """Give the EVSEs: those of [[evse]], or the only one that [bus] describes."""
        return self.evse or (self.bus,)

    def readers(self) -> tuple[ReaderSettings, ...]:
        """Give the card readers: those of [[reader]], or the only one that [rfid] describes."""
        return self.reader or (self.rfid,)

    def check(self) -> None:
        """Check what no single setting can tell.

        Raises:
            ConfigError: two devices have one address, one file or one link, or the relay has no target.
        """
        evses, readers = self.evses(), self.readers()
        addresses = [address for evse in evses for address in (evse.meter_address, evse.board_address)]
        _check_different("Modbus address", addresses)
        _check_different("register_file", [evse.register_file for evse in evses])
        _check_different("link", [self.modem.link, self.bus.link, *(reader.link for reader in readers)])
        if self.relay.target:
            split_target(self.relay.target)


def split_target(text: str) -> tuple[str, int]:
    """Read `host:port`.

    Raises:
        ConfigError: it is written otherwise.
    """
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigError(f"relay.target = {text!r}: write for instance 127.0.0.1:9000")
    return host, int(port)


def _check_different(what: str, values: Sequence[object]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise ConfigError(f"two devices have the same {what} {value}: give each one of its own")
