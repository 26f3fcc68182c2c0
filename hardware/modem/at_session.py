"""The dialogue on one AT port. Pure: bytes and time in, actions out, deadlines as data.

Rules
- One command is outstanding, the others wait in a FIFO. A minimum gap lies between a final result and the next one.
- A line belongs to the command outstanding when it matches what that command expects, else it is unsolicited: modems
  speak unasked before, inside and after answers, with the same prefixes. Texts that are never an answer are listed.
- A command that fills its time-out is answered as timed out. Its late answer is thrown away: nothing is sent for a
  moment, and a bare OK does not end the next command if that expects a line.
- After the prompt the payload goes out raw. A prompt that nobody asked for, or that came too late, is left with ESC.
"""

import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hardware.modem import at_parser
from hardware.modem.at_parser import AtParser, Token

_ESCAPE = b"\x1b"
_UNTERMINATED_S = 0.2
"""Line quiet for so long: a known text without line end is taken as it is."""
_ECHO = re.compile(r"AT[+*#^$%&].*", re.IGNORECASE)
"""Echo of a command, also of one that we never sent (SIM767x, or another program on the port before us)."""
_CALL_RESULTS = frozenset({"NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE"})
"""Final results of dialling only; in all other places they tell that a call has ended."""
_DIAL = re.compile(r"AT[DAO]", re.IGNORECASE)
_ERROR_CODE = re.compile(r"\+CM[ES] ERROR: ?(\d+)")


@dataclass(frozen=True, slots=True)
class Request:
    """A command and what its answer looks like.

    Args:
        command: without the closing CR.
        response: pattern that every line of its answer matches as a whole; empty = the answer has no lines.
        timeout_s: from sending to the final result, link time.
        payload: sent behind the prompt.
        finals: final results of its own, text to success; `OK` then counts only if named here. Errors always count.
        final_may_lack: on time-out, lines without a final result are taken as success (Wavecom `+CPIN?`).
        is_secret: the command's arguments must not reach a log.
    """

    command: str
    response: str = ""
    timeout_s: float = 3.0
    payload: bytes = b""
    finals: Mapping[str, bool] = field(default_factory=dict)
    final_may_lack: bool = False
    is_secret: bool = False

    def __str__(self) -> str:
        return self.command.partition("=")[0] + "=***" if self.is_secret else self.command


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Args:
        ok: the final result means success.
        final: the final result as sent; empty after a time-out.
        lines: lines of the answer.
        payload: its payload; None if bytes of it were lost on the serial line.
    """

    ok: bool
    final: str = ""
    lines: tuple[str, ...] = ()
    payload: bytes | None = b""

    @property
    def is_timeout(self) -> bool:
        """Tell whether the modem did not answer."""
        return not self.ok and not self.final

    @property
    def error_code(self) -> int | None:
        """Number of a `+CME ERROR` or `+CMS ERROR`, None where there is none."""
        match = _ERROR_CODE.match(self.final)
        return int(match[1]) if match else None


@dataclass(frozen=True, slots=True)
class Send:
    """Write these bytes to the port."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Done:
    """The request of this ticket has its answer."""

    ticket: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class Unsolicited:
    """A line that no request asked for."""

    text: str


@dataclass(frozen=True, slots=True)
class Received:
    """Bytes of data mode."""

    data: bytes


Action = Send | Done | Unsolicited | Received


@dataclass(slots=True)
class _Outstanding:
    ticket: int
    request: Request
    deadline: float
    is_prompted: bool = False
    lines: list[str] = field(default_factory=list)
    payload: bytes | None = b""


