"""A modem driven over one serial port: bring-up, what it knows of the network, and TCP through it."""

import asyncio
import re
import socket
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import datetime

from hardware.api import ModemIdentity, NetworkStatus, RadioQuality, Registration
from hardware.errors import DeviceError, HardwareError, LinkError
from hardware.modem import profiles, readings, sim_pin
from hardware.modem.at_link import AtLink
from hardware.modem.at_socket import AtSocket
from hardware.modem.finding import Probing, find
from hardware.modem.profiles import GENERIC, Profile, SocketDialect
from hardware.modem.sim_pin import SimMemory
from shared.ids import Secret
from shared.log import Log

_log = Log(__name__)

_CLOSE_WITHIN_S = 2.0
"""The connection's polite end may take so long when we stop."""
_ASK_S = 10.0
_RADIO_OFF_S = 5.0
"""The network notices in this time that the radio is off."""


class AtModem:
    """Fulfils hardware.api.Modem. One task at a time may start, stop or connect; `network` may be asked at any time.

    Args:
        port: device file.
        baud: bits per second.
        apn: access point name of the operator; empty = the network's choice.
        apn_user: user for it, where the operator asks for one.
        apn_password: and its password.
        pin: of the SIM; empty when the SIM asks for none.
        sim_memory: remembers refused PINs.
        probing: times of the search.
    """

    def __init__(
        self,
        port: str,
        baud: int,
        *,
        apn: str,
        apn_user: str = "",
        apn_password: Secret = Secret(""),  # noqa: B008  frozen
        pin: Secret = Secret(""),  # noqa: B008  frozen
        sim_memory: SimMemory,
        probing: Probing = Probing(),  # noqa: B008  frozen
    ) -> None:
        self._port, self._baud = port, baud
        self._apn, self._apn_user, self._apn_password = apn, apn_user, apn_password
        self._pin, self._sim_memory, self._probing = pin, sim_memory, probing
        self._stack = AsyncExitStack()
        self._link: AtLink | None = None
        self._profile = GENERIC
        self._opening: asyncio.Future[int | LinkError] | None = None
        self._socket: AtSocket | None = None
        self._pump: asyncio.Task[None] | None = None

    async def start(self) -> ModemIdentity:
        """See Modem. May be called again at any time: it begins afresh.

        Raises:
            PortError: the port is missing, busy or forbidden.
            LinkError: the modem does not answer.
            SimError: the SIM needs a person.
        """
        await self.stop()
        try:
            link = await self._stack.enter_async_context(find(self._port, self._baud, self._probing))
            identity = await self._bring_up(link)
        except BaseException:
            await self._stack.aclose()
            raise
        link.on_unsolicited, link.on_ended = self._hear, self._lose
        self._link = link
        _log.info("modem_started", port=self._port, model=identity.model, revision=identity.revision)
        return identity

    async def network(self) -> NetworkStatus:
        """See Modem. Asks the packet domains first; only parts that know neither are asked for the circuit domain."""
        link = self._started()
        domains: list[Registration] = []
        for command in profiles.REGISTRATIONS:
            if command is profiles.REGISTRATIONS[-1] and domains:
                break
            if (stat := await link.read(command)) is not None:
                domains.append(readings.registration(int(stat)))
        rssi = await link.read(profiles.SIGNAL)
        status = NetworkStatus(
            readings.best_registration(domains), signal_dbm=readings.signal_dbm(int(rssi)) if rssi else None
        )
        if not status.is_registered:
            return status
        operator = await link.read(profiles.OPERATOR)
        return NetworkStatus(status.registration, operator or "", status.signal_dbm)

    async def quality(self) -> RadioQuality:
        """See Modem."""
        link = self._started()
        line = await link.read(self._profile.quality)
        act, cell = await link.read(profiles.TECHNOLOGY), await link.read(profiles.CELL)
        read = readings.quality(line or "")
        return replace(read, technology=readings.technology(int(act)) if act else "", cell=cell or "")

    async def last_cause(self) -> str:
        """See Modem."""
        return await self._started().read(profiles.LAST_CAUSE) or ""

    async def redial(self) -> None:
        """See Modem."""
        link, context = self._started(), self._profile.context
        await self._end_pump()
        if context:
            await link.ask(context.deactivate.request())

    async def cycle_radio(self) -> None:
        """See Modem. Cancelling leaves the radio off until it is switched on by `start` or by this."""
        link = self._started()
        await self._end_pump()
        await link.order(profiles.RADIO_OFF.request())
        await asyncio.sleep(_RADIO_OFF_S)
        await link.order(profiles.RADIO_ON.request())

    async def restart(self) -> None:
        """See Modem."""
        link = self._started()
        await self._end_pump()
        await link.order(profiles.RESTART.request())
        await self.stop()

    def use_access(self, name: str) -> None:
        """See Modem."""
        self._apn = name

    async def network_time(self) -> datetime | None:
        """See Modem."""
        text = await self._started().read(profiles.NETWORK_TIME)
        return readings.network_time(text) if text else None

    async def attach(self) -> None:
        """See Modem. Does nothing when the context is up.

        Raises:
            LinkError: the network does not give it now.
            DeviceError: the modem refuses the settings, or its family is not known.
        """
        link, context = self._started(), self._profile.context
        if not context:
            raise DeviceError(f"{link.where}: no data commands are known for it; supported: {_families()}")
        if (await link.ask(context.is_active.request())).lines:
            return
        if await link.read(profiles.IS_ATTACHED) != "1" and not (await link.ask(profiles.ATTACH.request())).ok:
            raise LinkError(f"{link.where}: the network does not attach it; check signal, SIM contract and antenna")
        for command in context.define:
            await link.order(
                command.request(
                    apn=self._apn,
                    user=self._apn_user,
                    password=self._apn_password.value,
                    auth=3 if self._apn_user else 0,
                )
            )
        await link.ask(context.deactivate.request())
        answer = await link.ask(context.activate.request())
        if not answer.ok:
            raise LinkError(
                f"{link.where}: the network gives no data context for APN {self._apn!r} ({answer.final}); "
                f"check modem.apn, its user and password, and the SIM contract"
            )
        _log.info("modem_attached", apn=self._apn)

    async def connect(self, host: str, port: int) -> socket.socket:
        """See Modem.

        Raises:
            LinkError: no connection; trying again may help.
            DeviceError: the family is not known, or the host name can't be sent to it.
        """
        link, dialect = self._started(), self._profile.sockets
        if not dialect:
            raise DeviceError(f"{link.where}: no socket commands are known for it; supported: {_families()}")
        await self._end_pump()
        # Also ends what a killed program or a cancelled `connect` has left open.
        await link.ask(dialect.close.request())
        error = await self._open(link, dialect, host, port)
        if error:
            raise LinkError(
                f"{link.where}: no connection to {host}:{port} (its error {error}); "
                f"check the central system's address and that the APN reaches it"
            )
        self._socket = AtSocket(link, dialect)
        self._pump = asyncio.create_task(self._run_socket(link, dialect, self._socket))
        _log.info("modem_connected", host=host, tcp_port=port)
        return self._socket.theirs

    async def stop(self) -> None:
        """See Modem."""
        link, self._link = self._link, None
        had_connection = self._pump is not None and not self._pump.done()
        await self._end_pump()
        try:
            if link and had_connection and self._profile.sockets:
                with suppress(HardwareError, TimeoutError):
                    async with asyncio.timeout(_CLOSE_WITHIN_S):
                        await link.ask(self._profile.sockets.close.request())
        finally:
            await self._stack.aclose()

    async def _bring_up(self, link: AtLink) -> ModemIdentity:
        for command in (profiles.ECHO_OFF, profiles.VERBOSE, profiles.NUMBERED_ERRORS):
            await link.order(command.request())
        manufacturer, model = await link.read(profiles.MANUFACTURER), await link.read(profiles.MODEL)
        self._profile = profile = profiles.profile_of(model or "")
        link.use(profile)
        for command in (profiles.RADIO_ON, *profile.set_up):
            await link.ask(command.request())
        revision, imei = await link.read(profiles.REVISION), await link.read(profiles.IMEI)
        iccid = await _iccid(link, profile)
        await sim_pin.unlock(link, profile, iccid, self._pin, self._sim_memory)
        iccid = iccid or await _iccid(link, profile)
        imsi = await link.read(profiles.IMSI)
        return ModemIdentity(manufacturer or "", model or "", revision or "", imei or "", iccid, imsi or "")

    async def _open(self, link: AtLink, dialect: SocketDialect, host: str, port: int) -> int:
        """Open the connection and give the modem's error number, 0 when it stands."""
        self._opening = asyncio.get_running_loop().create_future()
        try:
            request = dialect.open.request(host=host, port=port)
            answer = await link.ask(request)
            if not answer.ok:
                # What a cancelled call left opening may have come up after our closing: close that too.
                await link.ask(dialect.close.request())
                answer = await link.ask(request)
            if not answer.ok:
                raise LinkError(f"{link.where}: it refuses to open a connection ({answer.final}); attach first")
            async with asyncio.timeout(dialect.opened_within_s):
                result = await self._opened(link, dialect, self._opening)
        except TimeoutError:
            raise LinkError(
                f"{link.where}: no connection to {host}:{port} within {dialect.opened_within_s:g} s; check the signal"
            ) from None
        finally:
            self._opening = None
        if isinstance(result, LinkError):
            raise result
        return result

    @staticmethod
    async def _opened(
        link: AtLink, dialect: SocketDialect, opening: "asyncio.Future[int | LinkError]"
    ) -> int | LinkError:
        """Wait for the result of opening, and ask now and then, as its line may have been lost on the serial line."""
        while True:
            done, _ = await asyncio.wait([opening], timeout=_ASK_S)
            if done:
                return opening.result()
            if (await link.ask(dialect.is_open.request())).lines:
                return 0

    async def _run_socket(self, link: AtLink, dialect: SocketDialect, at_socket: AtSocket) -> None:
        await at_socket.run()
        with suppress(HardwareError):
            await link.ask(dialect.close.request())

    async def _end_pump(self) -> None:
        if self._pump:
            self._pump.cancel()
            await asyncio.wait([self._pump])
        self._pump = self._socket = None

    def _started(self) -> AtLink:
        if not self._link:
            raise LinkError(f"modem at {self._port}: not started")
        return self._link

    def _hear(self, line: str) -> None:
        """Take an unsolicited line."""
        dialect, context = self._profile.sockets, self._profile.context
        if dialect and self._opening and (opened := re.fullmatch(dialect.opened, line)):
            if not self._opening.done():
                self._opening.set_result(int(opened["error"]))
        elif context and re.fullmatch(context.lost, line):
            self._lose(LinkError(f"modem at {self._port}: the network took the data context"))
        elif self._socket:
            self._socket.hear(line)

    def _lose(self, reason: LinkError) -> None:
        """End what runs through the modem. It is a loss unless `stop` did it."""
        if self._link:
            _log.warning("modem_data_lost", reason=reason)
        if self._opening and not self._opening.done():
            self._opening.set_result(reason)
        if self._socket:
            self._socket.end(str(reason))


async def _iccid(link: AtLink, profile: Profile) -> str:
    return readings.iccid(await link.read(profile.iccid) or "")


def _families() -> str:
    return ", ".join(family.name for family in profiles.FAMILIES)
