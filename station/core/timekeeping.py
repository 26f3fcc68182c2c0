"""What time it is, and how sure that is.

A controller without a battery-backed clock boots in the past. Its uptime is right from the first second, so every
stamp is *uptime plus offset*, and the offset is improved as better sources speak: nothing but the last known time
(UNSET), the controller's own clock if it is trusted (RTC), the mobile network (NETWORK), the central system (CSMS, OCPP
currentTime).

The journal keeps the offset per boot, and beside every event the offset it was stamped with, so what has not been sent
yet is corrected when true time appears (station.journal). What has been sent is never rewritten.
"""

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum

EARLIEST = datetime(2024, 1, 1, tzinfo=UTC)
"""No clock that shows less has ever been set: modems start in 1980 or 2004, boards in 1970."""

TOLERANCE_MS = 2000
"""Sources tell whole seconds, and links delay them: deviations up to this are not corrected."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TimeSource(IntEnum):
    """Where the time comes from; the higher is the better."""

    UNSET = 0
    RTC = 1
    NETWORK = 2
    CSMS = 3


@dataclass(frozen=True, slots=True)
class Now:
    """One moment in world time: `uptime` in seconds for intervals, `utc` for stamps."""

    uptime: float
    utc: datetime


@dataclass(frozen=True, slots=True)
class Floor:
    """The latest time that was ever stored, and who told it: time never runs back behind it."""

    at: datetime
    source: TimeSource


@dataclass(frozen=True, slots=True)
class BootTime:
    """The time within one boot of the machine.

    Args:
        number: of the boot, from 1, in the life of the journal.
        kernel_boot_id: tells whether a restarted program is still in that boot.
        offset_ms: UTC at uptime 0, in ms since 1970.
        source: who told it.
    """

    number: int
    kernel_boot_id: str
    offset_ms: int
    source: TimeSource

    def stamp(self, uptime: float) -> datetime:
        """Give the time at an uptime in seconds, to the millisecond."""
        return from_ms(self.offset_ms + math.floor(uptime * 1000))


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a source's word came to.

    Args:
        boot: the time from now on.
        moved_ms: how far the offset moved.
        refused: why the word was not believed; empty if it was.
    """

    boot: BootTime
    moved_ms: int = 0
    refused: str = ""


def to_ms(moment: datetime) -> int:
    """Give ms since 1970."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def from_ms(value: int) -> datetime:
    """Give the UTC time of ms since 1970."""
    return _EPOCH + timedelta(milliseconds=value)


def begin_boot(
    last: BootTime | None, floor: Floor, kernel_boot_id: str, uptime: float, system_utc: datetime | None
) -> BootTime:
    """Begin to keep time when the program starts.

    Args:
        last: the boot that the journal knows, None if it is new. The same kernel boot goes on with its offset.
        floor: latest time stored.
        kernel_boot_id: of the running kernel.
        uptime: now, s.
        system_utc: the machine's clock, None if it isn't trusted.
    """
    if last and last.kernel_boot_id == kernel_boot_id:
        return last
    number = last.number + 1 if last else 1
    if system_utc is not None and system_utc >= max(floor.at, EARLIEST):
        return BootTime(number, kernel_boot_id, _offset(system_utc, uptime), TimeSource.RTC)
    return BootTime(number, kernel_boot_id, _offset(max(floor.at, EARLIEST), uptime), TimeSource.UNSET)


def learn(
    boot: BootTime, floor: Floor, source: TimeSource, told: datetime, *, asked_at: float, answered_at: float
) -> Lesson:
    """Judge the word of a time source.

    The true time was `told` at some moment between question and answer. If our own time agrees with that, the offset
    stays where it is, so that a slow link does not shake the clock; otherwise it moves to the middle.

    Args:
        boot: the time until now.
        floor: latest time stored.
        source: who tells.
        told: the time told, aware.
        asked_at: uptime when it was asked, s.
        answered_at: uptime when the answer was there, s.
    """
    if source < boot.source:
        return Lesson(boot)
    if told < EARLIEST:
        return Lesson(boot, refused=f"{told:%Y-%m-%d} lies before {EARLIEST:%Y-%m-%d}")
    earliest, latest = _offset(told, answered_at) - TOLERANCE_MS, _offset(told, asked_at) + TOLERANCE_MS
    if earliest <= boot.offset_ms <= latest:
        return Lesson(replace(boot, source=source))
    if source <= floor.source and told < floor.at:
        return Lesson(boot, refused=f"{told:%Y-%m-%dT%H:%M:%SZ} lies before the last time stored")
    offset = _offset(told, (asked_at + answered_at) / 2)
    return Lesson(replace(boot, offset_ms=offset, source=source), offset - boot.offset_ms)


def raised(floor: Floor, at: datetime, source: TimeSource) -> Floor:
    """Give the floor after a time has been stored.

    A better source's word replaces a worse one's, even downward. Time counted on from the floor (UNSET) is as sure as
    the floor.
    """
    if source > floor.source:
        return Floor(at, source)
    if at > floor.at:
        return Floor(at, floor.source if source is TimeSource.UNSET else source)
    return floor


def _offset(moment: datetime, uptime: float) -> int:
    return to_ms(moment) - math.floor(uptime * 1000)
