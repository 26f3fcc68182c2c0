"""The settings of the agent: one table. `emops-station config` prints it."""

import dataclasses
import ipaddress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hardware.bus import Direction, Endpoint, Transport
from hardware.evse.wiring import GpioWiring, has_bus
from shared.config import ClockSettings, ConfigError, setting, table
from shared.ids import IdToken, Secret
from shared.ocpp.v16 import ID_TAG_LENGTH, PayloadError, parse_timestamp
from station.core.configuration import KEYS, Configuration
from station.core.pins import check_hash
from station.core.signing import SigningMode
from station.core.timekeeping import TimeSource
from station.data_settings import DataSettings
from station.limit_settings import LimitSettings, MqttSettings, TelemetrySettings, check_limits
from station.security.access import Access, Profile
from station.uplink_settings import UplinkSettings

SOCKET_LENGTH = 100
"""Longest name of a Unix-domain socket, with some room: the kernel takes 107 bytes."""


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """Who the charge point is."""

    charge_point_id: str = setting(help="identity at the central system; becomes the last part of its URL")
    vendor: str = setting("emops", help="chargePointVendor of BootNotification, at most 20 characters")
    model: str = setting("station", help="chargePointModel, at most 20 characters")
    serial: str = setting("", help="chargePointSerialNumber, at most 25 characters; empty = not told")
    box_serial: str = setting("", help="chargeBoxSerialNumber, at most 25 characters; empty = not told")
    firmware: str = setting("", help="firmwareVersion, at most 50 characters; empty = version of this program")
    meter_type: str = setting("", help="meterType, at most 25 characters; empty = model of the first EVSE's meter")
    meter_serial: str = setting(
        "", help="meterSerialNumber, at most 25 characters; empty = as the first EVSE's meter tells it"
    )
    iccid: str = setting("", help="ICCID of the SIM, at most 20 characters; empty = as the modem tells it")
    imsi: str = setting("", help="IMSI of the SIM, at most 20 characters; empty = as the modem tells it")


@dataclass(frozen=True, slots=True)
class CsmsSettings:
    """The central system, and how patiently it is asked. All times are link time."""

    url: str = setting(
        help="WebSocket URL without the charge point's identity, for instance ws://csms.example.com/ocpp"
    )
    version: str = setting("1.6", choices=("1.6", "2.0.1"), help="version of OCPP that is spoken")
    tls_url: str = setting(
        "", help="URL for security profiles 2 and 3, wss://...; empty = csms.url with wss instead of ws"
    )
    password: Secret = setting(
        Secret(""),
        help="HTTP basic auth with the identity as user, until the central system changes AuthorizationKey; empty = "
        "none",
    )
    reply_timeout_s: float = setting(
        30.0, unit="s", minimum=1, maximum=600, help="no reply in this time: the connection counts as dead"
    )
    connect_timeout_s: float = setting(60.0, unit="s", minimum=1, maximum=600, help="for TCP and WebSocket handshake")
    authorize_timeout_s: float = setting(
        10.0,
        unit="s",
        minimum=0.5,
        maximum=120,
        help="the driver waits so long for an answer, then offline rules hold",
    )
    retry_wait_s: float = setting(3.0, unit="s", minimum=0.1, maximum=3600, help="first wait before a new connection")
    retry_random_s: float = setting(10.0, unit="s", minimum=0, maximum=3600, help="up to this is added at random")
    retry_doublings: int = setting(3, minimum=0, maximum=12, help="so often a failed attempt doubles the wait")
    boot_retry_s: float = setting(
        60.0, unit="s", minimum=0.5, maximum=86400, help="next BootNotification if the central system names no interval"
    )
    send_without_start: bool = setting(
        False, help="if a start is refused for good, send the rest with transactionId -1 instead of parking it"
    )


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """Where the agent keeps what it must not lose."""

    path: Path = setting(Path("/var/lib/emops/journal.sqlite"), help="SQLite file; its folder must exist")
    status_path: str = setting("", help="small JSON file for the status command; empty = beside the journal")
    keep_days: int = setting(
        730,
        unit="d",
        minimum=1,
        maximum=36500,
        help="readings between begin and end of a charge are kept so long after delivery; all else is kept for good",
    )
    max_samples: int = setting(
        100000, minimum=100, maximum=10000000, help="when more samples wait for delivery they are thinned out"
    )
    min_free_mb: int = setting(
        20, unit="MB", minimum=0, maximum=100000, help="with less disk space waiting samples are thinned out"
    )
    card_endurance_tb: float = setting(
        0.0,
        unit="TB",
        minimum=0.0,
        maximum=100000.0,
        help="what the storage card takes in its life by its maker's word; a near end is told; 0 = not known",
    )


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """How what has waited is delivered."""

    per_minute: int = setting(
        120,
        unit="1/min",
        minimum=0,
        maximum=100000,
        help="transaction messages of a backlog, so that a thin link stays free for drivers; 0 = no limit",
    )
    order: str = setting(
        "auto",
        choices=("auto", "chronological", "boundaries"),
        help="boundaries = samples of charges that have ended wait for the begins and ends of others; chronological = "
        "all in their order; auto = as OCPP allows: chronological for 1.6, boundaries for 2.x",
    )


