"""A reservation of one EVSE: who may begin a charge there until it is over. Pure.

It is over when the driver it was made for (or one of the same group) begins a charge, when its time has come, or when
it is cancelled (OCPP 1.6 §5.13). It survives a reboot.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.ids import IdToken


class ReserveOutcome(StrEnum):
    """ReservationStatus (OCPP 1.6 §7.42; the same words in 2.x)."""

    ACCEPTED = "Accepted"
    FAULTED = "Faulted"
    OCCUPIED = "Occupied"
    REJECTED = "Rejected"
    UNAVAILABLE = "Unavailable"


@dataclass(frozen=True, slots=True)
class Reservation:
    """For whom an EVSE is kept.

    Args:
        number: the central system's.
        id_token: the driver.
        expires: until when.
        group: parent of the driver's token, empty = none: others of the group may come too.
    """

    number: int
    id_token: IdToken
    expires: datetime
    group: str = ""

    def may_ask(self, token: IdToken) -> bool:
        """Tell whether it is worth to find out who a token is."""
        return token == self.id_token or bool(self.group)

    def admits(self, token: IdToken, group: str) -> bool:
        """Tell whether a driver may begin here; `group` is what is known of the token's parent."""
        return token == self.id_token or (bool(self.group) and group.upper() == self.group.upper())

    def encode(self) -> str:
        """Write it for the journal."""
        return json.dumps([self.number, self.id_token.value, self.expires.isoformat(), self.group])


def decode_reservation(text: str) -> Reservation | None:
    """Read what `encode` wrote; None for the empty text that stands for no reservation."""
    if not text:
        return None
    number, token, expires, group = json.loads(text)
    return Reservation(number, IdToken(token), datetime.fromisoformat(expires), group)
