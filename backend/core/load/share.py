"""Share what there is: minimums in order of turn, then equal steps for all, level after level. Pure.

Max-min fairness by progressive filling (Bertsekas/Gallager, Data Networks, 6.5.2): all grow alike, and whoever hangs on
something that is used up, or has enough, stops.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Generic, TypeVar

STEP_MA = 100
"""What a charging profile can tell (OCPP 1.6 §7.14: one digit after the point)."""

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Claim(Generic[K]):
    """Who wants current: at least `minimum_ma`, else nothing, and no more than `wanted_ma`, which is not below it."""

    key: K
    minimum_ma: int
    wanted_ma: int
    level: int = 0


@dataclass(frozen=True, slots=True)
class Cap(Generic[K]):
    """Something that is limited: a phase of a circuit, or the power of all.

    Args:
        name: for people.
        room_ma: what is left of it.
        weights: how much of it 1 mA takes, for those who hang on it.
    """

    name: str
    room_ma: int
    weights: Mapping[K, int]


def share(claims: Sequence[Claim[K]], caps: Sequence[Cap[K]]) -> dict[K, int]:
    """Give each what it gets, mA, a multiple of STEP_MA; 0 for those who must wait.

    Args:
        claims: in the order of their turn; higher levels must come first.
        caps: none of them is exceeded.
    """
    rooms = [max(cap.room_ma, 0) for cap in caps]
    hangs: dict[K, list[tuple[int, int]]] = {one.key: [] for one in claims}
    for number, cap in enumerate(caps):
        for key, weight in cap.weights.items():
            if key in hangs:
                hangs[key].append((number, weight))
    got: dict[K, int] = {}
    admitted = []
    for one in claims:
        least = -(-one.minimum_ma // STEP_MA) * STEP_MA
        got[one.key] = least if _take(rooms, hangs[one.key], least) else 0
        if got[one.key]:
            admitted.append(one)
    for _, level in groupby(admitted, key=lambda one: one.level):
        _fill(list(level), got, rooms, hangs)
    return got


def _fill(
    growing: list[Claim[K]], got: dict[K, int], rooms: list[int], hangs: Mapping[K, Sequence[tuple[int, int]]]
) -> None:
    """Let claims grow alike until each is stopped by a cap or has enough."""
    while growing := [one for one in growing if one.wanted_ma - got[one.key] >= STEP_MA]:
        load = [0] * len(rooms)
        for one in growing:
            for number, weight in hangs[one.key]:
                load[number] += weight
        most = min(one.wanted_ma - got[one.key] for one in growing)
        most = min([most, *(room // weight for room, weight in zip(rooms, load, strict=True) if weight)])
        step = max(most // STEP_MA * STEP_MA, STEP_MA)
        stopped = set()
        for one in growing:
            if _take(rooms, hangs[one.key], step):
                got[one.key] += step
            else:
                stopped.add(one.key)
        growing = [one for one in growing if one.key not in stopped]


def _take(rooms: list[int], hangs: Sequence[tuple[int, int]], amount: int) -> bool:
    if any(rooms[number] < weight * amount for number, weight in hangs):
        return False
    for number, weight in hangs:
        rooms[number] -= weight * amount
    return True
