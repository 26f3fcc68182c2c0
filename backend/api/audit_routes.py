"""Routes of the audit log: who did what."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter

from backend.api.permissions import Who, needs
from backend.api.routes import Before, Limit
from backend.core.people.access import Permission
from backend.store.audit_log import Wanted, list_entries
from backend.store.writer import Store


@dataclass(frozen=True, slots=True)
class DoneOut:
    """An action: by which permission or event, on what, by whom and from where; `operator` is empty of the platform."""

    id: int
    at: datetime
    operator: str
    actor: str
    action: str
    object: str
    address: str


def make_audit_routes(store: Store) -> APIRouter:
    """Build the routes under /api/v1."""
    router = APIRouter(prefix="/api/v1", tags=["people"])

    @router.get("/audit-log", dependencies=[needs(Permission.SEE_AUDIT)])
    async def entries(who: Who, actor: str = "", limit: Limit = 50, before: Before = None) -> list[DoneOut]:
        """List who did what, the newest first; looking at it is recorded as well."""
        rows = await store.read(lambda unit: list_entries(unit, who.view, limit, before, Wanted(actor)))
        return [
            DoneOut(row.id, row.at, row.operator_id, row.actor, row.action, row.object, row.address) for row in rows
        ]

    return router
