"""One WebSocket to the central system over a socket that a bearer opened. The only module that imports websockets."""

import asyncio
import base64
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, WebSocketException
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.typing import Subprotocol

from shared.ids import MessageId
from shared.log import Log
from shared.ocpp.session import (
    CallReceived,
    ErrorCode,
    ErrorReceived,
    Payload,
    ProtocolViolation,
    ResultReceived,
    Session,
)
from shared.ocpp.validation import Version, violation
from station.core.data_budget import Traffic, traffic_of
from station.core.keepalive import Keepalive
from station.errors import AccessRefused, LinkLost
from station.security.events import EventKind
from station.traffic import TrafficMeter

MAX_MESSAGE_BYTES = 256 * 1024
"""A SendLocalList of 500 entries has about 50 kB."""

INTERVAL_LOOK_S = 5.0
"""So soon a new WebSocketPingInterval counts, link time."""

_CLOSE_S = 1.0
_LOG = Log("station.csms")


class CallRefused(Exception):  # noqa: N818  the wording of OCPP: a call is refused with an error code
    """We don't do what the central system asks; it gets a CALLERROR."""

    def __init__(self, code: ErrorCode, description: str) -> None:
        super().__init__(description)
        self.code = code


@dataclass(frozen=True, slots=True)
class Reply:
    """The central system answered. What its schema demands may be missing: that is logged, and the reader decides."""

    payload: Payload
    round_trip_s: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """The central system answered with CALLERROR."""

    reason: str


