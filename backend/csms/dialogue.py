"""The dialogue with one station over one connection: calls are handled and answered in order, commands go out.

It knows texts, not sockets. Whatever the station sends, the dialogue answers as OCPP-J demands and goes on; each kind
of fault is logged once per connection.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from uuid import uuid4

from sqlalchemy.exc import SQLAlchemyError

from backend.csms.connections import Connection, OutgoingCall
from backend.csms.handling import Handler, Sender
from backend.csms.link_facts import note_call
from backend.errors import CommandError, CommandRefusedError, CommandTimeoutError, NotConnectedError, StoreError
from backend.store.writer import Store, short_reason
from shared.clock import Clock
from shared.ids import MessageId
from shared.log import Log
from shared.ocpp.session import (
    UNREADABLE_ID,
    CallReceived,
    CallTimedOut,
    ErrorCode,
    ErrorReceived,
    ProtocolViolation,
    ResultReceived,
    Session,
)
from shared.ocpp.v16 import PayloadError
from shared.ocpp.validation import Version, Violation, is_known, violation, violations

log = Log(__name__)

_MAX_COMPLAINTS = 100
"""Kinds of faults logged for one connection."""

_WITH_ENERGY = ("MeterValues", "StartTransaction", "StopTransaction", "TransactionEvent")
"""Messages that are taken as they are where they only exceed limits of values or say more than they may.

A station repeats what is refused, or drops it, and the energy with it. Such a fault is reported.
"""

_ONLY_ASK = ("Authorize",)
"""Messages whose handlers change nothing: a driver does not wait for what other stations have to tell."""


class Dialogue:
    """One station's exchange of messages.

    Args:
        connection: where commands to send are queued.
        send: writes one message to the station.
        version: that the handshake agreed on.
        handlers: its actions that are implemented.
        store: where handlers write.
        clock: world time.
        call_timeout_s: how long a command waits for its answer, link time.
    """

    def __init__(
        self,
        connection: Connection,
        send: Callable[[str], Awaitable[None]],
        store: Store,
        clock: Clock,
        *,
        version: Version,
        handlers: Mapping[str, Handler],
        call_timeout_s: float,
    ) -> None:
        self._connection = connection
        self._send = send
        self._version, self._handlers = version, handlers
        self._store = store
        self._clock = clock
        self._session = Session(call_timeout_s, is_newer=version is not Version.V16)
        self._in_flight: OutgoingCall | None = None
        self._answered = asyncio.Event()
        self._complaints: set[str] = set()

    async def receive(self, message: str | bytes) -> None:
        """Take one message and send its answer. Cancelling may leave a message stored and not answered."""
        self._connection.heard_at = self._clock.utc()
        if isinstance(message, bytes):
            self._complain("binary message")
            await self._send(self._session.error(UNREADABLE_ID, ErrorCode.FORMATION_VIOLATION, "binary message"))
            return
        event = self._session.receive(message)
        match event:
            case CallReceived():
                note_call(self._connection, event.action, event.payload, self._clock.utc())
                await self._send(await self._answer(event))
            case ProtocolViolation():
                self._complain(event.reason)
                if event.reply:
                    await self._send(event.reply)
            case ResultReceived() | ErrorReceived():
                self._conclude(event)
            case CallTimedOut():  # made by `tick` alone
                raise AssertionError(event)

    async def run_calls(self) -> None:
        """Send queued commands, one at a time, and wait for each answer. Never returns; cancel it, then `close`."""
        while True:
            call = await self._connection.calls.get()
            if not call.answer.done():
                await self._call(call)

    def close(self) -> None:
        """Refuse all commands that wait. Call this when nobody can find the connection any more."""
        error = NotConnectedError(f"the connection of {self._connection.charge_point_id} broke")
        if self._in_flight:
            _finish(self._in_flight, error)
        while not self._connection.calls.empty():
            _finish(self._connection.calls.get_nowait(), error)

    async def _call(self, call: OutgoingCall) -> None:
        now = asyncio.get_running_loop().time()
        self._in_flight = call
        self._answered.clear()
        text = self._session.call(MessageId(str(uuid4())), call.action, call.payload, now)
        deadline = self._session.next_deadline
        assert deadline is not None  # noqa: S101  a call is in flight
        try:
            async with asyncio.timeout_at(deadline):
                await self._send(text)
                await self._answered.wait()
        except TimeoutError:
            self._session.tick(deadline)
            reason = f"{self._connection.charge_point_id} did not answer {call.action} within {deadline - now:g} s"
            _finish(call, CommandTimeoutError(reason))
        self._in_flight = None

    def _conclude(self, event: ResultReceived | ErrorReceived) -> None:
        call = self._in_flight
        assert call is not None  # noqa: S101  the session knows answers to calls in flight only
        name = f"{self._connection.charge_point_id}: {event.action}"
        if isinstance(event, ErrorReceived):
            _finish(call, CommandRefusedError(f"{name} refused with {event.code}: {event.description}"))
        elif call.checked and (wrong := violation(self._version, event.action, event.payload, answer=True)):
            _finish(call, CommandRefusedError(f"{name} answered against the specification: {wrong}"))
        elif not call.answer.done():
            call.answer.set_result(event.payload)
        self._answered.set()

    async def _answer(self, call: CallReceived) -> str:
        """Handle a call and give the text of its answer."""
        handler = self._handlers.get(call.action)
        if handler is None:
            # What a stranger sends is not repeated into the log at any length.
            action = call.action if is_known(self._version, call.action) else "that action"
            return self._error(call, ErrorCode.NOT_IMPLEMENTED, f"{action} is not implemented")
        if wrong := self._refused(call):
            return self._error(call, wrong.code, f"{call.action}: {wrong}")
        sender = Sender(self._connection.charge_point_id, call.message_id, self._version)
        now = self._clock.utc()
        try:
            run = self._store.read if call.action in _ONLY_ASK else self._store.write
            answer = await run(lambda unit: handler(call.payload, sender, unit, now))
        except PayloadError as error:
            return self._error(call, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, f"{call.action}: {error}")
        except (SQLAlchemyError, StoreError, OSError) as error:
            # Not stored, so not answered as stored: the station sends it again.
            self._complain(f"{call.action} not stored: {short_reason(error)}", "message not stored")
            return self._session.error(call.message_id, ErrorCode.INTERNAL_ERROR, "not stored, send it again")
        return self._session.result(call.message_id, answer)

    def _refused(self, call: CallReceived) -> Violation | None:
        """Tell for what a call can't be taken; what is wrong with it and does no harm is reported only."""
        first: Violation | None = None
        for wrong in violations(self._version, call.action, call.payload):
            if call.action not in _WITH_ENERGY or not wrong.is_limit:
                return wrong
            first = first or wrong
        if first:
            self._complain(f"{call.action} taken as it is: {first}")
        return None

    def _error(self, call: CallReceived, code: ErrorCode, reason: str) -> str:
        self._complain(reason)
        return self._session.error(call.message_id, code, reason)

    def _complain(self, reason: str, fact: str = "station broke the rules") -> None:
        """Log what went wrong, each kind once; a station that errs without end must not fill the log."""
        if reason not in self._complaints and len(self._complaints) < _MAX_COMPLAINTS:
            self._complaints.add(reason)
            log.warning(fact, charge_point=self._connection.charge_point_id, reason=reason)


def _finish(call: OutgoingCall, error: CommandError) -> None:
    if not call.answer.done():
        call.answer.set_exception(error)
