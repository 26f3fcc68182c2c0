"""Job: mail the newest hash of each operator's chain to somebody outside, once per day.

Whoever keeps these mails sees by them if the chain was written anew as a whole.
"""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select

from backend.core.invoices.chain import ChainKind
from backend.core.invoices.letter import Letter, Purpose
from backend.store import outbox
from backend.store.chain import append, read_head
from backend.store.invoice_tables import chain
from backend.store.tables import operator
from backend.store.writer import Store
from shared.clock import Clock
from shared.log import Log

log = Log(__name__)

_GERMAN = ("DE", "AT", "CH", "LI", "LU")


class AnchorTeller:
    """Tells anchors to one address; without an address it has nothing to do."""

    def __init__(self, store: Store, clock: Clock, address: str) -> None:
        self._store, self._clock, self._address = store, clock, address

    async def run(self) -> datetime | None:
        """Mail what is due today, and tell when the next day of an operator begins. Cancelling is safe."""
        if not self._address:
            return None
        now = self._clock.utc()
        if await self._store.read(lambda unit: any(_due(unit, now))):
            for operator_id in await self._store.write(lambda unit: tell_anchors(unit, self._address, now)):
                log.info("anchor_told", operator=operator_id)
        return await self._store.read(lambda unit: _next_day(unit, now))


def tell_anchors(connection: Connection, address: str, now: datetime) -> list[str]:
    """Order the mails of the day, and chain that they were; gives the operators. Again on that day it does nothing.

    Args:
        connection: of the unit of work.
        address: that keeps them.
        now: world time.
    """
    told = []
    for operator_id, day, country in list(_due(connection, now)):
        seq, head = read_head(connection, operator_id)
        letter = Letter(
            operator_id=operator_id,
            purpose=Purpose.ANCHOR,
            document=day,
            to=(address,),
            language="de" if country in _GERMAN else "en",
            values={"at": now.isoformat(timespec="seconds"), "head": head, "count": seq},
        )
        outbox.queue(connection, letter, now)
        append(connection, operator_id, ChainKind.ANCHOR, str(seq), head.encode(), now)
        told.append(operator_id)
    return told


def _due(connection: Connection, now: datetime) -> Iterator[tuple[str, str, str]]:
    """Give each operator whose chain has begun and was not told on its local day: id, day, country."""
    o, c = operator.c, chain.c
    last = select(func.max(c.at)).where(c.operator_id == o.id, c.kind == ChainKind.ANCHOR.value).scalar_subquery()
    begun = select(c.seq).where(c.operator_id == o.id).exists()
    for row in connection.execute(select(o.id, o.timezone, o.country, last.label("last")).where(begun).order_by(o.id)):
        zone = ZoneInfo(row.timezone)
        today = now.astimezone(zone).date()
        if row.last is None or row.last.astimezone(zone).date() < today:
            yield row.id, today.isoformat(), row.country


def _next_day(connection: Connection, now: datetime) -> datetime | None:
    zones = [ZoneInfo(name) for name in connection.scalars(select(operator.c.timezone).distinct())]
    days = [(zone, now.astimezone(zone).date() + timedelta(days=1)) for zone in zones]
    return min((datetime.combine(day, time(0), zone) for zone, day in days), default=None)
