"""How fast a backlog leaves: so many messages a minute, a few at once after a pause. Pure.

A backlog of hours at full speed would keep a GSM link busy, and with it the driver who holds up a card now.
"""

import math

BURST = 20
"""Messages that may leave at once after a pause: the usual traffic of a station never waits."""


class Pace:
    """A bucket of permissions that fills evenly.

    Args:
        per_minute: how many; 0 = no limit.
    """

    def __init__(self, per_minute: int) -> None:
        self._per_second = per_minute / 60
        self.interval_s = 60 / per_minute if per_minute else 0.0
        """Seconds from one message of a long backlog to the next."""
        self._left = float(BURST)
        self._at = -math.inf

    def wait(self, now: float) -> float:
        """Tell after how many seconds the next message may leave, 0 if now."""
        if not self._per_second or self._refilled(now) >= 1:
            return 0.0
        return (1 - self._refilled(now)) / self._per_second

    def take(self, now: float) -> None:
        """Take note that a message leaves."""
        self._left, self._at = max(0.0, self._refilled(now) - 1), now

    def _refilled(self, now: float) -> float:
        return min(float(BURST), self._left + (now - self._at) * self._per_second)
