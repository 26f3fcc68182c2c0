"""The route of the JSON API on gaps in what stations told."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter

from backend.api.permissions import Who, needs
from backend.core.gaps import Gap
from backend.core.people.access import Permission
from backend.store.gaps import gap_map
from backend.store.writer import Store
from shared.clock import Clock


@dataclass(frozen=True, slots=True)
class MissingOut:
    """A gap of a session: its begin, its end, or messages whose numbers `detail` tells."""

    transaction_id: int
    since: datetime
    gap: Gap
    detail: str


@dataclass(frozen=True, slots=True)
class StationGapsOut:
    """A station: nothing is missing before `complete_until` (null: never heard); sessions with uncertain time."""

    charge_point_id: str
    complete_until: datetime | None
    missing: tuple[MissingOut, ...]
    uncertain_transactions: tuple[int, ...]


def make_gap_routes(store: Store, clock: Clock) -> APIRouter:
    """Build the route under /api/v1."""
    router = APIRouter(prefix="/api/v1", tags=["charge points"])

    @router.get("/gaps", dependencies=[needs(Permission.SEE_STATIONS)])
    async def gaps(who: Who) -> list[StationGapsOut]:
        """Tell of each station up to when its record is complete, those with gaps first."""
        now = clock.utc()
        rows = await store.read(lambda unit: gap_map(unit, now, who.view))
        return [
            StationGapsOut(
                row.charge_point_id,
                row.record.complete_until,
                tuple(MissingOut(one.transaction_id, one.since, one.gap, one.detail) for one in row.record.missing),
                row.record.uncertain,
            )
            for row in rows
        ]

    return router
