"""Keeps the way to the central system open: through the modem, or over the host's own network.

Whether the way works is judged by OCPP replies alone (`proven`). Connections that never carry one lead first to a new
data context, then to a new start of the modem. While that lasts the rest of the agent works on.
"""

import asyncio
import contextlib
import socket
from typing import NoReturn

from hardware.api import Modem, ModemIdentity, NetworkStatus, Registration
from hardware.errors import HardwareError, SimError
from shared.log import Log
from station.core.timekeeping import TimeSource
from station.errors import LinkLost
from station.settings import UplinkSettings
from station.timekeeper import Timekeeper

SIM_RETRY_S = 60.0
"""A SIM that wants a person is asked again no more often than this, link time."""

_LOG = Log("station.uplink")

ASK_TIME_S = 3600.0
"""A time that is known is compared with the network's so often, world time."""


class HostBearer:
    """The host's own network. Fulfils station.csms_link.Bearer."""

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


class ModemUplink:
    """Brings the modem up and keeps it up (`run`); gives connections through it as station.csms_link.Bearer."""

    carries_two = False

    def __init__(self, modem: Modem, settings: UplinkSettings, timekeeper: Timekeeper) -> None:
        self.network = NetworkStatus(Registration.UNKNOWN)
        self.identity: ModemIdentity | None = None
        self.trouble = "the modem has not been started yet"
        self._modem = modem
        self._settings = settings
        self._timekeeper = timekeeper
        self._asked_time_at = 0.0
        self._ready = asyncio.Event()
        self._unproven = 0
        self._has_coverage: bool | None = None
        self._is_attached = False

    async def connect(self, host: str, port: int) -> socket.socket:
        """See Bearer."""
        await self._ready.wait()
        self._unproven += 1
        if self._unproven == self._settings.reattach_after:
            self._detach("no OCPP reply")
            await self._ready.wait()
        try:
            return await self._modem.connect(host, port)
        except HardwareError as error:
            raise LinkLost(str(error)) from error

    def proven(self) -> None:
        """See Bearer."""
        self._unproven = 0

    async def run(self) -> NoReturn:
        """Keep the modem up for ever."""
        while True:
            wait_s = self._settings.retry_s
            try:
                await self._start()
                while self._unproven < 2 * self._settings.reattach_after:
                    await self._look()
                    await asyncio.sleep(self._settings.poll_s)
                _LOG.warning("modem_restart", reason="no OCPP reply", connections=self._unproven)
                self._unproven = 0
            except (HardwareError, OSError) as error:
                if str(error) != self.trouble:
                    _LOG.warning("modem_lost", reason=error)
                self.trouble = str(error)
                wait_s = SIM_RETRY_S if isinstance(error, SimError) else wait_s
            self._ready.clear()
            with contextlib.suppress(HardwareError):
                await self._modem.stop()
            await asyncio.sleep(wait_s)

    async def _start(self) -> None:
        self._is_attached, self._has_coverage = False, None
        self.identity = identity = await self._modem.start()
        self.trouble = ""
        _LOG.info("modem_ready", model=f"{identity.manufacturer} {identity.model}", revision=identity.revision)

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
        if not self._is_attached:
            await self._modem.attach()
            self._is_attached = True
            self._ready.set()
        if not self._timekeeper.is_known or self._timekeeper.clock.uptime() >= self._asked_time_at + ASK_TIME_S:
            asked_at = self._asked_time_at = self._timekeeper.clock.uptime()
            if told := await self._modem.network_time():
                await self._timekeeper.learn(TimeSource.NETWORK, told, asked_at)

    def _detach(self, reason: str) -> None:
        _LOG.warning("data_reattach", reason=reason, connections=self._unproven)
        self._is_attached = False
        self._ready.clear()
