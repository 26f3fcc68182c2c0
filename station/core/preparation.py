"""What must be known before a charge begins: the residual current device trips, the plug is locked, the meter answers.

Pure. Answers are awaited as events; the register is asked for last, so that nothing flows between it and the begin.
"""

from station.core.evse_events import Action, CheckRcd, LockPlug
from station.core.protection import LOOKS

READING_S = 5.0
"""The first register is waited for so long, world time (EVerest's initial meter read)."""


class Preparation:
    """The questions that are open between a card and the begin of a charge.

    Args:
        tests_rcd: the residual current device is tested before each charge.
        locks: the plug is locked before it.
    """

    def __init__(self, *, tests_rcd: bool, locks: bool) -> None:
        self._tests_rcd, self._locks = tests_rcd, locks
        self.awaits_rcd = self.awaits_lock = False
        self._ready_at: float | None = None
        self._looks = 0

    @property
    def is_done(self) -> bool:
        """Tell whether only the register is missing."""
        return not self.awaits_rcd and not self.awaits_lock

    @property
    def has_locked(self) -> bool:
        """Tell whether the plug was locked for this charge."""
        return self._locks and not self.awaits_lock

    def begin(self) -> list[Action]:
        """Begin anew; gives the questions."""
        self.awaits_rcd, self.awaits_lock = self._tests_rcd, self._locks
        self._ready_at, self._looks = None, 0
        questions: list[Action] = [CheckRcd()] if self._tests_rcd else []
        return [*questions, LockPlug()] if self._locks else questions

    def lacks_reading(self, uptime: float) -> bool:
        """Tell, at each look, whether the register has been waited for too long."""
        if not self.is_done:
            return False
        if self._ready_at is None:
            self._ready_at = uptime
        self._looks += 1
        return uptime > self._ready_at + READING_S and self._looks > LOOKS