@dataclass(frozen=True, slots=True)
class SecuritySettings:
    """Certificates and keys. The security profile is the configuration key ocpp.SecurityProfile."""

    folder: str = setting("", help="folder for keys and certificates, made if need be; empty = beside the journal")
    roots: str = setting(
        "", help="PEM file with the first root certificates of the central system; taken over while there are none"
    )
    common_name: str = setting(
        "", help="CN of the charge point's own certificate; empty = identity.serial, without one charge_point_id"
    )


SOURCE_WORDS = {"csms": "Heartbeat", "network": "MobileNetwork", "rtc": "RealTimeClock", "ntp": "NTP"}
"""TimeSource of OCPP 2.x (ClockCtrlr) by the names of `time.sources`."""


@dataclass(frozen=True, slots=True)
class TimeSettings:
    """What the controller's own clock is worth."""

    clock_trusted: bool = setting(
        False, help="true if the controller has a battery-backed clock or NTP, so that its time is right at boot"
    )
    sources: tuple[str, ...] = setting(
        ("csms", "network", "rtc"),
        help="who is heard, the best first: csms (OCPP), network (the modem's), rtc (the clock at the start, if it is "
        "trusted), ntp (the clock while the kernel says that it is synchronised), meter (a signing meter that does)",
    )
    zone: str = setting("Europe/Berlin", help="time zone that signing meters show")

    def order(self, told: str | None = None) -> tuple[TimeSource, ...]:
        """Give the sources.

        Args:
            told: as the central system wants them (TimeSource of OCPP 2.x), None = as the file has them; a meter that
                the file names stays, because OCPP has no word for it.

        Raises:
            ConfigError: one is not known, or named twice.
        """
        known = {source.name.lower(): source for source in TimeSource if source is not TimeSource.UNSET}
        if unknown := [name for name in self.sources if name not in known or self.sources.count(name) > 1]:
            raise ConfigError(f"time.sources: {unknown[0]!r} is not known or named twice; there is: {', '.join(known)}")
        if not told:
            return tuple(known[name] for name in self.sources)
        wanted = [name for word in told.split(",") for name, known_as in SOURCE_WORDS.items() if known_as == word]
        return tuple(known[name] for name in (*wanted, *(name for name in self.sources if name not in SOURCE_WORDS)))


@dataclass(frozen=True, slots=True)
class ModemSettings:
    """The modem."""

    port: str = setting("", help="device file, for instance /dev/ttyUSB2; needed if uplink.bearer is modem")
    baud: int = setting(115200, unit="baud", minimum=300, maximum=4000000, help="speed of the port")
    apn: str = setting("internet", help="access point name of the SIM's operator")
    fallback_apns: tuple[str, ...] = setting(
        (), help="other access point names of the SIM, tried in turn when nothing else helps"
    )
    apn_user: str = setting("", help="user of the access point; empty = none")
    apn_password: Secret = setting(Secret(""), help="password of the access point")
    pin: Secret = setting(Secret(""), help="PIN of the SIM; empty = the SIM asks none")
    sim_memory: str = setting(
        "",
        help="remembers a PIN that the SIM refused, so that it is never tried twice; empty = beside the journal",
    )


