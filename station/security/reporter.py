"""Security events from where they happen into the security log."""

from collections.abc import Callable

from shared.log import Log
from station.errors import JournalStalled
from station.security.event_store import EventStore
from station.security.events import EventKind
from station.timekeeper import Timekeeper

_LOG = Log("station.security")


class SecurityReporter:
    """Stores events and has them delivered.

    Args:
        store: the security log.
        timekeeper: stamps them.
    """

    def __init__(self, store: EventStore, timekeeper: Timekeeper) -> None:
        self._store = store
        self._timekeeper = timekeeper
        self.wake: Callable[[], None] = lambda: None
        """Hears that there is something to send."""
        self._told: set[EventKind] = set()

    async def report(self, kind: EventKind, info: str = "") -> None:
        """Tell an event; it is durable when this returns, unless the journal can't take anything: then the log has it.

        Args:
            kind: which.
            info: details, nothing secret; cut to 255 characters.
        """
        _LOG.warning("security_event", kind=kind, info=info)
        try:
            await self._store.append(kind, info, self._timekeeper.now().utc, self._timekeeper.boot)
        except JournalStalled as error:
            _LOG.error("security_event_not_stored", kind=kind, reason=error)
            return
        self.wake()

    async def report_once(self, kind: EventKind, info: str = "") -> None:
        """Tell an event that every attempt to connect would raise again: once, until `connected`."""
        if kind not in self._told:
            self._told.add(kind)
            await self.report(kind, info)

    def connected(self) -> None:
        """Hear that the outage is over."""
        self._told.clear()