Answer = Callable[[str, Payload], Awaitable[Payload]]
"""Does what the central system asks (action, valid payload) and gives the answer, or raises CallRefused."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """How to enter the central system.

    Args:
        url: with the charge point's identity.
        user: for HTTP basic auth.
        credentials: bytes of its password; empty = no basic auth.
        tls: for wss, what TLS is spoken with.
        complain: hears what the central system says that makes no sense.
        check: judges the connection after the TLS handshake and before anything is sent, raising AccessRefused.
    """

    url: str
    user: str
    credentials: bytes = field(default=b"", repr=False)
    tls: ssl.SSLContext | None = None
    check: Callable[[ssl.SSLObject], None] = lambda _tls: None
    complain: Callable[[str], Awaitable[None]] | None = None

    def headers(self) -> dict[str, str]:
        """Give what the request carries."""
        if not self.credentials:
            return {}
        told = base64.b64encode(self.user.encode() + b":" + self.credentials).decode()
        return {"Authorization": f"Basic {told}"}


class _Socket(ClientConnection):
    """A WebSocket that is judged between the TLS handshake and its own, and remembers what TLS said at the end."""

    check: Callable[[ssl.SSLObject], None]
    tls_error: ssl.SSLError | None = None

    @property
    def tls(self) -> ssl.SSLObject | None:
        found = self.transport.get_extra_info("ssl_object")
        return found if isinstance(found, ssl.SSLObject) else None

    def connection_lost(self, exc: Exception | None) -> None:
        self.tls_error = exc if isinstance(exc, ssl.SSLError) else None
        super().connection_lost(exc)

    # Any: as websockets has it.
    async def handshake(self, *args: Any, **kwargs: Any) -> None:
        if self.tls:
            self.check(self.tls)
        try:
            await super().handshake(*args, **kwargs)
        except (InvalidHandshake, EOFError, OSError) as error:
            # With TLS 1.3 the server judges our certificate after our handshake is over.
            raise self.tls_error or error from error


class Connection:
    """Calls one way, answers the other. `run` must be running while `call` is used."""

    def __init__(
        self,
        websocket: _Socket,
        entrance: Entrance,
        version: Version,
        timeout_s: float,
        answer: Answer,
        *,
        traffic: TrafficMeter,
    ) -> None:
        self.entrance = entrance
        self._websocket = websocket
        self._version = version
        self._timeout_s = timeout_s
        self.keepalive = Keepalive()
        """What is known of the carrier; whoever made the connection sets it and takes it back."""
        self._session = Session(timeout_s, is_newer=version is not Version.V16)
        self._answer = answer
        self._waiting: asyncio.Future[ResultReceived | ErrorReceived] | None = None
        self._complaints: set[str] = set()
        self._traffic = traffic
        self._heard_at = asyncio.get_running_loop().time()
        self.silence_s = 0.0
        """How long nothing had come when something was asked last, or, once it was answered, 0; link time."""

    async def call(self, message_id: MessageId, action: str, payload: Payload) -> Reply | Refusal:
        """Ask the central system.

        Raises:
            LinkLost: the connection is gone, or no answer came in time, which is as good as gone.
        """
        loop = asyncio.get_running_loop()
        begun = loop.time()
        self._waiting = loop.create_future()
        self.silence_s = begun - self._heard_at
        try:
            with self._traffic.of(traffic_of(action, payload)):
                async with asyncio.timeout(self._timeout_s):
                    await self._send(self._session.call(message_id, action, payload, begun))
                    event = await self._waiting
        except TimeoutError as error:
            raise LinkLost(f"no reply to {action} in {self._timeout_s:g} s") from error
        finally:
            self._waiting = None
        if isinstance(event, ErrorReceived):
            return Refusal(f"{event.code} {event.description}".strip())
        if bad := violation(self._version, action, event.payload, answer=True):
            await self._complain(f"answer to {action}: {bad}")
        return Reply(event.payload, loop.time() - begun)

    async def run(self) -> None:
        """Read until the connection is gone.

        Raises:
            LinkLost: always, in the end.
        """
        try:
            async for message in self._websocket:
                self._heard()
                # OCPP-J is text. A binary message is handed on as something that can't be read.
                await self._receive(message if isinstance(message, str) else "")
        except ConnectionClosed as error:
            raise LinkLost(f"connection lost: {error}") from error
        raise LinkLost("the central system closed the connection")

    def _heard(self) -> None:
        """Note that the other side is there."""
        if self.silence_s:
            self.keepalive = self.keepalive.survived(self.silence_s)
        self.silence_s, self._heard_at = 0.0, asyncio.get_running_loop().time()

    async def _receive(self, text: str) -> None:
        match self._session.receive(text):
            case CallReceived(message_id, action, payload):
                await self._send(await self._answered(message_id, action, payload))
            case (ResultReceived() | ErrorReceived()) as event:
                if self._waiting and not self._waiting.done():
                    self._waiting.set_result(event)
            case ProtocolViolation(reason, reply):
                await self._complain(reason)
                if reply:
                    await self._send(reply)
            case _:
                pass

    async def _answered(self, message_id: MessageId, action: str, payload: Payload) -> str:
        if bad := violation(self._version, action, payload):
            await self._complain(f"{action}: {bad}")
            return self._session.error(message_id, bad.code, str(bad))
        try:
            return self._session.result(message_id, await self._answer(action, payload))
        except CallRefused as refusal:
            return self._session.error(message_id, refusal.code, str(refusal))

    async def _send(self, text: str) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._websocket.send(text)
        except TimeoutError as error:
            raise LinkLost(f"nothing could be sent for {self._timeout_s:g} s") from error
        except ConnectionClosed as error:
            raise LinkLost(f"connection lost: {error}") from error

    async def _complain(self, about: str) -> None:
        if about not in self._complaints:
            self._complaints.add(about)
            _LOG.warning("csms_breaks_protocol", what=about[:300])
            if self.entrance.complain:
                await self.entrance.complain(about)

    @property
    def tls(self) -> ssl.SSLObject | None:
        """Give what TLS knows of the connection, None without TLS."""
        return self._websocket.tls

    async def close(self) -> None:
        """Say good-bye, as long as the other side does so soon."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self._websocket.close()

    async def keep_alive(self, longest_s: Callable[[], int]) -> NoReturn:
        """Ping after a silence that the carrier forgives, at most `longest_s` at the moment, 0 = not now.

        Raises:
            LinkLost: a ping was not answered in time.
        """
        loop = asyncio.get_running_loop()
        while True:
            interval = self.keepalive.interval_s(longest_s())
            left = self._heard_at + interval - loop.time() if interval else INTERVAL_LOOK_S
            if left > 0:
                await asyncio.sleep(min(left, INTERVAL_LOOK_S))
                continue
            self.silence_s = loop.time() - self._heard_at
            try:
                with self._traffic.of(Traffic.KEEPALIVE):
                    async with asyncio.timeout(self._timeout_s):
                        await (await self._websocket.ping(b""))
            except TimeoutError as error:
                raise LinkLost(f"no answer to a ping in {self._timeout_s:g} s") from error
            except ConnectionClosed as error:
                raise LinkLost(f"connection lost: {error}") from error
            self._heard()

    def abort(self) -> None:
        """Drop the connection at once: whoever is out of coverage can't shake hands."""
        self._websocket.transport.abort()


