"""Who is connected: the registry that the OCPP server keeps and that commands and web pages read."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from backend.core.watch.drift import DriftGauge
from backend.csms.attempts import Attempts
from shared.ids import ChargePointId
from shared.ocpp.session import Payload
from shared.ocpp.validation import Version

_MAX_QUEUED_CALLS = 16
"""Commands that wait for one station; more than that means that nobody looks at the answers."""


@dataclass(frozen=True, slots=True)
class OutgoingCall:
    """A command on its way to a station. `answer` gets the result's payload or a CommandError.

    An answer against the specification is an error, unless the command is not `checked`.
    """

    action: str
    payload: Payload
    answer: "asyncio.Future[Payload]"
    checked: bool = True


@dataclass(slots=True, eq=False)
class Connection:
    """One socket of a station. Two sockets are two connections even if the station is the same.

    Args:
        charge_point_id: who connected.
        since: when, world time.
        address: where from, for people.
        version: that the handshake agreed on.
        drop: ends the socket at once, without waiting for the peer.
        heard_at: when the last message came, world time.
        calls: commands that wait to be sent.
        heartbeat_at: when the last heartbeat came, world time.
        clock: what its stamps say about its clock.
        ping: tells how long the last ping took to come back, link time; None before the first.
        certificate_until: of its client certificate, None if it showed none.
    """

    charge_point_id: ChargePointId
    since: datetime
    address: str
    version: Version
    drop: Callable[[], None]
    heard_at: datetime
    calls: "asyncio.Queue[OutgoingCall]" = field(default_factory=lambda: asyncio.Queue(_MAX_QUEUED_CALLS))
    heartbeat_at: datetime | None = None
    clock: DriftGauge = field(default_factory=DriftGauge)
    ping: Callable[[], timedelta | None] = lambda: None
    certificate_until: datetime | None = None


class Connections:
    """The stations that are connected now, one connection each."""

    def __init__(self) -> None:
        self._connections: dict[ChargePointId, Connection] = {}
        self._version = 0
        self.refused = Attempts()
        self._changed = asyncio.Event()

    @property
    def version(self) -> int:
        """Changes whenever a station comes or goes."""
        return self._version

    async def changed(self, since: int) -> int:
        """Wait until `version` differs from `since`, and give it. Cancelling is safe."""
        while self._version == since:
            await self._changed.wait()
        return self._version

    def all(self) -> tuple[Connection, ...]:
        """Give all connections, in the order of their coming."""
        return tuple(self._connections.values())

    def find(self, charge_point_id: ChargePointId) -> Connection | None:
        """Give the connection of a station, None if it is not connected."""
        return self._connections.get(charge_point_id)

    def version_of(self, charge_point_id: ChargePointId) -> Version | None:
        """Tell which version a station speaks, None if it is not connected."""
        connection = self.find(charge_point_id)
        return connection.version if connection else None

    def is_free(self, charge_point_id: ChargePointId) -> bool:
        """Tell whether a station is connected and no command waits for it."""
        connection = self.find(charge_point_id)
        return connection is not None and connection.calls.empty()

    def add(self, connection: Connection) -> Connection | None:
        """Enter a connection and give the one that it replaces, which the caller must drop.

        The newest wins: the old one is half-open, and nobody will hear from it until a time-out much later.
        """
        old = self._connections.pop(connection.charge_point_id, None)
        self._connections[connection.charge_point_id] = connection
        self._bump()
        return old

    def remove(self, connection: Connection) -> None:
        """Take a connection out. One that was replaced is no longer in, and its end changes nothing."""
        if self._connections.get(connection.charge_point_id) is connection:
            del self._connections[connection.charge_point_id]
            self._bump()

    def _bump(self) -> None:
        self._version += 1
        self._changed.set()
        self._changed = asyncio.Event()
