"""The lasting connection to the central system: reconnect, boot, and what goes out next.

One call is in flight at a time. What goes out next, in this order: what somebody waits for or the central system asked
for (Authorize, triggered messages), connector states, the backlog of transaction messages, Heartbeat. A driver never
waits behind the backlog.

BootNotification is sent once per start of the agent, not per connection (OCPP-J 1.6 §5.4); before it is accepted
nothing else leaves (OCPP 1.6 §4.2). All waits here are link time.
"""

import asyncio
import contextlib
import functools
import math
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn, Protocol
from urllib.parse import urlsplit

from shared.cancelling import cancel_is_kept
from shared.ids import MessageId
from shared.log import Log
from shared.ocpp.session import ErrorCode, Payload
from shared.ocpp.v16 import PayloadError, parse_timestamp
from station.core.backoff import Backoff
from station.core.configuration import Configuration
from station.core.delivery import Message
from station.core.dialect import Dialect
from station.core.keepalive import Keepalive
from station.core.routes import Routes
from station.core.status_reports import StatusReports, timed
from station.core.timekeeping import CONFIRM_S, TimeSource
from station.courier import STALLED_S, Courier
from station.csms_connection import Answer, CallRefused, Connection, Entrance, Refusal, Reply, open_connection
from station.errors import JournalStalled, LinkLost
from station.security.event_courier import EventCourier
from station.security.gate import Gate
from station.settings import CsmsSettings
from station.timekeeper import Timekeeper
from station.traffic import TrafficMeter

_LOG = Log("station.csms")
_DAY_S = 86400
LEAST_WAIT_S = 0.05
"""No two connections follow each other faster, link time, whatever the keys say."""
_LEAVE_S = 1.0
"""Link time for the answer to get away that was given when a connection is left for another."""

BOOT = "BootNotification"
HEARTBEAT = Message("Heartbeat", {})
"""These are the same in every version."""


class Bearer(Protocol):
    """A way to open TCP connections."""

    async def connect(self, host: str, port: int) -> socket.socket:
        """Open a connection: a non-blocking stream socket. Waits while there is no coverage; cancelling is safe.

        Raises:
            LinkLost, OSError: there was coverage, and it failed all the same.
        """
        ...

    @property
    def carries_two(self) -> bool:
        """Tell whether it can carry a second connection beside the first; else a new one closes the last."""
        ...

    def proven(self) -> None:
        """Hear that the present connection carried an OCPP reply."""
        ...


class BootRejected(LinkLost):
    """The central system does not want us now; silence for so many seconds."""

    def __init__(self, wait_s: float) -> None:
        super().__init__("the central system rejected BootNotification")
        self.wait_s = wait_s


@dataclass(slots=True, eq=False)
class _Request:
    message: Message
    is_triggered: bool
    done: "asyncio.Future[Reply | Refusal | None]" = field(default_factory=asyncio.Future)


