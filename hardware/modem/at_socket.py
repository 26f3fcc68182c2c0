"""One TCP connection by AT commands, given to the program as an ordinary socket."""

import asyncio
import re
import socket

from hardware.errors import HardwareError, LinkError
from hardware.modem.at_link import AtLink
from hardware.modem.profiles import SocketDialect
from shared.log import Log

_log = Log(__name__)

_POLL_S = 10.0
"""An announcement can be lost on the serial line: look by ourselves so often. Costs no data volume."""
_BUFFER_FULL_PAUSE_S = 0.5
_SOCKET_BUFFER = 16 * 1024
"""Bytes. Small, so that the program notices soon when the modem does not send."""


class AtSocket:
    """Moves bytes between the modem's connection and our half of a socket pair, until either side ends.

    What the modem says of the connection must be passed to `hear`.
    """

    def __init__(self, link: AtLink, dialect: SocketDialect) -> None:
        self._link, self._dialect = link, dialect
        self._ours, self.theirs = socket.socketpair()
        for end in (self._ours, self.theirs):
            end.setblocking(False)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BUFFER)
        self._received, self._closed = re.compile(dialect.received), re.compile(dialect.closed)
        self._news = asyncio.Event()
        self._end_reason = ""
        self._sent_bytes = self._received_bytes = 0

    def hear(self, line: str) -> None:
        """Take an unsolicited line."""
        if self._received.fullmatch(line):
            self._news.set()
        elif self._closed.fullmatch(line):
            self.end("closed by the other side")

    def end(self, reason: str) -> None:
        """Let it end as soon as what was received has been passed on. The first reason counts."""
        self._end_reason = self._end_reason or reason
        self._news.set()

    async def run(self) -> None:
        """Move bytes until the connection ends. Then the program's socket reads end-of-file. Cancelling ends it too."""
        try:
            async with asyncio.TaskGroup() as group:
                sender = group.create_task(self._send_all())
                await self._receive_all()
                sender.cancel()
        finally:
            self._hang_up()
            _log.info(
                "modem_connection_ended",
                reason=self._end_reason or "stopped",
                sent_bytes=self._sent_bytes,
                received_bytes=self._received_bytes,
            )

    def _hang_up(self) -> None:
        """Close our half. What the program wrote last is taken out first: left in, it would make it read an error."""
        try:
            while self._ours.recv(_SOCKET_BUFFER):
                pass
        except OSError:  # nothing more there
            pass
        self._ours.close()

    async def _receive_all(self) -> None:
        while True:
            try:
                async with asyncio.timeout(_POLL_S):
                    await self._news.wait()
            except TimeoutError:
                pass
            self._news.clear()
            is_last = bool(self._end_reason)
            try:
                await self._drain()
            except (HardwareError, OSError) as error:
                self.end(str(error))
                return
            if is_last:
                return

    async def _drain(self) -> None:
        """Read from the modem until it has nothing more.

        Raises:
            LinkError: the modem has no such connection, or bytes were lost on the serial line.
            OSError: the program has closed its socket.
        """
        while True:
            answer = await self._link.ask(self._dialect.read.request(size=self._dialect.read_max))
            if not answer.ok:
                raise LinkError(f"{self._link.where}: reading was refused with {answer.final}")
            if not answer.lines or answer.payload is None:
                raise LinkError(f"{self._link.where}: bytes were lost on the serial line; check its cable")
            if not answer.payload:
                return
            self._received_bytes += len(answer.payload)
            await asyncio.get_running_loop().sock_sendall(self._ours, answer.payload)

    async def _send_all(self) -> None:
        try:
            while data := await asyncio.get_running_loop().sock_recv(self._ours, self._dialect.send_max):
                await self._send(data)
            self.end("closed by us")
        except (HardwareError, OSError) as error:
            self.end(str(error))

    async def _send(self, data: bytes) -> None:
        """Send one piece, waiting while the modem's buffer is full.

        A byte lost on the way to the modem shows as a missing answer; what we say next then fills up the piece and
        reaches the server. The stream is broken at this point, and the protocol above it must see that (TLS does).

        Raises:
            LinkError: refused, or no answer, so that nobody knows how much was sent.
        """
        while not self._end_reason:
            answer = await self._link.ask(self._dialect.send.request(data, size=len(data)))
            if answer.ok:
                self._sent_bytes += len(data)
                return
            if answer.final not in self._dialect.send.finals:
                raise LinkError(f"{self._link.where}: sending was refused with {answer.final}")
            await asyncio.sleep(_BUFFER_FULL_PAUSE_S)