@dataclass(frozen=True, slots=True)
class BusSettings:
    """One Modbus line."""

    name: str = setting(help="by which the EVSEs refer to it")
    port: str = setting(
        help="device file, for instance /dev/ttyS1; or a gateway: tcp://host:502, or rtu+tcp://host:port for one that "
        "passes RTU frames"
    )
    baud: int = setting(9600, unit="baud", minimum=300, maximum=921600, help="speed of the line")
    parity: str = setting("N", choices=("N", "E", "O"), help="none, even, odd")
    stop_bits: int = setting(1, minimum=1, maximum=2, help="stop bits")
    direction: str = setting(
        "auto",
        choices=tuple(Direction),
        help="who switches an RS-485 line to sending: auto = the adapter, rts = the port's driver by RTS, rts-low = "
        "likewise, inverted",
    )
    timeout_s: float = setting(
        0.6, unit="s", minimum=0.05, maximum=10, help="an answer must begin in this time; a slow gateway needs more"
    )
    gap_s: float = setting(0.0, unit="s", minimum=0, maximum=1, help="silence between frames; 0 = as the speed asks")
    rest_s: float = setting(
        0.1, unit="s", minimum=0, maximum=2, help="pause for each device after its answer; others are asked meanwhile"
    )


@dataclass(frozen=True, slots=True)
class EvseSettings:
    """One EVSE: its controller board and its meter."""

    meter_bus: str = setting(help="name of the meter's bus")
    id: int = setting(1, minimum=1, maximum=99, help="number of the EVSE, from 1; the connectorId of OCPP 1.6")
    board: str = setting("simple-evse", help="kind of the board; a wrong one is told which there are")
    board_bus: str = setting("", help="name of the board's bus; a gpio board has none")
    board_address: int = setting(1, minimum=0, maximum=255, help="Modbus address of the board")
    board_baud: int = setting(0, unit="baud", minimum=0, maximum=921600, help="speed of the board; 0 = that of its bus")
    board_parity: str = setting("", choices=("", "N", "E", "O"), help="parity of the board; empty = that of its bus")
    board_watchdog_s: int = setting(
        0,
        unit="s",
        minimum=0,
        maximum=60,
        help="a board with a watchdog falls to board_safe_current_a after so long a silence; 0 = as it is set",
    )
    board_safe_current_a: int = setting(
        0, unit="A", minimum=0, maximum=32, help="what such a board offers then; 0 = nothing"
    )
    gpio: GpioWiring = table(GpioWiring, help="how a gpio board is wired")
    rcd_test: str = setting(
        "start",
        choices=("never", "start", "charge"),
        help="when the residual current device is tested, if the board can: at start, or also before each charge",
    )
    phases: int = setting(3, minimum=1, maximum=3, help="phases that charge, 1 or 3; a board that can switch is set so")
    switches_phases: bool = setting(
        False,
        help="a limit of power below 3 x 6 A is met with one phase, if the board can; ask which vehicles bear it",
    )
    meter: str = setting("SDM72DM-V2", help="model of the meter; `emops-station meter registers` lists them")
    meter_address: int = setting(2, minimum=0, maximum=255, help="Modbus address of the meter")
    meter_baud: int = setting(0, unit="baud", minimum=0, maximum=921600, help="speed of the meter; 0 = that of its bus")
    meter_parity: str = setting("", choices=("", "N", "E", "O"), help="parity of the meter; empty = that of its bus")
    meter_serial: str = setting(
        "", help="serial number that the meter must have, as it tells it; empty = whichever it tells first"
    )
    signed: str = setting(
        "off",
        choices=tuple(SigningMode),
        help="whether a signing meter signs begin and end: wanted = a charge that it doesn't sign runs all the same, "
        "required = it does not begin (Eichrecht), and neither does one with an unknown card",
    )
    signed_name: str = setting(
        "", help="name of the EVSE that the meter signs, for instance DE*ABC*E1; empty = charge_point_id*number"
    )
    signed_wait_s: float = setting(
        15.0, unit="s", minimum=1, maximum=60, help="time for one signature; the end is asked for again for a minute"
    )
    max_current_a: int = setting(16, unit="A", minimum=6, maximum=80, help="what the installation carries per phase")
    free_vend: bool = setting(False, help="true if whoever plugs in charges, without a card")
    free_vend_token: str = setting(
        "FREEVEND", help="idTag under which such charges are told (OCPP 1.6); 2.0.1 tells NoAuthorization"
    )
    ventilated: bool = setting(False, help="true if vehicles that ask for ventilation (state D) may charge here")
    derate_from_c: float = setting(
        70.0, unit="°C", minimum=30, maximum=100, help="temperature of a board that tells it from which less is offered"
    )
    stop_from_c: float = setting(
        85.0, unit="°C", minimum=35, maximum=110, help="temperature from which nothing is offered, until it cools by 5"
    )
    wake_vehicles: bool = setting(
        True, help="take the offer away for 3 s, twice at most, when a vehicle never asks for energy: it may sleep"
    )
    poll_s: float = setting(1.0, unit="s", minimum=0.1, maximum=60, help="how often both are read, world time")


