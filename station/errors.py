"""Errors of the station agent.

StationError
 +-- JournalError     the journal can't be used: without it nothing may be charged, so the agent ends
 |    +-- JournalDamaged  the file is damaged: the next start saves what can be read
 +-- JournalStalled   the journal can't be written now (disk full, read-only): tried again, nothing new starts
 +-- FieldError       a tool of the technician can't do what was asked; nothing was changed unless the text says so
 +-- ServiceError     the agent does not run or refuses what was asked through its service socket; people decide
 +-- SecurityError    keys or certificates can't be read, written or used; what was asked fails, charging goes on
 +-- TransferFailed   a file could not be fetched or sent; tried again as often as asked
 +-- LinkLost         the connection to the central system is gone or not to be had now; it is tried again
      +-- AccessRefused   we and the central system don't accept each other's certificate or password

Every text is one line that names what, where and what to try.
"""


class StationError(Exception):
    """Something of the agent failed."""


class JournalError(StationError):
    """The journal can't be opened, read or written."""


class JournalDamaged(JournalError):  # noqa: N818  what the file is, not a mistake
    """The journal's file is damaged."""


class JournalStalled(StationError):  # noqa: N818  a state that passes, not a mistake
    """The journal can't be read or written now. What was to be stored is not."""


class LinkLost(StationError):  # noqa: N818  it is an event of everyday life, not a mistake
    """No connection, or no answer in time. Whatever was sent may have arrived all the same."""


class AccessRefused(LinkLost):
    """The two sides don't accept each other. Trying again with other credentials may help.

    Args:
        reason: one line.
        event: name of the security event that this is (station.security.events).
    """

    def __init__(self, reason: str, event: str) -> None:
        super().__init__(reason)
        self.event = event


class SecurityError(StationError):
    """Keys or certificates can't be read, written or used."""


class TransferFailed(StationError):  # noqa: N818  it is an event of everyday life, not a mistake
    """A file could not be fetched or sent.

    Args:
        reason: one line.
        status: of the server's answer, 0 = it gave none.
        for_good: trying again won't help.
    """

    def __init__(self, reason: str, *, status: int = 0, for_good: bool = False) -> None:
        super().__init__(reason)
        self.status = status
        self.for_good = for_good


class FieldError(StationError):
    """A tool of the technician can't do what was asked."""


class ServiceError(StationError):
    """The agent can't be asked, or refuses."""
