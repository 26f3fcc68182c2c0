"""Keeps the way to the central system open: through the modem, or over the host's own network.

Whether the way works is judged by OCPP replies alone (`proven`). If there are none, station.uplink_climb does something
about it, by the rules of station.core.uplink_ladder. While that lasts the rest of the agent works on.
"""

import asyncio
import contextlib
import functools
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

from hardware.api import Modem, ModemIdentity, NetworkStatus, RadioQuality, Registration
from hardware.errors import HardwareError, LinkError, SimError
from shared.log import Log
from station.core.link_history import Look
from station.core.timekeeping import TimeSource
from station.core.uplink_ladder import Facts, Rung
from station.errors import JournalStalled, LinkLost
from station.link_memory import LinkMemory
from station.timekeeper import Timekeeper
from station.uplink_climb import Climb, run_command
from station.uplink_settings import UplinkSettings

SIM_RETRY_S = 60.0
"""A SIM that wants a person is asked again no more often than this, link time."""

_LOG = Log("station.uplink")

QUALITY_S = 60.0
"""How often the modem is asked for the finer figures of the signal, link time."""

ASK_TIME_S = 3600.0
"""A time that is known is compared with the network's so often, world time."""


class HostBearer:
    """The host's own network. Fulfils station.bearer_turns.WatchedBearer."""

    carries_two = True

    async def connect(self, host: str, port: int) -> socket.socket:
        """See Bearer."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        error = OSError(f"no address for {host}")
        for family, kind, protocol, _, address in found:
            sock = socket.socket(family, kind, protocol)
            sock.setblocking(False)
            try:
                await loop.sock_connect(sock, address)
            except OSError as failed:
                sock.close()
                error = failed
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        raise error

    def proven(self) -> None:
        """See Bearer."""

    def tried(self) -> None:
        """See WatchedBearer."""


class HostUplink(HostBearer):
    """Looks after the host's own network (`run`): it has no radio, but commands that may help."""

    def __init__(
        self, settings: UplinkSettings, timekeeper: Timekeeper, memory: LinkMemory, is_charging: Callable[[], bool]
    ) -> None:
        self.memory = memory
        self._settings = settings
        self._attempts = 0
        redial = settings.ladder.redial_command
        actions = {Rung.REDIAL: functools.partial(run_command, redial)} if redial else {}
        self.climb = Climb(settings, memory, timekeeper, actions, is_charging=is_charging)

    def proven(self) -> None:
        """See Bearer."""
        self._attempts = 0
        self.climb.proven()

    def tried(self) -> None:
        """See WatchedBearer."""
        self._attempts += 1

    async def run(self) -> NoReturn:
        """Watch over the link for ever."""
        with contextlib.suppress(JournalStalled):
            await self.climb.load()
        while True:
            await self.memory.note(Look(is_alive=not self._attempts))
            await self.climb.look(Facts(max(0, self._attempts - 1)), _no_cause)
            await asyncio.sleep(self._settings.poll_s)