@dataclass(frozen=True, slots=True)
class ReaderSettings:
    """One card reader."""

    port: str = setting(help="device file")
    kind: str = setting("rdm6300", help="kind of the reader: rdm6300, pn532, keyboard or keyboard-decimal")
    baud: int = setting(0, unit="baud", minimum=0, maximum=921600, help="speed of the port; 0 = usual for the kind")
    backwards: bool = setting(False, help="true if the bytes of the UIDs are to be turned round")
    evse: tuple[int, ...] = setting((), help="EVSEs that its cards may use; empty = all")


@dataclass(frozen=True, slots=True)
class ListEntrySettings:
    """One card that may charge without asking, until the central system sends a list of its own."""

    id_token: str = setting(help="the card's number")
    expires: str = setting("", help="ISO 8601 time; empty = never")

    def token(self) -> IdToken:
        """Give the token.

        Raises:
            ConfigError: it is none of OCPP 1.6.
        """
        try:
            return IdToken.parse(self.id_token, ID_TAG_LENGTH)
        except ValueError as error:
            raise ConfigError(f"local_list.id_token: {error}") from error

    def expiry(self) -> datetime | None:
        """Give the expiry.

        Raises:
            ConfigError: it is no time.
        """
        try:
            return parse_timestamp(self.expires) if self.expires else None
        except PayloadError as error:
            raise ConfigError(f"local_list.expires: {error}") from error


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """The agent's end of the console and of the field tools."""

    socket: str = setting(
        "",
        help="Unix-domain socket on which the running agent is asked, at most 100 characters; empty = by the journal",
    )


@dataclass(frozen=True, slots=True)
class PinSettings:
    """A technician's PIN."""

    hash: Secret = setting(help="the hashed PIN: `emops-station console hash-pin` makes it")
    name: str = setting("", help="whose it is, for the log")
    role: str = setting(
        "technician",
        choices=("technician", "specialist"),
        help="a specialist may also close contactors, trip the RCD, change settings and programs",
    )


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """The menu for technicians on the service port and over SSH."""

    language: str = setting("de", choices=("de", "en"), help="language that it begins in")
    idle_s: float = setting(600.0, unit="s", minimum=30, maximum=86400, help="without a key for so long it logs out")
    unit: str = setting(
        "emops-station.service", help="the agent's systemd unit, whose log is shown if the agent is down"
    )
    pins: tuple[PinSettings, ...] = setting((), help="who may log in; without any, the serial port only shows states")


@dataclass(frozen=True, slots=True)
class UpdateSettings:
    """Where other versions come from and where they live."""

    key: str = setting(
        "", help="public key of who makes updates, the line that openssl pkey -pubout prints; empty = no updates"
    )
    root: Path = setting(Path("/opt/emops"), help="folder of the two versions a and b and of the link current")
    restart: tuple[str, ...] = setting(
        ("systemctl", "restart", "emops-station"), help="command that lets the new version run; empty = none"
    )
    unsigned: str = setting(
        "auto",
        choices=("auto", "always", "never"),
        help="whether the central system may order images without a certificate, which then need update.key's "
        "signature beside them (.sig): auto = as long as no root certificate of the maker is installed",
    )
    max_mb: int = setting(256, unit="MB", minimum=1, maximum=4096, help="a larger image is refused")
    trial_s: float = setting(
        1800.0,
        unit="s",
        minimum=10,
        maximum=86400,
        help="a version that the central system ordered must be accepted by it in this time, else the one before "
        "comes back",
    )


