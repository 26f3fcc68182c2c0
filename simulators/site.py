"""The place where the charging happens: vehicle, board and meter, moved along by world time."""

from shared.clock import Clock
from shared.units import Watt
from simulators.board import Board
from simulators.meter import MeterSimulator
from simulators.vehicle import Vehicle

_STEP_US = 10_000_000
"""Longest step: the charging curve is followed this finely."""


class Site:
    """One EVSE. `advance` before looking at anything brings it all up to now."""

    def __init__(self, clock: Clock, meter: MeterSimulator, board: Board, *, phases: int = 3) -> None:
        """Connect the parts.

        Args:
            clock: world time.
            meter: before the contactor.
            board: with its contactor.
            phases: of the supply.
        """
        self._clock, self._phases = clock, phases
        self.meter, self.board = meter, board
        self._at_us = self._now_us()

    @property
    def vehicle(self) -> Vehicle | None:
        """The vehicle at the cable."""
        return self.board.vehicle

    def plug(self, vehicle: Vehicle) -> None:
        """Connect a vehicle."""
        self.advance()
        self.board.vehicle = vehicle
        self.advance()

    def unplug(self) -> None:
        """Take the vehicle away."""
        self.advance()
        self.board.vehicle = None
        self.advance()

    def advance(self) -> None:
        """Let the time pass that has passed: energy flows, the register rises and is saved."""
        now_us = self._now_us()
        while self._at_us < now_us:
            step = min(_STEP_US, now_us - self._at_us)
            self._flow(step)
            self._at_us += step
        self._flow(0)
        self.meter.save()

    def _flow(self, dt_us: int) -> None:
        vehicle = self.board.vehicle
        if vehicle and self.board.contactor_closed:
            power = vehicle.step(dt_us, self.board.offered_current_a, self._phases)
            self.meter.count(power, dt_us, vehicle.phases_used(self._phases))
        else:
            self.meter.count(Watt(0), dt_us)

    def _now_us(self) -> int:
        return round(self._clock.uptime() * 1_000_000)
