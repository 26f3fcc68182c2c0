"""The route of the JSON API on stations that tried to connect and were refused."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter

from backend.api.permissions import Who, needs
from backend.core.people.access import Permission
from backend.csms.attempts import Refusal
from backend.csms.connections import Connections
from backend.services.refused import seen_attempts
from backend.store.writer import Store


@dataclass(frozen=True, slots=True)
class RefusedOut:
    """The last attempt of an identity since the program started; it proves nothing about who it was."""

    identity: str
    address: str
    reason: Refusal
    at: datetime
    first_at: datetime
    count: int


def make_refused_routes(store: Store, connections: Connections) -> APIRouter:
    """Build the route under /api/v1."""
    router = APIRouter(prefix="/api/v1", tags=["charge points"])

    @router.get("/refused-stations", dependencies=[needs(Permission.SEE_ORDERS)])
    async def refused(who: Who) -> list[RefusedOut]:
        """List stations that tried to connect and were refused, the latest attempt first."""
        rows = await store.read(lambda unit: seen_attempts(unit, connections.refused.all(), who.view))
        return [RefusedOut(one.identity, one.address, one.reason, one.at, one.first_at, one.count) for one in rows]

    return router
