"""Routes of invoice runs: what would be issued, and issuing it."""

from dataclasses import asdict, dataclass
from datetime import date, datetime

from fastapi import APIRouter
from starlette.responses import Response

from backend.api.permissions import Who, needs
from backend.api.problems import problem
from backend.core.people.access import Permission
from backend.errors import ReportError
from backend.jobs.issue_invoices import BillingSettings
from backend.services.invoice_runs import issue_by_key, preview, run_by_hand
from backend.store.writer import Store
from shared.clock import Clock


@dataclass(frozen=True, slots=True)
class DraftOut:
    """A draft: ready, blocked, carried (amount below the threshold) or open (its period, or the wait, is not over).

    Amounts are text; what is not known yet is null. `count` is that of sessions, corrections and fees.
    """

    key: str
    customer_id: str
    customer: str
    value: str
    state: str
    first: date
    last: date
    type_code: str
    count: int
    currency: str
    net: str | None
    total: str | None
    reasons: list[str]
    notes: list[str]
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class IssuedOut:
    """An invoice; `again` if the same draft had been issued before."""

    number: str
    total: str
    again: bool


@dataclass(frozen=True, slots=True)
class RunOut:
    """What a run issued, and how many drafts are blocked."""

    issued: list[IssuedOut]
    blocked: int


def make_invoice_run_routes(store: Store, clock: Clock, settings: BillingSettings, *, sample: bool) -> APIRouter:
    """Build the routes under /api/v1."""
    router = APIRouter(prefix="/api/v1", tags=["invoices"])

    @router.get("/invoice-run", dependencies=[needs(Permission.ISSUE_INVOICES)])
    async def drafts(who: Who, customer: str = "") -> list[DraftOut]:
        """Tell what a run would issue now, of one customer or all."""
        found = await preview(store, clock.utc(), settings, customer, who.view)
        return [
            DraftOut(
                **asdict(row)
                | {
                    "net": None if row.net is None else str(row.net),
                    "total": None if row.total is None else str(row.total),
                    "reasons": list(row.reasons),
                    "notes": list(row.notes),
                }
            )
            for row in found.rows
        ]

    @router.post("/invoice-run", dependencies=[needs(Permission.ISSUE_INVOICES)])
    async def run(who: Who, customer: str = "") -> RunOut:
        """Issue all that is due and not blocked, of one customer or all."""
        done = await run_by_hand(store, clock.utc(), settings, sample=sample, customer_id=customer, view=who.view)
        return RunOut([IssuedOut(one.number, str(one.owed), one.again) for _, one in done.issued], len(done.blocked))

    @router.post("/invoice-run/{key}", response_model=IssuedOut, dependencies=[needs(Permission.ISSUE_INVOICES)])
    async def issue(key: str, who: Who) -> IssuedOut | Response:
        """Issue one draft. Asking again gives the same number."""
        try:
            one = await issue_by_key(store, key, clock.utc(), settings, sample=sample, view=who.view)
        except ReportError as error:
            return problem(409, str(error))
        return IssuedOut(one.number, str(one.owed), one.again)

    return router
