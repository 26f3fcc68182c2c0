"""One WebSocket to the central system over a socket that a bearer opened. The only module that imports websockets."""

import asyncio
import base64
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from shared.ids import MessageId, Secret
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
from station.errors import LinkLost

MAX_MESSAGE_BYTES = 256 * 1024
"""A SendLocalList of 500 entries has about 50 kB."""

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


class Connection:
    """Calls one way, answers the other. `run` must be running while `call` is used."""

    def __init__(self, websocket: ClientConnection, version: Version, timeout_s: float, answer: Answer) -> None:
        self._websocket = websocket
        self._version = version
        self._timeout_s = timeout_s
        self._session = Session(timeout_s)
        self._answer = answer
        self._waiting: asyncio.Future[ResultReceived | ErrorReceived] | None = None
        self._complaints: set[str] = set()

    async def call(self, message_id: MessageId, action: str, payload: Payload) -> Reply | Refusal:
        """Ask the central system.

        Raises:
            LinkLost: the connection is gone, or no answer came in time, which is as good as gone.
        """
        loop = asyncio.get_running_loop()
        begun = loop.time()
        self._waiting = loop.create_future()
        try:
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
            self._complain(f"answer to {action}: {bad}")
        return Reply(event.payload, loop.time() - begun)

    async def run(self) -> None:
        """Read until the connection is gone.

        Raises:
            LinkLost: always, in the end.
        """
        try:
            async for message in self._websocket:
                # OCPP-J is text. A binary message is handed on as something that can't be read.
                await self._receive(message if isinstance(message, str) else "")
        except ConnectionClosed as error:
            raise LinkLost(f"connection lost: {error}") from error
        raise LinkLost("the central system closed the connection")

    async def _receive(self, text: str) -> None:
        match self._session.receive(text):
            case CallReceived(message_id, action, payload):
                await self._send(await self._answered(message_id, action, payload))
            case (ResultReceived() | ErrorReceived()) as event:
                if self._waiting and not self._waiting.done():
                    self._waiting.set_result(event)
            case ProtocolViolation(reason, reply):
                self._complain(reason)
                if reply:
                    await self._send(reply)
            case _:
                pass

    async def _answered(self, message_id: MessageId, action: str, payload: Payload) -> str:
        if bad := violation(self._version, action, payload):
            self._complain(f"{action}: {bad}")
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

    def _complain(self, about: str) -> None:
        if about not in self._complaints:
            self._complaints.add(about)
            _LOG.warning("csms_breaks_protocol", what=about[:300])

    def abort(self) -> None:
        """Drop the connection at once: whoever is out of coverage can't shake hands."""
        self._websocket.transport.abort()


async def open_connection(
    sock: socket.socket,
    url: str,
    user: str,
    password: Secret,
    *,
    version: Version,
    connect_timeout_s: float,
    reply_timeout_s: float,
    ping_s: int,
    answer: Answer,
) -> Connection:
    """Shake hands. The socket is closed if that fails.

    Args:
        sock: connected, non-blocking.
        url: of the central system with the charge point's identity.
        user: for HTTP basic auth, used if there is a password.
        password: likewise.
        version: of OCPP, which the central system must speak too.
        connect_timeout_s: for the handshake.
        reply_timeout_s: for each call.
        ping_s: WebSocketPingInterval, 0 = none.
        answer: see Answer.

    Raises:
        LinkLost: no, in one line.
    """
    headers = {}
    if password:
        credentials = base64.b64encode(f"{user}:{password.value}".encode()).decode()
        headers["Authorization"] = f"Basic {credentials}"
    protocol = Subprotocol(version.subprotocol)
    try:
        # The handshake is kept short: on a GSM link every header is paid for.
        websocket = await connect(
            url,
            sock=sock,
            subprotocols=[protocol],
            additional_headers=headers,
            compression=None,
            user_agent_header=None,
            proxy=None,
            open_timeout=connect_timeout_s,
            ping_interval=ping_s or None,
            ping_timeout=reply_timeout_s,
            close_timeout=_CLOSE_S,
            max_size=MAX_MESSAGE_BYTES,
        )
    except InvalidStatus as error:
        sock.close()
        raise LinkLost(_refused(error.response.status_code)) from error
    except (InvalidHandshake, WebSocketException, OSError, EOFError) as error:
        sock.close()
        raise LinkLost(f"no WebSocket at {url}: {str(error) or type(error).__name__}") from error
    if websocket.subprotocol != protocol:
        websocket.transport.abort()
        raise LinkLost(f"the central system does not speak {protocol}: check csms.url and csms.version")
    return Connection(websocket, version, reply_timeout_s, answer)


def _refused(status: int) -> str:
    hints = {
        401: "check csms.password and identity.charge_point_id",
        403: "check csms.password and identity.charge_point_id",
        404: "it does not know this charge point, or csms.url is wrong",
    }
    return f"the central system refuses with HTTP {status}: {hints.get(status, 'it may be overloaded or starting')}"
