"""The station's devices for a field tool alone: the agent must not run, and can't begin meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager

from station.errors import FieldError, JournalError
from station.journal import journal_lock
from station.settings import StationSettings


@contextmanager
def alone(settings: StationSettings) -> Iterator[None]:
    """Hold the agent's lock.

    Raises:
        FieldError: the agent runs, or its folder can't be used.
    """
    lock = journal_lock(settings.journal.path)
    try:
        lock.__enter__()
    except JournalError as error:
        raise FieldError(
            f"this needs the devices for itself, but {error}. systemctl stop emops-station stops the agent (a running "
            "transaction goes on when it starts again)"
        ) from error
    try:
        yield
    finally:
        lock.__exit__(None, None, None)
