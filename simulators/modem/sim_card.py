"""A SIM card: pure."""

MAX_TRIES = 3


class SimCard:
    """A SIM with its PIN counter, which locks it for good at 0: there is no PUK here, as there is none on site.

    Args:
        pin: empty = it asks for none.
        iccid: 19 or 20 digits, printed on the card.
        tries_left: wrong entries that it still bears.
    """

    def __init__(self, pin: str, iccid: str, tries_left: int = MAX_TRIES) -> None:
        self.iccid, self.tries_left = iccid, tries_left
        self.pins_entered: list[str] = []
        self._pin = pin
        self._is_unlocked = not pin

    @property
    def state(self) -> str:
        """What `+CPIN?` tells."""
        if self._is_unlocked:
            return "READY"
        return "SIM PIN" if self.tries_left else "SIM PUK"

    def enter(self, pin: str) -> bool:
        """Take a PIN; each wrong one costs a try, the right one restores them."""
        self.pins_entered.append(pin)
        if not self.tries_left or pin != self._pin:
            self.tries_left = max(0, self.tries_left - 1)
            return False
        self.tries_left, self._is_unlocked = MAX_TRIES, True
        return True

    def power_cycle(self) -> None:
        """Lock it again, as power-on does."""
        self._is_unlocked = not self._pin
