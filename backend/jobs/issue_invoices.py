"""Job: issue the invoices of closed billing periods.

A draft that fails its self-check is blocked: it is logged once, `due_drafts` shows it, and no number is drawn.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.core.billing_period import plan_invoices
from backend.core.invoice import Invoice, InvoiceDraft, RatedSession, draft_invoice
from backend.core.invoice_check import problems
from backend.core.tariff import PriceBasis
from backend.store.invoices import Debtor, issue, load_debtor, load_ratings, load_sessions, unbilled, unfinished
from backend.store.writer import Store
from shared.clock import Clock
from shared.config import setting
from shared.log import Log

log = Log(__name__)


@dataclass(frozen=True, slots=True)
class BillingSettings:
    """When invoices are issued. All times are world time."""

    grace_s: float = setting(
        3600.0,
        unit="s",
        minimum=0.0,
        help="wait so long after a billing period ends, for sessions that stations still hold offline",
    )
    hold_days: int = setting(
        7,
        unit="days",
        minimum=0,
        maximum=60,
        help="wait at most so long after a period for a customer's sessions that still run or are not rated yet",
    )
    flat_needs_energy: bool = setting(True, help="waive the start fee of a session in which no energy flowed")


@dataclass(frozen=True, slots=True)
class DueDraft:
    """A draft that is due, with the ratings it was made from, by CDR. It is issued unless `problems` names why not."""

    debtor: Debtor
    draft: InvoiceDraft
    ratings: Mapping[int, int]
    problems: tuple[str, ...]


class InvoiceIssuer:
    """Issues what is due, and remembers which blocked drafts it has told."""

    def __init__(self, store: Store, clock: Clock, settings: BillingSettings) -> None:
        self._store, self._clock, self._settings = store, clock, settings
        self._told: set[tuple[tuple[int, ...], tuple[str, ...]]] = set()

    async def run(self) -> datetime | None:
        """Issue every invoice that is due and tell when the next one falls due by time alone.

        Cancelling is safe: an invoice is one commit.
        """
        now = self._clock.utc()
        async with self._store.read() as connection:
            drafts, next_at = await due_drafts(connection, now, self._settings)
        for due in drafts:
            if due.problems:
                self._tell(due)
            else:
                await self._issue(due, now)
        return next_at

    async def _issue(self, due: DueDraft, now: datetime) -> None:
        async def work(connection: AsyncConnection) -> Invoice | None:
            return await issue(connection, due.debtor, due.draft, due.ratings, now)

        invoice = await self._store.write(work)
        if invoice:
            log.info("invoice_issued", number=invoice.number, customer=due.debtor.customer_id, gross=invoice.due)

    def _tell(self, due: DueDraft) -> None:
        key = (tuple(due.ratings), due.problems)
        if key not in self._told:
            self._told.add(key)
            log.error("invoice_blocked", customer=due.debtor.customer_id, reason="; ".join(due.problems))


async def due_drafts(
    connection: AsyncConnection, now: datetime, settings: BillingSettings
) -> tuple[list[DueDraft], datetime | None]:
    """Draft every invoice that is due now, and tell when the next one falls due by time alone."""
    plan = plan_invoices(
        await unbilled(connection),
        await unfinished(connection),
        now,
        grace=timedelta(seconds=settings.grace_s),
        hold=timedelta(days=settings.hold_days),
    )
    drafts = []
    for cdr_ids in plan.due:
        debtor = await load_debtor(connection, cdr_ids[0])
        groups: dict[tuple[str, PriceBasis], list[RatedSession]] = defaultdict(list)
        for session in await load_sessions(connection, cdr_ids):
            groups[session.rating.currency, session.rating.basis].append(session)
        for sessions in groups.values():
            draft = draft_invoice(debtor.account, sessions, now)
            ratings = await load_ratings(connection, [session.cdr_id for session in sessions])
            drafts.append(DueDraft(debtor, draft, ratings, problems(draft)))
    return drafts, plan.next_at
