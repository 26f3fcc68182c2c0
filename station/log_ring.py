"""The last lines of the log, in memory, for people who ask the running agent."""

import logging
from collections import deque
from itertools import islice

RING_LINES = 2000


class LogRing(logging.Handler):
    """Keeps the newest lines. `last` is the number of the newest; the first line ever has number 1."""

    def __init__(self) -> None:
        super().__init__()
        self.last = 0
        self.written = 0
        """Bytes of all lines so far."""
        self._lines: deque[str] = deque(maxlen=RING_LINES)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        line = self.format(record)
        self._lines.append(line)
        self.written += len(line.encode()) + 1
        self.last += 1

    def after(self, number: int, limit: int, words: str = "") -> list[str]:
        """Give the newest lines behind a number, oldest first.

        Args:
            number: of the last line known, 0 = none.
            limit: how many at most.
            words: only lines that hold this text, in whatever case.
        """
        missed = max(0, len(self._lines) - (self.last - number))
        lines = [line for line in islice(self._lines, missed, None) if words.casefold() in line.casefold()]
        return lines[-limit:] if limit else []
