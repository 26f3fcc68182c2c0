"""An event loop whose link time runs faster than real time, so that long time-outs are tested in short ones."""

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _FastSelector(selectors.DefaultSelector):
    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed

    # Any: as in the class above.
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout / self._speed if timeout else timeout)


class _FastLoop(asyncio.SelectorEventLoop):
    def __init__(self, speed: float) -> None:
        super().__init__(_FastSelector(speed))
        self._speed = speed

    def time(self) -> float:
        return time.monotonic() * self._speed


# Any: what a coroutine is sent and yields is its own affair.
def run(main: Coroutine[Any, Any, T], speed: float = 3.0) -> T:
    """Run to the end; one second of link time takes 1/`speed` seconds."""
    with asyncio.Runner(loop_factory=lambda: _FastLoop(speed)) as runner:
        return runner.run(main)
