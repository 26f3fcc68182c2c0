"""How long to wait before the next connection: the rule of OCPP 2.0.1 (part 4 §5.3), which 1.6 lacks.

The first wait is the minimum plus a random part, so that a thousand stations don't come back in the same second; every
failure doubles it and adds a new random part, up to a number of doublings; then it stays.
"""

from collections.abc import Callable


class Backoff:
    """Waits in seconds.

    Args:
        wait_s: the minimum.
        random_s: largest random part.
        doublings: how often the wait doubles.
        random: gives a number from 0 to below 1.
    """

    def __init__(self, wait_s: float, random_s: float, doublings: int, random: Callable[[], float]) -> None:
        self._random = random
        self.change(wait_s, random_s, doublings)
        self.reset()

    def change(self, wait_s: float, random_s: float, doublings: int) -> None:
        """Wait by other numbers from the next failure on."""
        self._first, self._spread, self._doublings = wait_s, random_s, doublings

    def reset(self) -> None:
        """Begin anew after success."""
        self._failures, self._last = 0, 0.0

    def next(self) -> float:
        """Give the wait after one more failure."""
        part = self._random() * self._spread
        if self._failures == 0:
            self._last = self._first + part
        elif self._failures <= self._doublings:
            self._last = 2 * self._last + part
        self._failures += 1
        return self._last
