"""For which EVSE a card is meant that was shown at a reader shared by several."""

from collections.abc import Iterable

from shared.ids import IdToken
from station.core.charging import Charging


def meant_evse(token: IdToken, evses: Iterable[Charging]) -> Charging | None:
    """Choose the EVSE where this card charges, is awaited or has a reservation, else a vehicle waits, else a free one.

    None if there is no EVSE at all. If none is free the first is chosen, so that the driver is told why not.
    """
    evses = list(evses)

    def rank(evse: Charging) -> int:
        if evse.transaction and evse.transaction.started.id_token == token:
            return 0
        if evse.awaited == token:
            return 1
        if evse.reservation and evse.reservation.id_token == token:
            return 1
        if evse.transaction or evse.awaited or not evse.may_begin(token):
            return 4
        return 2 if evse.is_plugged else 3

    return min(evses, key=rank, default=None)
