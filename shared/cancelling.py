"""Cancels that Python before 3.13 may forget.

`asyncio.wait_for` may give the result and swallow a cancel that comes with it (before 3.12); a TaskGroup raises the
errors of its tasks and swallows a cancel from outside that comes with them (before 3.13). Either way the task still
counts the cancel, and whoever handles the result or the errors must raise it again, or the program hangs at its end.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def cancel_is_kept() -> Iterator[None]:
    """Raise CancelledError at the end of the block if the task was cancelled inside and the block did not."""
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        yield
    finally:
        if task and task.cancelling() > before:
            raise asyncio.CancelledError
