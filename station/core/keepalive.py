"""How long a link may be silent before the carrier forgets it: found out, and kept per bearer.

Mobile carriers drop idle connections after a time that they don't tell. Each silence that a link survived proves that
the time-out is longer; two links lost at the same silence say that it is shorter (one alone may be a lost coverage).
Between both is searched by halves until they are within an eighth. Whatever breaks a silence counts, not pings alone.

WebSocketPingInterval (OCPP 1.6 errata, OCPP-J §5.5) stays the longest silence that the central system wants: what was
learned makes it shorter, never longer, and 0 means no pings at all.
"""

from dataclasses import dataclass, replace

SHORTEST_S = 30
"""A carrier that forgets sooner is not to be helped."""
START_S = 240
"""Most carriers keep a TCP connection for at least four to five minutes."""


@dataclass(frozen=True, slots=True)
class Keepalive:
    """What is known of one bearer. Times are link time in whole seconds.

    Args:
        sure_s: the longest silence that was survived.
        fatal_s: the shortest that was not, 0 = none known.
        suspect_s: a silence at which one link was lost, 0 = none.
        is_shaken: a link was lost, and no silence has been survived since.
    """

    sure_s: int = 0
    fatal_s: int = 0
    suspect_s: int = 0
    is_shaken: bool = False

    def interval_s(self, longest_s: int) -> int:
        """Tell after how long a silence to ping; 0 = never.

        Args:
            longest_s: WebSocketPingInterval.
        """
        if longest_s <= 0:
            return 0
        return max(1, min(longest_s, max(SHORTEST_S, self._wanted_s())))

    def _wanted_s(self) -> int:
        if not self.sure_s:
            return min(START_S, *(known // 2 for known in (self.fatal_s, self.suspect_s, 2 * START_S) if known))
        if self.is_shaken:
            return self.sure_s
        if not self.fatal_s:
            return max(START_S, self.sure_s * 3 // 2)
        gap_s = self.fatal_s - self.sure_s
        return self.sure_s if gap_s * 8 <= self.sure_s else self.sure_s + gap_s // 2

    def survived(self, silence_s: float) -> "Keepalive":
        """Hear that the link answered after a silence."""
        silence = int(silence_s)
        if silence < SHORTEST_S:
            return self
        fatal = self.fatal_s if silence < self.fatal_s else 0
        suspect = self.suspect_s if silence < self.suspect_s else 0
        return Keepalive(max(self.sure_s, silence), fatal, suspect)

    def lost(self, silence_s: float) -> "Keepalive":
        """Hear that the link did not answer after a silence. A short one says nothing of the carrier."""
        silence = int(silence_s)
        if silence < SHORTEST_S:
            return self
        if not self.suspect_s:
            return replace(self, suspect_s=silence, is_shaken=True)
        fatal = min(silence, self.suspect_s)
        sure = self.sure_s if fatal > self.sure_s else fatal // 2
        return Keepalive(sure if sure >= SHORTEST_S else 0, fatal, 0, is_shaken=True)

    def text(self) -> str:
        """Write what is known, for a restart."""
        return f"{self.sure_s} {self.fatal_s}"


def read_keepalive(text: str | None) -> Keepalive:
    """Read what `text` wrote; what can't be read is nothing known."""
    words = (text or "").split()
    if len(words) != 2 or not all(word.isdecimal() for word in words):
        return Keepalive()
    return Keepalive(int(words[0]), int(words[1]))