@dataclass(frozen=True, slots=True)
class TransferSettings:
    """Firmware that is fetched and logs that are sent."""

    rate_kb_s: int = setting(
        100, unit="kB/s", minimum=0, maximum=100000, help="no faster, so that OCPP gets through; 0 = no limit"
    )
    piece_kb: int = setting(256, unit="kB", minimum=16, maximum=65536, help="of firmware in one request")
    tries: int = setting(3, minimum=1, maximum=100, help="if the central system does not say how often to try")
    interval_s: int = setting(
        60, unit="s", minimum=0, maximum=86400, help="between two tries, if the central system does not say"
    )
    weakest_dbm: int = setting(
        -105, unit="dBm", minimum=-140, maximum=-30, help="with a weaker signal downloads wait for a better one"
    )


@dataclass(frozen=True, slots=True)
class StatusPageSettings:
    """The page for a phone on the service network."""

    listen: str = setting("", help="address and port, for instance 127.0.0.1:8088; empty = no page")
    allow_public: bool = setting(False, help="true allows an address that others than the service network may reach")


if TYPE_CHECKING:

    @dataclass(frozen=True, slots=True)
    class OcppSettings:
        """The writable keys of station.core.configuration.KEYS, by their OCPP names."""

else:
    OcppSettings = dataclasses.make_dataclass(
        "OcppSettings",
        [
            (
                key.name,
                type(key.default),
                setting(
                    key.default,
                    unit=key.unit,
                    help=key.help,
                    minimum=min(key.low, key.default) if type(key.default) is int else None,
                    maximum=key.high if type(key.default) is int else None,
                ),
            )
            for key in KEYS
            if key.access != "ro" and not key.is_set_elsewhere
        ],
        frozen=True,
        slots=True,
    )


@dataclass(frozen=True, slots=True)
class StationSettings:
    """The whole file."""

    identity: IdentitySettings = dataclasses.field(metadata={"help": "who the charge point is"})
    csms: CsmsSettings = dataclasses.field(metadata={"help": "the central system"})
    log_level: str = setting("INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"), help="what is logged")
    journal: JournalSettings = table(JournalSettings, help="the journal")
    delivery: DeliverySettings = table(DeliverySettings, help="the backlog of transaction messages")
    clock: ClockSettings = table(ClockSettings, help="world time, for demonstrations")
    security: SecuritySettings = table(SecuritySettings, help="certificates and keys")
    time: TimeSettings = table(TimeSettings, help="the controller's clock")
    data: DataSettings = table(DataSettings, help="what the mobile link may cost")
    uplink: UplinkSettings = table(UplinkSettings, help="the way to the central system")
    modem: ModemSettings = table(ModemSettings, help="the modem")
    service: ServiceSettings = table(ServiceSettings, help="the socket for the console and the field tools")
    console: ConsoleSettings = table(ConsoleSettings, help="the console for technicians")
    limits: LimitSettings = table(LimitSettings, help="what limits the current beside charging profiles")
    mqtt: MqttSettings = table(MqttSettings, help="the local MQTT broker, for limits.source = mqtt and for telemetry")
    telemetry: TelemetrySettings = table(TelemetrySettings, help="what the station tells the local MQTT broker")
    update: UpdateSettings = table(UpdateSettings, help="updates")
    transfer: TransferSettings = table(TransferSettings, help="files")
    status_page: StatusPageSettings = table(StatusPageSettings, help="the page for a phone")
    ocpp: OcppSettings = table(OcppSettings, help="configuration keys until the central system changes them")
    bus: tuple[BusSettings, ...] = setting((), help="the Modbus lines")
    evse: tuple[EvseSettings, ...] = setting((), help="the EVSEs")
    reader: tuple[ReaderSettings, ...] = setting((), help="the card readers")
    local_list: tuple[ListEntrySettings, ...] = setting((), help="cards that may charge without asking")


def initial_keys(settings: OcppSettings) -> dict[str, str]:
    """Give the configuration keys of the file as texts."""
    fields = dataclasses.fields(settings)
    values = {field.name: getattr(settings, field.name) for field in fields}
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in values.items()}


