"""Which meter values an EVSE tells, and when, in world time.

Periodic samples keep the grid of the transaction's begin (OCPP 1.6 errata 3.15: the interval shall hold). Clock-aligned
samples lie on multiples of their interval since 00:00:00 UTC and are taken at the end of each (OCPP 1.6 §9.1.4). What
the end of a transaction repeats (StopTxnSampledData, StopTxnAlignedData) is kept in memory, thinned like everything
that is only in between: every other one goes, the first of them first (errata 3.91).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.metering import MeterReading, MeterValue, ReadingContext
from station.core.configuration import AS_TOLD, MEASURANDS, Configuration
from station.core.timekeeping import Now

_TOLD = {ReadingContext.CLOCK: "MeterValuesAlignedData"}
_REPEATED = {ReadingContext.PERIODIC: "StopTxnSampledData", ReadingContext.CLOCK: "StopTxnAlignedData"}


class PeriodicSamples:
    """The samples of one transaction, counted from `begin` (uptime, s)."""

    def __init__(self, begin: float) -> None:
        self._last = begin

    def due(self, now: Now, interval_s: int) -> bool:
        """Tell whether a sample is due, and count it as taken. 0 means none; missed ones don't pile up."""
        if interval_s <= 0 or now.uptime < self._last + interval_s:
            return False
        self._last += (now.uptime - self._last) // interval_s * interval_s
        return True


class AlignedSamples:
    """The clock-aligned samples of one EVSE."""

    def __init__(self) -> None:
        self._slot: tuple[int, datetime] | None = None

    def due(self, now: Now, interval_s: int) -> bool:
        """Tell whether an interval has just ended. The first look only finds out in which interval we are."""
        if interval_s <= 0:
            self._slot = None
            return False
        midnight = now.utc.replace(hour=0, minute=0, second=0, microsecond=0)
        slot = (int((now.utc - midnight).total_seconds()) // interval_s, midnight)
        before, self._slot = self._slot, slot
        return before is not None and before != slot


@dataclass(frozen=True, slots=True)
class _Kept:
    uptime: float
    reading: MeterReading
    context: ReadingContext


class Samples:
    """The samples of one EVSE: told while a transaction runs or not, and repeated at its end."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._periodic = PeriodicSamples(0.0)
        self._at_end = PeriodicSamples(0.0)
        self._aligned = AlignedSamples()
        self._kept: list[_Kept] = []
        self._is_asked = False

    def begin(self, now: Now, told: Iterable[MeterValue] = ()) -> None:
        """Begin a transaction, or go on with one that has told values before a restart."""
        self._periodic = PeriodicSamples(now.uptime)
        self._at_end = PeriodicSamples(now.uptime)
        self._kept = []
        for value in told:
            if value.context not in _REPEATED:
                continue
            self._keep(now.uptime - (now.utc - value.at).total_seconds(), value.reading, value.context)

    def ask(self) -> None:
        """Have the next reading within a transaction told, because somebody asks for it."""
        self._is_asked = True

    def within(self, reading: MeterReading, now: Now) -> tuple[MeterValue, ...]:
        """Give what a reading within a transaction is told for; one reading may serve both reasons."""
        contexts = [*self._due(now)]
        if self._at_end.due(now, self._configuration.number("TxEndedInterval")):
            self._keep(now.uptime, reading, ReadingContext.PERIODIC)
        if self._is_asked:
            contexts.append(ReadingContext.TRIGGER)
            self._is_asked = False
        for context in contexts:
            if context in _REPEATED and not (context is ReadingContext.PERIODIC and self._has_own_interval):
                self._keep(now.uptime, reading, context)
        return tuple(
            MeterValue(now.utc, self._only(_TOLD.get(context, "MeterValuesSampledData"), reading), context)
            for context in contexts
        )

    @property
    def _has_own_interval(self) -> bool:
        """Tell whether the samples that the end repeats have an interval of their own."""
        return self._configuration.number("TxEndedInterval") != AS_TOLD

    def outside(self, reading: MeterReading, now: Now) -> MeterValue | None:
        """Give what a reading without a transaction is told for: the clock alone."""
        if not self._aligned.due(now, self._configuration.number("ClockAlignedDataInterval")):
            return None
        return MeterValue(now.utc, self._only("MeterValuesAlignedData", reading), ReadingContext.CLOCK)

    def repeated(self, begin: MeterValue, end: MeterValue, now: Now) -> tuple[MeterValue, ...]:
        """Give what the end of a transaction repeats, from its begin to its end; empty if nothing is to be repeated.

        Args:
            begin: of the transaction.
            end: likewise.
            now: the samples in between are stamped by it, so that they are right if the clock was set meanwhile.
        """
        keys = [name for name in ("StopTxnSampledData", "StopTxnAlignedData") if self._configuration.texts(name)]
        if not keys:
            return ()
        values = [
            MeterValue(
                now.utc - timedelta(seconds=now.uptime - kept.uptime), self._only(key, kept.reading), kept.context
            )
            for kept in self._kept
            if (key := _REPEATED[kept.context]) in keys
        ]
        first, last = (MeterValue(v.at, self._only(keys[0], v.reading), v.context) for v in (begin, end))
        return (first, *values, last)

    def _due(self, now: Now) -> Iterable[ReadingContext]:
        if self._periodic.due(now, self._configuration.number("MeterValueSampleInterval")):
            yield ReadingContext.PERIODIC
        if self._aligned.due(now, self._configuration.number("ClockAlignedDataInterval")):
            yield ReadingContext.CLOCK

    def _keep(self, uptime: float, reading: MeterReading, context: ReadingContext) -> None:
        if not self._configuration.texts(_REPEATED[context]):
            return
        self._kept.append(_Kept(uptime, reading, context))
        if len(self._kept) > self._configuration.number("StopTransactionMaxMeterValues"):
            self._kept = self._kept[1::2]

    def _only(self, key: str, reading: MeterReading) -> MeterReading:
        return select(self._configuration, key, reading)


def select(configuration: Configuration, key: str, reading: MeterReading) -> MeterReading:
    """Give of a reading what a key with a list of measurands names; the register always, and what is signed."""
    wanted = configuration.texts(key)
    return MeterReading(
        energy_import=reading.energy_import,
        power=reading.power if MEASURANDS[1] in wanted else None,
        currents=reading.currents if MEASURANDS[2] in wanted else (),
        voltages=reading.voltages if MEASURANDS[3] in wanted else (),
        signed=reading.signed,
        offered=reading.offered if MEASURANDS[4] in wanted else None,
    )
