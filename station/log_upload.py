"""Makes the logs that the central system orders, and sends them to where it says. See core.log_orders.

One order at a time; a new one cancels the old. An order survives a restart: the file is made anew under its name, and
what was not told of it is told. Nothing secret is in it (station.log_files).
"""

import asyncio
import contextlib
import http
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NoReturn

from shared.log import Log
from station.core.delivery import Message
from station.core.dialect import Dialect
from station.core.log_orders import LogKind, LogOrder, LogOutcome, LogStatus, Upload, decode
from station.csms_link import CsmsLink
from station.errors import JournalStalled, LinkLost, StationError, TransferFailed
from station.journal import Journal
from station.status_teller import StatusTeller
from station.timekeeper import Timekeeper

if TYPE_CHECKING:
    from station.http_transfer import HttpTransfer

VALUE = "log_upload"
"""Name of the order in the journal."""

PATIENCE_S = 600.0
"""So long, link time, an upload waits for a good link before it begins all the same."""

_STALLED_S = 5.0
_LOOK_S = 2.0
_STATUSES: dict[int, LogStatus] = {
    http.HTTPStatus.BAD_REQUEST: LogStatus.BAD_MESSAGE,
    http.HTTPStatus.UNAUTHORIZED: LogStatus.PERMISSION_DENIED,
    http.HTTPStatus.FORBIDDEN: LogStatus.PERMISSION_DENIED,
    http.HTTPStatus.METHOD_NOT_ALLOWED: LogStatus.NOT_SUPPORTED,
    http.HTTPStatus.NOT_IMPLEMENTED: LogStatus.NOT_SUPPORTED,
}
_SUFFIXES = {LogKind.DIAGNOSTICS: "tar.gz", LogKind.SECURITY: "log.gz"}
_LOG = Log("station.log_upload")

MakeFile = Callable[[LogOrder], Awaitable[bytes]]
"""Makes the file of an order."""


class LogUploads:
    """See the module. Made, then `load`, then `run`.

    Args:
        journal: keeps the order.
        timekeeper: names the files.
        link: to the central system.
        dialect: the version that it speaks.
        transfer: made when the first file is to be sent.
        may_send: says why the link is better left alone now; empty = it is good.
        make_file: see MakeFile.
        charge_point: its identity, for the name of the file.
    """

    def __init__(
        self,
        journal: Journal,
        timekeeper: Timekeeper,
        link: CsmsLink,
        dialect: Dialect,
        *,
        transfer: "Callable[[], HttpTransfer]",
        may_send: Callable[[], Awaitable[str]],
        make_file: MakeFile,
        charge_point: str,
    ) -> None:
        self.upload: Upload | None = None
        self._journal = journal
        self._timekeeper = timekeeper
        self._dialect = dialect
        self._link = link
        self._transfer = transfer
        self._may_send = may_send
        self._make_file = make_file
        self._charge_point = charge_point
        self._teller = StatusTeller(link, self._oldest_untold, self._take_told)
        self._lock = asyncio.Lock()
        self._job: asyncio.Task[None] | None = None

    async def load(self) -> None:
        """Read what a restart has interrupted."""
        self.upload = decode(await self._journal.value(VALUE) or "")

    async def order(self, order: LogOrder) -> tuple[LogOutcome, str]:
        """Take an order, stored when this returns; gives the name of the file, empty if there will be none."""
        from station.http_transfer import is_supported

        if not is_supported(order.location):
            _LOG.warning("upload_refused", reason="the location is neither http nor https")
            return LogOutcome.REJECTED, ""
        now = self._timekeeper.now().utc
        number = f"-{order.number}" if order.number is not None else ""
        kind = "security" if order.kind is LogKind.SECURITY else "diagnostics"
        name = f"{self._charge_point}-{kind}{number}-{now:%Y%m%dT%H%M%SZ}.{_SUFFIXES[order.kind]}"
        async with self._lock:
            before = self.upload
            await self._store(Upload(order, name))
            if self._job:
                self._job.cancel()
        replaced = before is not None and not before.is_over
        if before and replaced and (message := self._dialect.log_replaced(before.order.number)):
            self._link.post(message)
        _LOG.info("upload_ordered", kind=order.kind, number=order.number, replaced=replaced)
        self._teller.wake()
        return (LogOutcome.ACCEPTED_CANCELED if replaced else LogOutcome.ACCEPTED), name

    def report(self, *, numbered: bool = False) -> Message:
        """Give the message that tells how it stands.

        Args:
            numbered: if nothing is under way, in the words for orders that have a number.
        """
        if self.upload is None or self.upload.is_over:
            return self._dialect.log_status(LogStatus.IDLE, numbered=numbered)
        return self._dialect.log_status(self.upload.shown, self.upload.order.number)

    def _oldest_untold(self) -> Message | None:
        upload = self.upload
        return self._dialect.log_status(upload.untold[0], upload.order.number) if upload and upload.untold else None

    async def _take_told(self, message: Message) -> None:
        async with self._lock:
            if self.upload and self._oldest_untold() == message:
                await self._store(self.upload.told(self.upload.untold[0]))

    async def _store(self, upload: Upload) -> None:
        await self._journal.set_value(VALUE, upload.encode())
        self.upload = upload

    async def run(self) -> NoReturn:
        """Carry out orders for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._teller.run(), name="log statuses")
            while True:
                async with asyncio.TaskGroup() as work:
                    # A new order cancels this task and no other, which its group takes for its end.
                    self._job = work.create_task(self._step(), name="log upload")

    async def _step(self) -> None:
        upload = self.upload
        if upload is None or upload.is_over:
            await asyncio.Event().wait()
            return
        try:
            status = await self._carry_out(upload)
            async with self._lock:
                await self._store(upload.end(status) if self.upload is None else self.upload.end(status))
        except JournalStalled as error:
            _LOG.warning("upload_waits", reason=error)
            await asyncio.sleep(_STALLED_S)
            return
        self._teller.wake()

    async def _carry_out(self, upload: Upload) -> LogStatus:
        order = upload.order
        try:
            data = await self._make_file(order)
        except (OSError, StationError) as error:
            if isinstance(error, JournalStalled):
                raise
            _LOG.error("log_not_made", reason=error)
            return LogStatus.UPLOAD_FAILURE
        await self._until_good()
        failures = 0
        while True:
            try:
                await self._send(upload, data, is_repeated=failures > 0)
            except LinkLost as error:
                _LOG.info("upload_waits", reason=error)
            except TransferFailed as error:
                failures += 1
                _LOG.warning("upload_failed", reason=error, tries=failures)
                if failures >= order.tries:
                    return _STATUSES.get(error.status, LogStatus.UPLOAD_FAILURE)
            else:
                _LOG.info("uploaded", name=upload.name, size=len(data))
                return LogStatus.UPLOADED
            await asyncio.sleep(order.interval_s)

    async def _until_good(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while await self._may_send():  # noqa: ASYNC110  nobody tells when
                    await asyncio.sleep(_LOOK_S)

    async def _send(self, upload: Upload, data: bytes, *, is_repeated: bool) -> None:
        transfer, location = self._transfer(), upload.order.location
        if is_repeated and await transfer.resume(location, upload.name, data):
            return
        await transfer.send(location, upload.name, data)
