"""The clocks. Whoever needs time is given one of these; nobody asks the operating system.

Two kinds of time never mix. *World time* (`utc`, `uptime`) is what stamps, meter intervals and tariffs use. *Link time*
is what time-outs and retries use: the event loop's own clock. A demonstration runs world time faster than link time
(`TimeLapse`); in production both run at the same rate.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """World time."""

    def utc(self) -> datetime:
        """Tell the time, aware, in UTC. On a station this may be wrong until it has been set."""
        ...

    def uptime(self) -> float:
        """Tell the seconds since the machine booted. Never jumps, and goes on when a program is started again."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of world time. Cancelling is safe."""
        ...


class SystemClock:
    """The machine's clocks."""

    def utc(self) -> datetime:
        """See Clock."""
        return datetime.now(UTC)

    def uptime(self) -> float:
        """See Clock. CLOCK_BOOTTIME also counts while the machine is suspended."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    async def sleep(self, seconds: float) -> None:
        """See Clock."""
        await asyncio.sleep(max(0.0, seconds))


class TimeLapse:
    """World time that began at `epoch` when the machine's clock showed `origin`, and runs `rate` times as fast.

    Programs of one demonstration are given the same three values, so they agree on the time.
    """

    def __init__(self, epoch: datetime, origin: datetime, rate: float, base: Clock | None = None) -> None:
        self._epoch, self._origin, self._rate = epoch, origin, rate
        self._base = base or SystemClock()

    def utc(self) -> datetime:
        """See Clock."""
        return self._epoch + (self._base.utc() - self._origin) * self._rate

    def uptime(self) -> float:
        """See Clock."""
        return self._base.uptime() * self._rate

    async def sleep(self, seconds: float) -> None:
        """See Clock."""
        await self._base.sleep(seconds / self._rate)


class ManualClock:
    """World time that moves only when told: for tests, and for replaying what was recorded.

    `sleep` waits for `advance` to pass its moment.
    """

    def __init__(self, now: datetime, uptime: float = 0.0) -> None:
        self._now, self._uptime = now, uptime
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def utc(self) -> datetime:
        """See Clock."""
        return self._now

    def uptime(self) -> float:
        """See Clock."""
        return self._uptime

    async def sleep(self, seconds: float) -> None:
        """See Clock."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._uptime + seconds, future))
        await future

    def advance(self, seconds: float) -> None:
        """Move on by so many seconds and wake who waited for that."""
        self._uptime += seconds
        self._now += timedelta(seconds=seconds)
        due = [future for at, future in self._sleepers if at <= self._uptime]
        self._sleepers = [(at, future) for at, future in self._sleepers if at > self._uptime]
        for future in due:
            if not future.done():
                future.set_result(None)

    def set_utc(self, now: datetime) -> None:
        """Set the wall clock alone, as an operator or NTP would: uptime goes on undisturbed."""
        self._now = now


def boot_id() -> str:
    """Tell which boot of the machine this is: the kernel's random id, a new one at each boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
