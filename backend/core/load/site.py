"""A site: its grid connection, the circuits below it, and the EVSEs that hang on them. Pure.

Circuits form a tree whose root is the grid connection. A limit is a current per phase, and holds on each phase alone.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time
from enum import StrEnum
from functools import cached_property

NOMINAL_V = 230
"""Between a phase and neutral (EN 60038)."""

LOWEST_MA = 6000
"""The least current that a pilot signal can offer (IEC 61851-1, table A.8)."""

PHASES = (1, 2, 3)

EvseKey = tuple[str, int]
"""Charge point and number of the EVSE there."""


class SiteError(Exception):
    """A site can't be as described. The text names the circuit or EVSE and what to change."""


class Sharing(StrEnum):
    """Who gets what there is. By PRIORITY, the next level gets more than its minimum when the one above has enough."""

    EQUAL = "equal"
    PRIORITY = "priority"


@dataclass(frozen=True, slots=True)
class Circuit:
    """A fuse and the wire behind it.

    Args:
        id: unique in the site.
        name: for people.
        limit_ma: per phase.
        parent: id of the circuit that feeds it; empty for the grid connection.
        other_ma: drawn on each phase by what is no EVSE, where no meter tells.
    """

    id: str
    name: str
    limit_ma: int
    parent: str = ""
    other_ma: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """A limit of a circuit by time of day, on the site's wall clock.

    Args:
        circuit: whose.
        begin: first minute.
        end: exclusive; not after `begin` means the next day. Both the same is the whole day.
        limit_ma: per phase.
        weekdays: of `begin`, 0 = Monday; empty is every day.
    """

    circuit: str
    begin: time
    end: time
    limit_ma: int
    weekdays: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class EvseSpec:
    """An EVSE on a circuit.

    Args:
        key: charge point and number.
        circuit: that feeds it.
        phases: of the site that its L1, L2, L3 are wired to; (2, 3, 1) is a rotated one, (2,) has one phase.
        minimum_ma: less does not charge.
        maximum_ma: of the installation.
        fail_safe_ma: what it falls back to without us; 0 = it waits until we are back.
        priority: the larger goes first, where sharing is by priority.
    """

    key: EvseKey
    circuit: str
    phases: tuple[int, ...] = PHASES
    minimum_ma: int = LOWEST_MA
    maximum_ma: int = 32000
    fail_safe_ma: int = LOWEST_MA
    priority: int = 0


@dataclass(frozen=True)
class Site:
    """A site.

    Args:
        id: of the site.
        name: for people.
        timezone: of its wall clock.
        circuits: the tree.
        evses: on it.
        sharing: who gets what there is.
        windows: limits by time of day.
        has_meter: a meter tells what the building draws besides; `other_ma` of the root counts while it is silent.
        minimum_w: what the grid operator has to leave when it dims; None = the rule of BK6-22-300, see `dimming`.
    """

    id: str
    name: str
    timezone: str
    circuits: tuple[Circuit, ...]
    evses: tuple[EvseSpec, ...]
    sharing: Sharing = Sharing.EQUAL
    windows: tuple[Window, ...] = ()
    has_meter: bool = False
    minimum_w: int | None = None

    @cached_property
    def root(self) -> Circuit:
        """Give the grid connection."""
        return next(one for one in self.circuits if not one.parent)

    @cached_property
    def paths(self) -> dict[str, tuple[str, ...]]:
        """Give for each circuit itself and what feeds it, up to the grid connection."""
        parents = {one.id: one.parent for one in self.circuits}
        return {one: tuple(_climb(one, parents)) for one in parents}

    def lowest_limit(self, circuit: Circuit) -> int:
        """Give the least limit that a circuit ever has by schedule, mA."""
        return min([circuit.limit_ma, *(one.limit_ma for one in self.windows if one.circuit == circuit.id)])

    def tree(self) -> Iterator[tuple[int, Circuit]]:
        """Walk through the circuits from the grid connection down, with their depth."""
        yield from self._below("", 0)

    def _below(self, parent: str, depth: int) -> Iterator[tuple[int, Circuit]]:
        for one in self.circuits:
            if one.parent == parent:
                yield depth, one
                yield from self._below(one.id, depth + 1)


def _climb(circuit: str, parents: dict[str, str]) -> Iterator[str]:
    while circuit:
        yield circuit
        circuit = parents[circuit]


def check_site(site: Site) -> None:
    """Check that a site holds together, and that all stations may fall silent at once.

    Raises:
        SiteError: it does not.
    """
    _check_tree(site.circuits)
    _check_evses(site)
    circuits = {one.id for one in site.circuits}
    for window in site.windows:
        if window.circuit not in circuits:
            raise SiteError(f"the schedule names the circuit {window.circuit}, which is not there")
    for circuit in site.circuits:
        _check_fail_safe(site, circuit)


def _check_tree(circuits: tuple[Circuit, ...]) -> None:
    parents = {one.id: one.parent for one in circuits}
    if len(parents) != len(circuits) or "" in parents:
        raise SiteError("each circuit needs an id of its own")
    if sum(not parent for parent in parents.values()) != 1:
        raise SiteError("exactly one circuit has no parent: the grid connection")
    for one in circuits:
        seen, at = {one.id}, one.parent
        while at:
            if at not in parents:
                raise SiteError(f"circuit {one.id} hangs on {at}, which is not there")
            if at in seen:
                raise SiteError(f"circuit {one.id} hangs on itself")
            seen.add(at)
            at = parents[at]


def _check_evses(site: Site) -> None:
    circuits = {one.id for one in site.circuits}
    for key, times in Counter(one.key for one in site.evses).items():
        if times > 1:
            raise SiteError(f"EVSE {_told(key)} is there twice")
    for one in site.evses:
        name = _told(one.key)
        if one.circuit not in circuits:
            raise SiteError(f"EVSE {name} hangs on the circuit {one.circuit}, which is not there")
        if not one.phases or len(set(one.phases)) != len(one.phases) or not set(one.phases) <= set(PHASES):
            raise SiteError(f"EVSE {name} needs phases such as [1, 2, 3], [2, 3, 1] or [2]")
        if not LOWEST_MA <= one.minimum_ma <= one.maximum_ma:
            raise SiteError(f"EVSE {name} needs a minimum of at least 6 A and a maximum that is not below it")
        if one.fail_safe_ma and not one.minimum_ma <= one.fail_safe_ma <= one.maximum_ma:
            raise SiteError(f"EVSE {name} needs a fail-safe current of 0 or between its minimum and its maximum")


def _check_fail_safe(site: Site, circuit: Circuit) -> None:
    below = [one for one in site.evses if circuit.id in site.paths[one.circuit]]
    limit = site.lowest_limit(circuit) - circuit.other_ma
    for phase in PHASES:
        needed = sum(one.fail_safe_ma for one in below if phase in one.phases)
        if needed > limit:
            raise SiteError(
                f"circuit {circuit.id}: the fail-safe currents on L{phase} make {needed / 1000:g} A of "
                f"{limit / 1000:g} A: lower them, 0 lets an EVSE wait"
            )


def _told(key: EvseKey) -> str:
    return f"{key[0]}/{key[1]}"
