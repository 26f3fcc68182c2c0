"""The cards that were shown last, for a technician who enrols one. In memory only: they are personal data. Pure."""

from collections import deque
from dataclasses import dataclass, replace

from shared.ids import IdToken

KEPT = 10
WAITING = "nobody asked: it ended a charge, or no EVSE was free"
"""Decision on a card that no EVSE had authorized."""


@dataclass(frozen=True, slots=True)
class ShownCard:
    """A card as it was shown. Print `token.value` to a technician who has logged in, and nowhere else.

    Args:
        token: the card.
        shown_at: uptime, s.
        accepted: whether it may charge; None while that is not known.
        reason: why not, or by whom it was accepted.
    """

    token: IdToken
    shown_at: float
    accepted: bool | None = None
    reason: str = WAITING


class RecentCards:
    """See the module."""

    def __init__(self, kept: int = KEPT) -> None:
        self._cards: deque[ShownCard] = deque(maxlen=kept)

    def show(self, token: IdToken, uptime: float) -> None:
        """Note a card that was shown to a reader at an uptime in s."""
        self._cards.append(ShownCard(token, uptime))

    def decide(self, token: IdToken, accepted: bool, reason: str) -> None:
        """Note what became of the latest showing of a card; one that came by remote is not noted."""
        for place in reversed(range(len(self._cards))):
            if self._cards[place].token == token:
                self._cards[place] = replace(self._cards[place], accepted=accepted, reason=reason)
                return

    def newest(self) -> list[ShownCard]:
        """Give them, newest first."""
        return list(reversed(self._cards))
