"""Routes of the JSON API on sessions that wait for a person's decision."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from starlette.responses import Response

from backend.api.permissions import Who, needs
from backend.api.problems import problem
from backend.core.clarification.inbox import Kind
from backend.core.people.access import Permission
from backend.errors import ApplyError
from backend.services.clarify import Unclear, assign, undo, waiting
from backend.store.overview import LARGEST_ID
from backend.store.scope import Owned
from backend.store.writer import Store
from shared.clock import Clock

Number = Annotated[int, Path(ge=1, le=LARGEST_ID)]


@dataclass(frozen=True, slots=True)
class UnclearOut:
    """A session that waits: why, and what may be decided. `id_token` is masked, `told_wh` null while it runs."""

    id: int
    operator_id: str
    charge_point_id: str
    evse_id: int
    id_token: str
    started_at: datetime
    ended_at: datetime | None
    told_wh: int | None
    reason: str
    offers: tuple[Kind, ...]


@dataclass(frozen=True, slots=True)
class RulingIn:
    """A decision: `value` is a customer's id for token, a tariff's for tariff; `waive` needs a reason."""

    kind: Literal["token", "tariff", "accept", "waive"]
    value: str = ""
    reason: str = ""
    by: str = "api"


@dataclass(frozen=True, slots=True)
class ClarifiedOut:
    """The session that was decided on."""

    id: int


def make_clarify_routes(store: Store, clock: Clock) -> APIRouter:
    """Build the routes under /api/v1."""
    router = APIRouter(prefix="/api/v1", tags=["clarification"])
    own = [needs(Permission.SETTLE_HELD, Owned.TRANSACTION)]

    @router.get("/clarifications", dependencies=[needs(Permission.SETTLE_HELD)])
    async def unclear(who: Who) -> list[UnclearOut]:
        """List the sessions that wait for a decision, the oldest first."""
        return [_out(row) for row in await store.read(lambda unit: waiting(unit, who.view))]

    @router.post("/transactions/{id}/clarifications", response_model=ClarifiedOut, dependencies=own)
    async def decide(id: Number, wanted: RulingIn, who: Who) -> ClarifiedOut | Response:  # noqa: A002
        """Decide on a session."""
        now, by, kind = clock.utc(), who.name if who.account_id else wanted.by, Kind(wanted.kind)
        try:
            await store.write(
                lambda unit: assign(unit, id, kind, value=wanted.value, reason=wanted.reason, by=by, now=now)
            )
        except ApplyError as error:
            return problem(422, str(error))
        return ClarifiedOut(id)

    @router.delete("/transactions/{id}/clarifications/last", response_model=ClarifiedOut, dependencies=own)
    async def take_back(id: Number, who: Who) -> ClarifiedOut | Response:  # noqa: A002
        """Take the last decision on a session back, as long as it is not billed."""
        now = clock.utc()
        try:
            await store.write(lambda unit: undo(unit, id, by=who.name, now=now))
        except ApplyError as error:
            return problem(409, str(error))
        return ClarifiedOut(id)

    return router


def _out(row: Unclear) -> UnclearOut:
    return UnclearOut(
        row.id,
        row.operator_id,
        row.charge_point_id,
        row.evse_id,
        str(row.id_token),
        row.started_at,
        row.ended_at,
        row.told_wh,
        row.reason,
        row.offers,
    )
