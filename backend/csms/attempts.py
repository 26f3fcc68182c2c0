"""Stations that tried to connect and were refused: remembered in memory, bounded, never trusted."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

_MOST = 200
"""Identities that are remembered; whoever tries longest ago is forgotten first."""

_IDENTITY_CHARACTERS = 48


class Refusal(StrEnum):
    """Why a station was refused."""

    UNKNOWN = "unknown"
    NO_PASSWORD = "no_password"  # noqa: S105  a word of the API
    WRONG_PASSWORD = "wrong_password"  # noqa: S105
    SUBPROTOCOL = "subprotocol"
    PROFILE = "profile"
    CERTIFICATE = "certificate"


UNKNOWN = "unknown charge point: add it with apply"
NO_PASSWORD = "no password"  # noqa: S105  what the log says
WRONG_PASSWORD = "wrong password"  # noqa: S105
NO_VERSION = "speaks no OCPP version that is spoken here"

_REASONS = {
    UNKNOWN: Refusal.UNKNOWN,
    NO_PASSWORD: Refusal.NO_PASSWORD,
    WRONG_PASSWORD: Refusal.WRONG_PASSWORD,
    NO_VERSION: Refusal.SUBPROTOCOL,
}


def refusal_of(reason: str) -> Refusal:
    """Tell the kind of a reason as the log has it; what is none of the words above is about a certificate."""
    if reason.startswith("security profile "):
        return Refusal.PROFILE
    return _REASONS.get(reason, Refusal.CERTIFICATE)


@dataclass(frozen=True, slots=True)
class Attempt:
    """The last attempt of an identity, how many there were, and since when."""

    identity: str
    address: str
    reason: Refusal
    at: datetime
    first_at: datetime
    count: int


class Attempts:
    """The last refused attempt of each identity, until it connects."""

    def __init__(self) -> None:
        self._attempts: dict[str, Attempt] = {}

    def note(self, identity: str, address: str, reason: Refusal, now: datetime) -> None:
        """Remember an attempt."""
        identity = identity[:_IDENTITY_CHARACTERS]
        before = self._attempts.pop(identity, None)
        if len(self._attempts) >= _MOST:
            del self._attempts[next(iter(self._attempts))]
        first, count = (before.first_at, before.count) if before else (now, 0)
        self._attempts[identity] = Attempt(identity, address, reason, now, first, count + 1)

    def forget(self, identity: str) -> None:
        """Forget an identity: it is connected."""
        self._attempts.pop(identity, None)

    def all(self) -> tuple[Attempt, ...]:
        """List the attempts, the latest first."""
        return tuple(reversed(self._attempts.values()))
