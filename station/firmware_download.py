"""Fetches the image of an update piece by piece: what is stored is never fetched again, where the server permits."""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from shared.log import Log
from station.core.firmware import FirmwareOrder, Progress
from station.errors import LinkLost, TransferFailed

if TYPE_CHECKING:
    from station.http_transfer import HttpTransfer

_LOOK_S = 5.0
"""How often the link is looked at, and how long a download goes on hoping before it counts as paused, link time."""

_SHORT_PAUSE_S = 5.0
"""After a piece that broke off on its way, link time."""

_LOG = Log("station.firmware")


@dataclass(frozen=True, slots=True)
class Limits:
    """All in bytes: of an image, of the disk that must stay free, of one request."""

    most: int
    reserve: int
    piece: int


class FirmwareDownload:
    """See the module.

    Args:
        image: the file.
        transfer: made when the first piece is fetched.
        may_fetch: says why the link is better left alone now; empty = it is good.
        free: gives the bytes that are free on the disk.
        limits: of what is fetched.
        store: keeps how far it has come.
    """

    def __init__(
        self,
        image: Path,
        *,
        transfer: "Callable[[], HttpTransfer]",
        may_fetch: Callable[[], Awaitable[str]],
        free: Callable[[], int],
        limits: Limits,
        store: Callable[[Progress], Awaitable[None]],
    ) -> None:
        self._image = image
        self._transfer = transfer
        self._may_fetch = may_fetch
        self._free = free
        self._limits = limits
        self._store = store

    async def run(self, order: FirmwareOrder, progress: Progress, *, is_patient: bool) -> bool:
        """Fetch what is missing; False if the link is not good enough now. Cancelling is safe.

        Args:
            order: what.
            progress: how far it has come.
            is_patient: whether it waits for a good link.

        Raises:
            TransferFailed: it can't be had.
            OSError: it can't be written.
        """
        with self._open() as file:
            if file.seek(0, os.SEEK_END) < progress.have:
                progress = Progress(failures=progress.failures)
            while progress.have != progress.total:
                if is_patient and await self._may_fetch() and not await self.until_good(_LOOK_S):
                    return False
                progress = await self._next(order, file, progress)
        return True

    def _open(self) -> BinaryIO:
        self._image.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._image.touch(mode=0o600)
        return self._image.open("r+b")

    async def until_good(self, most_s: float) -> bool:
        """Wait until the link is good; False if it is not in this time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(most_s):
                while await self._may_fetch():  # noqa: ASYNC110  nobody tells when
                    await asyncio.sleep(_LOOK_S)
                return True
        return False

    async def _next(self, order: FirmwareOrder, file: BinaryIO, before: Progress) -> Progress:
        """Fetch a piece and store how far that has led; pause if it was not all that was asked for."""
        try:
            progress = await self._fetch(order, file, before)
            grew = progress.have - before.have
            pause_s = min(_SHORT_PAUSE_S, order.interval_s) if grew < self._limits.piece else 0
        except LinkLost as lost:  # no coverage is nobody's failure
            _LOG.info("download_waits", reason=lost)
            progress, pause_s = before, order.interval_s
        except TransferFailed as error:
            failures = before.failures + 1
            if error.for_good or failures >= order.tries:
                raise
            _LOG.warning("download_interrupted", reason=error, have=before.have, failures=failures)
            anew = error.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
            progress = Progress(failures=failures) if anew else replace(before, failures=failures)
            pause_s = order.interval_s
        await self._store(progress)
        if progress.have != progress.total:
            await asyncio.sleep(pause_s)
        return progress

    async def _fetch(self, order: FirmwareOrder, file: BinaryIO, before: Progress) -> Progress:
        from station.http_transfer import Piece

        room = self._free() - self._limits.reserve
        start = Piece(before.have, before.total, before.tag)
        limits = self._limits
        piece = await self._transfer().fetch(
            order.location, file, start, most=limits.most, length=limits.piece, room=room
        )
        if piece.have <= before.have and not piece.is_last and before.failures + 1 >= order.tries:
            raise TransferFailed("the download breaks off again and again, and the server can't continue it")
        failures = 0 if piece.have > before.have else before.failures + 1
        return Progress(piece.have, piece.total, piece.tag, failures)
