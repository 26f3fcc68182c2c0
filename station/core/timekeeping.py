"""What time it is, and how sure that is.

A controller without a battery-backed clock boots in the past. Its uptime is right from the first second, so every
stamp is *uptime plus offset*, and the offset is improved as better sources speak. Which are heard, and which is the
better one, is a setting; all that is known before is the last time stored, the floor (UNSET).

Any source may be wrong by years. One word is believed if it is plausible:

- with no time yet: not before the floor, and within a year after it (a new journal has no floor);
- with a time: within a day of it if the source is better than ours, within ten minutes if it is as good.

What is not plausible must be confirmed: by a second source, or by the same one three times, a minute apart. It is not
believed while more sources stand by our time. So a central system that is ten years ahead does not take the floor with
it by one word, and one that has recovered is heard again. Going back is the only time that the floor comes down.

The journal keeps the offset per boot, and beside every event the offset it was stamped with, so what has not been sent
yet is corrected when true time appears (station.journal). What has been sent is never rewritten.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum

EARLIEST = datetime(2024, 1, 1, tzinfo=UTC)
"""No clock that shows less has ever been set: modems start in 1980 or 2004, boards in 1970."""

LATEST = datetime(2100, 1, 1, tzinfo=UTC)
"""No station lives so long; a clock that shows more counts something else."""

LEAP = timedelta(days=366)
"""A station may have been without power for so long."""

STEP_MS = 86_400_000
"""A better source corrects so much at once: a day, which covers a clock set to local time."""

SAME_STEP_MS = 600_000
"""An equal source corrects so much at once."""

AGREE_MS = 120_000
"""Claims that differ by no more agree: links delay and clocks drift."""

CONFIRMATIONS = 3
CONFIRM_S = 60.0
"""So often, and so far apart at least, must a source say what is not plausible."""

TOLERANCE_MS = 2000
"""Sources tell whole seconds, and links delay them: deviations up to this are not corrected."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TimeSource(IntEnum):
    """Where the time comes from. The numbers stand in the journal."""

    UNSET = 0
    """Nobody has told it: counted on from the last time stored."""
    RTC = 1
    """The machine's own clock at the start, if it is trusted."""
    NETWORK = 2
    """The mobile network (NITZ)."""
    CSMS = 3
    """currentTime of OCPP."""
    NTP = 4
    """The machine's clock while the kernel says that it is synchronised."""
    METER = 5
    """A signing meter that calls its own clock synchronised."""


