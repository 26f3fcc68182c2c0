"""What the journal remembers of the link: the ladder's steps, the signal hour by hour, and the dead hours learned."""

import contextlib
import json
from datetime import timedelta, tzinfo

from station.core import link_history, uplink_ladder
from station.core.link_history import Hour, Look, dead_hours, hour_of, recent, until_dead
from station.core.uplink_ladder import Memory
from station.errors import JournalStalled
from station.journal import Journal
from station.timekeeper import Timekeeper

LADDER_VALUE = "uplink.ladder"
HOUR_PREFIX = "uplink.hour."
STORE_S = 900.0
"""How often the running hour is stored, world time: a power cut costs no more of it."""


class LinkMemory:
    """See the module. Made, then `load`.

    Args:
        journal: where it is kept; one value per hour, the newest over the oldest.
        timekeeper: tells the time; while nobody has told it, no hour is recorded.
        zone: in which weeks are counted.
        prefetch: so long before a dead hour it is time to fetch what can wait.
    """

    def __init__(self, journal: Journal, timekeeper: Timekeeper, zone: tzinfo, prefetch: timedelta) -> None:
        self.hours: list[Hour] = []
        self.dead: frozenset[int] = frozenset()
        self._journal, self._timekeeper, self._zone, self._prefetch = journal, timekeeper, zone, prefetch
        self._stored_at = timekeeper.clock.uptime()

    async def load(self) -> Memory:
        """Read everything, and give what the ladder knew.

        Raises:
            JournalStalled: the journal can't be read now.
        """
        stored = await self._journal.values(HOUR_PREFIX)
        found = [hour for text in stored.values() if (hour := link_history.decode(text))]
        self.hours = sorted(found, key=lambda hour: hour.number)
        self._learn()
        text = await self._journal.value(LADDER_VALUE)
        try:
            return uplink_ladder.decode(json.loads(text)) if text else Memory()
        except ValueError:
            return Memory()

    async def keep(self, memory: Memory) -> None:
        """Store the ladder's memory; what can't be stored now is stored with the next step."""
        with contextlib.suppress(JournalStalled):
            await self._journal.set_value(LADDER_VALUE, json.dumps(uplink_ladder.encode(memory), ensure_ascii=False))

    async def note(self, look: Look) -> None:
        """Add a look at the link to its hour."""
        if not self._timekeeper.is_known:
            return
        number = hour_of(self._timekeeper.now().utc)
        if not self.hours or self.hours[-1].number != number:
            await self._begin(number)
        self.hours[-1] = self.hours[-1].plus(look)
        if self._timekeeper.clock.uptime() >= self._stored_at + STORE_S:
            await self._store()

    async def _begin(self, number: int) -> None:
        if self.hours:
            await self._store()
        again = next((hour for hour in self.hours if hour.number == number), Hour(number))
        others = recent((hour for hour in self.hours if hour.number != number), self._timekeeper.now().utc)
        self.hours = [*others, again]
        self._learn()

    async def _store(self) -> None:
        hour = self.hours[-1]
        self._stored_at = self._timekeeper.clock.uptime()
        with contextlib.suppress(JournalStalled):
            await self._journal.set_value(f"{HOUR_PREFIX}{hour.slot}", hour.encode())

    def _learn(self) -> None:
        self.dead = dead_hours(self.hours[:-1], self._zone)

    @property
    def until_dead(self) -> timedelta | None:
        """Tell how long it is until the next dead hour: zero within one, None if none is known."""
        if not self._timekeeper.is_known:
            return None
        return until_dead(self.dead, self._timekeeper.now().utc, self._zone)

    @property
    def is_good_moment(self) -> bool:
        """Tell whether what can wait should be fetched now, because a dead hour is near. Tasks ask this."""
        left = self.until_dead
        return left is not None and timedelta() < left <= self._prefetch
