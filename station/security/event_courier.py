"""Carries security events to the central system, one by one, in order, until it has said that it has them."""

import asyncio
import math
from collections.abc import Awaitable, Callable

from shared.ids import MessageId
from station.core.configuration import Configuration
from station.core.delivery import Message
from station.core.dialect import Dialect
from station.csms_connection import Refusal, Reply
from station.security.event_store import EventStore
from station.timekeeper import Timekeeper

_UNKNOWN = ("NotImplemented", "NotSupported")
"""CALLERROR codes of a central system that takes no security events at all: these are not tried again."""

Call = Callable[[MessageId, Message], Awaitable[Reply | Refusal]]


class EventCourier:
    """Delivers the oldest pending event, by the same rules as transaction messages: refusals alone spend attempts.

    A refused event waits apart from the transactions and never stands before them.
    """

    def __init__(
        self, store: EventStore, timekeeper: Timekeeper, configuration: Configuration, dialect: Dialect
    ) -> None:
        self._store = store
        self._timekeeper = timekeeper
        self._configuration = configuration
        self._dialect = dialect
        self._held: tuple[int, float] = (0, 0.0)

    async def deliver(self, call: Call) -> float:
        """Deliver one event, and tell after how many seconds of link time there is more to do; inf = nothing waits.

        Raises:
            LinkLost: by `call`; the event waits on and no attempt is spent.
        """
        entry = await self._store.head()
        if entry is None:
            return math.inf
        row_id, until = self._held
        wait = until - asyncio.get_running_loop().time()
        if row_id == entry.row_id and wait > 0:
            return wait
        entry = await self._store.begin_try(entry)
        message = self._dialect.security_event(entry.kind, entry.at, entry.info)
        reply = await call(entry.message_id, message)
        now = self._timekeeper.now().utc
        if isinstance(reply, Reply):
            await self._store.acknowledge(entry, now, round(reply.round_trip_s * 1000))
        elif (
            reply.reason.startswith(_UNKNOWN)
            or entry.refusals + 1 >= self._configuration.number("TransactionMessageAttempts")
        ):  # fmt: skip
            await self._store.park(entry, now, reply.reason)
        else:
            pause_s = self._configuration.number("TransactionMessageRetryInterval") * (entry.refusals + 1)
            self._held = (entry.row_id, asyncio.get_running_loop().time() + pause_s)
            await self._store.refuse(entry, reply.reason)
        return 0.0
