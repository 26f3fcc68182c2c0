"""The WebSocket side of the central system (OCPP-J 1.6, 2.x part 4): who may connect, a dialogue for each socket."""

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus
from urllib.parse import unquote

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import CloseCode
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from backend.csms.admission import (
    Peer,
    behind_proxy,
    certificate_of,
    certificate_problem,
    is_trusted,
    parse_networks,
)
from backend.csms.attempts import NO_PASSWORD, NO_VERSION, UNKNOWN, WRONG_PASSWORD, refusal_of
from backend.csms.connections import Connection, Connections
from backend.csms.dialogue import Dialogue
from backend.csms.handlers import SIGN_NOTHING, RunningCost, make_handlers
from backend.csms.handling import Handler
from backend.csms.link_facts import certificate_end, ping_of
from backend.csms.passwords import is_password
from backend.csms.tls import TlsSettings, server_context
from backend.errors import ListenError
from backend.store.certificates import is_revoked, list_authorities, note_refusal, note_use
from backend.store.charge_points import ChargePoint, find_charge_point
from backend.store.writer import Store
from shared.clock import Clock
from shared.config import setting
from shared.ids import ChargePointId, Secret
from shared.log import Log
from shared.ocpp.validation import Version

log = Log(__name__)

_PATH = "/ocpp/"
_VERSIONS = {version.subprotocol: version for version in Version}

_MAX_MESSAGE_BYTES = 256 * 1024
"""A batch of 60 readings with 10 values each has some 90 kB."""

_OPEN_TIMEOUT_S = 60.0
"""For the handshake: mobile links may need many seconds for the first bytes."""

_CLOSE_TIMEOUT_S = 2.0
"""For the closing handshake: a station that is gone must not keep the program from ending."""

_MEMORY_LEVEL = 5
"""Of zlib, 1 to 9: 16 kB for finding repetitions."""

_MAX_STRANGERS = 1000
"""Refused identities that are remembered, so that each is logged once."""


@dataclass(frozen=True, slots=True)
class OcppSettings:
    """How stations are spoken to."""

    heartbeat_interval_s: int = setting(
        300, unit="s", minimum=1, help="how often stations send a heartbeat; told to them when they boot"
    )
    ping_interval_s: float = setting(
        900.0,
        unit="s",
        minimum=0.0,
        help="how often a WebSocket ping is sent to find dead links; stations keep theirs open themselves; 0 = never",
    )
    call_timeout_s: float = setting(
        60.0, unit="s", minimum=1.0, maximum=600.0, help="how long a station may take to answer a command or ping"
    )
    compression_bits: int = setting(
        12,
        minimum=0,
        maximum=15,
        help="window of permessage-deflate, 9 to 15, for stations that offer it; 12 costs 30 kB per station; 0 = none",
    )


