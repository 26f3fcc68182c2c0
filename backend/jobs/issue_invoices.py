"""Job: issue the invoices of closed billing periods, and the credit notes of what was charged too much.

A draft that fails its self-check is blocked: it is logged once, `due_drafts` shows it, and no number is drawn.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from backend.core.billing_period import Source, Unbilled, plan_invoices
from backend.core.invoice import Charges, Invoice, InvoiceDraft, draft_documents
from backend.core.invoice_check import problems
from backend.core.tariff import PriceBasis
from backend.jobs.base_fees import BaseFees
from backend.store.fees import load_fees
from backend.store.invoices import (
    Bearing,
    Debtor,
    issue,
    load_bearing,
    load_corrections,
    load_debtor,
    unbilled,
    unfinished,
)
from backend.store.rated_sessions import load_sessions
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
    """A draft that is due, with what it charges. It is issued unless `problems` names why not."""

    debtor: Debtor
    draft: InvoiceDraft
    bears: Bearing
    problems: tuple[str, ...]


class InvoiceIssuer:
    """Issues what is due, and remembers which blocked drafts it has told."""

    def __init__(self, store: Store, clock: Clock, settings: BillingSettings, *, sample: bool = False) -> None:
        """Begin. `sample` is for accelerated time: what is issued then is none that anyone has to pay."""
        self._store, self._clock, self._settings, self._sample = store, clock, settings, sample
        self._fees = BaseFees(store)
        self._told: set[tuple[object, ...]] = set()

    async def run(self) -> datetime | None:
        """Record base fees, issue every invoice that is due, and tell when to look again by time alone.

        Cancelling is safe: an invoice is one commit.
        """
        now = self._clock.utc()
        span_ends = await self._fees.run(now)
        drafts, next_at = await self._store.read(lambda connection: due_drafts(connection, now, self._settings))
        for due in drafts:
            if due.problems:
                self._tell(due)
            else:
                await self._issue(due, now)
        return min((at for at in (next_at, span_ends) if at), default=None)

    async def _issue(self, due: DueDraft, now: datetime) -> None:
        def work(connection: Connection) -> Invoice | None:
            draft = replace(due.draft, sample=self._sample)
            return issue(connection, due.debtor, draft, due.bears, now)

        invoice = await self._store.write(work)
        if invoice:
            log.info("invoice_issued", number=invoice.number, customer=due.debtor.customer_id, gross=invoice.owed)

    def _tell(self, due: DueDraft) -> None:
        key = (*due.bears.sessions, *due.bears.corrections.items(), tuple(due.bears.fees), due.problems)
        if key not in self._told:
            self._told.add(key)
            log.error("invoice_blocked", customer=due.debtor.customer_id, reason="; ".join(due.problems))


def due_drafts(
    connection: Connection, now: datetime, settings: BillingSettings
) -> tuple[list[DueDraft], datetime | None]:
    """Draft every invoice that is due now, and tell when the next one falls due by time alone."""
    plan = plan_invoices(
        unbilled(connection, now),
        unfinished(connection),
        now,
        grace=timedelta(seconds=settings.grace_s),
        hold=timedelta(days=settings.hold_days),
    )
    drafts = []
    for group in plan.due:
        debtor = load_debtor(connection, group[0].customer_id)
        for charged in _charged(connection, group):
            for draft, charges in draft_documents(debtor.account, charged.charges, now):
                bears = _bearing(connection, charges, charged)
                drafts.append(DueDraft(debtor, draft, bears, problems(draft)))
    return drafts, plan.next_at


@dataclass(slots=True)
class _Charged:
    """What goes on one invoice, with the ids of what its fees are from."""

    charges: Charges
    fees: tuple[int, ...] = ()


def _charged(connection: Connection, group: Sequence[Unbilled]) -> list[_Charged]:
    """Read what is to be charged; an invoice has one currency and one price basis."""
    ids = {source: [one.id for one in group if one.source is source] for source in Source}
    found: dict[tuple[str, PriceBasis], _Charged] = defaultdict(lambda: _Charged(Charges()))
    for session in load_sessions(connection, ids[Source.SESSION]):
        one = found[session.rating.currency, session.rating.basis]
        one.charges = replace(one.charges, sessions=(*one.charges.sessions, session))
    for correction in load_corrections(connection, ids[Source.CORRECTION]):
        one = found[correction.before.currency, correction.before.basis]
        one.charges = replace(one.charges, corrections=(*one.charges.corrections, correction))
    for fee_id, fee in load_fees(connection, ids[Source.FEE]):
        one = found[fee.rating.currency, fee.rating.basis]
        one.charges = replace(one.charges, fees=(*one.charges.fees, fee))
        one.fees = (*one.fees, fee_id)
    return list(found.values())


def _bearing(connection: Connection, charges: Charges, charged: _Charged) -> Bearing:
    return load_bearing(
        connection,
        [session.cdr_id for session in charges.sessions],
        [correction.session.cdr_id for correction in charges.corrections],
        charged.fees if charges.fees else (),
    )
