"""Fifty EVSEs for a day: stations fall silent and lose messages, the grid operator dims, a schedule holds."""

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

import pytest

from backend.core.load import control
from backend.core.load.control import Decision, Memory, Seen, Told
from backend.core.load.limits import LEAD, Around, circuit_limit, dimmed_to
from backend.core.load.site import NOMINAL_V, PHASES, Circuit, EvseKey, EvseSpec, Sharing, Site, Window, check_site

START = datetime(2026, 6, 1, 22, 0, tzinfo=UTC)
STEP = timedelta(seconds=30)
STEPS = 2880
DIMMED_W = 60_000
FOLLOWED = 4
"""Steps until all that are connected must keep to a new dimming."""


def site(sharing: Sharing) -> Site:
    rotations = ((1, 2, 3), (2, 3, 1), (3, 1, 2), (1,), (2,))
    rows = [Circuit(f"row{number}", f"Reihe {number}", 80_000, "grid") for number in range(5)]
    circuits = (Circuit("grid", "Anschluss", 315_000, other_ma=20_000), *rows)
    evses = tuple(
        EvseSpec(
            (f"CP-{number}", 1),
            f"row{number // 10}",
            rotations[number % 5],
            maximum_ma=16_000 if number % 3 else 32_000,
            fail_safe_ma=6000 if number % 2 else 0,
            priority=number % 3,
        )
        for number in range(50)
    )
    evening = Window("grid", time(17), time(20), 200_000, (0, 1, 2, 3, 4))
    made = Site("s", "Hof", "Europe/Berlin", circuits, evses, sharing, (evening,))
    check_site(made)
    return made


@dataclass
class Station:
    """A station with its car, as physics has it: it keeps to what it accepted, whatever we believe."""

    spec: EvseSpec
    default_ma: int | None = None
    told: Told | None = None
    on_way: Told | None = None
    silent_until: datetime = START
    plugged_at: datetime | None = None
    leaves_at: datetime = START
    car_ma: int = 0
    car_phases: int = 3
    number: int = 0

    @property
    def transaction(self) -> str:
        return str(self.number) if self.plugged_at else ""

    def limit(self, now: datetime) -> int:
        default = self.spec.maximum_ma if self.default_ma is None else self.default_ma
        ours = self.told and self.told.transaction == self.transaction and now < self.told.until
        return self.told.limit_ma if self.told and ours else default

    def draws(self, now: datetime) -> tuple[int, ...]:
        if self.plugged_at is None or now < self.plugged_at + 2 * STEP or self.limit(now) < 6000:
            return ()
        return (min(self.limit(now), self.car_ma),) * min(self.car_phases, len(self.spec.phases))