class AtSession:
    """One AT port's dialogue.

    Args:
        gap_s: least time between a final result and the next command.
        settle_s: silence after a time-out, so that a late answer does not meet the next command.
        payload_headers: see AtParser.
        never_answers: patterns of unsolicited lines that could be taken for a line of an answer without prefix.
    """

    def __init__(
        self,
        gap_s: float,
        settle_s: float,
        payload_headers: Iterable[re.Pattern[str]] = (),
        never_answers: Iterable[re.Pattern[str]] = (),
    ) -> None:
        self._gap_s, self._settle_s, self._never_answers = gap_s, settle_s, tuple(never_answers)
        self._parser = AtParser(payload_headers)
        self._queue: deque[tuple[int, Request]] = deque()
        self._outstanding: _Outstanding | None = None
        self._free_at = float("-inf")
        self._quiet_since = 0.0
        self._late_finals = 0

    def submit(self, ticket: int, request: Request, now: float) -> list[Action]:
        """Queue a request. The ticket, unique among those not done, comes back with its answer."""
        self._queue.append((ticket, request))
        return self._send_next(now)

    def withdraw(self, ticket: int) -> None:
        """Forget a request that has not been sent. One that has been sent goes on to its end."""
        self._queue = deque(entry for entry in self._queue if entry[0] != ticket)

    def receive(self, data: bytes, now: float) -> list[Action]:
        """Take bytes from the port."""
        self._quiet_since = now
        return self._handle(self._parser.feed(data), now) + self._send_next(now)

    def tick(self, now: float) -> list[Action]:
        """Do what is due. Call it at `next_deadline`; earlier does no harm."""
        actions: list[Action] = []
        if self._parser.may_flush and now >= self._quiet_since + _UNTERMINATED_S:
            actions += self._handle(self._parser.flush(), now)
        if self._outstanding and now >= self._outstanding.deadline:
            actions += self._time_out(self._outstanding, now)
        return actions + self._send_next(now)

    def next_deadline(self) -> float | None:
        """Tell when `tick` is due; None = not before something else happens."""
        deadlines = [self._quiet_since + _UNTERMINATED_S] if self._parser.may_flush else []
        if self._outstanding:
            deadlines.append(self._outstanding.deadline)
        elif self._queue:
            deadlines.append(self._free_at)
        return min(deadlines, default=None)

    def leave_data_mode(self) -> None:
        """See AtParser."""
        self._parser.leave_data_mode()

    def _send_next(self, now: float) -> list[Action]:
        if self._outstanding or not self._queue or now < self._free_at:
            return []
        ticket, request = self._queue.popleft()
        self._outstanding = _Outstanding(ticket, request, now + request.timeout_s)
        return [Send(request.command.encode("latin-1") + b"\r")]

    def _handle(self, tokens: Iterable[Token], now: float) -> list[Action]:
        actions: list[Action] = []
        for token in tokens:
            match token:
                case at_parser.Line(text):
                    actions += self._line(text, now)
                case at_parser.Final(text, ok):
                    actions += self._final(text, ok, now)
                case at_parser.Prompt():
                    actions += self._prompt()
                case at_parser.Payload(header, data):
                    self._payload(header, data)
                case at_parser.Connected(text):
                    actions += self._finish(True, text, now)
                case at_parser.Data(data):
                    actions.append(Received(data))
        return actions

    def _line(self, text: str, now: float) -> list[Action]:
        out = self._outstanding
        if _ECHO.fullmatch(text) or (out and text == out.request.command):
            return []
        if not out or any(pattern.fullmatch(text) for pattern in self._never_answers):
            return [Unsolicited(text)]
        if text in out.request.finals:
            return self._finish(out.request.finals[text], text, now)
        if out.request.response and re.fullmatch(out.request.response, text):
            out.lines.append(text)
            return []
        return [Unsolicited(text)]

    def _final(self, text: str, ok: bool, now: float) -> list[Action]:
        out = self._outstanding
        if text in _CALL_RESULTS and not (out and _DIAL.match(out.request.command)):
            return [Unsolicited(text)]
        if not out:
            self._late_finals = max(0, self._late_finals - 1)
            return []
        if ok and out.request.finals and text not in out.request.finals:
            return []
        if ok and self._late_finals and out.request.response and not out.lines:
            self._late_finals -= 1
            return []
        return self._finish(ok, text, now)

    def _prompt(self) -> list[Action]:
        out = self._outstanding
        if not out or not out.request.payload:
            return [Send(_ESCAPE)]
        if out.is_prompted:
            return []
        out.is_prompted = True
        return [Send(out.request.payload)]

    def _payload(self, header: str, data: bytes | None) -> None:
        out = self._outstanding
        if out and out.request.response and re.fullmatch(out.request.response, header):
            out.lines.append(header)
            out.payload = None if data is None or out.payload is None else out.payload + data

    def _finish(self, ok: bool, text: str, now: float) -> list[Action]:
        out, self._outstanding = self._outstanding, None
        if not out:
            return []
        if out.lines:
            self._late_finals = 0
        self._free_at = now + self._gap_s
        return [Done(out.ticket, Answer(ok, text, tuple(out.lines), out.payload))]

    def _time_out(self, out: _Outstanding, now: float) -> list[Action]:
        self._outstanding = None
        self._parser.drop_partial()
        self._free_at = now + self._settle_s
        is_complete = out.request.final_may_lack and bool(out.lines)
        self._late_finals += not is_complete
        actions: list[Action] = [Done(out.ticket, Answer(is_complete, "", tuple(out.lines), out.payload))]
        return [Send(_ESCAPE), *actions] if out.request.payload and not out.is_prompted else actions
