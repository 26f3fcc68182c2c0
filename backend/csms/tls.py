"""TLS on the port for stations (OCPP security white paper for 1.6, §3; 2.x part 2, A00): settings and contexts.

The certificate and the client CA are read again as soon as a file changes; connections that exist go on.
"""

import asyncio.sslproto
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.errors import ListenError
from shared.config import setting
from shared.log import Log

log = Log(__name__)

_CIPHERS = ":".join(
    (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
    )
)
"""For TLS 1.2: the four suites that the white paper demands, and the forward secret ones for RSA; the best first."""

READ_BUFFER_BYTES = 16 * 1024
"""Of each connection: one TLS record. asyncio reserves 256 KiB, which no message of a station needs."""

_MAX_REASONS = 20
"""Kinds of failed handshakes that are logged, once each."""


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """How the port for stations is secured."""

    certificate: str = setting(
        "", help="file of the server's certificate and its issuers (PEM, best ECDSA P-256); empty = no TLS here"
    )
    key: str = setting("", help="file of the certificate's private key (PEM)")
    client_ca: str = setting(
        "", help="file of CAs that sign certificates of stations (PEM), besides emops-backend ca init"
    )
    trusted_proxies: tuple[str, ...] = setting(
        (),
        help="addresses or networks of proxies that end TLS for us; only their X-Forwarded-Proto, X-Forwarded-For, "
        "X-Client-Verify, X-Client-Subject and X-Client-Serial count",
    )
    station_days: int = setting(
        730, unit="days", minimum=1, maximum=3650, help="how long certificates of stations are valid that we sign"
    )
    renew_days: int = setting(
        30, unit="days", minimum=1, maximum=365, help="how long before its end a station is asked to renew it"
    )


def server_context(settings: TlsSettings, authorities: Sequence[str]) -> ssl.SSLContext | None:
    """Make the context of the port; None if the settings name no certificate.

    Args:
        settings: where the files are.
        authorities: PEM of our own CAs, trusted besides those of the file.

    Raises:
        ListenError: a file can't be used.
    """
    if not settings.certificate:
        return None
    # One attribute of the class serves all connections: asyncio has no other way to say it.
    asyncio.sslproto.SSLProtocol.max_size = READ_BUFFER_BYTES
    try:
        return _Reloading(ssl.PROTOCOL_TLS_SERVER, settings, authorities)
    except OSError as error:
        raise ListenError(f"tls: {_files(settings)} can't be used: {_reason(error)}") from error


class _Reloading(ssl.SSLContext):
    """Stands for the context made of the files as they are now."""

    def __new__(cls, protocol: int, *_arguments: object) -> "_Reloading":
        return super().__new__(cls, protocol)

    def __init__(self, _protocol: int, settings: TlsSettings, authorities: Sequence[str]) -> None:
        self._settings, self._authorities = settings, authorities
        self._object = _object_class()
        self._stamps = self._read_stamps()
        self._current = self._make()

    # Any: as ssl declares it.
    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        self._refresh()
        return self._current.wrap_bio(*arguments, **options)

    def _refresh(self) -> None:
        """Take changed files; if they can't be used, perhaps because only one was written yet, the old ones serve."""
        stamps = self._read_stamps()
        if stamps == self._stamps:
            return
        self._stamps = stamps
        try:
            self._current = self._make()
            log.info("tls_reloaded", certificate=self._settings.certificate)
        except OSError as error:
            log.error("tls_not_reloaded", files=_files(self._settings), reason=_reason(error))

    def _make(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(_CIPHERS)
        context.num_tickets = 1  # stations resume with the newest; a second one is bytes on a mobile link
        context.load_cert_chain(self._settings.certificate, self._settings.key or None)
        # Whether a station needs one is its operator's to say, and is known only with its name.
        context.verify_mode = ssl.CERT_OPTIONAL
        if self._settings.client_ca:
            context.load_verify_locations(self._settings.client_ca)
        for pem in self._authorities:
            context.load_verify_locations(cadata=pem)
        context.sslobject_class = self._object
        return context

    def _read_stamps(self) -> tuple[object, ...]:
        names = (self._settings.certificate, self._settings.key, self._settings.client_ca)
        return tuple(_stamp(Path(name)) for name in names if name)


def _object_class() -> type[ssl.SSLObject]:
    """Make a class of connections that tells why handshakes fail: asyncio keeps that to itself."""
    told: set[str] = set()

    class Telling(ssl.SSLObject):
        def do_handshake(self) -> None:
            try:
                super().do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError as error:
                reason = _reason(error)
                if reason not in told and len(told) < _MAX_REASONS:
                    told.add(reason)
                    log.warning("tls_refused", reason=reason)
                raise

    return Telling


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the client's certificate: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return str(error.reason or error).replace("_", " ").lower()
    return str(error.strerror)


def _files(settings: TlsSettings) -> str:
    return ", ".join(name for name in (settings.certificate, settings.key, settings.client_ca) if name)
