"""The signing meter of one EVSE: asked within bounds, its clock tended, its public key kept and told."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import tzinfo
from typing import NoReturn

from hardware.api import MeterTime, SignedSession, SigningMeter
from hardware.errors import DeviceError, HardwareError
from shared.ids import EvseId
from shared.log import Log
from shared.metering import SignedData
from shared.ocmf import OcmfError, parse
from station.core.configuration import Configuration
from station.core.evse_events import SigningDone
from station.core.timekeeping import TimeSource
from station.errors import JournalStalled
from station.journal import Journal
from station.timekeeper import Timekeeper

KEY_PREFIX = "meter_public_key."
"""Names of the public keys of meters in the journal, by EVSE."""

CONFIGURATION_KEY = "MeterPublicKey"
"""The usual configuration key for a meter's public key, followed by the number of the connector."""

TEND_S = 60.0
"""How often the meter is looked after while nobody charges, world time; it is set by its own rule, not each time."""

_LOG = Log("station.signing")


class MeterSignatures:
    """See the module. No call raises HardwareError: a failure is part of the answer, or logged."""

    def __init__(
        self,
        evse_id: EvseId,
        meter: SigningMeter,
        *,
        journal: Journal,
        timekeeper: Timekeeper,
        configuration: Configuration,
        wait_s: float,
        zone: tzinfo,
    ) -> None:
        """Describe it.

        Args:
            evse_id: whose meter it is.
            meter: its driver.
            journal: keeps the public key.
            timekeeper: sets the meter's clock, once it knows the time itself.
            configuration: tells the public key to the central system.
            wait_s: bound of each question, link time, s.
            zone: local time that the meter shows.
        """
        self._evse_id, self._meter = evse_id, meter
        self._journal, self._timekeeper, self._configuration = journal, timekeeper, configuration
        self._wait_s, self._zone = wait_s, zone
        self._public_key = ""
        self._is_fresh = False
        self._trouble = ""

    async def load(self) -> None:
        """Tell the public key that was known last."""
        self._public_key = await self._journal.value(f"{KEY_PREFIX}{self._evse_id}") or ""
        self._show()

    async def run(self, is_idle: Callable[[], bool]) -> NoReturn:
        """Look after the meter for ever, while `is_idle` says that no session is open."""
        while True:
            if is_idle():
                await self._attempt("tend", self._tend())
            await self._timekeeper.clock.sleep(TEND_S)

    async def begin(self, session: SignedSession) -> SigningDone:
        """Begin a session in the meter. Cancelling is safe."""
        return await self._ask(session, self._meter.begin(session, self._now()), is_end=False)

    async def end(self, session: SignedSession) -> SigningDone:
        """End it. Likewise."""
        return await self._ask(session, self._meter.end(session, self._now()), is_end=True)

    async def recover(self, session: SignedSession) -> None:
        """Let the meter go on with a session after a restart."""

        async def recover() -> None:
            if not await self._meter.recover(session, self._now()):
                _LOG.warning("meter_lost_session", evse=self._evse_id, key=session.key)

        await self._attempt("recover", recover())

    async def release(self) -> None:
        """Let the meter forget the end, which is stored. If that fails, the next begin does it."""
        await self._attempt("release", self._meter.release())

    async def _ask(
        self, session: SignedSession, question: Awaitable[SignedData | None], *, is_end: bool
    ) -> SigningDone:
        fields = {"evse": self._evse_id, "key": session.key, "at": "end" if is_end else "begin"}
        asked_at = self._timekeeper.clock.uptime()
        try:
            async with asyncio.timeout(self._wait_s):
                signed = await question
        except (HardwareError, TimeoutError) as error:
            reason = str(error) or f"no signature within {self._wait_s:g} s"
            definite = isinstance(error, DeviceError)
            _LOG.warning("meter_does_not_sign", **fields, reason=reason, again=is_end and not definite)
            return SigningDone(session.key, is_end, failure=reason, definite=definite)
        if signed:
            _LOG.info("meter_signed", **fields, characters=len(signed.text))
            await self._learn(signed.public_key)
            await self._hear_time(signed.text, asked_at)
        return SigningDone(session.key, is_end, signed)

    async def _hear_time(self, text: str, asked_at: float) -> None:
        """Let the clock of a meter be heard that calls it synchronised (OCMF, time status S)."""
        try:
            readings = parse(text).readings
        except OcmfError:
            return
        if readings and readings[-1].at and readings[-1].time_status == "S":
            await self._timekeeper.learn(TimeSource.METER, readings[-1].at, asked_at)

    async def _tend(self) -> None:
        if not self._is_fresh:
            await self._learn(await self._meter.public_key())
        await self._meter.keep_time(self._now())

    async def _learn(self, public_key: str) -> None:
        """Keep the key. Another one than before means another meter, or one that was tampered with."""
        self._is_fresh = True
        if not public_key or public_key == self._public_key:
            return
        if self._public_key:
            _LOG.error("meter_public_key_changed", evse=self._evse_id, old=self._public_key, new=public_key)
        try:
            await self._journal.set_value(f"{KEY_PREFIX}{self._evse_id}", public_key)
        except JournalStalled as error:
            self._is_fresh = False  # it is asked for and stored the next time
            _LOG.warning("meter_public_key_not_stored", evse=self._evse_id, reason=error)
        self._public_key = public_key
        self._show()

    def _show(self) -> None:
        self._configuration.show(f"{CONFIGURATION_KEY}{self._evse_id}", self._public_key)

    def _now(self) -> MeterTime:
        now = self._timekeeper.now()
        is_known = self._timekeeper.boot.source is not TimeSource.UNSET
        return MeterTime(now.utc.astimezone(self._zone), is_known, now.uptime)

    async def _attempt(self, what: str, job: Awaitable[None]) -> None:
        """Do what may fail; a failure is logged once, and its end."""
        try:
            async with asyncio.timeout(self._wait_s):
                await job
        except (HardwareError, TimeoutError) as error:
            reason = str(error) or "no answer in time"
            if reason != self._trouble:
                _LOG.warning("signing_meter_trouble", evse=self._evse_id, at=what, reason=reason)
            self._trouble = reason
            self._is_fresh = False
        else:
            if self._trouble:
                _LOG.info("signing_meter_back", evse=self._evse_id)
            self._trouble = ""
