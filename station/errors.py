"""Errors of the station agent.

StationError
 +-- JournalError     the journal can't be used: without it nothing may be charged, so the agent ends
 +-- FieldError       a tool of the technician can't do what was asked; nothing was changed unless the text says so
 +-- ServiceError     the agent does not run or refuses what was asked through its service socket; people decide
 +-- LinkLost         the connection to the central system is gone or not to be had now; it is tried again

Every text is one line that names what, where and what to try.
"""


class StationError(Exception):
    """Something of the agent failed."""


class JournalError(StationError):
    """The journal can't be opened, read or written."""


class LinkLost(StationError):  # noqa: N818  it is an event of everyday life, not a mistake
    """No connection, or no answer in time. Whatever was sent may have arrived all the same."""


class FieldError(StationError):
    """A tool of the technician can't do what was asked."""


class ServiceError(StationError):
    """The agent can't be asked, or refuses."""