DEFAULT_ORDER = (TimeSource.CSMS, TimeSource.NETWORK, TimeSource.RTC)


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
        floor: the floor from now on.
        moved_ms: how far the offset moved.
        refused: why the word was not believed; empty if it was.
    """

    boot: BootTime
    floor: Floor
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
    latest = LATEST if floor.source is TimeSource.UNSET else floor.at + LEAP
    if system_utc is not None and max(floor.at, EARLIEST) <= system_utc <= latest:
        return BootTime(number, kernel_boot_id, _offset(system_utc, uptime), TimeSource.RTC)
    return BootTime(number, kernel_boot_id, _offset(max(floor.at, EARLIEST), uptime), TimeSource.UNSET)


class TimeJudge:
    """Judges the words of time sources. It remembers what each said last in this run of the program.

    Args:
        order: the sources that are heard, the best first.
    """

    def __init__(self, order: Sequence[TimeSource] = DEFAULT_ORDER) -> None:
        self._order = tuple(order)
        self._claims: dict[TimeSource, _Claim] = {}

    def hear(
        self, boot: BootTime, floor: Floor, source: TimeSource, told: datetime, *, asked_at: float, answered_at: float
    ) -> Lesson:
        """Judge one word.

        The true time was `told` at some moment between question and answer. If our own time agrees with that, the
        offset stays where it is, so that a slow link does not shake the clock; otherwise it moves to the middle.

        Args:
            boot: the time until now.
            floor: latest time stored.
            source: who tells.
            told: the time told, aware.
            asked_at: uptime when it was asked, s.
            answered_at: uptime when the answer was there, s.
        """
        if source not in self._order:
            return Lesson(boot, floor)
        if not EARLIEST <= told < LATEST:
            return Lesson(boot, floor, refused=f"{told:%Y-%m-%d} is no time of this station's life")
        offset = _offset(told, (asked_at + answered_at) / 2)
        claim = self._note(source, offset, answered_at)
        is_confirmed = self._outweighs(claim, boot)
        earliest, latest = _offset(told, answered_at) - TOLERANCE_MS, _offset(told, asked_at) + TOLERANCE_MS
        if earliest <= boot.offset_ms <= latest:
            better = max(boot.source, source, key=self._rank)
            return Lesson(replace(boot, source=better), self._floor(floor, told, source, is_confirmed=is_confirmed))
        moved_ms = offset - boot.offset_ms
        if not is_confirmed:
            if self._rank(source) < self._rank(boot.source):
                return Lesson(boot, floor)
            if doubt := self._doubt(boot, floor, source, told, moved_ms):
                return Lesson(boot, floor, refused=doubt)
        moved = replace(boot, offset_ms=offset, source=source)
        return Lesson(moved, self._floor(floor, told, source, is_confirmed=is_confirmed), moved_ms)

    def note_clock(self, boot: BootTime, uptime: float, shown: datetime) -> None:
        """Hear what the machine's own clock shows at the start. Not believed, it is still a witness for others."""
        if TimeSource.RTC in self._order and EARLIEST <= shown < LATEST and boot.source is not TimeSource.RTC:
            self._note(TimeSource.RTC, _offset(shown, uptime), uptime)

    def _note(self, source: TimeSource, offset_ms: int, uptime: float) -> "_Claim":
        last = self._claims.get(source)
        if last is None or abs(offset_ms - last.offset_ms) > AGREE_MS:
            claim = _Claim(offset_ms, 1, uptime)
        elif uptime < last.uptime + CONFIRM_S:
            claim = replace(last, offset_ms=offset_ms)
        else:
            claim = _Claim(offset_ms, last.count + 1, uptime)
        self._claims[source] = claim
        return claim

    def _outweighs(self, claim: "_Claim", boot: BootTime) -> bool:
        """Tell whether a claim has more behind it than our present time."""
        witnesses = self._witnesses(claim.offset_ms)
        holders = self._witnesses(boot.offset_ms) - witnesses
        if boot.source is not TimeSource.UNSET and boot.source not in self._claims:
            holders |= {boot.source}
        if len(witnesses) > max(1, len(holders)):
            return True
        repeated = max(self._claims[source].count for source in witnesses) >= CONFIRMATIONS
        best, held = (max(map(self._rank, sources), default=0) for sources in (witnesses, holders))
        return repeated and len(witnesses) >= len(holders) and best >= held

    def _witnesses(self, offset_ms: int) -> set[TimeSource]:
        return {source for source, claim in self._claims.items() if abs(claim.offset_ms - offset_ms) <= AGREE_MS}

    def _doubt(self, boot: BootTime, floor: Floor, source: TimeSource, told: datetime, moved_ms: int) -> str:
        """Say why a word is not believed at once; empty if it is."""
        if boot.source is TimeSource.UNSET:
            if told < floor.at and self._rank(source) <= self._rank(floor.source):
                return f"{told:%Y-%m-%dT%H:%M:%SZ} lies before the last time stored"
            if floor.source is not TimeSource.UNSET and told > floor.at + LEAP:
                return f"{told:%Y-%m-%dT%H:%M:%SZ} lies more than a year after the last time stored"
            return ""
        limit_ms = STEP_MS if self._rank(source) > self._rank(boot.source) else SAME_STEP_MS
        if abs(moved_ms) > limit_ms:
            return f"{told:%Y-%m-%dT%H:%M:%SZ} is far from what {boot.source.name.lower()} told"
        return ""

    def _floor(self, floor: Floor, told: datetime, source: TimeSource, *, is_confirmed: bool) -> Floor:
        """Give the floor after a word was believed. It comes down only for a better source or a confirmed word."""
        if told < floor.at - timedelta(milliseconds=AGREE_MS) and (
            is_confirmed or self._rank(source) > self._rank(floor.source)
        ):
            return Floor(told, source)
        return raised(floor, told, source)

    def _rank(self, source: TimeSource) -> int:
        return len(self._order) - self._order.index(source) if source in self._order else 0


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a source said last: UTC at uptime 0, how often in agreement with itself, and when that was counted."""

    offset_ms: int
    count: int
    uptime: float


def raised(floor: Floor, at: datetime, source: TimeSource) -> Floor:
    """Give the floor after a time has been stored. Time counted on from the floor (UNSET) is as sure as the floor."""
    if at > floor.at:
        return Floor(at, floor.source if source is TimeSource.UNSET else source)
    return floor


def _offset(moment: datetime, uptime: float) -> int:
    return to_ms(moment) - math.floor(uptime * 1000)
