"""What all card readers share: each card once while it stays near, and how its number is written. Pure."""

PRESENCE_S = 3.0
"""A card not seen for so long has been taken away: seen again, it is presented anew."""


class Presence:
    """Turns sightings into presentations: each card once while it stays near."""

    def __init__(self, presence_s: float = PRESENCE_S) -> None:
        self._presence_s = presence_s
        self._seen: dict[str, float] = {}

    def is_new(self, uid: str, now: float) -> bool:
        """Take in a sighting, at any steady time in s; tell whether it begins a presentation."""
        last = self._seen.get(uid)
        self._seen = {other: at for other, at in self._seen.items() if now - at < self._presence_s}
        self._seen[uid] = now
        return last is None or now - last >= self._presence_s


def reverse_bytes(uid: str) -> str:
    """Write a UID of whole bytes the other way round, as some back offices keep it."""
    return bytes.fromhex(uid)[::-1].hex().upper()


def is_random(uid: str) -> bool:
    """Tell whether a card makes up a new UID each time: four bytes that begin with 08 (ISO 14443-3, NFCID1)."""
    return len(uid) == 8 and uid.startswith("08")
