"""How long wrong PINs lock the console: the first tries are free, then each costs twice the wait of the last.

A try counts before it is judged, so pulling the plug in the middle saves nobody a try. Waits are counted in uptime;
after a boot of the controller the wait begins anew.
"""

import json
from dataclasses import dataclass

FREE_TRIES = 3
FIRST_WAIT_S = 30.0
LONGEST_WAIT_S = 3600.0


@dataclass(frozen=True, slots=True)
class Tries:
    """Wrong PINs since the last right one.

    Args:
        count: how many.
        boot: kernel's id of the boot in which the last came.
        uptime: of the last, s.
    """

    count: int = 0
    boot: str = ""
    uptime: float = 0.0

    def locked_s(self, boot: str, uptime: float) -> float:
        """Tell for how many seconds no PIN is taken now; 0 = one may be tried."""
        if self.count < FREE_TRIES:
            return 0.0
        doublings = min(self.count - FREE_TRIES, 10)
        since = uptime - self.uptime if boot == self.boot else uptime
        wait: float = min(FIRST_WAIT_S * 2**doublings, LONGEST_WAIT_S)
        return max(0.0, wait - max(0.0, since))

    def one_more(self, boot: str, uptime: float) -> "Tries":
        """Count a try."""
        return Tries(self.count + 1, boot, uptime)

    def encode(self) -> str:
        """Give the text that is kept in a file."""
        return json.dumps({"count": self.count, "boot": self.boot, "uptime": self.uptime})


def decode(text: str) -> Tries:
    """Read the text. What can't be read counts as used-up free tries: breaking the file helps nobody in."""
    try:
        kept = json.loads(text)
        return Tries(max(0, int(kept["count"])), str(kept["boot"]), float(kept["uptime"]))
    except (ValueError, TypeError, KeyError, OverflowError):
        return Tries(FREE_TRIES)
