"""The station's time: the pure rules of station.core.timekeeping, a clock, and the journal that remembers."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from shared.clock import Clock
from shared.log import Log
from station.core import timekeeping
from station.core.timekeeping import EARLIEST, BootTime, Floor, Now, TimeSource
from station.journal import Journal

_LOG = Log("station.time")


class Timekeeper:
    """Stamps moments, and learns what time it is. Make it with `start_time`."""

    def __init__(self, clock: Clock, journal: Journal, boot: BootTime, floor: Floor) -> None:
        self.clock = clock
        self.boot = boot
        self._journal = journal
        self._floor = floor
        self._refused = ""
        self.on_set: Callable[[TimeSource, datetime], Awaitable[None]] | None = None
        """Hears that the time was set, by whom and to what."""

    @property
    def is_known(self) -> bool:
        """Tell whether anybody has told the time since the boot."""
        return self.boot.source is not TimeSource.UNSET

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
        lesson = timekeeping.learn(self.boot, self._floor, source, told, asked_at=asked_at, answered_at=answered_at)
        if lesson.refused:
            if lesson.refused != self._refused:
                _LOG.warning("clock_refused", source=source.name.lower(), reason=lesson.refused)
            self._refused = lesson.refused
            return
        if lesson.boot == self.boot:
            return
        before, self.boot = self.boot, lesson.boot
        now = self.boot.stamp(answered_at)
        self._floor = timekeeping.raised(self._floor, now, source)
        await self._journal.set_time(self.boot, self._floor)
        if lesson.moved_ms or before.source is TimeSource.UNSET:
            _LOG.info(
                "clock_set", source=source.name.lower(), utc=f"{now:%Y-%m-%dT%H:%M:%SZ}", moved_s=lesson.moved_ms / 1000
            )
            if self.on_set:
                await self.on_set(source, now)

    async def keep(self) -> None:
        """Store how late it is, so that a boot without a clock does not begin in the past."""
        await self._journal.set_time(self.boot, self.passed(self.now().utc))


async def start_time(clock: Clock, journal: Journal, kernel_boot_id: str, *, clock_trusted: bool) -> Timekeeper:
    """Begin to keep time.

    Args:
        clock: world time.
        journal: the memory.
        kernel_boot_id: of the running kernel.
        clock_trusted: whether the machine's own clock is right at boot.
    """
    floor = await journal.floor() or Floor(EARLIEST, TimeSource.UNSET)
    system_utc = clock.utc() if clock_trusted else None
    boot = timekeeping.begin_boot(await journal.last_boot(), floor, kernel_boot_id, clock.uptime(), system_utc)
    keeper = Timekeeper(clock, journal, boot, floor)
    await keeper.keep()
    return keeper