class OcppServer:
    """Accepts stations at `ws://host:port/ocpp/<identity>`, or `wss://` where the settings name a certificate."""

    def __init__(
        self,
        store: Store,
        connections: Connections,
        clock: Clock,
        settings: OcppSettings,
        running_cost: RunningCost = lambda _transaction_id: None,
        *,
        tls: TlsSettings | None = None,
        sign: Handler | None = None,
    ) -> None:
        self._store = store
        self._connections = connections
        self._clock = clock
        self._settings = settings
        self._handlers = make_handlers(settings.heartbeat_interval_s, running_cost, sign or SIGN_NOTHING)
        self._tls = tls or TlsSettings()
        self._proxies = parse_networks(self._tls.trusted_proxies)
        self._refused: set[tuple[str, str]] = set()

    @asynccontextmanager
    async def listen(self, host: str, port: int) -> AsyncIterator[int]:
        """Accept stations inside the block; gives the port, chosen by the system if `port` is 0.

        Raises:
            ListenError: the address can't be listened on, or a file of TLS can't be used.
        """
        own = await self._store.read(list_authorities)
        context = server_context(self._tls, [one.certificate for one in own])
        try:
            server = await serve(
                self._serve,
                host,
                port,
                process_request=self._check,
                select_subprotocol=_select_subprotocol,
                compression=None,  # ours comes with a bound on its memory
                extensions=_extensions(self._settings.compression_bits),
                open_timeout=_OPEN_TIMEOUT_S,
                close_timeout=_CLOSE_TIMEOUT_S,
                ping_interval=self._settings.ping_interval_s or None,
                ping_timeout=self._settings.call_timeout_s,
                max_size=_MAX_MESSAGE_BYTES,
                server_header=None,
                ssl=context,
                ssl_handshake_timeout=_OPEN_TIMEOUT_S if context else None,
                ssl_shutdown_timeout=_CLOSE_TIMEOUT_S if context else None,
            )
        except OSError as error:
            raise ListenError(f"can't listen for stations on {host}, port {port}: {error.strerror}") from error
        try:
            yield int(next(iter(server.sockets)).getsockname()[1])
        finally:
            server.close()
            await server.wait_closed()

    async def _check(self, socket: ServerConnection, request: Request) -> Response | None:
        """Refuse who is unknown (404, OCPP-J 1.6 §3.1.2), is not who they say (401, §6.2) or comes unsecured (403)."""
        charge_point_id, peer = _identity(request.path), self._peer(socket, request)
        charge_point = await self._store.read(lambda unit: find_charge_point(unit, charge_point_id))
        if charge_point is None:
            self._log_refusal(charge_point_id, UNKNOWN, peer)
            return socket.respond(HTTPStatus.NOT_FOUND, "unknown charge point\n")
        now = self._clock.utc()
        reason = await self._imposture(charge_point, peer, request, now)
        if reason:
            await self._refuse(charge_point_id, reason, peer, now)
            response = socket.respond(HTTPStatus.UNAUTHORIZED, "user name, password or certificate is wrong\n")
            response.headers["WWW-Authenticate"] = 'Basic realm="ocpp", charset="UTF-8"'
            return response
        profile = peer.profile(has_password=bool(charge_point.password_hash))
        if profile < charge_point.minimum_profile:
            least = charge_point.minimum_profile
            await self._refuse(charge_point_id, f"security profile {profile}, its operator wants {least}", peer, now)
            return socket.respond(HTTPStatus.FORBIDDEN, f"security profile {least} is needed here\n")
        if peer.certificate:
            serial = peer.certificate.serial
            await self._store.write(lambda unit: note_use(unit, serial, now))
        return None

    async def _imposture(self, charge_point: ChargePoint, peer: Peer, request: Request, now: datetime) -> str:
        """Tell why this is not the charge point that it says; "" if it is, or nobody demands a proof."""
        if peer.certificate:
            serial = peer.certificate.serial
            revoked = await self._store.read(lambda unit: is_revoked(unit, serial))
            return certificate_problem(peer.certificate, charge_point.id, now, is_revoked=revoked)
        if not charge_point.password_hash:
            return ""
        password = _password(request.headers.get_all("Authorization"), charge_point.id)
        if not password:
            return NO_PASSWORD
        if not await asyncio.to_thread(is_password, password, charge_point.password_hash):
            return WRONG_PASSWORD
        return ""

    def _peer(self, socket: ServerConnection, request: Request) -> Peer:
        """Find out who is at the other end; what a proxy says counts only if it is trusted."""
        address, transport = _address(socket), socket.transport
        if socket.remote_address and is_trusted(socket.remote_address[0], self._proxies):
            return behind_proxy(address, lambda name: _single(request.headers.get_all(name)))
        is_tls = transport.get_extra_info("ssl_object") is not None
        return Peer(address, is_tls, certificate_of(transport.get_extra_info("peercert")))

    async def _refuse(self, charge_point_id: ChargePointId, reason: str, peer: Peer, now: datetime) -> None:
        self._log_refusal(charge_point_id, reason, peer)
        await self._store.write(lambda unit: note_refusal(unit, charge_point_id, reason, peer.address, now))

    async def _serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None  # noqa: S101  the handshake is done
        charge_point_id, peer = _identity(socket.request.path), self._peer(socket, socket.request)
        if socket.subprotocol is None:
            # The handshake is completed without a subprotocol and the connection closed at once (OCPP-J 1.6 §3.1.2).
            self._log_refusal(charge_point_id, NO_VERSION, peer)
            await socket.close(CloseCode.PROTOCOL_ERROR, f"offer one of: {', '.join(_VERSIONS)}")
            return
        self._connections.refused.forget(charge_point_id)
        self._refused = {(name, reason) for name, reason in self._refused if name != charge_point_id}
        now, version = self._clock.utc(), _VERSIONS[socket.subprotocol]
        connection = Connection(charge_point_id, now, peer.address, version, socket.transport.abort, heard_at=now)
        connection.ping = partial(ping_of, socket)
        connection.certificate_until = certificate_end(socket)
        old = self._connections.add(connection)
        if old:
            old.drop()
        log.info(
            "connected",
            charge_point=charge_point_id,
            address=connection.address,
            ocpp=version.value,
            tls=peer.is_tls,
            replaces=bool(old),
        )
        dialogue = Dialogue(
            connection,
            socket.send,
            self._store,
            self._clock,
            version=version,
            handlers=self._handlers[version],
            call_timeout_s=self._settings.call_timeout_s,
        )
        try:
            await _talk(socket, dialogue)
        finally:
            replaced = self._connections.find(charge_point_id) is not connection
            self._connections.remove(connection)
            dialogue.close()
            log.info("disconnected", charge_point=charge_point_id, replaced=replaced, code=socket.close_code)

    def _log_refusal(self, charge_point_id: ChargePointId, reason: str, peer: Peer) -> None:
        self._connections.refused.note(charge_point_id, peer.address, refusal_of(reason), self._clock.utc())
        if (charge_point_id, reason) not in self._refused and len(self._refused) < _MAX_STRANGERS:
            self._refused.add((charge_point_id, reason))
            log.warning("refused", charge_point=charge_point_id[:48], reason=reason, address=peer.address)