class Day:
    """The day, step by step."""

    def __init__(self, sharing: Sharing, seed: int) -> None:
        self.site, self.random, self.now = site(sharing), random.Random(seed), START
        self.stations = {one.key: Station(one) for one in self.site.evses}
        self.memories: dict[EvseKey, Memory] = {}
        self.messages, self.energy_ma = 0, 0
        self.served: set[tuple[EvseKey, str]] = set()
        self.came: set[tuple[EvseKey, str]] = set()

    def step(self, dimmed_w: int | None) -> Decision:
        self._answer()
        self._live()
        seen = {key: self._seen(one) for key, one in self.stations.items()}
        decision = control.decide(self.site, seen, self.memories, Around(None, dimmed_w), self.now)
        self.memories = dict(decision.memories)
        for key in decision.defaults:
            self.stations[key].default_ma = self.stations[key].spec.fail_safe_ma
            self.memories[key] = replace(self.memories[key], default_ma=self.stations[key].default_ma)
            self.messages += 1
        for key, told in decision.orders.items():
            self.stations[key].on_way = told
            self.memories[key] = control.asked(self.memories[key], told, self.now)
            self.messages += 1
        return decision

    def _seen(self, one: Station) -> Seen:
        online = self.now >= one.silent_until
        begun = one.plugged_at is not None and self.now > one.plugged_at
        draws = one.draws(self.now) or ((0, 0, 0) if begun else ())
        return Seen(online, one.transaction if begun else "", one.plugged_at is not None, draws, self.now)

    def _answer(self) -> None:
        for key, one in self.stations.items():
            if one.on_way is None:
                continue
            lost = self.now < one.silent_until
            if not lost or self.random.random() < 0.5:
                one.told = one.on_way
            one.on_way = None
            memory = self.memories[key]
            self.memories[key] = (
                control.refused(memory, self.now, may_have_acted=True) if lost else control.answered(memory, self.now)
            )

    def _live(self) -> None:
        self.now += STEP
        for key, one in self.stations.items():
            if self.random.random() < 0.0008:
                one.silent_until = max(one.silent_until, self.now + timedelta(minutes=self.random.randint(2, 60)))
            if one.plugged_at is None and self.random.random() < 0.01:
                one.plugged_at, one.number = self.now, one.number + 1
                one.leaves_at = self.now + timedelta(minutes=self.random.randint(30, 600))
                one.car_ma, one.car_phases = self.random.choice((10_000, 16_000, 32_000)), self.random.choice((1, 3))
                self.came.add((key, one.transaction))
            elif one.plugged_at is not None and self.now >= one.leaves_at:
                one.plugged_at = None
            elif one.plugged_at is not None and self.random.random() < 0.002:
                one.car_ma = self.random.choice((0, 7000, 16_000))

    def load(self, circuit: str, phase: int) -> int:
        total = 0
        for one in self.stations.values():
            if circuit in self.site.paths[one.spec.circuit]:
                draws = dict(zip(one.spec.phases, one.draws(self.now), strict=False))
                total += draws.get(phase, 0)
        return total

    def watts(self) -> int:
        return sum(sum(one.draws(self.now)) for one in self.stations.values()) * NOMINAL_V // 1000


@pytest.mark.slow
@pytest.mark.parametrize("sharing", Sharing)
def test_every_limit_holds_at_every_step_of_the_day(sharing: Sharing) -> None:
    day, dimmed_for = Day(sharing, 7), 0
    for _ in range(STEPS):
        dims = timedelta(hours=18) <= day.now - START < timedelta(hours=19, minutes=30)
        decision = day.step(dimmed_to(day.site, DIMMED_W) if dims else None)
        dimmed_for = dimmed_for + 1 if dims else 0
        check_limits(day, decision)
        if dimmed_for > FOLLOWED:
            unsteered = [key for key, one in day.stations.items() if not day_follows(day, key)]
            left = sum(decision.bounds[key] * len(decision.used[key]) for key in unsteered) * NOMINAL_V // 1000
            assert day.watts() <= max(dimmed_to(day.site, DIMMED_W) or 0, left), day.now
    share_served = len(day.served) / len(day.came)
    assert share_served > 0.9, share_served
    assert day.messages < 50 * 24 * 8  # eight a station and hour, renewals included


def day_follows(day: Day, key: EvseKey) -> bool:
    memory = day.memories[key]
    return day.now >= day.stations[key].silent_until and (memory.retry_at is None or day.now >= memory.retry_at)


def check_limits(day: Day, decision: Decision) -> None:
    for circuit in day.site.circuits:
        # The limit of now, without the lead: what counts early may be exceeded until it counts.
        limit = circuit_limit(day.site, circuit, day.now - LEAD) if circuit.parent else _now_limit(day)
        for phase in PHASES:
            assert day.load(circuit.id, phase) <= limit - circuit.other_ma, (day.now, circuit.id, phase)
    for key, one in day.stations.items():
        draws = one.draws(day.now)
        assert not draws or max(draws) == 0 or one.limit(day.now) >= one.spec.minimum_ma
        assert one.limit(day.now) <= decision.bounds[key] or one.plugged_at is None, (day.now, key)
        if draws and max(draws) > 0:
            day.served.add((key, one.transaction))
    for cap in decision.caps:
        told = sum(decision.targets.get(key, decision.bounds[key]) * weight for key, weight in cap.weights.items())
        fixed = sum(decision.bounds[key] * w for key, w in cap.weights.items() if key not in decision.targets)
        assert told <= max(cap.room_ma, fixed), (day.now, cap.name)


def _now_limit(day: Day) -> int:
    local = (day.now + timedelta(hours=2)).time()
    return 200_000 if time(17) <= local < time(20) else 315_000
