"""The shell around AtSession: one serial port, one owner, requests from any task."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from hardware.errors import DeviceError, LinkError, PortError
from hardware.modem.at_session import Action, Answer, AtSession, Done, Request, Send, Unsolicited
from hardware.modem.profiles import GENERIC, Command, Profile
from hardware.serial_port import SerialPort
from shared.log import Log

_log = Log(__name__)

MAX_TIMEOUTS = 3
"""So many commands in a row without an answer: the port counts as dead."""
_SETTLE_S = 0.3


class AtLink:
    """A modem's port. It ends by itself when the port vanishes, after `use` also when the modem is silent or restarts.

    `on_unsolicited` is called with each line that no request asked for, `on_ended` once, with the reason.
    """

    def __init__(self, port: SerialPort, baud: int) -> None:
        self.where = f"modem at {port.name}, {baud} baud"
        self.on_unsolicited: Callable[[str], None] = lambda _line: None
        self.on_ended: Callable[[LinkError], None] = lambda _reason: None
        self._port = port
        self._restarted: re.Pattern[str] | None = None
        self._session = _session(GENERIC, settle_s=0.0)
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._tickets = 0
        self._timeouts = 0
        self._timer: asyncio.TimerHandle | None = None
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()
        self._failure: LinkError | None = None

    @classmethod
    @asynccontextmanager
    async def open(cls, path: str, baud: int) -> "AsyncIterator[AtLink]":
        """Open the port and serve it until the block ends.

        Raises:
            PortError: see SerialPort.open.
        """
        async with SerialPort.open(path, baud, setting="modem.port") as port:
            link = cls(port, baud)
            # Not a TaskGroup: it would wrap what the block raises. Both tasks end without an exception.
            tasks = [asyncio.create_task(link._read()), asyncio.create_task(link._write())]
            try:
                yield link
            finally:
                link.end(LinkError(f"{link.where}: the port was closed"))
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)

    def use(self, profile: Profile) -> None:
        """Speak as this family does; from here on silence and restarts are losses. No request may be waiting."""
        self._restarted = re.compile(profile.restarted)
        self._session = _session(profile, _SETTLE_S)

    def end(self, reason: LinkError) -> None:
        """Give up: every request fails with this reason from now on. The first one counts."""
        if self._failure:
            return
        self._failure = reason
        if self._timer:
            self._timer.cancel()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(reason)
        self.on_ended(reason)

    async def ask(self, request: Request) -> Answer:
        """Send a request when its turn comes and give its answer, be it a refusal.

        Cancelling is safe: a request not yet sent is withdrawn, the answer of one sent is thrown away.

        Raises:
            LinkError: no answer in time, or the link has ended.
        """
        if self._failure:
            raise type(self._failure)(str(self._failure))
        self._tickets += 1
        ticket = self._tickets
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[ticket] = future
        self._do(self._session.submit(ticket, request, self._now()))
        try:
            answer = await future
        finally:
            del self._waiting[ticket]
            self._session.withdraw(ticket)
        if answer.is_timeout:
            raise LinkError(f"{self.where}: no answer to {request} within {request.timeout_s:g} s; check its supply")
        return answer

    async def order(self, request: Request) -> Answer:
        """As `ask`, for what must be obeyed.

        Raises:
            DeviceError: the modem refused.
        """
        answer = await self.ask(request)
        if not answer.ok:
            raise DeviceError(f"{self.where}: it refuses {request} with {answer.final}")
        return answer

    async def read(self, command: Command) -> str | None:
        """Ask and give what the answer tells; None if the modem refuses or does not tell."""
        return value_of(command, await self.ask(command.request()))

    def send_raw(self, data: bytes) -> None:
        """Send bytes outside the dialogue, to get a modem out of another mode."""
        self._outgoing.put_nowait(data)

    async def _read(self) -> None:
        try:
            while True:
                data = await self._port.read()
                self._do(self._session.receive(data, self._now()))
        except PortError as error:
            self.end(error)

    async def _write(self) -> None:
        try:
            while True:
                await self._port.write(await self._outgoing.get())
        except PortError as error:
            self.end(error)

    def _tick(self) -> None:
        self._do(self._session.tick(self._now()))

    def _do(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Send(data):
                    self._outgoing.put_nowait(data)
                case Done(ticket, answer):
                    self._finish(ticket, answer)
                case Unsolicited(line):
                    self._hear(line)
        self._schedule()

    def _finish(self, ticket: int, answer: Answer) -> None:
        future = self._waiting.get(ticket)
        if future and not future.done():
            future.set_result(answer)
        self._timeouts = self._timeouts + 1 if answer.is_timeout else 0
        if self._timeouts >= MAX_TIMEOUTS and self._restarted:
            self.end(LinkError(f"{self.where}: it no longer answers; check its supply and cable, or restart it"))

    def _hear(self, line: str) -> None:
        _log.debug("modem_unsolicited", line=line)
        if self._restarted and self._restarted.fullmatch(line):
            self.end(LinkError(f"{self.where}: it has restarted by itself ({line}); check its supply"))
        else:
            self.on_unsolicited(line)

    def _schedule(self) -> None:
        if self._timer:
            self._timer.cancel()
        deadline = self._session.next_deadline()
        if deadline is not None and not self._failure:
            self._timer = asyncio.get_running_loop().call_at(deadline, self._tick)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def value_of(command: Command, answer: Answer) -> str | None:
    """Give group 1 of the last line that has one, or the last line where the pattern has no group.

    The last, because an unsolicited line of the same form may have come before the answer itself.
    """
    pattern = re.compile(command.response)
    for line in reversed(answer.lines if answer.ok else ()):
        match = pattern.fullmatch(line)
        value = match[min(1, pattern.groups)] if match else None
        if value is not None:
            return str(value)
    return None


def _session(profile: Profile, settle_s: float) -> AtSession:
    return AtSession(
        profile.gap_s,
        settle_s,
        [re.compile(header) for header in profile.payload_headers],
        [re.compile(profile.never_answers)],
    )
