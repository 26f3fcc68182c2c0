"""How much an EVSE may offer its vehicle now, with how many phases, and who says so.

- The smallest of all limits counts. It is obeyed at once when it falls; after a change it rises only RAISE_S later, so
  that the vehicle, which may take 5 s to follow (IEC 61851-1 A.5), is not chased up and down.
- Less than the board can offer (6 A) is a pause. A pause that has begun lasts `pause_s`, and a charge that has begun
  goes on with the smallest current for `charge_s` unless nothing at all is permitted: contactors wear by switching.
- With one phase 6 A are a third of the power. Where the board can switch and the operator wants it, a limit below
  3 x 6 A is met with one phase. Between two switches `switch_every_s` pass; what does not fit meanwhile is a pause.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from station.core.charging_schedule import Limit, least

RAISE_S = 5.0
"""Time between two changes upwards."""


class LimitSource(StrEnum):
    """Who limits, as people read it."""

    INSTALLATION = "the installation"
    CABLE = "the cable"
    HEAT = "the heat in the station"
    PROFILE = "a charging profile of the central system"
    STATION_PROFILE = "the central system's limit for the whole station"
    SITE = "the site limit"
    SITE_SILENT = "the fail-safe current, because the source of the site limit is silent"
    OFFLINE = "the fail-safe current, because the central system is away"


_SHORT = {
    LimitSource.INSTALLATION: "installation",
    LimitSource.CABLE: "cable",
    LimitSource.HEAT: "heat",
    LimitSource.PROFILE: "charging profile",
    LimitSource.STATION_PROFILE: "station's charging profile",
    LimitSource.SITE: "site limit",
    LimitSource.SITE_SILENT: "fail-safe, site limit is silent",
    LimitSource.OFFLINE: "fail-safe, central system away",
}
"""For the 50 characters of StatusNotification (OCPP 1.6 §6.47)."""

FAIL_SAFE = (LimitSource.SITE_SILENT, LimitSource.OFFLINE)
_USUAL = (LimitSource.INSTALLATION, LimitSource.CABLE)


@dataclass(frozen=True, slots=True)
class Cap:
    """A limit and whose it is."""

    source: LimitSource
    limit: Limit


@dataclass(frozen=True, slots=True)
class CurrentRules:
    """How an EVSE follows its limits.

    Args:
        minimum_a: smallest current that its board offers.
        phases: with which it charges, 1 or 3.
        switches: it may go from three phases to one and back.
        pause_s: a pause lasts at least so long.
        charge_s: a charge is not paused for a low limit sooner, only for one of 0.
        switch_every_s: time between two switches of phases.
    """

    minimum_a: int = 6
    phases: int = 3
    switches: bool = False
    pause_s: float = 0.0
    charge_s: float = 0.0
    switch_every_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Offer:
    """What the vehicle is to be offered.

    Args:
        current_a: per phase, 0 = a pause.
        phases: with which to charge.
        source: who says so.
        waits: a pause that would be over if it had not to last a while.
    """

    current_a: int
    phases: int
    source: LimitSource
    waits: bool = False

    @property
    def paused_by(self) -> str:
        """Say why nothing is offered; empty if something is."""
        if self.current_a:
            return ""
        return "a pause lasts a while, to spare the contactor" if self.waits else f"paused by {self.source}"

    @property
    def limited_by(self) -> str:
        """Say what holds the current down; empty if only cable and installation do."""
        return f"limited to {self.current_a} A by {self.source}" if self.current_a and self.is_limited else ""

    @property
    def is_limited(self) -> bool:
        """Tell whether anything but cable and installation holds it down."""
        return not self.current_a or self.source not in _USUAL

    @property
    def notice(self) -> str:
        """Say the same in a few words, without the current, which may change every second."""
        if self.waits:
            return "paused: spares the contactor"
        return f"{'limited' if self.current_a else 'paused'}: {_SHORT[self.source]}" if self.is_limited else ""


def strictest(caps: Sequence[Cap], phases: int) -> tuple[int, LimitSource]:
    """Give the smallest current, mA per phase, of a charge with so many phases, and the first that demands it."""
    found = [(most, cap.source) for cap in caps if (most := cap.limit.current_with(phases)) is not None]
    return min(found, key=lambda each: each[0])


class CurrentControl:
    """Follows the limits of one EVSE by the rules above. Times are uptime, s."""

    def __init__(self, rules: CurrentRules) -> None:
        self.rules = rules
        self._phases = rules.phases
        self._offer: Offer | None = None
        self._changed_at = self._began_at = 0.0
        self._switched_at: float | None = None

    def begin(self) -> None:
        """Take note that a charge begins: nothing has been offered in it yet."""
        self._offer = None

    def decide(self, caps: Sequence[Cap], uptime: float) -> Offer:
        """Give what to offer now.

        Args:
            caps: all limits; at least one names a current.
            uptime: now.
        """
        self._choose_phases(caps, uptime)
        most_ma, source = strictest(caps, self._phases)
        offer = self._steadied(Offer(self._whole(most_ma), self._phases, source), most_ma, uptime)
        before = self._offer
        if before is None or before.current_a != offer.current_a:
            self._changed_at = uptime
            if before is None or not (before.current_a and offer.current_a):
                self._began_at = uptime
        self._offer = offer
        return offer

    def _whole(self, most_ma: int) -> int:
        return most_ma // 1000 if most_ma >= self.rules.minimum_a * 1000 else 0

    def _steadied(self, wanted: Offer, most_ma: int, uptime: float) -> Offer:
        before, rules = self._offer, self.rules
        if before is None:
            return wanted
        if before.current_a and not wanted.current_a and most_ma > 0 and uptime < self._began_at + rules.charge_s:
            return replace(wanted, current_a=rules.minimum_a)
        if not before.current_a and wanted.current_a and uptime < self._began_at + rules.pause_s:
            return replace(wanted, current_a=0, waits=True)
        if 0 < before.current_a < wanted.current_a and uptime < self._changed_at + RAISE_S:
            return replace(wanted, current_a=before.current_a)
        return wanted

    def _choose_phases(self, caps: Sequence[Cap], uptime: float) -> None:
        if not self.rules.switches or self.rules.phases == 1:
            return
        wanted = self._wanted_phases(caps)
        is_due = self._switched_at is None or uptime >= self._switched_at + self.rules.switch_every_s
        if wanted != self._phases and (is_due or self._offer is None):
            self._phases, self._switched_at = wanted, uptime

    def _wanted_phases(self, caps: Sequence[Cap]) -> int:
        most: int | None = None
        for cap in caps:
            most = least(most, cap.limit.phases)
        if most is not None and most < self.rules.phases:
            return 1
        # Amperes are per phase: only a limit of power leaves more for one phase than for each of three.
        fitting = [n for n in (self.rules.phases, 1) if self._whole(strictest(caps, n)[0])]
        return fitting[0] if fitting else self._phases


def share(whole: Limit, place: int, charges: int, rules: CurrentRules) -> Limit:
    """Give the part of one charge in a limit of all.

    Each gets the same; if that were less than a board can offer, those that began first share and the rest wait.

    Args:
        whole: for all together.
        place: of this charge by its begin, from 0.
        charges: how many there are, this one included.
        rules: of this EVSE.
    """
    phases = 1 if rules.switches else rules.phases
    most = whole.current_with(phases)
    if most is None:
        return whole
    served = min(charges, max(most // (rules.minimum_a * 1000), 1))
    if place >= served:
        return Limit(current_ma=0)
    return Limit(_part(whole.current_ma, served), _part(whole.power_w, served))


def _part(whole: int | None, parts: int) -> int | None:
    return None if whole is None else whole // parts
