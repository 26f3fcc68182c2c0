"""IdTokens: may this driver charge?"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.ids import IdToken


class Authorization(StrEnum):
    """The answer (OCPP 1.6 §7.2 AuthorizationStatus, values as on the wire)."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    EXPIRED = "Expired"
    INVALID = "Invalid"


@dataclass(frozen=True, slots=True)
class KnownToken:
    """A token that the operator has given to a customer, with the time in which it is worth something."""

    id_token: IdToken
    customer_id: str
    blocked: bool
    expires_at: datetime | None
    valid_from: datetime | None = None


def authorize(token: KnownToken | None, at: datetime) -> Authorization:
    """Judge a token, None for one that nobody knows, at a time of the world."""
    if token is None:
        return Authorization.INVALID
    if token.blocked:
        return Authorization.BLOCKED
    if token.expires_at and token.expires_at <= at:
        return Authorization.EXPIRED
    if token.valid_from and at < token.valid_from:
        return Authorization.INVALID
    return Authorization.ACCEPTED