def check(settings: StationSettings) -> None:
    """Check what no single setting can tell.

    Raises:
        ConfigError: two settings don't go together, or one of them makes no sense.
    """
    for name, text in initial_keys(settings.ocpp).items():
        if text != Configuration().text(name) and (objection := Configuration().objection(name, text)):
            raise ConfigError(f"ocpp.{name} = {text!r} can't be used: {objection}")
    _check_csms(settings)
    _check_identity(settings.identity)
    if settings.status_page.listen:
        listen_address(settings.status_page.listen, allow_public=settings.status_page.allow_public)
    settings.time.order()
    if settings.uplink.bearer == "modem" and not settings.modem.port:
        raise ConfigError('modem.port is missing: name the modem\'s device file, or set uplink.bearer = "host"')
    if not settings.evse:
        raise ConfigError("there is no [[evse]]: a station has at least one")
    _check_buses(settings)
    check_limits(settings.limits, settings.mqtt, settings.telemetry, {bus.name for bus in settings.bus})
    if any(evse.signed != SigningMode.OFF for evse in settings.evse):
        time_zone(settings.time.zone)
    numbers = sorted(evse.id for evse in settings.evse)
    if numbers != list(range(1, len(numbers) + 1)):
        raise ConfigError(f"evse.id: number the EVSEs 1 to {len(numbers)}, each once; the file has {numbers}")
    for reader in settings.reader:
        for number in reader.evse:
            if number not in numbers:
                raise ConfigError(f"reader {reader.port}: evse {number} does not exist")
    for entry in settings.local_list:
        entry.token()
        entry.expiry()
    if len(settings.service.socket) > SOCKET_LENGTH:
        raise ConfigError(f"service.socket has more than {SOCKET_LENGTH} characters: the system takes no longer name")
    for number, pin in enumerate(settings.console.pins, 1):
        try:
            check_hash(pin.hash.value)
        except ValueError as error:
            raise ConfigError(f"console.pins[{number}].hash: {error}") from error


def initial_access(settings: StationSettings) -> Access:
    """Give what the settings connect with. A password without a profile is what profile 1 is."""
    profile = Profile(int(initial_keys(settings.ocpp)["SecurityProfile"]))
    if profile is Profile.UNSECURED and settings.csms.password:
        profile = Profile.BASIC
    return Access(profile, settings.csms.password)


def security_folder(settings: StationSettings) -> Path:
    """Tell where keys and certificates are."""
    path = settings.journal.path
    return Path(settings.security.folder or path.with_name(f"{path.name}.security"))


def _check_csms(settings: StationSettings) -> None:
    csms, url = settings.csms, urlsplit(settings.csms.url)
    if url.scheme not in ("ws", "wss") or not url.hostname:
        raise ConfigError(f"csms.url = {csms.url!r}: write for instance ws://csms.example.com:8080/ocpp")
    if csms.tls_url and (urlsplit(csms.tls_url).scheme != "wss" or not urlsplit(csms.tls_url).hostname):
        raise ConfigError(f"csms.tls_url = {csms.tls_url!r}: write for instance wss://csms.example.com/ocpp")
    profile = initial_access(settings).profile
    if url.scheme == "wss" and profile < Profile.TLS:
        raise ConfigError("csms.url is wss: set ocpp.SecurityProfile to 2 (password) or 3 (certificate)")
    if profile in (Profile.BASIC, Profile.TLS) and not csms.password:
        raise ConfigError(f"ocpp.SecurityProfile = {profile.value} takes a password: set csms.password")
    common_name = settings.security.common_name or settings.identity.serial or settings.identity.charge_point_id
    if len(common_name) > 64:
        raise ConfigError("security.common_name has more than 64 characters: a certificate takes no longer name")


