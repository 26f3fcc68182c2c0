"""The settings of `emops-sim`."""

from dataclasses import dataclass
from pathlib import Path

from shared.config import ClockSettings, setting, table
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
class BusSettings:
    """The RS-485 bus with the meter and the EVSE board."""

    link: Path = setting(Path("bus.tty"), help="link to the bus's serial port")
    baud: int = setting(9600, help="rate of the bus; a client at another rate gets no answer", unit="baud")
    meter: str = setting("SDM72DM-V2", help="model of the meter, one of those that emops-station knows")
    meter_address: int = setting(1, help="Modbus address of the meter", minimum=1, maximum=247)
    meter_serial: int = setting(22411873, help="serial number of the meter", minimum=1, maximum=4294967295)
    initial_kwh: float = setting(
        4711.0, help="import register of a new meter", unit="kWh", minimum=0.0, maximum=10000.0
    )
    register_file: Path = setting(
        Path("meter.json"), help="file that keeps the import register while the program is not running"
    )
    board_address: int = setting(2, help="Modbus address of the EVSE board", minimum=1, maximum=247)
    board_watch_s: float = setting(
        0.0, help="silence after which the board offers nothing; 0 = it doesn't watch", unit="s", minimum=0.0
    )
    cable_current_a: int = setting(32, help="what the charging cable carries", unit="A", minimum=6, maximum=63)
    phases: int = setting(3, help="phases of the supply", minimum=1, maximum=3)


@dataclass(frozen=True, slots=True)
class RfidSettings:
    """The card reader."""

    link: Path = setting(Path("rfid.tty"), help="link to the reader's serial port")
    baud: int = setting(9600, help="rate of the port", unit="baud")
    kind: str = setting("rdm6300", choices=("rdm6300", "pn532"), help="kind of the reader")


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
    bus: BusSettings = table(BusSettings, help="meter and EVSE board")
    rfid: RfidSettings = table(RfidSettings, help="the card reader")
    mailbox: MailboxSettings = table(MailboxSettings, help="the mail server")
    control: ControlSettings = table(ControlSettings, help="the control port")
    log_level: str = setting(
        "INFO", help="least important log lines to write", choices=("DEBUG", "INFO", "WARNING", "ERROR")
    )
