"""What a modem sends, cut into tokens. Pure: bytes in, tokens out, whatever pieces they come in.

Lines end with CR, LF or any run of both; NUL bytes and empty lines vanish. Three things are no lines: the prompt `> `,
which no line end follows; payload, whose length its header line tells; and everything behind CONNECT.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

MAX_LINE = 2048
"""Bytes. Longer than any answer; more without a line end is noise of a wrong baud rate and is dropped."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is no final result: part of an answer, unsolicited, or echo."""

    text: str


@dataclass(frozen=True, slots=True)
class Final:
    """A final result code, as the modem wrote it (V.250 §5.7.1, 27.007 §9, and codes of vendors)."""

    text: str
    ok: bool


@dataclass(frozen=True, slots=True)
class Prompt:
    """The modem waits for payload."""


@dataclass(frozen=True, slots=True)
class Payload:
    """Bytes counted by their header line. None = the count was wrong, so bytes were lost on the serial line."""

    header: str
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Connected:
    """The port has switched to data mode. All that follows is Data."""

    text: str


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes in data mode."""

    data: bytes


Token = Line | Final | Prompt | Payload | Connected | Data

_LINE_END = re.compile(rb"[\r\n]")
_FAILED = re.compile(
    r"ERROR|\+CM[ES] ERROR:.*|NO CARRIER|BUSY|NO ANSWER|NO DIALTONE|ABORTED|COMMAND NOT SUPPORT|MODEM ERROR:.*|NA"
)
_CONNECTED = re.compile(r"CONNECT(?: \d.*)?")
"""A bare CONNECT or one with a line rate. `CONNECT OK`, `CONNECT FAIL` of socket commands leave the port as it is."""
_UNTERMINATED = frozenset({b"RDY", b"POWERED DOWN", b"NORMAL POWER DOWN"})
"""Some firmwares send these without the closing CR LF (EC25)."""
_PAYLOAD_END = b"\r\n"


class AtParser:
    """Cuts the bytes of one port.

    Args:
        payload_headers: patterns of lines behind which payload follows; group 1 is its length in bytes.
    """

    def __init__(self, payload_headers: Iterable[re.Pattern[str]] = ()) -> None:
        self._payload_headers = tuple(payload_headers)
        self._buffer = bytearray()
        self._in_data_mode = False

    @property
    def may_flush(self) -> bool:
        """Tell whether what is held may be a whole line that lacks its end; `flush` it when the line stays quiet."""
        return bytes(self._buffer.strip(b"\r\n\0")) in _UNTERMINATED

    def feed(self, data: bytes) -> list[Token]:
        """Take bytes and give the tokens that are complete now."""
        self._buffer += data
        tokens = []
        while token := self._next():
            tokens.append(token)
        return tokens

    def flush(self) -> list[Token]:
        """Give the line that lacks its end, if `may_flush`."""
        return self.feed(b"\r") if self.may_flush else []

    def drop_partial(self) -> None:
        """Forget what is incomplete, for instance payload whose rest will not come."""
        self._buffer.clear()

    def leave_data_mode(self) -> None:
        """Read lines again, after `+++`, a hang-up or a dropped DTR."""
        self._in_data_mode = False

    def _next(self) -> Token | None:
        if self._in_data_mode:
            data = bytes(self._buffer)
            self._buffer.clear()
            return Data(data) if data else None
        while True:
            self._skip(b"\r\n\0")
            if self._buffer.startswith(b"> "):
                del self._buffer[:2]
                return Prompt()
            end = _LINE_END.search(self._buffer)
            if end is None:
                if len(self._buffer) > MAX_LINE:
                    self._buffer.clear()
                return None
            text = self._buffer[: end.start()].replace(b"\0", b"").decode("latin-1").rstrip()
            if header := self._payload_header(text):
                return self._payload(header, end.start())
            if _CONNECTED.fullmatch(text):
                return self._connected(text, end.start())
            del self._buffer[: end.end()]
            if text:
                return _classify(text)

    def _skip(self, unwanted: bytes) -> None:
        kept = self._buffer.lstrip(unwanted)
        del self._buffer[: len(self._buffer) - len(kept)]

    def _payload_header(self, text: str) -> re.Match[str] | None:
        return next((match for pattern in self._payload_headers if (match := pattern.fullmatch(text))), None)

    def _payload(self, header: re.Match[str], line_end: int) -> Token | None:
        """Take payload, which may hold any byte, so that its header must be ended by CR LF exactly."""
        size = int(header[1])
        start = self._buffer.find(b"\n", line_end) + 1
        stop = start + size
        if not start or len(self._buffer) < stop + len(_PAYLOAD_END):
            return None
        is_whole = not size or self._buffer.startswith(_PAYLOAD_END, stop)
        data = bytes(self._buffer[start:stop]) if is_whole else None
        del self._buffer[:stop]
        return Payload(header[0], data)

    def _connected(self, text: str, line_end: int) -> Token | None:
        newline = self._buffer.find(b"\n", line_end)
        if newline < 0:
            return None
        del self._buffer[: newline + 1]
        self._in_data_mode = True
        return Connected(text)


def _classify(text: str) -> Token:
    if text == "OK":
        return Final(text, True)
    if _FAILED.fullmatch(text):
        return Final(text, False)
    return Line(text)
