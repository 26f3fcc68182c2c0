"""Carries out what the central system orders of the firmware: fetch, verify, wait, install, prove. See core.firmware.

One order at a time; a new one cancels the old until the version is being exchanged. Every step is stored before it is
told. Nothing is installed while somebody charges; from the moment that it could be, no charge begins any more.
"""

import asyncio
import contextlib
import hashlib
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit, urlunsplit

from shared.log import Log
from station.core.delivery import Message
from station.core.evse_events import Updating
from station.core.firmware import (
    MAY_BE_REPLACED,
    FirmwareOrder,
    FirmwareStatus,
    Progress,
    Update,
    UpdateOutcome,
    begin,
    decode,
)
from station.errors import FieldError, JournalStalled, SecurityError, TransferFailed
from station.firmware_download import FirmwareDownload
from station.firmware_parts import Installer, Rules, Surroundings
from station.security.events import EventKind
from station.status_teller import StatusTeller

if TYPE_CHECKING:
    pass

VALUE = "firmware"
"""Name of the order in the journal."""

SIGNATURE_BEHIND = ".sig"
"""Behind the path of an image stands its own signature, where the order bears none."""

PAUSE_S = 3600.0
"""So long, link time, a download waits for a good link before it goes on all the same."""

_LOOK_S = 5.0
_WORLD_LOOK_S = 30.0
_IDLE_LOOK_S = 0.2
_SAY_S = 10.0
"""Link time for the last words before a restart."""
_MOST_SIGNATURE = 1024
_NOT_IN_PLAIN = frozenset(
    {
        FirmwareStatus.DOWNLOAD_SCHEDULED,
        FirmwareStatus.DOWNLOAD_PAUSED,
        FirmwareStatus.SIGNATURE_VERIFIED,
        FirmwareStatus.INVALID_SIGNATURE,
        FirmwareStatus.INSTALL_SCHEDULED,
        FirmwareStatus.INSTALL_REBOOTING,
        FirmwareStatus.INSTALL_VERIFICATION_FAILED,
    }
)
"""An order without a number comes from 1.6, which has no words for these (§7.25)."""

_LOG = Log("station.firmware")