class CsmsLink:
    """See the module.

    Args:
        settings: how patiently.
        gate: where, and with what credentials.
        dialect: the version of OCPP that is spoken.
        bearer: the way there.
        courier: the backlog.
        events: the backlog of security events.
        timekeeper: hears the central system's time.
        configuration: the keys in force.
        statuses: what is to be reported of connectors.
        answer: does what the central system asks.
        boot: gives BootNotification.
        run_id: makes message ids unique across starts of the agent.
        random: gives a number from 0 to below 1.
        traffic: counts the bytes.
        compression_bits: see open_connection.
    """

    def __init__(
        self,
        settings: CsmsSettings,
        gate: Gate,
        *,
        dialect: Dialect,
        bearer: Bearer,
        courier: Courier,
        events: EventCourier,
        timekeeper: Timekeeper,
        configuration: Configuration,
        statuses: StatusReports,
        answer: Answer,
        boot: Callable[[], Message],
        run_id: str,
        random: Callable[[], float],
        routes: Routes | None = None,
        traffic: TrafficMeter | None = None,
        compression_bits: int = 0,
    ) -> None:
        self.is_accepted = False
        self._keepalive = Keepalive()
        self._traffic, self._compression_bits = traffic, compression_bits
        self._settings = settings
        self._gate = gate
        self._dialect = dialect
        self._bearer = bearer
        self._courier = courier
        self._events = events
        self._timekeeper = timekeeper
        self._configuration = configuration
        self._statuses = statuses
        self._answer = answer
        self._boot_message = boot
        self._run_id = run_id
        self.routes = routes or Routes()
        """The ways to the central system; the one in use is what the gate leads to."""
        self._backoff = Backoff(settings.retry_wait_s, settings.retry_random_s, settings.retry_doublings, random)
        self._connection: Connection | None = None
        self._requests: deque[_Request] = deque()
        self._wake = asyncio.Event()
        self._calls = 0
        self._last_call = self._last_heartbeat = -math.inf
        self._is_proven = self._is_reached = self._must_leave = False
        self._lost_at = math.inf
        self._complaint = ""

    @property
    def keepalive(self) -> Keepalive:
        """Give what is known of the carrier's patience by now."""
        return self._connection.keepalive if self._connection else self._keepalive

    @keepalive.setter
    def keepalive(self, known: Keepalive) -> None:
        self._keepalive = known
        if self._connection:
            self._connection.keepalive = known

    @property
    def is_online(self) -> bool:
        """Tell whether the central system can be asked something now."""
        return self._connection is not None and self.is_accepted

    @property
    def state(self) -> str:
        """Say in a few words how the connection stands."""
        if self._connection is None:
            return f"not connected: {self._complaint or 'not tried yet'}"
        return "connected" if self.is_accepted else "connected, not accepted yet"

    def wake(self) -> None:
        """Hear that there may be something to send."""
        self._wake.set()

    async def call(self, message: Message) -> Reply | Refusal | None:
        """Ask the central system before the backlog. None if that is not possible now. Cancelling is safe."""
        if not self.is_online:
            return None
        request = _Request(message, is_triggered=False)
        self._requests.append(request)
        self._wake.set()
        return await request.done

    def post(self, message: Message, *, is_triggered: bool = False) -> None:
        """Send something before the backlog that may as well be lost.

        With `is_triggered` the central system asked for it: then it leaves also before the boot is accepted.
        """
        if self._connection is not None and (self.is_accepted or is_triggered):
            self._requests.append(_Request(message, is_triggered))
            self._wake.set()

    async def run(self) -> NoReturn:
        """Keep connected for ever."""
        while True:
            wait_s = 0.0
            try:
                with cancel_is_kept():
                    await self._connect_and_talk()
            except* LinkLost as lost:
                wait_s = await self._lose(lost)
            except* JournalStalled as stalled:
                self._complaint = "the journal can't be used now"
                _LOG.error("csms_link_stalled", reason=stalled.exceptions[0])
                wait_s = STALLED_S
            self._backoff.change(*self._waits())
            await asyncio.sleep(max(wait_s, self._backoff.next(), LEAST_WAIT_S))

    def _waits(self) -> tuple[float, float, int]:
        """Give the waits before a connection. The keys know whole seconds only; the settings may be finer."""
        settings, number = self._settings, self._configuration.number
        if "RetryBackOffWaitMinimum" not in self._configuration.names():
            return settings.retry_wait_s, settings.retry_random_s, settings.retry_doublings
        wait_s, random_s = number("RetryBackOffWaitMinimum"), number("RetryBackOffRandomRange")
        return (
            settings.retry_wait_s if wait_s == round(settings.retry_wait_s) else wait_s,
            settings.retry_random_s if random_s == round(settings.retry_random_s) else random_s,
            number("RetryBackOffRepeatTimes"),
        )

    async def _connect_and_talk(self) -> None:
        entrance = self._gate.entrance()
        self._is_reached, self._must_leave = False, False
        connection = await self._open(entrance, self._answer)
        self._connection, self._is_proven, self._complaint = connection, False, ""
        self._last_call = -math.inf
        connection.keepalive = self._keepalive
        _LOG.info("csms_connected", url=entrance.url)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(connection.run(), name="csms reader")
                ping_s = functools.partial(self._configuration.number, "WebSocketPingInterval")
                group.create_task(connection.keep_alive(ping_s), name="csms pings")
                await self._talk(connection)
        except* LinkLost:
            self._learn_silence(connection, is_lost=True)
            raise
        finally:
            self._learn_silence(connection, is_lost=False)
            self._connection = None
            self._lost_at = asyncio.get_running_loop().time()
            connection.abort()
            while self._requests:
                _finish(self._requests.popleft(), None)

    def _learn_silence(self, connection: Connection, *, is_lost: bool) -> None:
        """Keep what the connection told of the carrier; a silence that nothing broke when it ended was too long."""
        known = connection.keepalive
        if is_lost and connection.silence_s and self._is_proven:
            known = connection.keepalive = known.lost(connection.silence_s)
        self._keepalive = known

    async def _open(self, entrance: Entrance, answer: Answer) -> Connection:
        url = urlsplit(entrance.url)
        try:
            sock = await self._bearer.connect(url.hostname or "", url.port or (443 if entrance.tls else 80))
        except OSError as error:
            raise LinkLost(f"{url.netloc} can't be reached: {error.strerror or error}") from error
        self._is_reached = True
        return await open_connection(
            sock,
            entrance,
            version=self._dialect.version,
            connect_timeout_s=self._settings.connect_timeout_s,
            reply_timeout_s=self.routes.current.timeout_s
            or self._configuration.number("MessageTimeout")
            or self._settings.reply_timeout_s,
            answer=answer,
            traffic=self._traffic,
            compression_bits=self._compression_bits,
        )

    @property
    def can_rehearse(self) -> bool:
        """Tell whether a second connection can stand beside the present one."""
        return self._bearer.carries_two

    async def rehearse(self, entrance: Entrance) -> None:
        """Open a second connection beside the present one, and close it again.

        Raises:
            AccessRefused: the central system does not let us in that way.
            LinkLost: that could not be found out.
        """

        async def refuse(action: str, _payload: Payload) -> Payload:
            raise CallRefused(ErrorCode.GENERIC_ERROR, f"{action}: this connection is a rehearsal, about to be closed")

        connection = await self._open(entrance, refuse)
        await connection.close()
        connection.abort()

    def reconnect(self) -> None:
        """Leave the present connection soon, after what is under way has been said, for one with other credentials."""
        self._must_leave = True
        self._wake.set()

    async def _leave(self, connection: Connection) -> NoReturn:
        """Leave politely, so that the last answer gets through."""
        await asyncio.sleep(_LEAVE_S)
        await connection.close()
        raise LinkLost("left to connect with new credentials")

    async def _lose(self, lost: "BaseExceptionGroup[LinkLost]") -> float:
        """Log the loss once, and give the wait that the central system asked for."""
        first = _first(lost)
        if not self._is_proven:
            if self._is_reached:
                await self._gate.failed(first)
            if self.routes.failed(self._configuration.number("NetworkProfileConnectionAttempts")):
                await self._gate.take_route()
        if str(first) != self._complaint:
            _LOG.warning("csms_lost" if self._is_proven else "csms_unreachable", reason=first)
        self._complaint, self._is_proven = str(first), False
        return first.wait_s if isinstance(first, BootRejected) else 0.0

    async def _talk(self, connection: Connection) -> NoReturn:
        await self._courier.begin()
        away_s = asyncio.get_running_loop().time() - self._lost_at
        if away_s > self._dialect.offline_threshold_s(self._configuration):
            self._statuses.forget_told()
        message: Message | None = None
        while True:
            while not self.is_accepted:
                message = await self._boot(connection, message or self._boot_message())
            self._wake.clear()
            wait_s = await self._say_something(connection)
            if wait_s > 0:
                await self._pause(wait_s)

    async def _boot(self, connection: Connection, message: Message) -> Message | None:
        """Say who we are. Gives the BootNotification that the central system asks for next, None if for none."""
        return await self._hear_boot(connection, await self._send(connection, message))

    async def _hear_boot(self, connection: Connection, reply: Reply | Refusal) -> Message | None:
        payload = reply.payload if isinstance(reply, Reply) else {}
        interval = payload.get("interval")
        interval = interval if isinstance(interval, int) and interval > 0 else None
        status = payload.get("status")
        if status == "Accepted":
            if interval:
                self._configuration.change("HeartbeatInterval", str(min(interval, _DAY_S)))
            if not self.is_accepted:
                self._statuses.forget_told()
                _LOG.info("boot_accepted", heartbeat_s=self._configuration.number("HeartbeatInterval"))
            self.is_accepted = True
            return None
        self.is_accepted = False
        wait_s = float(interval) if interval else self._settings.boot_retry_s
        if status == "Rejected":
            raise BootRejected(wait_s)
        _LOG.warning("boot_pending", status=status or reply, again_in_s=wait_s)
        return await self._wait_pending(connection, wait_s)

    async def _wait_pending(self, connection: Connection, wait_s: float) -> Message | None:
        """Wait for the next BootNotification and send only what the central system triggers."""
        deadline = asyncio.get_running_loop().time() + wait_s
        while (left := deadline - asyncio.get_running_loop().time()) > 0:
            self._wake.clear()
            if self._requests:
                request = self._requests.popleft()
                if request.message.action == BOOT:
                    return request.message
                await self._send(connection, request.message)
            else:
                await self._pause(left)
        return None

    async def _say_something(self, connection: Connection) -> float:
        """Send the one thing that matters most, or tell how long there is nothing to say."""
        if self._must_leave:
            await self._leave(connection)
        if self._requests:
            await self._serve(connection, self._requests.popleft())
            return 0.0
        now = asyncio.get_running_loop().time()
        minimum_s = self._configuration.number("MinimumStatusDuration")
        if report := self._statuses.due(now, minimum_s):
            await self._send(connection, self._dialect.status(timed(report, self._timekeeper.boot)))
            self._statuses.told(report)
            return 0.0
        transmit = functools.partial(self._transmit, connection)
        events_s = await self._events.deliver(transmit)
        backlog_s = min(events_s, await self._courier.deliver(transmit)) if events_s else 0.0
        if backlog_s == 0.0:
            return 0.0
        heartbeat_at = min(
            self._last_call + self._configuration.number("HeartbeatInterval"), self._last_heartbeat + _DAY_S
        )
        if self._timekeeper.awaits_confirmation:
            heartbeat_at = min(heartbeat_at, self._last_heartbeat + CONFIRM_S + 1)
        if now >= heartbeat_at:
            await self._send(connection, HEARTBEAT)
            return 0.0
        status_at = self._statuses.next_due(minimum_s)
        return min(backlog_s, heartbeat_at - now, math.inf if status_at is None else max(status_at - now, 0.01))

    async def _serve(self, connection: Connection, request: _Request) -> None:
        if request.done.done():
            return
        try:
            reply = await self._send(connection, request.message)
            _finish(request, reply)
        finally:
            _finish(request, None)
        if request.message.action == BOOT and isinstance(reply, Reply):
            # The answer to a BootNotification that was asked for counts like that to the first one.
            await self._hear_boot(connection, reply)

    async def _send(self, connection: Connection, message: Message) -> Reply | Refusal:
        """Send what is not a transaction message."""
        self._calls += 1
        message_id = MessageId(f"{self._run_id}-{self._calls}")
        asked_at = self._timekeeper.clock.uptime()
        reply = await self._transmit(connection, message_id, message)
        if isinstance(reply, Refusal):
            _LOG.warning("refused", action=message.action, reason=reply.reason)
        elif message.action in (BOOT, HEARTBEAT.action):
            self._last_heartbeat = asyncio.get_running_loop().time()
            await self._learn_time(reply.payload.get("currentTime"), asked_at)
        return reply

    async def _transmit(self, connection: Connection, message_id: MessageId, message: Message) -> Reply | Refusal:
        reply = await connection.call(message_id, message.action, message.payload)
        self._last_call = asyncio.get_running_loop().time()
        if not self._is_proven:
            self._is_proven = True
            self._bearer.proven()
            self.routes.proven()
            self._backoff.reset()
            await self._gate.proven(connection.entrance, connection.tls)
        return reply

    async def _learn_time(self, text: object, asked_at: float) -> None:
        try:
            told = parse_timestamp(text)
        except PayloadError as error:
            _LOG.warning("clock_refused", source="csms", reason=f"currentTime: {error}")
            return
        await self._timekeeper.learn(TimeSource.CSMS, told, asked_at)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if math.isinf(seconds) else seconds):
                await self._wake.wait()


def _first(lost: "BaseExceptionGroup[LinkLost]") -> LinkLost:
    """Give the first of what was lost."""
    first: BaseException = lost
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    assert isinstance(first, LinkLost)  # noqa: S101  nothing else was caught
    return first


def _finish(request: _Request, reply: Reply | Refusal | None) -> None:
    if not request.done.done():
        request.done.set_result(reply)
