"""Job: keep when stations were connected, and how their links are, so that a page and a rule can ask later."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection as Unit

from backend.core.watch.drift import DriftGauge
from backend.store.alerts import forget_alerts
from backend.store.watch import LinkFacts, begin_run, close_link, forget, keep_links, keep_run, open_link
from backend.store.writer import Store
from shared.clock import Clock
from shared.ids import ChargePointId

LOOK = timedelta(seconds=60)
"""How often links are kept, world time: what a killed program forgets of them."""

KEPT = timedelta(days=400)
"""How long the history is kept: a year and the month to compare it with."""


class Link(Protocol):
    """A connection of a station, see `backend.csms.connections.Connection`."""

    @property
    def charge_point_id(self) -> ChargePointId:
        """Who is connected."""
        ...

    @property
    def since(self) -> datetime:
        """Since when."""
        ...

    @property
    def heard_at(self) -> datetime:
        """When the last message came."""
        ...

    @property
    def heartbeat_at(self) -> datetime | None:
        """When the last heartbeat came."""
        ...

    @property
    def clock(self) -> DriftGauge:
        """What is known of its clock."""
        ...

    @property
    def certificate_until(self) -> datetime | None:
        """Until when its certificate is valid."""
        ...

    def ping(self) -> timedelta | None:
        """Tell how long the last ping took."""
        ...


class Links(Protocol):
    """All connections."""

    @property
    def version(self) -> int:
        """Changes whenever one comes or goes."""
        ...

    async def changed(self, since: int) -> int:
        """Wait until the version is another one. Cancelling is safe."""
        ...

    def all(self) -> Collection[Link]:
        """Give those that are there."""
        ...


class LinkWatcher:
    """Follows the connections of one run of the program."""

    def __init__(self, store: Store, clock: Clock, links: Links) -> None:
        self._store, self._clock, self._links = store, clock, links
        self._run = 0
        self._open: dict[ChargePointId, tuple[datetime, int]] = {}
        self._next = clock.utc()
        self._forgotten: datetime | None = None

    async def run(self) -> datetime | None:
        """Store what changed, and from time to time how all links are. Cancelling is safe."""
        now, links = self._clock.utc(), {link.charge_point_id: link for link in self._links.all()}
        is_due = now >= self._next
        if not is_due and {name: since for name, (since, _) in self._open.items()} == {
            name: link.since for name, link in links.items()
        }:
            return self._next
        run, opened = self._run, dict(self._open)
        self._run, self._open = await self._store.write(lambda unit: _keep(unit, run, opened, links, now, whole=is_due))
        if is_due:
            self._next = now + LOOK
        if self._forgotten is None or now - self._forgotten >= timedelta(days=1):
            self._forgotten = now
            await self._store.write(lambda unit: _forget(unit, now - KEPT))
        return self._next


Opened = dict[ChargePointId, tuple[datetime, int]]


def _keep(
    unit: Unit, run: int, opened: Opened, links: Mapping[ChargePointId, Link], now: datetime, *, whole: bool
) -> tuple[int, Opened]:
    """Store the links, `whole` with their quality; gives the row of the run and those of open links."""
    run = run or begin_run(unit, now)
    keep_run(unit, run, now)
    for name, (since, row) in list(opened.items()):
        link = links.get(name)
        if link is None or link.since != since:
            close_link(unit, row, link.since if link else now)
            del opened[name]
    for name, link in links.items():
        if name not in opened:
            opened[name] = (link.since, open_link(unit, name, link.since, now))
    if whole:
        keep_links(unit, [_facts(link) for link in links.values()], now)
    return run, opened


def _facts(link: Link) -> LinkFacts:
    return LinkFacts(
        link.charge_point_id,
        link.since,
        link.heard_at,
        link.heartbeat_at,
        link.ping(),
        link.clock.drift,
        link.certificate_until,
    )


def _forget(unit: Unit, until: datetime) -> None:
    forget(unit, until)
    forget_alerts(unit, until)