class FirmwareUpdates:
    """See the module. Made, then `load`, then `run`."""

    def __init__(self, rules: Rules, around: Surroundings, installer: Installer) -> None:
        self.update: Update | None = None
        self._rules = rules
        self._around = around
        self._installer = installer
        self._image = rules.folder / "image"
        self._fetcher = FirmwareDownload(
            self._image,
            transfer=around.transfer,
            may_fetch=around.may_fetch,
            free=around.free,
            limits=rules.limits,
            store=self._store_progress,
        )
        self._teller = StatusTeller(around.link, self._oldest_untold, self._take_told)
        self._lock = asyncio.Lock()
        self._job: asyncio.Task[None] | None = None

    async def load(self) -> None:
        """Read what a restart has interrupted."""
        self.update = decode(await self._around.journal.value(VALUE) or "")

    @property
    def begins_new_version(self) -> bool:
        """Tell whether the program was started to try another version (BootReason FirmwareUpdate)."""
        return self.update is not None and self.update.status is FirmwareStatus.INSTALL_REBOOTING

    @property
    def is_exchanging(self) -> bool:
        """Tell whether the version is being exchanged, so that no order is taken."""
        update = self.update
        return update is not None and not update.is_over and update.status not in MAY_BE_REPLACED

    @property
    def takes_plain(self) -> bool:
        """Tell whether an order without a certificate is taken (white paper ed. 3: not beside signed ones)."""
        try:
            return self._rules.plain == "always" or (self._rules.plain == "auto" and not self._around.roots())
        except SecurityError as error:
            _LOG.error("roots_not_readable", reason=error)
            return False

    async def order(self, order: FirmwareOrder) -> UpdateOutcome:
        """Take an order; it is stored when this returns."""
        from station.http_transfer import is_supported

        if not is_supported(order.location):
            return await self._refuse_location(order)
        if order.certificate or order.signature:
            if reason := await asyncio.to_thread(self._certificate_fault, order):
                await self._around.reporter.report(EventKind.INVALID_FIRMWARE_CERTIFICATE, reason)
                return UpdateOutcome.INVALID_CERTIFICATE
        elif not self.takes_plain:
            return UpdateOutcome.INVALID_CERTIFICATE
        async with self._lock:
            before = self.update
            if self.is_exchanging:
                return UpdateOutcome.REJECTED
            await self._store(_sayable(begin(order, self._around.timekeeper.now().utc)))
            if self._job:
                self._job.cancel()
        replaced = before is not None and not before.is_over
        _LOG.info("update_ordered", number=order.number, replaced=replaced)
        self._teller.wake()
        return UpdateOutcome.ACCEPTED_CANCELED if replaced else UpdateOutcome.ACCEPTED

    async def _refuse_location(self, order: FirmwareOrder) -> UpdateOutcome:
        """Refuse what is neither http nor https; an order whose answer has no word for that ends at once."""
        _LOG.warning("update_refused", reason="the location is neither http nor https")
        async with self._lock:
            if order.number is None and (self.update is None or self.update.is_over):
                await self._store(Update(order, FirmwareStatus.DOWNLOAD_FAILED, (FirmwareStatus.DOWNLOAD_FAILED,)))
        self._teller.wake()
        return UpdateOutcome.REJECTED

    def report(self, *, numbered: bool = False) -> Message:
        """Give the message that tells how it stands.

        Args:
            numbered: if nothing is under way, in the words for orders that have a number.
        """
        if self.update is None or self.update.shown is FirmwareStatus.IDLE:
            return self._around.dialect.firmware_status(FirmwareStatus.IDLE, numbered=numbered)
        return self._message(self.update, self.update.shown)

    def _message(self, update: Update, status: FirmwareStatus) -> Message:
        return self._around.dialect.firmware_status(status, update.order.number)

    def _oldest_untold(self) -> Message | None:
        update = self.update
        return self._message(update, update.untold[0]) if update and update.untold else None

    async def _take_told(self, message: Message) -> None:
        async with self._lock:
            if self.update and self._oldest_untold() == message:
                await self._store(self.update.told(self.update.untold[0]))

    async def run(self) -> NoReturn:
        """Carry out orders for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._teller.run(), name="firmware statuses")
            while True:
                async with asyncio.TaskGroup() as work:
                    # A new order cancels this task and no other, which its group takes for its end.
                    self._job = work.create_task(self._step(), name="firmware update")

    async def _step(self) -> None:
        update = self.update
        if update is None or update.is_over:
            await asyncio.Event().wait()
            return
        try:
            await self._carry_on(update)
        except JournalStalled as error:
            _LOG.warning("update_waits", reason=error)
            await asyncio.sleep(_LOOK_S)

    async def _carry_on(self, update: Update) -> None:
        match update.status:
            case FirmwareStatus.DOWNLOAD_SCHEDULED:
                await self._until(lambda: self._around.timekeeper.now().utc >= update.order.retrieve_at)
                await self._become(FirmwareStatus.DOWNLOADING)
            case FirmwareStatus.DOWNLOADING | FirmwareStatus.DOWNLOAD_PAUSED:
                await self._download(update)
            case FirmwareStatus.DOWNLOADED if update.order.certificate:
                await self._verify(update.order)
            case FirmwareStatus.DOWNLOADED | FirmwareStatus.SIGNATURE_VERIFIED | FirmwareStatus.INSTALL_SCHEDULED:
                await self._wait_to_install(update)
            case FirmwareStatus.INSTALLING:
                await self._install(update)
            case _:
                await self._try_out(update)

    async def _become(self, status: FirmwareStatus, reason: object = "") -> Update:
        """Move on; stored when this returns."""
        async with self._lock:
            assert self.update  # noqa: S101  a step of it is under way
            update = _sayable(self.update.become(status))
            await self._store(update)
        (_LOG.warning if reason else _LOG.info)("update", status=status, **({"reason": reason} if reason else {}))
        self._teller.wake()
        return update

    async def _store(self, update: Update) -> None:
        await self._around.journal.set_value(VALUE, update.encode())
        self.update = update

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Wait for a moment of world time, which may jump."""
        while not condition():
            await self._around.timekeeper.clock.sleep(_WORLD_LOOK_S)

    async def _download(self, update: Update) -> None:
        is_patient = True
        if update.status is FirmwareStatus.DOWNLOAD_PAUSED:
            is_patient = await self._fetcher.until_good(PAUSE_S)
            await self._become(FirmwareStatus.DOWNLOADING)
        try:
            is_complete = await self._fetcher.run(update.order, update.progress, is_patient=is_patient)
        except (TransferFailed, OSError) as error:
            await self._become(FirmwareStatus.DOWNLOAD_FAILED, error)
            self._forget_files()
            return
        await self._become(FirmwareStatus.DOWNLOADED if is_complete else FirmwareStatus.DOWNLOAD_PAUSED)

    async def _store_progress(self, progress: Progress) -> None:
        async with self._lock:
            assert self.update  # noqa: S101  a step of it is under way
            await self._store(replace(self.update, progress=progress))

    async def _verify(self, order: FirmwareOrder) -> None:
        if reason := await asyncio.to_thread(self._certificate_fault, order):
            await self._around.reporter.report(EventKind.INVALID_FIRMWARE_CERTIFICATE, reason)
        elif not await asyncio.to_thread(self._is_signed, order):
            reason = "the image is not what the certificate's owner signed"
            await self._around.reporter.report(EventKind.INVALID_FIRMWARE_SIGNATURE, reason)
        if reason:
            await self._become(FirmwareStatus.INVALID_SIGNATURE, reason)
            self._forget_files()
        else:
            await self._become(FirmwareStatus.SIGNATURE_VERIFIED)

    def _certificate_fault(self, order: FirmwareOrder) -> str:
        from station.security.certificates import CertificateError, check_signer

        try:
            check_signer(order.certificate, self._around.roots().values(), self._around.moment())
        except (CertificateError, SecurityError) as error:
            return str(error)
        return ""

    def _is_signed(self, order: FirmwareOrder) -> bool:
        from station.security.certificates import parse_chain

        with self._image.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
        return parse_chain(order.certificate)[0].has_signed(digest, order.signature)

    async def _wait_to_install(self, update: Update) -> None:
        install_at = update.order.install_at
        is_early = install_at is not None and install_at > self._around.timekeeper.now().utc
        if update.status is not FirmwareStatus.INSTALL_SCHEDULED and (is_early or not self._is_idle):
            await self._become(FirmwareStatus.INSTALL_SCHEDULED)
        if install_at is not None:
            await self._until(lambda: self._around.timekeeper.now().utc >= install_at)
        async with self._nobody_begins():
            await self._until_idle()
            await self._install(await self._become(FirmwareStatus.INSTALLING))

    @property
    def _is_idle(self) -> bool:
        return all(evse.charging.transaction is None for evse in self._around.evses.values())

    async def _until_idle(self) -> None:
        """Wait until nobody charges and every EVSE has heard that nobody may begin."""
        evses = self._around.evses.values()
        await _met(lambda: self._is_idle and all(evse.charging.is_updating for evse in evses), _IDLE_LOOK_S)

    @asynccontextmanager
    async def _nobody_begins(self) -> AsyncIterator[None]:
        """Let no charge begin until this is left."""
        try:
            for evse in self._around.evses.values():
                evse.tell(Updating(True))
            yield
        finally:
            for evse in self._around.evses.values():
                evse.tell(Updating(False))

    async def _install(self, update: Update) -> None:
        async with self._nobody_begins():
            await self._until_idle()  # after a power cut an open transaction may have gone on
            try:
                signature = None if update.order.certificate else await self._signature_beside(update.order)
                version, slot = await self._installer.install(self._image, signature)
                async with self._lock:
                    await self._store(replace(self.update or update, version=version, slot=slot))
                self._installer.arm(slot)
                await self._become(FirmwareStatus.INSTALL_REBOOTING)
                self._installer.switch(slot)
            except (FieldError, TransferFailed, OSError) as error:
                await self._become(FirmwareStatus.INSTALLATION_FAILED, error)
                self._forget_files()
                return
            await self._end_program()

    async def _signature_beside(self, order: FirmwareOrder) -> bytes:
        """Fetch the signature that stands beside the image.

        Raises:
            TransferFailed: there is none.
        """

        from station.http_transfer import Piece

        url = urlsplit(order.location)
        location = urlunsplit(url._replace(path=url.path + SIGNATURE_BEHIND))
        file = self._rules.folder / "signature"
        with file.open("w+b") as part:
            await self._around.transfer().fetch(
                location, part, Piece(0, None, ""), most=_MOST_SIGNATURE, length=_MOST_SIGNATURE
            )
        return await asyncio.to_thread(file.read_bytes)

    async def _end_program(self) -> None:
        """Say the last words, and let the service manager start the version that is next."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SAY_S):
                await _met(lambda: self._oldest_untold() is None or not self._around.link.is_online, _IDLE_LOOK_S)
        self._around.restart()
        await asyncio.Event().wait()

    def _forget_files(self) -> None:
        with contextlib.suppress(OSError):
            shutil.rmtree(self._rules.folder)

    async def _try_out(self, update: Update) -> None:
        """Judge the new version after the restart."""
        try:
            await self._judge(update)
        except FieldError as error:
            await self._become(FirmwareStatus.INSTALLATION_FAILED, error)
        self._forget_files()

    async def _judge(self, update: Update) -> None:
        """It is good when the central system has accepted it.

        Raises:
            FieldError: the versions can't be exchanged.
        """
        installer = self._installer
        if installer.current() != update.slot:
            if installer.is_armed():  # the power went between the word and the switch
                installer.switch(update.slot)
                await self._end_program()
            reason = "the new version could not be started: the one before has come back"
            await self._become(FirmwareStatus.INSTALLATION_FAILED, reason)
        elif self._around.version != update.version:
            installer.back()
            reason = f"the service manager starts {self._around.version} and not what the link names"
            await self._become(FirmwareStatus.INSTALLATION_FAILED, reason)
        elif await self._is_accepted():
            installer.disarm()
            await self._become(FirmwareStatus.INSTALLED)
        else:
            installer.back()
            await self._become(FirmwareStatus.INSTALLATION_FAILED, "the central system did not accept the new version")
            await self._end_program()

    async def _is_accepted(self) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._rules.trial_s):
                await _met(lambda: self._around.link.is_online, _IDLE_LOOK_S)
                return True
        return False


async def _met(condition: Callable[[], bool], look_s: float) -> None:
    """Wait for something that tells nobody when it comes true, link time."""
    while not condition():  # noqa: ASYNC110  see above
        await asyncio.sleep(look_s)


def _sayable(update: Update) -> Update:
    if update.order.number is not None:
        return update
    return replace(update, untold=tuple(status for status in update.untold if status not in _NOT_IN_PLAIN))
