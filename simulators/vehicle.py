"""A vehicle at the cable: a battery, a charger in the vehicle, and the wish for energy. Pure: time is an argument."""

from shared.units import Watt, Wh

UJ_PER_WH = 3_600_000_000
"""Energy is counted in microjoules: whole watts times whole microseconds, so nothing is lost to rounding."""

VOLTAGE_V = 230
"""Phase to neutral."""

MINIMUM_A = 6
"""Less can't be offered (IEC 61851-1)."""

TAPER_FROM = 0.8
"""State of charge from which the battery takes less and less."""

FINAL_SHARE = 0.1
"""Share of the full power that is left just before the battery is full."""


class Vehicle:
    """A vehicle whose charging curve is constant up to TAPER_FROM and falls in a straight line from there."""

    def __init__(
        self,
        battery: Wh,
        stored: Wh,
        max_power: Watt,
        *,
        phases: int = 3,
        wants_energy: bool = True,
        needs_ventilation: bool = False,
        greed: float = 1.0,
        clings: bool = False,
    ) -> None:
        """Describe the vehicle.

        Args:
            battery: what it holds when full, Wh.
            stored: what is in it, Wh.
            max_power: of its charger, W, over all phases.
            phases: that its charger uses, 1 to 3.
            wants_energy: whether it asks for energy; a timer in the vehicle may not want to, yet.
            needs_ventilation: it asks for energy and for ventilation, state D.
            greed: what it draws of the offered current; above 1 it draws more than it is offered.
            clings: it asks for energy without an offer too, and so does not let go when the offer ends.
        """
        self._battery_uj, self._stored_uj = battery * UJ_PER_WH, min(stored, battery) * UJ_PER_WH
        self._max_power, self._phases = max_power, phases
        self.wants_energy, self.needs_ventilation = wants_energy, needs_ventilation
        self.greed, self.clings = greed, clings
        self.has_drawn = False

    @property
    def soc(self) -> float:
        """State of charge, 0 to 1."""
        return self._stored_uj / self._battery_uj

    @property
    def stored(self) -> Wh:
        """What is in the battery, Wh."""
        return Wh(self._stored_uj // UJ_PER_WH)

    @property
    def asks(self) -> bool:
        """Whether it would take energy now."""
        return self.wants_energy and self._stored_uj < self._battery_uj

    def power(self, offered_current_a: int, phases: int = 3) -> Watt:
        """Tell what it draws when so many amperes are offered on so many phases."""
        if not self.asks or offered_current_a < MINIMUM_A:
            return Watt(0)
        offered = offered_current_a * self.greed * VOLTAGE_V * self.phases_used(phases)
        return Watt(max(1, int(min(offered, self._max_power * self._share()))))

    def phases_used(self, phases: int) -> int:
        """Tell over how many of the phases offered it charges."""
        return min(self._phases, phases)

    def step(self, dt_us: int, offered_current_a: int, phases: int = 3) -> Watt:
        """Draw energy for a while.

        Args:
            dt_us: how long, microseconds.
            offered_current_a: per phase, A.
            phases: that the station has.

        Returns:
            The power drawn all the while.
        """
        power = self.power(offered_current_a, phases)
        if dt_us > 0:
            power = Watt(min(power, -(-(self._battery_uj - self._stored_uj) // dt_us)))
        self.has_drawn = self.has_drawn or power > 0
        self._stored_uj = min(self._battery_uj, self._stored_uj + power * dt_us)
        return power

    def _share(self) -> float:
        if self.soc <= TAPER_FROM:
            return 1.0
        return 1.0 - (1.0 - FINAL_SHARE) * (self.soc - TAPER_FROM) / (1.0 - TAPER_FROM)
