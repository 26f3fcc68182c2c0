"""Identifiers. Each is its own type, so that one can't stand where another belongs."""

from dataclasses import dataclass, field
from typing import NewType, Self

ChargePointId = NewType("ChargePointId", str)
"""Identity of a charge point: the last path segment of its OCPP URL (OCPP-J 1.6 §3.1.1)."""

EvseId = NewType("EvseId", int)
"""Number of an EVSE at its charge point, from 1. In OCPP 1.6 the same number is the connector id."""

TransactionKey = NewType("TransactionKey", str)
"""The station's own name of a transaction: unique for its life, given before the first message is sent."""

MessageId = NewType("MessageId", str)
"""OCPP-J message id, at most 36 characters. A message keeps its id over retries, reconnects and reboots."""

MAX_ID_TOKEN_LENGTH = 36
"""OCPP 2.0.1 IdTokenType.idToken. OCPP 1.6 idTag holds 20: the 1.6 edge checks that itself."""

NO_AUTHORIZATION = "NoAuthorization"
"""Kind of the token of a charge that nobody had to be known for (OCPP 2.0.1 IdTokenEnumType)."""


@dataclass(frozen=True, slots=True)
class IdToken:
    """What a driver presents. OCPP compares it without regard to case (CiString), so it is kept in upper case.

    Its text form is masked, because tokens must never reach a log. `value` is for the wire and the store.

    Args:
        value: the token.
        kind: IdTokenEnumType where OCPP 2.x told it, so that it can be told back; it makes no other token.
    """

    value: str
    kind: str = field(default="", compare=False)

    @classmethod
    def parse(cls, text: str, max_length: int = MAX_ID_TOKEN_LENGTH, kind: str = "") -> Self:
        """Check a token from outside.

        Raises:
            ValueError: it is empty, too long, or holds characters that can't be printed.
        """
        token = text.strip().upper()
        if not 1 <= len(token) <= max_length:
            raise ValueError(f"an IdToken has 1 to {max_length} characters, this one {len(token)}")
        if not token.isprintable():
            raise ValueError("an IdToken holds printable characters only")
        return cls(token, kind)

    def __str__(self) -> str:
        return f"***{self.value[-2:]}" if len(self.value) > 4 else "***"

    def __repr__(self) -> str:
        return f"IdToken({self})"


@dataclass(frozen=True, slots=True)
class Secret:
    """A password or key. Its text form is hidden; `value` is for the one place that uses it."""

    value: str

    def __bool__(self) -> bool:
        return bool(self.value)

    def __str__(self) -> str:
        return "***" if self.value else ""

    def __repr__(self) -> str:
        return "Secret(***)"
