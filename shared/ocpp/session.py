"""OCPP-J message exchange: pairing of calls and answers, one call in flight, deadlines as data.

Pure: text comes in, events and text go out, time is an argument. Both ends of a connection use the same class, because
the rules are the same in both directions (OCPP-J 1.6 §4, OCPP 2.0.1 part 4 §4):

- A call waits for its answer, an error or its deadline before the next call may be sent (§4.1.1).
- What can't be read as a message is answered with CALLERROR, with message id "-1" where the id itself can't be read
  (2.0.1 part 4 §4.2.3; 1.6 leaves it open). An unreadable *answer* can't be answered; it is reported.
- An answer to nothing that we asked is reported and changes nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from shared.ids import MessageId

Payload = Mapping[str, object]
"""An OCPP payload: JSON object with str, int, Decimal, bool, list and dict values."""

_CALL, _CALLRESULT, _CALLERROR = 2, 3, 4
MAX_MESSAGE_ID_LENGTH = 36
UNREADABLE_ID = MessageId("-1")


class ErrorCode(StrEnum):
    """CALLERROR codes, in the spelling of OCPP 1.6 where the versions differ (OCPP-J 1.6 §4.2.3)."""

    NOT_IMPLEMENTED = "NotImplemented"
    NOT_SUPPORTED = "NotSupported"
    INTERNAL_ERROR = "InternalError"
    PROTOCOL_ERROR = "ProtocolError"
    SECURITY_ERROR = "SecurityError"
    FORMATION_VIOLATION = "FormationViolation"
    PROPERTY_CONSTRAINT_VIOLATION = "PropertyConstraintViolation"
    OCCURENCE_CONSTRAINT_VIOLATION = "OccurenceConstraintViolation"
    TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"
    GENERIC_ERROR = "GenericError"


_NEWER_WORDS = {
    ErrorCode.FORMATION_VIOLATION: "FormatViolation",
    ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION: "OccurrenceConstraintViolation",
}
"""Codes that OCPP 2.x spells otherwise (2.0.1 part 4 §4.3)."""


@dataclass(frozen=True, slots=True)
class CallReceived:
    """The peer asks for something. Answer with `result` or `error`."""

    message_id: MessageId
    action: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class ResultReceived:
    """The peer answered our call."""

    message_id: MessageId
    action: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class ErrorReceived:
    """The peer refused our call. `code` is as received: peers invent codes."""

    message_id: MessageId
    action: str
    code: str
    description: str


@dataclass(frozen=True, slots=True)
class CallTimedOut:
    """No answer came in time. The peer may have acted all the same."""

    message_id: MessageId
    action: str


@dataclass(frozen=True, slots=True)
class ProtocolViolation:
    """The peer broke the rules. `reply` is the CALLERROR to send, None where none may be sent."""

    reason: str
    reply: str | None


Event = CallReceived | ResultReceived | ErrorReceived | CallTimedOut | ProtocolViolation


class CallInFlightError(Exception):
    """A call was begun while another waits for its answer: a mistake of ours."""


@dataclass(frozen=True, slots=True)
class _Pending:
    message_id: MessageId
    action: str
    deadline: float


@dataclass(slots=True)
class Session:
    """One connection's exchange.

    Args:
        timeout_s: how long a call waits for its answer, link time. Mobile links are slow: be generous.
        is_newer: spell error codes as OCPP 2.x does.
    """

    timeout_s: float = 30.0
    is_newer: bool = False
    _pending: _Pending | None = field(default=None, init=False)

    @property
    def may_call(self) -> bool:
        """Tell whether a call may be sent now."""
        return self._pending is None

    @property
    def next_deadline(self) -> float | None:
        """Tell when `tick` must be called at the latest, link time."""
        return self._pending.deadline if self._pending else None

    def call(self, message_id: MessageId, action: str, payload: Payload, now: float) -> str:
        """Begin a call and give its text.

        Raises:
            CallInFlightError: another call waits for its answer.
        """
        if self._pending:
            raise CallInFlightError(f"{self._pending.action} waits for its answer; {action} must wait too")
        self._pending = _Pending(message_id, action, now + self.timeout_s)
        return dumps([_CALL, message_id, action, payload])

    def result(self, message_id: MessageId, payload: Payload) -> str:
        """Give the text of a positive answer to a call received."""
        return dumps([_CALLRESULT, message_id, payload])

    def error(self, message_id: MessageId, code: ErrorCode, description: str = "") -> str:
        """Give the text of a refusal of a call received. `description` is cut to 255 characters."""
        word = _NEWER_WORDS.get(code, code) if self.is_newer else code
        return dumps([_CALLERROR, message_id, word, description[:255], {}])

    def tick(self, now: float) -> CallTimedOut | None:
        """Let time pass: give up the call in flight when its deadline has come."""
        if self._pending and now >= self._pending.deadline:
            pending, self._pending = self._pending, None
            return CallTimedOut(pending.message_id, pending.action)
        return None

    def receive(self, text: str) -> Event:
        """Read one message of the peer."""
        try:
            message = loads(text)
        except (ValueError, RecursionError):
            return self._violation(UNREADABLE_ID, ErrorCode.FORMATION_VIOLATION, "not valid JSON")
        if "\\u" in text and "\\ud" in text.lower() and not _is_unicode(message):
            return self._violation(UNREADABLE_ID, ErrorCode.FORMATION_VIOLATION, "half of a surrogate pair")
        if not isinstance(message, list) or not message:
            return self._violation(UNREADABLE_ID, ErrorCode.FORMATION_VIOLATION, "not a JSON array")
        match message:
            case [int(kind), str(message_id), *rest] if kind in (_CALL, _CALLRESULT, _CALLERROR):
                if not 1 <= len(message_id) <= MAX_MESSAGE_ID_LENGTH:
                    if kind == _CALL:
                        return self._violation(
                            UNREADABLE_ID, ErrorCode.FORMATION_VIOLATION, "message id not 1 to 36 long"
                        )
                    return ProtocolViolation("answer whose message id is not 1 to 36 characters long", None)
                if kind == _CALL:
                    return self._receive_call(MessageId(message_id), rest)
                return self._receive_answer(kind, MessageId(message_id), rest)
            case [int(kind), str(message_id), *_] if 1 <= len(message_id) <= MAX_MESSAGE_ID_LENGTH:
                return self._violation(MessageId(message_id), ErrorCode.PROTOCOL_ERROR, f"unknown message type {kind}")
            case _:
                return self._violation(UNREADABLE_ID, ErrorCode.FORMATION_VIOLATION, "message type or id can't be read")

    def _receive_call(self, message_id: MessageId, rest: list[object]) -> Event:
        match rest:
            case [str(action), dict(payload)]:
                return CallReceived(message_id, action, payload)
            case _:
                return self._violation(message_id, ErrorCode.FORMATION_VIOLATION, "a call is [2, id, action, payload]")

    def _receive_answer(self, kind: int, message_id: MessageId, rest: list[object]) -> Event:
        pending = self._pending
        if not pending or pending.message_id != message_id:
            return ProtocolViolation(f"answer to {message_id}, which is not in flight", None)
        match kind, rest:
            case 3, [dict(payload)]:
                event: Event = ResultReceived(message_id, pending.action, payload)
            case 4, [str(code), *more]:
                description = more[0] if more and isinstance(more[0], str) else ""
                event = ErrorReceived(message_id, pending.action, code, description)
            case _:
                # The peer has answered, but nobody can say what: treated as a refusal, so that it is not sent for ever.
                reason = "the answer can't be read"
                event = ErrorReceived(message_id, pending.action, ErrorCode.FORMATION_VIOLATION, reason)
        self._pending = None
        return event

    def _violation(self, message_id: MessageId, code: ErrorCode, reason: str) -> ProtocolViolation:
        return ProtocolViolation(reason, self.error(message_id, code, reason))


def loads(text: str) -> object:
    """Read JSON; numbers with a point become Decimal, because 8.1 A is not 8.0999 A.

    Raises:
        ValueError: it is not JSON. NaN and Infinity are not JSON either; numbers beyond a double are refused.
    """
    return _DECODER.decode(text)


def dumps(value: object) -> str:
    """Write JSON without blanks; a Decimal leaves with its own digits."""
    return _ENCODER.encode(value)


def _is_unicode(message: object) -> bool:
    """Tell whether the texts in a message can be sent and stored as UTF-8."""
    try:
        dumps(message).encode()
    except UnicodeEncodeError:
        return False
    return True


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if number.adjusted() > 300:  # what a double holds; 1e999999999 written out would fill the memory
        raise ValueError("number out of range")
    return number


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


_DECODER = json.JSONDecoder(parse_float=_decimal, parse_constant=_no_constant)
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=_plain)
