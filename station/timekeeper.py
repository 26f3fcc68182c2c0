"""The station's time: the pure rules of station.core.timekeeping, a clock, and the journal that remembers."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import NoReturn

from shared.clock import Clock
from shared.log import Log
from station.core import timekeeping
from station.core.timekeeping import DEFAULT_ORDER, EARLIEST, BootTime, Floor, Now, TimeJudge, TimeSource
from station.errors import JournalStalled
from station.journal import Journal

MOST_DOUBTS = 10
"""After so many words that were not believed nobody waits any more for one that is."""

KEEP_TIME_S = 900.0
"""How often the journal notes how late it is, world time."""

NTP_S = 64.0
"""How often the kernel's clock is looked at, world time: the usual poll of NTP."""

_LOG = Log("station.time")


class Timekeeper:
    """Stamps moments, and learns what time it is. Make it with `start_time`."""

    def __init__(self, clock: Clock, journal: Journal, boot: BootTime, floor: Floor, judge: TimeJudge) -> None:
        self.clock = clock
        self.boot = boot
        self._journal = journal
        self._floor = floor
        self._judge = judge
        self._refused = ""
        self.on_set: Callable[[TimeSource, datetime], Awaitable[None]] | None = None
        """Hears that the time was set, by whom and to what."""
        self._doubts = 0

    @property
    def is_known(self) -> bool:
        """Tell whether anybody has told the time since the boot."""
        return self.boot.source is not TimeSource.UNSET

    @property
    def awaits_confirmation(self) -> bool:
        """Tell whether the time is not known, and what was told must be confirmed: then it is worth asking again."""
        return not self.is_known and 0 < self._doubts < MOST_DOUBTS

    def now(self) -> Now:
        """Tell the present moment. Never earlier than the last time stored."""
        uptime = self.clock.uptime()
        return Now(uptime, max(self.boot.stamp(uptime), self._floor.at))

    def passed(self, at: datetime) -> Floor:
        """Take note that a time is about to be stored, and give the floor to store with it."""
        self._floor = timekeeping.raised(self._floor, at, self.boot.source)
        return self._floor

    async def learn(self, source: TimeSource, told: datetime, asked_at: float) -> None:
        """Hear what time it is.

        Args:
            source: who tells.
            told: the time told, aware.
            asked_at: uptime when it was asked, s.
        """
        answered_at = self.clock.uptime()
        lesson = self._judge.hear(self.boot, self._floor, source, told, asked_at=asked_at, answered_at=answered_at)
        if lesson.refused:
            self._doubts += 1
            if lesson.refused[11:] != self._refused[11:]:  # the same but for its date is the same
                _LOG.warning("clock_refused", source=source.name.lower(), reason=lesson.refused)
            self._refused = lesson.refused
            return
        if (lesson.boot, lesson.floor) == (self.boot, self._floor):
            return
        is_news = lesson.boot != self.boot or lesson.floor.at < self._floor.at
        before, was_at = self.boot, self.now().utc
        self.boot, self._floor = lesson.boot, lesson.floor
        if not is_news:
            return  # the floor alone is stored with the next event, or by `keep`
        await self._store()
        now = self.now().utc
        fields = {"source": source.name.lower(), "utc": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
        if now < was_at and before.source is not TimeSource.UNSET:
            _LOG.warning(
                "clock_corrected", **fields, was=f"{was_at:%Y-%m-%dT%H:%M:%SZ}", moved_s=lesson.moved_ms / 1000
            )
        elif lesson.moved_ms or before.source is TimeSource.UNSET:
            _LOG.info("clock_set", **fields, moved_s=lesson.moved_ms / 1000)
        if self.on_set and (lesson.moved_ms or before.source is TimeSource.UNSET):
            await self.on_set(source, now)

    async def keep(self) -> None:
        """Store how late it is, so that a boot without a clock does not begin in the past.

        Raises:
            JournalStalled: it can't be stored now.
        """
        await self._journal.set_time(self.boot, self.passed(self.now().utc))

    async def _store(self) -> None:
        """Store what was learned; what can't be stored now is stored by the next `keep`."""
        try:
            await self._journal.set_time(self.boot, self._floor)
        except JournalStalled as error:
            _LOG.warning("clock_not_stored", reason=error)


async def start_time(
    clock: Clock,
    journal: Journal,
    kernel_boot_id: str,
    *,
    clock_trusted: bool,
    order: Sequence[TimeSource] = DEFAULT_ORDER,
) -> Timekeeper:
    """Begin to keep time.

    Args:
        clock: world time.
        journal: the memory.
        kernel_boot_id: of the running kernel.
        clock_trusted: whether the machine's own clock is right at boot.
        order: the sources that are heard, the best first.
    """
    floor = await journal.floor() or Floor(EARLIEST, TimeSource.UNSET)
    is_heard = clock_trusted and TimeSource.RTC in order
    system_utc, uptime = clock.utc() if is_heard else None, clock.uptime()
    boot = timekeeping.begin_boot(await journal.last_boot(), floor, kernel_boot_id, uptime, system_utc)
    judge = TimeJudge(order)
    if system_utc is not None:
        judge.note_clock(boot, uptime, system_utc)
        if boot.source is TimeSource.UNSET:
            _LOG.warning("clock_refused", source="rtc", reason=f"it shows {system_utc:%Y-%m-%d}")
    keeper = Timekeeper(clock, journal, boot, floor, judge)
    await keeper.keep()
    return keeper


async def keep_time(timekeeper: Timekeeper) -> NoReturn:
    """Note in the journal, again and again, how late it is."""
    while True:
        await timekeeper.clock.sleep(KEEP_TIME_S)
        try:
            await timekeeper.keep()
        except JournalStalled as error:
            _LOG.warning("clock_not_stored", reason=error)


async def watch_ntp(timekeeper: Timekeeper) -> NoReturn:
    """Take the kernel's time while it is synchronised."""
    from station.kernel_clock import is_synchronised

    clock = timekeeper.clock
    while True:
        if is_synchronised():
            await timekeeper.learn(TimeSource.NTP, clock.utc(), clock.uptime())
        await clock.sleep(NTP_S)
