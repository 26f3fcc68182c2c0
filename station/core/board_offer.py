"""What the board is to offer during a charge, and what it must be told for that: current, pause, phases. Pure.

How much that is station.core.current_limit says. Phases are switched only after the board itself has shown its
contactor open for SWITCH_S: never under load, and never on an old look at it.
"""

from collections.abc import Sequence

from hardware.api import EvseStatus
from station.core.current_limit import Cap, CurrentControl, CurrentRules, Offer
from station.core.evse_events import Allow, Stop, SwitchPhases

SWITCH_S = 10.0
"""So long a vehicle is left without an offer before its phases change: it must notice."""
ALLOW_AGAIN_S = 30.0
"""A board that offers less than it was told is told again: it may have missed it, or be set to less."""
SWITCHING = "a pause to change between one and three phases"


class BoardOffer:
    """See the module. Times are uptime, s."""

    def __init__(self, rules: CurrentRules) -> None:
        self.rules = rules
        self.offer: Offer | None = None
        self._control = CurrentControl(rules)
        self._phases = rules.phases
        self._is_switching = False
        self._allowed_a: int | None = None
        self._allowed_at = 0.0
        self._open_since: float | None = None

    @property
    def paused_by(self) -> str:
        """Say why nothing is offered; empty if something is, or nothing was decided."""
        return SWITCHING if self._is_switching else self.offer.paused_by if self.offer else ""

    @property
    def limited_by(self) -> str:
        """Say what pauses or holds down; empty if only cable and installation do."""
        return self.paused_by or (self.offer.limited_by if self.offer else "")

    @property
    def notice(self) -> str:
        """Say the same in a few words, without the current."""
        return "paused: changes phases" if self._is_switching else self.offer.notice if self.offer else ""

    def begin(self) -> None:
        """Take note that a charge begins."""
        self._control.begin()

    def switched(self, phases: int) -> None:
        """Take note that the board charges with so many phases."""
        self._phases = phases

    def lost(self) -> None:
        """Take note that the board is silent: what it does is not known any more."""
        self._allowed_a = self._open_since = None

    def stop(self, board: EvseStatus) -> list[Stop]:
        """Give what makes a board offer nothing."""
        self._allowed_a = None
        return [Stop()] if board.offered_current_a or board.contactor_closed else []

    def match(
        self, board: EvseStatus, caps: Sequence[Cap], uptime: float, *, is_fresh: bool, is_faulty: bool
    ) -> Sequence[Allow | Stop | SwitchPhases]:
        """Give what makes a board do what the limits permit.

        Args:
            board: what it said last.
            caps: all limits.
            uptime: now.
            is_fresh: it has said so just now.
            is_faulty: it has faults: nothing is allowed.
        """
        self.offer = self._control.decide(caps, uptime)
        self._is_switching = bool(self.offer.current_a) and self.offer.phases != self._phases
        if self.offer.current_a and not self._is_switching:
            self._open_since = None
            return [] if is_faulty else self._allow(self.offer.current_a, board, uptime)
        if is_fresh and self._may_switch(board, uptime):
            return [SwitchPhases(self.offer.phases)]
        return self.stop(board)

    def _allow(self, current_a: int, board: EvseStatus, uptime: float) -> list[Allow]:
        is_told = self._allowed_a == current_a and uptime < self._allowed_at + ALLOW_AGAIN_S
        # A board may be set to less than we want; what it must not do is offer nothing, or more.
        if board.offered_current_a == current_a or (is_told and 0 < board.offered_current_a < current_a):
            return []
        self._allowed_a, self._allowed_at = current_a, uptime
        return [Allow(current_a)]

    def _may_switch(self, board: EvseStatus, uptime: float) -> bool:
        if not self._is_switching or board.offered_current_a or board.contactor_closed:
            self._open_since = None
        elif self._open_since is None:
            self._open_since = uptime
        return self._open_since is not None and uptime >= self._open_since + SWITCH_S
