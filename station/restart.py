"""How the program ends by request, and why it begins. The service manager starts it again."""

import asyncio
import contextlib
from collections.abc import Mapping

from shared.ids import EvseId
from shared.log import Log
from shared.transaction import StopReason
from station.core.configuration import Configuration
from station.core.dialect import BootReason
from station.core.evse_events import EndRequested, Updating
from station.evse_task import EvseTask
from station.journal import Journal
from station.security.events import EventKind
from station.security.reporter import SecurityReporter
from station.timekeeper import Timekeeper

RESET_S = 15.0
"""A reset waits so long for transactions to end."""

_ANSWER_S = 0.5
"""The answer to a reset leaves in this time."""

BOOT_REASON, LAST_KERNEL = "boot_reason", "kernel_boot"
"""Names in the journal of why the program was ended, and of the machine's boot that it last ran in."""

_LOG = Log("station")


class Restart:
    """See the module."""

    def __init__(
        self,
        evses: Mapping[EvseId, EvseTask],
        *,
        journal: Journal,
        timekeeper: Timekeeper,
        configuration: Configuration,
        reporter: SecurityReporter,
    ) -> None:
        self._evses = evses
        self._journal = journal
        self._timekeeper = timekeeper
        self._configuration = configuration
        self._reporter = reporter
        self._stop, self._idle = asyncio.Event(), asyncio.Event()
        self._reason: StopReason | None = None

    async def boot_reason(self) -> BootReason:
        """Tell why the program begins: as the last one left it, else by whether the machine itself has booted."""
        told, kernel = await self._journal.value(BOOT_REASON), await self._journal.value(LAST_KERNEL)
        await self._journal.set_value(BOOT_REASON, "")
        await self._journal.set_value(LAST_KERNEL, self._timekeeper.boot.kernel_boot_id)
        if told:
            return BootReason(told)
        is_same = kernel == self._timekeeper.boot.kernel_boot_id
        return BootReason.APPLICATION_RESET if is_same else BootReason.POWER_UP

    def at_once(self) -> None:
        """End the program; transactions stay open in the journal."""
        self._stop.set()

    def reset(self, reason: StopReason) -> None:
        """End the program after all transactions have been ended for a reason."""
        self._reason = reason
        self._stop.set()

    def reset_when_idle(self) -> None:
        """End the program as soon as no transaction is open; no new one begins meanwhile."""
        for evse in self._evses.values():
            evse.tell(Updating(True))
        self._idle.set()

    async def run(self) -> None:
        """Wait for a reset that waits, and then for the ends of the transactions."""
        await self._idle.wait()
        for evse in self._evses.values():
            await evse.idle.wait()
        self.reset(StopReason.SOFT_RESET)

    async def until_stopped(self, stop: asyncio.Event) -> None:
        """Wait until `stop` is set, or the program is to end by request; then end what is to be ended."""
        waits = [asyncio.ensure_future(event.wait()) for event in (stop, self._stop)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if self._reason and not stop.is_set():
                await self._finish_transactions(self._reason)
        finally:
            for wait in waits:
                wait.cancel()

    async def _finish_transactions(self, reason: StopReason) -> None:
        """End all transactions, into the journal at least, and let the answer to the reset leave."""
        await self._journal.set_value(BOOT_REASON, BootReason.REMOTE_RESET)
        await self._reporter.report(EventKind.RESET_OR_REBOOT, reason)
        for evse in self._evses.values():
            evse.tell(EndRequested(reason))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RESET_S * (1 + self._configuration.number("ResetRetries"))):
                await asyncio.gather(*(evse.idle.wait() for evse in self._evses.values()))
        await asyncio.sleep(_ANSWER_S)
        _LOG.info("reset", reason=reason)
