"""Job: prove every night that each stored rating computes again to the same from what is stored with it."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection

from backend.core.rates.pricing import Inputs
from backend.core.rates.rating import Rating
from backend.core.rates.recompute import Difference, Proof, check
from backend.core.record import RecordError, from_json
from backend.store.ratings import StoredRating, points_of, ratings_after
from backend.store.recompute_runs import Run, first_time_zone, last_run, store_run
from backend.store.tariffs import find_version
from backend.store.writer import Store
from shared.clock import Clock
from shared.log import Log

log = Log(__name__)

_AT = time(3)
"""At the wall of the first operator: few people charge then."""

_BATCH = 100
"""Ratings read at once."""


class Recomputer:
    """Runs the proof each night."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._begun = clock.utc()

    async def run(self) -> datetime | None:
        """Compute all ratings again if a night has come, and tell when the next one does.

        Cancelling is safe: the night's run is made again.
        """
        last, zone_name = await self._store.read(lambda unit: (last_run(unit), first_time_zone(unit)))
        zone = _zone(zone_name)
        due = next_night(last.at if last else self._begun, zone)
        now = self._clock.utc()
        if now < due:
            return due
        proof = await recompute(self._store)

        def keep(connection: Connection) -> None:
            store_run(connection, Run(now, proof))

        await self._store.write(keep)
        tell(proof)
        return next_night(now, zone)


async def recompute(store: Store) -> Proof:
    """Compute all stored ratings again. Other tasks go on in between. Cancelling is safe."""
    checked, last = 0, 0
    found: list[Difference] = []
    while True:
        batch = await store.read(partial(_check_batch, last))
        checked += batch.checked
        found += batch.differences
        if batch.checked < _BATCH:
            return Proof(checked, tuple(found))
        last = batch.last


@dataclass(frozen=True, slots=True)
class _Batch:
    """What some ratings gave; `last` is the id of the last of them."""

    checked: int
    differences: tuple[Difference, ...]
    last: int


def _check_batch(after: int, connection: Connection) -> _Batch:
    batch = ratings_after(connection, after, _BATCH)
    found = [(one, _check(connection, one)) for one in batch]
    differences = tuple(Difference(one.transaction_id, one.id, what) for one, what in found if what)
    return _Batch(len(batch), differences, batch[-1].id if batch else after)


def tell(proof: Proof) -> None:
    """Log what a run found."""
    for difference in proof.differences:
        log.error(
            "rating_differs",
            transaction=difference.transaction_id,
            rating=difference.rating_id,
            what="; ".join(difference.what[:5]),
        )
    log.info("ratings_recomputed", checked=proof.checked, differ=len(proof.differences))


def next_night(after: datetime, zone: ZoneInfo) -> datetime:
    """Give the first instant after another at which the wall clock shows 3:00."""
    local = after.astimezone(zone)
    due = datetime.combine(local.date(), _AT, zone)
    if due <= after:
        due = datetime.combine(local.date() + timedelta(days=1), _AT, zone)
    return due


def _check(connection: Connection, stored: StoredRating) -> tuple[str, ...]:
    try:
        if stored.inputs:
            inputs = from_json(Inputs, stored.inputs)
        else:  # of old: what it was made from still stands in the tables
            policy = from_json(Rating, stored.body).policy
            inputs = Inputs(stored.timezone, points_of(connection, stored.transaction_id), policy)
    except RecordError as error:
        return (f"can't be read: {error}",)
    versions = {stored.tariff_version: stored.tariff_body}
    for name in dict.fromkeys(turn.version for turn in inputs.turns if turn.version != stored.tariff_version):
        version = find_version(connection, name)
        if version is None:
            return (f"tariff version {name[:12]} is missing",)
        versions[name] = version.body
    return check(stored.body, versions, inputs)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
