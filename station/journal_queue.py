"""What one EVSE has to write while the journal can't take it: kept in memory, in order, until it can.

Nothing of a charge is lost by that as long as the agent lives. If it dies too, the transaction is still open in the
journal: the next start ends it with the meter's register, so the energy is right whatever is missing between.
"""

from collections import deque
from collections.abc import Awaitable, Callable

from shared.log import Log
from station.errors import JournalStalled

MOST_WAITING = 500
"""Writes that may wait; then samples are left out, ends never: there is one for each EVSE."""

_LOG = Log("station.journal")
Write = Callable[[], Awaitable[object]]


class JournalQueue:
    """The writes of one EVSE. `trouble` says why the journal can't be written; empty if it can."""

    def __init__(self, evse_id: int) -> None:
        self._evse_id = evse_id
        self._waiting: deque[Write] = deque()
        self._left_out = 0
        self.trouble = ""

    async def write_now(self, write: Write) -> None:
        """Write, after all that waits, or not at all.

        Raises:
            JournalStalled: it is not written.
        """
        await self.flush()
        if self._waiting:
            raise JournalStalled(self.trouble)
        await self._try(write)

    async def write(self, write: Write, *, may_be_left_out: bool = False) -> None:
        """Write, now or when the journal can be written again."""
        if may_be_left_out and len(self._waiting) >= MOST_WAITING:
            self._left_out += 1
            return
        self._waiting.append(write)
        await self.flush()

    async def flush(self, probe: Write | None = None) -> None:
        """Write what waits, in order.

        Args:
            probe: written if nothing waits and the journal could not be written last.
        """
        try:
            while self._waiting:
                await self._try(self._waiting[0])
                self._waiting.popleft()
            if probe and self.trouble:
                await self._try(probe)
        except JournalStalled:
            return

    async def _try(self, write: Write) -> None:
        try:
            await write()
        except JournalStalled as error:
            if not self.trouble:
                _LOG.error("journal_stalled", evse=self._evse_id, effect="nothing new starts", reason=error)
            self.trouble = str(error)
            raise
        if self.trouble:
            _LOG.info("journal_back", evse=self._evse_id, samples_left_out=self._left_out)
        self.trouble, self._left_out = "", 0
