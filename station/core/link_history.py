"""How good the link was, hour by hour, and the hours of the week in which nobody answers. Pure.

An hour is kept as counts and sums. Whether it was dead is judged by OCPP replies alone, like everything about the link.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta, tzinfo

KEPT_HOURS = 40 * 24
WEEK_H = 168
LEAST_WEEKS = 2
"""An hour of the week is judged by at least so many of its kind."""
LEAST_LOOKS = 6
"""An hour with fewer looks says nothing."""
_DEAD_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Look:
    """How the link looks at a moment. All signal figures are None where they are not known.

    Args:
        is_alive: nothing that was asked lately stays without a reply.
        is_registered: the network has taken the modem.
        operator: name or number of the network.
        technology: for instance `LTE`.
        cell: number of the radio cell, hexadecimal.
        rssi_dbm: received power.
        rsrp_dbm: power of the cell's reference signal.
        rsrq_db: its quality.
        sinr_db: signal against noise and interference.
    """

    is_alive: bool
    is_registered: bool = True
    operator: str = ""
    technology: str = ""
    cell: str = ""
    rssi_dbm: float | None = None
    rsrp_dbm: float | None = None
    rsrq_db: float | None = None
    sinr_db: float | None = None


_FIGURES = ("rssi_dbm", "rsrp_dbm", "rsrq_db", "sinr_db")


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of an hour: how often it was told, its sum, the least and the most."""

    count: int = 0
    total: float = 0.0
    least: float = 0.0
    most: float = 0.0

    @property
    def mean(self) -> float | None:
        """Give the mean, None if it was never told."""
        return self.total / self.count if self.count else None

    def plus(self, value: float | None) -> "Figure":
        """Add a value."""
        if value is None:
            return self
        if not self.count:
            return Figure(1, value, value, value)
        return Figure(self.count + 1, self.total + value, min(self.least, value), max(self.most, value))


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour.

    Args:
        number: hours since 1970, UTC.
        looks: how often the link was looked at.
        alive: of these, how often it was alive.
        registered: and how often registered.
        operator: as seen last; likewise technology and cell.
        technology: see operator.
        cell: see operator.
        cells: how often the cell changed.
        rssi_dbm: see Look; likewise the others.
        rsrp_dbm: see Look.
        rsrq_db: see Look.
        sinr_db: see Look.
    """

    number: int
    looks: int = 0
    alive: int = 0
    registered: int = 0
    operator: str = ""
    technology: str = ""
    cell: str = ""
    cells: int = 0
    rssi_dbm: Figure = Figure()
    rsrp_dbm: Figure = Figure()
    rsrq_db: Figure = Figure()
    sinr_db: Figure = Figure()

    @property
    def begin(self) -> datetime:
        """Give its begin, aware UTC."""
        return datetime.fromtimestamp(self.number * 3600, UTC)

    @property
    def share_alive(self) -> float:
        """Give the share of looks in which the link was alive."""
        return self.alive / self.looks if self.looks else 0.0

    @property
    def slot(self) -> int:
        """Give its place in a store that holds KEPT_HOURS of them, the newest over the oldest."""
        return self.number % KEPT_HOURS

    def plus(self, look: Look) -> "Hour":
        """Add a look."""
        changed = bool(self.cell and look.cell and look.cell != self.cell)
        return replace(
            self,
            looks=self.looks + 1,
            alive=self.alive + look.is_alive,
            registered=self.registered + look.is_registered,
            operator=look.operator or self.operator,
            technology=look.technology or self.technology,
            cell=look.cell or self.cell,
            cells=self.cells + changed,
            **{name: getattr(self, name).plus(getattr(look, name)) for name in _FIGURES},
        )

    def encode(self) -> str:
        """Write it."""
        plain = [getattr(self, one.name) for one in fields(self) if one.name not in _FIGURES]
        figures = [getattr(self, name) for name in _FIGURES]
        return json.dumps([*plain, *([f.count, round(f.total, 1), f.least, f.most] for f in figures)])


def hour_of(at: datetime) -> int:
    """Give the number of the hour of a moment."""
    return int(at.timestamp() // 3600)


def decode(text: str) -> Hour | None:
    """Read an hour; None if it is none."""
    try:
        parts = json.loads(text)
        return Hour(*parts[:8], *(Figure(*part) for part in parts[8:]))
    except (ValueError, TypeError):
        return None


def recent(hours: Iterable[Hour], now: datetime) -> list[Hour]:
    """Give those of the last KEPT_HOURS, the oldest first. What a wrong clock stamped in the future is left out."""
    last = hour_of(now)
    return sorted((h for h in hours if last - KEPT_HOURS < h.number <= last), key=lambda hour: hour.number)


def hour_of_week(at: datetime, zone: tzinfo) -> int:
    """Give the hour of the local week: 0 = Monday from midnight to one."""
    local = at.astimezone(zone)
    return local.weekday() * 24 + local.hour


def dead_hours(hours: Iterable[Hour], zone: tzinfo) -> frozenset[int]:
    """Learn the hours of the week in which replies usually fail.

    An hour was dead if the link was for more than half of it. An hour of the week is dead if most of its kind were, and
    the last one was.
    """
    seen: dict[int, list[bool]] = {}
    for hour in sorted(hours, key=lambda one: one.number):
        if hour.looks >= LEAST_LOOKS:
            seen.setdefault(hour_of_week(hour.begin, zone), []).append(hour.share_alive < 1 / 2)
    return frozenset(
        which
        for which, was_dead in seen.items()
        if len(was_dead) >= LEAST_WEEKS and was_dead[-1] and sum(was_dead) >= _DEAD_SHARE * len(was_dead)
    )


def until_dead(dead: frozenset[int], now: datetime, zone: tzinfo) -> timedelta | None:
    """Tell how long it is until the next dead hour begins: zero within one, None if none is known."""
    if not dead:
        return None
    if hour_of_week(now, zone) in dead:
        return timedelta()
    begin = now.replace(minute=0, second=0, microsecond=0)
    # A week and an hour: the local week has one hour more when summer time ends.
    ahead = (begin + timedelta(hours=h) for h in range(1, WEEK_H + 2))
    return next((at - now for at in ahead if hour_of_week(at, zone) in dead), None)
