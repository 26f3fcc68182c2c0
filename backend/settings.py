"""The settings of the backend, one table for the program. `emops-backend config` prints them."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from backend.csms.admission import parse_networks
from backend.csms.server import OcppSettings
from backend.csms.tls import TlsSettings
from backend.jobs.bounce_mailbox import BounceSettings
from backend.jobs.issue_invoices import BillingSettings
from backend.jobs.issue_statements import HostSettings
from backend.jobs.live_price import LivePriceSettings
from backend.jobs.relay import MailSettings
from backend.jobs.retention import RetentionSettings
from backend.jobs.send_alerts import AlertSettings
from backend.jobs.steer_load import LoadSettings
from backend.jobs.verify_signed import SignedSettings
from backend.people.login import LoginSettings
from backend.services.entry_checks import EMAIL, EMAIL_SHAPE
from shared.config import ClockSettings, ConfigError, load, setting, table
from shared.ids import Secret


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where the backend listens."""

    ocpp_host: str = setting("127.0.0.1", help="address to listen on for stations; 0.0.0.0 = all of this machine")
    ocpp_port: int = setting(9000, minimum=0, maximum=65535, help="port for stations; 0 = any free one")
    web_host: str = setting("127.0.0.1", help="address to listen on for the web pages")
    web_port: int = setting(8080, minimum=0, maximum=65535, help="port for the web pages; 0 = any free one")
    metrics_token: Secret = setting(
        Secret(""), help="token that /metrics asks for; without one only this machine may read it, and no proxy on it"
    )
    web_password: Secret = setting(
        Secret(""),
        help="password of the web pages until the first user is added; needed if web_host is more than this machine",
    )


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where the data is."""

    path: Path = setting(Path("emops.sqlite"), help="the database file; it is created when missing")


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of the backend."""

    server: ServerSettings = table(ServerSettings, help="where the backend listens")
    store: StoreSettings = table(StoreSettings, help="where the data is")
    login: LoginSettings = table(LoginSettings, help="how users of the pages log in")
    ocpp: OcppSettings = table(OcppSettings, help="how stations are spoken to")
    tls: TlsSettings = table(TlsSettings, help="how the port for stations is secured")
    billing: BillingSettings = table(BillingSettings, help="when invoices are issued")
    hosts: HostSettings = table(HostSettings, help="when owners of sites get their statements")
    live_price: LivePriceSettings = table(
        LivePriceSettings, help="how stations are told what a transaction costs so far"
    )
    mail: MailSettings = table(MailSettings, help="the mail server that takes our mail")
    bounces: BounceSettings = table(BounceSettings, help="where reports of failed delivery come in")
    signed: SignedSettings = table(
        SignedSettings, help="what signed values of meters count for, and how they are handed out"
    )
    load: LoadSettings = table(LoadSettings, help="how the current of a site is shared")
    retention: RetentionSettings = table(RetentionSettings, help="how long what is known of persons is kept")
    alerts: AlertSettings = table(AlertSettings, help="how alerts leave the program")
    clock: ClockSettings = table(ClockSettings, help="world time, for demonstrations")


def load_settings(path: Path) -> Settings:
    """Read and check the configuration.

    Raises:
        ConfigError: it can't be used; the text says what to change.
    """
    settings = load(path, Settings)
    anchor_to = settings.billing.anchor_to
    if anchor_to and not EMAIL.fullmatch(anchor_to):
        raise ConfigError(f"{path}: billing.anchor_to = {anchor_to!r} must be {EMAIL_SHAPE}")
    try:
        parse_networks(settings.tls.trusted_proxies)
    except ValueError as error:
        raise ConfigError(f"{path}: tls.trusted_proxies: {error}") from error
    settings.clock.build()
    return settings


def check_doors(server: ServerSettings, has_users: bool) -> None:
    """Check that no stranger can use the pages: there are users, or a password, or only this machine can connect.

    Raises:
        ConfigError: they could; the text says what to do.
    """
    if not (has_users or server.web_password or _is_loopback(server.web_host)):
        raise ConfigError(
            f"server.web_host = {server.web_host!r} opens the pages to others and there is no user yet: add one with "
            "emops-backend user add NAME --role platform, or set server.web_password until then"
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
