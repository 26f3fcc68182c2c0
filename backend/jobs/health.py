"""Whether the jobs live: each notes its rounds, `/readyz` and `/metrics` look."""

from collections.abc import Iterator
from dataclasses import dataclass

STUCK_S = 900.0
"""Link time without the end of a round after which a job counts as stuck; a run of invoices takes minutes."""


@dataclass(frozen=True, slots=True)
class Beat:
    """When a job last ended a round, and whether that failed."""

    at: float
    failing: bool


class JobHealth:
    """The last round of each job. Times are those of the event loop."""

    def __init__(self) -> None:
        self._beats: dict[str, Beat] = {}

    def note(self, job: str, at: float, *, failing: bool) -> None:
        """Note that a job ended a round."""
        self._beats[job] = Beat(at, failing)

    def items(self) -> Iterator[tuple[str, Beat]]:
        """Give the last round of each job."""
        yield from sorted(self._beats.items())

    def problems(self, now: float) -> list[str]:
        """Tell which jobs fail or are stuck."""
        told = (
            (name, "fails" if beat.failing else "is stuck" if now - beat.at > STUCK_S else "")
            for name, beat in self.items()
        )
        return [f"{name} {what}" for name, what in told if what]
