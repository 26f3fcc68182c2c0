"""The ways to the central system and which of them is used (OCPP 2.0.1 B09 and B10: network profiles). Pure.

The way of the settings file has slot 0. The first in the order of NetworkConfigurationPriority is tried so often as
NetworkProfileConnectionAttempts says, then the next one; after the last the first has its turn again.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

FILE_SLOT = 0
"""The way of the settings file, unless the central system has written another one there."""


@dataclass(frozen=True, slots=True)
class Route:
    """One way.

    Args:
        slot: its number.
        url: without the identity; empty = that of the settings file.
        profile: security profile that it needs, None = whichever is in force.
        timeout_s: an answer must come in this time, 0 = as MessageTimeout says.
    """

    slot: int
    url: str = ""
    profile: int | None = None
    timeout_s: int = 0

    def encode(self) -> str:
        """Write it for the journal."""
        return json.dumps([self.url, self.profile, self.timeout_s])


def decode_route(slot: int, text: str) -> Route:
    """Read what `encode` wrote."""
    url, profile, timeout_s = json.loads(text)
    return Route(slot, url, profile, timeout_s)


def routes_of(slots: Iterable[str], stored: Mapping[str, str], least_profile: int) -> tuple[Route, ...]:
    """Give the ways in their order; those of a lower security profile than the one in force are out (A05.FR.06).

    If each of them needs a higher one, that of the file is the last: what has never worked must not lock us out.
    """
    known = {FILE_SLOT: Route(FILE_SLOT)} | {int(slot): decode_route(int(slot), text) for slot, text in stored.items()}
    found = [known[int(slot)] for slot in slots if int(slot) in known]
    good = [route for route in found if route.profile is None or route.profile >= least_profile]
    needs_more = all(route.profile is not None and route.profile > least_profile for route in good)
    return (*good, Route(FILE_SLOT)) if needs_more else tuple(good)


class Routes:
    """See the module."""

    def __init__(self, routes: tuple[Route, ...] = ()) -> None:
        self._routes = routes or (Route(FILE_SLOT),)
        self._place = self._failures = 0

    @property
    def current(self) -> Route:
        """The way of the next connection."""
        return self._routes[self._place]

    def failed(self, attempts: int) -> bool:
        """Take note that a connection came to nothing; tell whether another way has its turn now."""
        self._failures += 1
        if self._failures < attempts:
            return False
        self._failures, self._place = 0, (self._place + 1) % len(self._routes)
        return len(self._routes) > 1

    def proven(self) -> None:
        """Take note that the central system has answered."""
        self._failures = 0