def _extensions(bits: int) -> list[ServerPerMessageDeflateFactory] | None:
    """Accept compression with context takeover, both ways in a window that costs little memory (RFC 7692 §7.1)."""
    if not bits:
        return None
    bits = max(bits, 9)  # zlib can't make a raw stream with 8
    return [
        ServerPerMessageDeflateFactory(
            server_max_window_bits=bits, client_max_window_bits=bits, compress_settings={"memLevel": _MEMORY_LEVEL}
        )
    ]


async def _talk(socket: ServerConnection, dialogue: Dialogue) -> None:
    """Carry messages both ways until the connection ends."""
    try:
        async with asyncio.TaskGroup() as tasks:
            calls = tasks.create_task(dialogue.run_calls())
            async for message in socket:
                await dialogue.receive(message)
            calls.cancel()
    except* ConnectionClosed:
        pass  # how it ended stands in the close code


def _identity(path: str) -> ChargePointId:
    """Read a charge point's identity from the request's path; "" if there is none. A query is no part of it."""
    path = path.partition("?")[0]
    return ChargePointId(unquote(path.removeprefix(_PATH)) if path.startswith(_PATH) else "")


def _password(headers: Sequence[str], charge_point_id: ChargePointId) -> Secret:
    """Read the password of HTTP basic authentication; empty if there is none for this user name."""
    scheme, _, credentials = headers[0].strip().partition(" ") if len(headers) == 1 else ("", "", "")
    if scheme.lower() != "basic":
        return Secret("")
    try:
        user, _, password = base64.b64decode(credentials.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return Secret("")
    return Secret(password if user == charge_point_id else "")


def _single(values: Sequence[str]) -> str:
    """Give a header's value; "" if it is missing or comes twice, where nobody knows which one counts."""
    return values[0].strip() if len(values) == 1 else ""


def _select_subprotocol(_socket: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Choose what the station likes best: the order of its offer is its preference (RFC 6455 §4.1)."""
    return next((name for name in offered if name in _VERSIONS), None)


def _address(socket: ServerConnection) -> str:
    address = socket.remote_address
    return f"{address[0]}:{address[1]}" if address else "?"
