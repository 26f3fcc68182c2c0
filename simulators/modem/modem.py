"""The modem itself: what each AT command does."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from shared.clock import Clock
from simulators.modem.bearer import CONNECT_FAILED, Connection, Counters, refusal
from simulators.modem.radio import HOME, Radio
from simulators.modem.serial_side import Faults, SerialSide
from simulators.modem.sim_card import MAX_TRIES, SimCard
from simulators.pty import Pty

_PUK_TRIES = 10
_CONNECT_WITHIN_S = 75.0
_NO_CODE, _SIM_PIN_NEEDED, _SIM_PUK_NEEDED, _WRONG_PASSWORD = -1, 11, 12, 16

Handler = Callable[[re.Match[str]], Awaitable[Sequence[str] | None]]
"""Gives the lines before OK, or None if it sends its own final result."""


class _RefusedError(Exception):
    """The command fails, with a CME error code or plain ERROR."""

    def __init__(self, code: int = _NO_CODE) -> None:
        self.code = code


class ModemSimulator:
    """A Quectel EC25. `run` it; the rest is what happens around a modem.

    Args:
        pty: its serial line.
        clock: world time, which the network tells.
        sim_pin: of its SIM, empty = none.
        sim_tries: tries left for the PIN at power-on.
        iccid: of its SIM.
        imei: its own number.
        apn: the only one that the network accepts; empty = any.
        baud: rate of its serial line; only a client at the same rate is understood.
        coverage: received signal at power-on, dBm, None = no coverage.
        boot_s: from power-on to the first unsolicited line, link time.
        register_s: from coverage to registration, link time.
        drop_after_s: see `set_coverage`.
        latency_s: of the network, one way, link time.
        faults: of the serial line.
    """

    def __init__(
        self,
        pty: Pty,
        clock: Clock,
        *,
        sim_pin: str = "",
        sim_tries: int = MAX_TRIES,
        iccid: str = "89490200001234567894",
        imei: str = "866758041234567",
        apn: str = "",
        baud: int = 115200,
        coverage: int | None = -71,
        boot_s: float = 0.5,
        register_s: float = 1.0,
        drop_after_s: float = 20.0,
        latency_s: float = 0.0,
        faults: Faults = Faults(),  # noqa: B008  frozen
    ) -> None:
        self.sim = SimCard(sim_pin, iccid, sim_tries)
        self.counters = Counters()
        self._clock, self._imei, self._network_apn = clock, imei, apn
        self._boot_s, self._latency_s = boot_s, latency_s
        self._serial = SerialSide(pty, baud, faults, self._execute)
        self._radio = Radio(
            self.sim,
            coverage,
            register_s=register_s,
            drop_after_s=drop_after_s,
            on_registration=self._tell_registration,
            on_drop=self._drop_context,
        )
        self._connection: Connection | None = None
        self._jobs: asyncio.Queue[Awaitable[None]] = asyncio.Queue()
        self._is_booted = asyncio.Event()
        self._commands = [(re.compile(pattern, re.IGNORECASE), handler) for pattern, handler in self._table()]
        self._reset()

    def _reset(self) -> None:
        self._is_hung = self._has_numbered_errors = self._has_context = self._has_lost_context = False
        self._is_attached = True
        self._apn = ""
        self._sticks_until = ""
        self._reports = {"CREG": 0, "CGREG": 0, "CEREG": 0}
        self._serial.reset()
        self._is_booted.clear()

    @property
    def is_registered(self) -> bool:
        """Whether it is registered with the network."""
        return self._radio.stat == HOME

    @property
    def signal_dbm(self) -> int | None:
        """Received signal, None = no coverage."""
        return self._radio.dbm

    async def run(self) -> None:
        """Be a modem, from power-on until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._serial.run())
            group.create_task(self._radio.run())
            group.create_task(self._boot())
            while True:
                group.create_task(_awaited(await self._jobs.get()))

    def set_coverage(self, dbm: int | None) -> None:
        """Change the received signal, dBm; None = no coverage.

        Without coverage it is deregistered at once and bytes in both directions are held back. When coverage returns
        within `drop_after_s` they flow on; after that the data context is dropped and they are lost.
        """
        self._radio.set_coverage(dbm)

    def cut(self) -> None:
        """Hold back all bytes of the TCP connection, and tell nobody: the network has lost its state."""
        self._radio.cut()

    def heal(self) -> None:
        """End `cut`: what was held back flows on."""
        self._radio.heal()

    def lose_context(self, *, announce: bool) -> None:
        """Let the network forget the connection: the server is left with half of it.

        Args:
            announce: whether the modem hears of it, and drops its data context; else it goes on as if nothing was.
        """
        if announce:
            self._drop_context()
        elif self._connection:
            self._connection.forget()

    def stick(self, until: str) -> None:
        """Let no byte through any more though the carrier stays, until something is done about it.

        Args:
            until: what ends it: `context` (a new one), `radio` (off and on) or `power` (a restart, also by command).
        """
        self._sticks_until = until
        self._radio.cut()

    def _loosen(self, by: str) -> None:
        order = ("context", "radio", "power")
        if self._sticks_until and order.index(by) >= order.index(self._sticks_until):
            self._sticks_until = ""
            self._radio.heal()

    def set_latency(self, seconds: float) -> None:
        """Change the latency of the network, one way, for connections that are opened from now on."""
        self._latency_s = seconds

    def hang(self, *, echoing: bool = False) -> None:
        """Stop answering; with `echoing` it still echoes what it is sent. `restart` ends it."""
        self._is_hung = True
        self._serial.is_muted, self._serial.is_echoing = not echoing, echoing

    def restart(self) -> None:
        """Power off and on: the SIM is locked again, the context and the connection are gone."""
        self._loosen("power")
        if self._connection:
            self._connection.abandon()
            self._connection = None
        self.sim.power_cycle()
        self._reset()
        self._serial.is_muted = False
        self._radio.restart()
        self._jobs.put_nowait(self._boot())

    def say(self, line: str) -> None:
        """Send an unsolicited line now."""
        self._serial.send_line(line)

    async def _boot(self) -> None:
        await asyncio.sleep(self._boot_s)
        self._is_booted.set()
        for line in ("RDY", f"+CPIN: {self.sim.state}", "+QUSIM: 1"):
            self.say(line)
        if self.sim.state == "READY":
            self._tell_sim_ready()

    def _tell_sim_ready(self) -> None:
        for line in ("+QIND: SMS DONE", "+QIND: PB DONE"):
            self.say(line)
        self._radio.look_again()

    def _tell_registration(self, stat: int) -> None:
        for name, level in self._reports.items():
            if level:
                self.say(f"+{name}: {stat}")

    def _drop_context(self) -> None:
        if self._connection:
            self._connection.abandon()
            self._connection = None
        if self._has_context:
            self._has_context, self._has_lost_context = False, True
            self.say('+QIURC: "pdpdeact",1')

    async def _execute(self, text: str) -> None:
        """Do one command line; one without AT in it is noise."""
        start = text.upper().find("AT")
        if start < 0 or self._is_hung or not self._is_booted.is_set():
            return
        try:
            lines = await self._dispatch(text[start + 2 :].strip())
        except _RefusedError as refused:
            numbered = self._has_numbered_errors and refused.code != _NO_CODE
            self._serial.send_line(f"+CME ERROR: {refused.code}" if numbered else "ERROR")
            return
        if lines is None:
            return
        for line in lines:
            self._serial.send_line(line)
        self._serial.send_line("OK")

    async def _dispatch(self, command: str) -> Sequence[str] | None:
        for pattern, handler in self._commands:
            if match := pattern.fullmatch(command):
                return await handler(match)
        raise _RefusedError

    def _table(self) -> list[tuple[str, Handler]]:
        return [
            ("|Z|&F|V1|\\+CMEE=0|\\+CTZU=[013]|\\+CGATT=1", self._accept),
            ("E([01])", self._set_echo),
            ("\\+CMEE=([12])", self._set_errors),
            ("\\+CGMI", self._tells("Quectel")),
            ("\\+CGMM", self._tells("EC25")),
            ("\\+CGMR", self._tells("EC25EFAR06A06M4G")),
            ("I", self._tells("Quectel", "EC25", "Revision: EC25EFAR06A06M4G")),
            ("\\+CGSN", self._tells(self._imei)),
            ("\\+QCCID", self._tells(f"+QCCID: {self.sim.iccid}")),
            ("\\+CPIN\\?", self._sim_state),
            ('\\+CPIN="?(\\d*)"?', self._enter_pin),
            ("\\+QPINC\\?", self._pin_counter),
            ('\\+CSIM=10,"0020000100"', self._empty_verify),
            ("\\+CSQ", self._signal),
            ("\\+CFUN=4", self._radio_off),
            ("\\+CFUN=1", self._radio_on),
            ("\\+CFUN=1,1", self._restart_by_command),
            ("\\+CEER", self._tells("+CEER: No cause information available")),
            ("\\+QCSQ", self._quality),
            ("\\+(C[GE]?REG)=([0-2])", self._set_reports),
            ("\\+(C[GE]?REG)\\?", self._registration),
            ("\\+COPS\\?", self._operator),
            ("\\+CCLK\\?", self._time),
            ("\\+CGATT\\?", self._attachment),
            ('\\+CGDCONT=1,"IP","([^"]*)"', self._set_apn),
            ('\\+QICSGP=1,1,"([^"]*)","[^"]*","[^"]*",[0-3]', self._set_apn),
            ("\\+QIACT\\?", self._contexts),
            ("\\+QIACT=1", self._activate),
            ("\\+QIDEACT=1", self._deactivate),
            ('\\+QIOPEN=1,0,"TCP","([^"]+)",(\\d{1,5}),0,0', self._open),
            ("\\+QISEND=0,(\\d{1,4})", self._send),
            ("\\+QIRD=0,(\\d{1,4})", self._read),
            ("\\+QICLOSE=0(?:,\\d+)?", self._close),
            ("\\+QISTATE=1,0", self._connection_state),
        ]

    async def _accept(self, _match: re.Match[str]) -> Sequence[str]:
        return ()

    def _tells(self, *lines: str) -> Handler:
        async def handler(_match: re.Match[str]) -> Sequence[str]:
            return lines

        return handler

    async def _set_echo(self, match: re.Match[str]) -> Sequence[str]:
        self._serial.is_echoing = match[1] == "1"
        return ()

    async def _set_errors(self, _match: re.Match[str]) -> Sequence[str]:
        self._has_numbered_errors = True
        return ()

    async def _sim_state(self, _match: re.Match[str]) -> Sequence[str]:
        return (f"+CPIN: {self.sim.state}",)

    async def _enter_pin(self, match: re.Match[str]) -> Sequence[str]:
        if self.sim.state != "SIM PIN":
            raise _RefusedError(_SIM_PUK_NEEDED if self.sim.state == "SIM PUK" else 3)
        if not self.sim.enter(match[1]):
            raise _RefusedError(_WRONG_PASSWORD if self.sim.tries_left else _SIM_PUK_NEEDED)
        self._jobs.put_nowait(self._after_unlock())
        return ()

    async def _after_unlock(self) -> None:
        self.say("+CPIN: READY")
        self._tell_sim_ready()

    async def _pin_counter(self, _match: re.Match[str]) -> Sequence[str]:
        return (f'+QPINC: "SC",{self.sim.tries_left},{_PUK_TRIES}', f'+QPINC: "P2",{MAX_TRIES},{_PUK_TRIES}')

    async def _empty_verify(self, _match: re.Match[str]) -> Sequence[str]:
        return (f'+CSIM: 4,"{f"63C{self.sim.tries_left}" if self.sim.tries_left else "6983"}"',)

    async def _signal(self, _match: re.Match[str]) -> Sequence[str]:
        return (f"+CSQ: {self._radio.rssi},99",)

    async def _quality(self, _match: re.Match[str]) -> Sequence[str]:
        """RSRP some 28 dB below the whole carrier, SINR in fifths of a dB from -20."""
        dbm = self._radio.dbm
        return ('+QCSQ: "NOSERVICE"' if dbm is None else f'+QCSQ: "LTE",{dbm},{dbm - 28},165,-10',)

    async def _radio_off(self, match: re.Match[str]) -> Sequence[str]:
        await self._close(match)
        self._has_context = self._has_lost_context = False
        self._radio.switch(on=False)
        self._loosen("radio")
        return ()

    async def _radio_on(self, _match: re.Match[str]) -> Sequence[str]:
        self._radio.switch(on=True)
        return ()

    async def _restart_by_command(self, _match: re.Match[str]) -> None:
        self._serial.send_line("OK")
        self.restart()

    async def _set_reports(self, match: re.Match[str]) -> Sequence[str]:
        self._reports[match[1].upper()] = int(match[2])
        return ()

    async def _registration(self, match: re.Match[str]) -> Sequence[str]:
        name = match[1].upper()
        where = ',"1A2B","01A2D001",7' if self._reports[name] == 2 and self.is_registered else ""
        return (f"+{name}: {self._reports[name]},{self._radio.stat}{where}",)

    async def _operator(self, _match: re.Match[str]) -> Sequence[str]:
        self._need_sim()
        return ('+COPS: 0,0,"Example Mobil",7' if self.is_registered else "+COPS: 0",)

    async def _time(self, _match: re.Match[str]) -> Sequence[str]:
        """Local time with its zone in quarters of an hour; its factory date until the network has told the time."""
        if not self._radio.was_ever_registered:
            return ('+CCLK: "80/01/06,00:00:12+00"',)
        return (f'+CCLK: "{self._clock.utc() + timedelta(hours=1):%y/%m/%d,%H:%M:%S}+04"',)

    async def _attachment(self, _match: re.Match[str]) -> Sequence[str]:
        return (f"+CGATT: {int(self.is_registered)}",)

    async def _set_apn(self, match: re.Match[str]) -> Sequence[str]:
        self._apn = match[1]
        return ()

    async def _contexts(self, _match: re.Match[str]) -> Sequence[str]:
        return ('+QIACT: 1,1,1,"10.64.0.7"',) if self._has_context else ()

    async def _activate(self, _match: re.Match[str]) -> Sequence[str]:
        """Refuse also after the network took the context, until it has been deactivated from this side."""
        self._need_sim()
        if not self.is_registered or self._has_lost_context or (self._network_apn not in ("", self._apn)):
            raise _RefusedError
        self._has_context = True
        return ()

    async def _deactivate(self, _match: re.Match[str]) -> Sequence[str]:
        await self._close(_match)
        self._has_context = self._has_lost_context = False
        self._loosen("context")
        return ()

    async def _open(self, match: re.Match[str]) -> None:
        """Say OK, which only means that it begins, and connect."""
        if not self._has_context or self._connection:
            raise _RefusedError
        self._serial.send_line("OK")
        self._jobs.put_nowait(self._connect(match[1], int(match[2])))

    async def _connect(self, host: str, port: int) -> None:
        error = refusal(host)
        try:
            async with asyncio.timeout(_CONNECT_WITHIN_S):
                await self._radio.path_open.wait()
                await asyncio.sleep(2 * self._latency_s)
                reader, writer = await asyncio.open_connection(host, port) if not error else (None, None)
        except OSError:  # TimeoutError is one
            error, reader, writer = CONNECT_FAILED, None, None
        if not reader or not writer:
            self.say(f"+QIOPEN: 0,{error}")
            return
        self.counters.connections += 1
        connection = Connection(
            reader,
            writer,
            path_open=self._radio.path_open,
            latency_s=self._latency_s,
            counters=self.counters,
            announce=self._announce,
        )
        if not self._has_context:
            connection.abandon()
            await connection.run()
            return
        self._connection = connection
        self.say("+QIOPEN: 0,0")
        await connection.run()

    def _announce(self, event: str) -> None:
        self.say(f'+QIURC: "{event}",0')

    async def _send(self, match: re.Match[str]) -> None:
        connection = self._connection
        if not connection or not connection.is_open or not 1 <= int(match[1]) <= 1460:
            raise _RefusedError

        def take(payload: bytes) -> None:
            is_sent = connection.send(payload)
            self._serial.send_line("SEND OK" if is_sent else "SEND FAIL")

        self._serial.expect_payload(int(match[1]), take)

    async def _read(self, match: re.Match[str]) -> None:
        if not self._connection:
            raise _RefusedError
        data = self._connection.receive(int(match[1]))
        self._serial.send(f"\r\n+QIRD: {len(data)}\r\n".encode() + data + (b"\r\n" if data else b""))
        self._serial.send_line("OK")

    async def _close(self, _match: re.Match[str]) -> Sequence[str]:
        if self._connection:
            self._connection.close()
            self._connection = None
        return ()

    async def _connection_state(self, _match: re.Match[str]) -> Sequence[str]:
        state = 2 if self._connection and self._connection.is_open else 4
        return (f'+QISTATE: 0,"TCP","127.0.0.1",0,0,{state},1,0,0,"uart1"',) if self._connection else ()

    def _need_sim(self) -> None:
        if self.sim.state != "READY":
            raise _RefusedError(_SIM_PUK_NEEDED if self.sim.state == "SIM PUK" else _SIM_PIN_NEEDED)


async def _awaited(job: Awaitable[None]) -> None:
    await job