async def open_connection(
    sock: socket.socket,
    entrance: Entrance,
    *,
    version: Version,
    connect_timeout_s: float,
    reply_timeout_s: float,
    answer: Answer,
    traffic: TrafficMeter | None = None,
    compression_bits: int = 0,
) -> Connection:
    """Shake hands. The socket is closed if that fails.

    Args:
        sock: connected, non-blocking.
        entrance: where to, and with what.
        version: of OCPP, which the central system must speak too.
        connect_timeout_s: for the handshakes of TLS and WebSocket.
        reply_timeout_s: for each call.
        answer: see Answer.
        traffic: counts the bytes.
        compression_bits: window of permessage-deflate to offer, 0 = none.

    Raises:
        AccessRefused: the central system and we don't accept each other.
        LinkLost: no, in one line.
    """
    traffic = traffic or TrafficMeter()
    traffic.be(Traffic.CONNECT)
    sock = traffic.watch(sock)
    url, protocol = entrance.url, Subprotocol(version.subprotocol)
    # Any: what is for TLS only must not be there without.
    tls: dict[str, Any] = {"ssl": entrance.tls, "ssl_handshake_timeout": connect_timeout_s} if entrance.tls else {}
    try:
        # The handshake is kept short: on a GSM link every header is paid for.
        websocket = await connect(
            url,
            sock=sock,
            subprotocols=[protocol],
            additional_headers=entrance.headers(),
            compression=None,
            extensions=_extensions(compression_bits),
            user_agent_header=None,
            proxy=None,
            open_timeout=connect_timeout_s,
            ping_interval=None,
            close_timeout=_CLOSE_S,
            max_size=MAX_MESSAGE_BYTES,
            create_connection=type("_Checked", (_Socket,), {"check": staticmethod(entrance.check)}),
            **tls,
        )
    except AccessRefused:
        sock.close()
        raise
    except InvalidStatus as error:
        sock.close()
        raise _refused(error.response.status_code) from error
    except (InvalidHandshake, WebSocketException, OSError, EOFError) as error:
        sock.close()
        raise _tls_refusal(error) or LinkLost(f"no WebSocket at {url}: {str(error) or type(error).__name__}") from error
    assert isinstance(websocket, _Socket)  # noqa: S101  made above
    if websocket.subprotocol != protocol:
        websocket.transport.abort()
        raise LinkLost(f"the central system does not speak {protocol}: check csms.url and csms.version")
    traffic.be(Traffic.REMOTE)
    return Connection(websocket, entrance, version, reply_timeout_s, answer, traffic=traffic)


def _extensions(bits: int) -> list[ClientPerMessageDeflateFactory] | None:
    """Offer compression that remembers earlier messages (RFC 7692 §7.1): they are much alike."""
    if not bits:
        return None
    bits = max(bits, 9)  # zlib can't make a raw stream with 8
    return [
        ClientPerMessageDeflateFactory(
            client_max_window_bits=bits,
            compress_settings={"level": 9},
        )
    ]


def _tls_refusal(error: Exception) -> AccessRefused | None:
    if not isinstance(error, ssl.SSLError):
        return None
    from station.security.tls import refusal

    return refusal(error)


def _refused(status: int) -> LinkLost:
    hints = {
        401: "check csms.password and identity.charge_point_id",
        403: "check csms.password and identity.charge_point_id",
        404: "it does not know this charge point, or csms.url is wrong",
    }
    text = f"the central system refuses with HTTP {status}: {hints.get(status, 'it may be overloaded or starting')}"
    return AccessRefused(text, EventKind.FAILED_TO_AUTHENTICATE) if status in (401, 403) else LinkLost(text)