class ModemUplink:
    """Brings the modem up and keeps it up (`run`); gives connections through it as station.bearer_turns.WatchedBearer.

    Args:
        modem: what it drives.
        settings: of the uplink.
        timekeeper: is told the network's time.
        memory: what is remembered of the link.
        accesses: access point names, the configured one first.
        is_charging: tells whether somebody charges.
    """

    carries_two = False

    def __init__(
        self,
        modem: Modem,
        settings: UplinkSettings,
        timekeeper: Timekeeper,
        memory: LinkMemory,
        *,
        accesses: Sequence[str] = ("",),
        is_charging: Callable[[], bool] = lambda: False,
    ) -> None:
        self.network = NetworkStatus(Registration.UNKNOWN)
        self.quality = RadioQuality()
        self.identity: ModemIdentity | None = None
        self.trouble = "the modem has not been started yet"
        self.memory = memory
        self._modem = modem
        self._settings = settings
        self._timekeeper = timekeeper
        self._accesses = accesses
        self._asked_time_at = 0.0
        self._asked_quality_at = float("-inf")
        self._ready = asyncio.Event()
        self._attempts = 0
        self._has_coverage: bool | None = None
        self._is_attached = False
        actions: dict[Rung, Callable[[], Awaitable[None]]] = {
            Rung.REDIAL: modem.redial,
            Rung.REGISTER: modem.cycle_radio,
            Rung.RESTART: modem.restart,
        }
        if accesses[1:]:
            actions[Rung.ACCESS] = self._next_access
        self.climb = Climb(settings, memory, timekeeper, actions, accesses=len(accesses) - 1, is_charging=is_charging)

    async def connect(self, host: str, port: int) -> socket.socket:
        """See Bearer."""
        await self._ready.wait()
        try:
            return await self._modem.connect(host, port)
        except HardwareError as error:
            raise LinkLost(str(error)) from error

    def proven(self) -> None:
        """See Bearer."""
        self._attempts = 0
        self.climb.proven()

    def tried(self) -> None:
        """See WatchedBearer."""
        self._attempts += 1

    async def run(self) -> NoReturn:
        """Keep the modem up for ever."""
        with contextlib.suppress(JournalStalled):
            await self.climb.load()
        if (access := self.climb.ladder.memory.access) in self._accesses:
            self._modem.use_access(access)
        while True:
            wait_s = self._settings.retry_s
            needs_person = False
            try:
                await self._start()
                await self._look_after()
            except (HardwareError, OSError) as error:
                if str(error) != self.trouble:
                    _LOG.warning("modem_lost", reason=error)
                self.trouble = str(error)
                needs_person = isinstance(error, SimError)
                wait_s = SIM_RETRY_S if needs_person else wait_s
                await self.memory.note(Look(is_alive=False, is_registered=False))
                mute = Facts(self._failures, answers=False, is_registered=False, needs_person=needs_person)
                await self.climb.look(mute, _no_cause)
            self._ready.clear()
            with contextlib.suppress(HardwareError):
                await self._modem.stop()
            await asyncio.sleep(wait_s)

    @property
    def _failures(self) -> int:
        return max(0, self._attempts - 1)

    async def _start(self) -> None:
        self._is_attached, self._has_coverage = False, None
        self.identity = identity = await self._modem.start()
        self.trouble = ""
        _LOG.info("modem_ready", model=f"{identity.manufacturer} {identity.model}", revision=identity.revision)

    async def _look_after(self) -> None:
        """Look at network and replies, and do what is due, until the modem has to be started anew."""
        while await self._look_once() not in (Rung.RESTART, Rung.POWER):  # noqa: ASYNC110  it does not only wait
            await asyncio.sleep(self._settings.poll_s)

    async def _look_once(self) -> Rung | None:
        await self._look()
        network, quality = self.network, self.quality
        await self.memory.note(
            Look(
                network.is_registered and not self._attempts,
                network.is_registered,
                network.operator,
                quality.technology,
                quality.cell,
                network.signal_dbm,
                quality.rsrp_dbm,
                quality.rsrq_db,
                quality.sinr_db,
            )
        )
        is_denied = network.registration is Registration.DENIED
        facts = Facts(self._failures, is_registered=network.is_registered, is_denied=is_denied)
        rung = await self.climb.look(facts, self._cause)
        if rung:
            self._is_attached = False
            self._ready.clear()
        return rung

    async def _cause(self) -> str:
        with contextlib.suppress(HardwareError):
            return await self._modem.last_cause()
        return ""

    async def _next_access(self) -> None:
        before = self.climb.ladder.memory.access
        at = self._accesses.index(before) if before in self._accesses else 0
        name = self._accesses[(at + 1) % len(self._accesses)]
        self._modem.use_access(name)
        self.climb.ladder.use_access(name)
        _LOG.info("access_changed", apn=name)
        await self._modem.redial()

    async def _look(self) -> None:
        self.network = network = await self._modem.network()
        if not network.is_registered:
            if self._has_coverage is not False:
                fact = "coverage_lost" if self._has_coverage else "no_coverage"
                _LOG.warning(fact, registration=network.registration, dbm=network.signal_dbm)
            self._has_coverage, self._is_attached = False, False
            self._ready.clear()
            return
        if not self._has_coverage:
            self._has_coverage = True
            _LOG.info("registered", operator=network.operator, dbm=network.signal_dbm)
        now = asyncio.get_running_loop().time()
        if now >= self._asked_quality_at + QUALITY_S:
            self._asked_quality_at = now
            self.quality = await self._modem.quality()
        if not self._is_attached:
            await self._attach()
        if not self._timekeeper.is_known or self._timekeeper.clock.uptime() >= self._asked_time_at + ASK_TIME_S:
            asked_at = self._asked_time_at = self._timekeeper.clock.uptime()
            if told := await self._modem.network_time():
                await self._timekeeper.learn(TimeSource.NETWORK, told, asked_at)

    async def _attach(self) -> None:
        """Bring up data. A network that gives no context is a connection that failed: the ladder judges it."""
        try:
            await self._modem.attach()
        except LinkError as error:
            if str(error) != self.trouble:
                _LOG.warning("no_data", reason=error)
            self.trouble = str(error)
            self._attempts = max(self._attempts, 1) + 1
            return
        self.trouble = ""
        self._is_attached = True
        self._ready.set()


async def _no_cause() -> str:
    return ""