def listen_address(text: str, *, allow_public: bool = False) -> tuple[str, int]:
    """Read `status_page.listen`. Pure.

    Args:
        text: `address:port`, or `[address]:port` for IPv6.
        allow_public: also take an address that the internet may reach.

    Raises:
        ConfigError: it is no address and port, or one of a network that others share.
    """
    try:
        url = urlsplit(f"//{text}")
        host, port = ipaddress.ip_address("127.0.0.1" if url.hostname == "localhost" else url.hostname or ""), url.port
    except ValueError as error:
        raise ConfigError(f"status_page.listen = {text!r}: write for instance 127.0.0.1:8088") from error
    if not port:
        raise ConfigError(f"status_page.listen = {text!r} lacks its port: write for instance 127.0.0.1:8088")
    if not allow_public and (host.is_unspecified or not (host.is_private or host.is_loopback or host.is_link_local)):
        raise ConfigError(
            f"status_page.listen = {text!r} may be reached from outside: name an address of the service network, or "
            "set status_page.allow_public = true"
        )
    return str(host), port


def time_zone(name: str) -> ZoneInfo:
    """Read `time.zone`.

    Raises:
        ConfigError: there is no such zone, or the system knows none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError(
            f"time.zone = {name!r} is not known: write for instance Europe/Berlin, and install the system's tzdata"
        ) from error


def _check_buses(settings: StationSettings) -> None:
    buses = {bus.name: bus for bus in settings.bus}
    if len(buses) < len(settings.bus):
        raise ConfigError("two [[bus]] have one name: EVSEs couldn't tell them apart")
    for bus in settings.bus:
        try:
            transport = Endpoint.parse(bus.port).transport
        except ValueError as error:
            raise ConfigError(f"bus {bus.name}: port = {error}") from error
        if transport is not Transport.SERIAL and bus.direction != Direction.AUTO:
            raise ConfigError(f"bus {bus.name}: direction = {bus.direction!r} is for serial ports; a gateway has none")
        if [other.port for other in settings.bus].count(bus.port) > 1:
            raise ConfigError(f"bus {bus.name}: two [[bus]] use {bus.port}: write one, and refer to it by its name")
    metered: dict[tuple[str, int], int] = {}
    for evse in settings.evse:
        _check_board(evse)
        devices = [("meter", evse.meter_bus, evse.meter_address)]
        if has_bus(evse.board):
            devices.append(("board", evse.board_bus, evse.board_address))
        for device, name, address in devices:
            if name not in buses:
                known = ", ".join(sorted(buses)) or "none"
                raise ConfigError(f"evse {evse.id}: {device}_bus = {name!r} is no [[bus]]; there is: {known}")
            if not 1 <= address <= 247 and "://" not in buses[name].port:
                raise ConfigError(f"evse {evse.id}: {device}_address = {address}: a serial line has 1 to 247")
        if evse.board_bus == evse.meter_bus and evse.board_address == evse.meter_address:
            raise ConfigError(f"evse {evse.id}: board and meter have the same address {evse.meter_address} on one bus")
        other = metered.setdefault((evse.meter_bus, evse.meter_address), evse.id)
        if other != evse.id:
            raise ConfigError(f"evse {evse.id} and {other} have one meter: each kWh would be billed twice")


def _check_board(evse: EvseSettings) -> None:
    if not has_bus(evse.board):
        try:
            evse.gpio.check()
        except ValueError as error:
            raise ConfigError(f"evse {evse.id}: {error}") from error
    if evse.phases == 2:
        raise ConfigError(f"evse {evse.id}: phases = 2 can't be used: write 1 or 3")
    if 0 < evse.board_safe_current_a < 6:
        raise ConfigError(f"evse {evse.id}: board_safe_current_a can be 0 or 6 and more: less can't be offered")
    if evse.board_watchdog_s and evse.board_watchdog_s < 3 * evse.poll_s:
        raise ConfigError(
            f"evse {evse.id}: board_watchdog_s must be at least three times poll_s, or one lost answer stops a charge"
        )


def _check_identity(identity: IdentitySettings) -> None:
    limits = {
        "charge_point_id": 48,
        "vendor": 20,
        "model": 20,
        "serial": 25,
        "box_serial": 25,
        "firmware": 50,
        "meter_type": 25,
        "meter_serial": 25,
        "iccid": 20,
        "imsi": 20,
    }
    for name, limit in limits.items():
        text = getattr(identity, name)
        if len(text) > limit:
            raise ConfigError(f"identity.{name} has {len(text)} characters, at most {limit} are allowed")
    if not identity.charge_point_id or any(letter in identity.charge_point_id for letter in " /?#:"):
        raise ConfigError("identity.charge_point_id must not be empty nor hold blanks or any of / ? # :")
