"""Job: apply operators' alert rules, and order what is to be told."""

from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from backend.core.watch.alert import compare, conditions
from backend.store.alerts import keep_news, lasting, operators, order_notices, read_plan
from backend.store.watch_view import station_facts, watched_since
from backend.store.writer import Store
from shared.clock import Clock
from shared.log import Log

log = Log(__name__)

LOOK = timedelta(seconds=30)
"""How often rules are applied, world time."""


class AlertWatcher:
    """See the module."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._next = clock.utc()

    async def run(self) -> datetime | None:
        """Look if it is time; tells when it is next. Cancelling is safe."""
        now = self._clock.utc()
        if now < self._next:
            return self._next
        for operator_id, zone in await self._store.read(operators):
            opened, told = await self._store.write(
                partial(watch, operator_id=operator_id, zone=ZoneInfo(zone), now=now)
            )
            if opened or told:
                log.info("alerts", operator=operator_id, opened=opened, told=told)
        self._next = now + LOOK
        return self._next


def watch(connection: Connection, operator_id: str, zone: ZoneInfo, now: datetime) -> tuple[int, int]:
    """Apply an operator's rules; gives how many alerts were opened, and how many told."""
    since = watched_since(connection)
    if since is None:
        return 0, 0  # nothing was watched yet
    plan, _ = read_plan(connection, operator_id)
    found = conditions(plan, station_facts(connection, operator_id), now, since)
    news = compare(lasting(connection, operator_id), found, now, timedelta(minutes=plan.calm_min))
    keep_news(connection, operator_id, news, now)
    return len(news.opened), order_notices(connection, operator_id, plan, zone, now)
