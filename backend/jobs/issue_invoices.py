"""Job: issue the invoices of closed billing periods, and the credit notes of what was charged too much.

A draft that fails its self-check is blocked: it is stored with its reasons, logged once and tried again whenever
something has changed; no number is drawn, and the others go out. The same run is made by hand with `issue_due`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from backend.core.invoices.billing_period import Group, days_of, plan_invoices
from backend.core.invoices.invoice_run import Carried, DraftKey, Sifted, sift, slot_of
from backend.core.people.access import EVERYTHING, View
from backend.jobs.base_fees import BaseFees
from backend.store.invoice_drafts import DueDraft, Issued, Waiting, draft_group, is_kept, issue_draft, keep_waiting
from backend.store.invoices import load_debtor
from backend.store.scope import customers_of
from backend.store.tax_reminders import keep_reminded, new_reminders
from backend.store.unbilled import thresholds, unbilled, unfinished
from backend.store.writer import Store
from shared.clock import Clock
from shared.config import setting
from shared.log import Log

log = Log(__name__)


@dataclass(frozen=True, slots=True)
class BillingSettings:
    """When invoices are issued. All times are world time."""

    automatic: bool = setting(True, help="issue what is due by itself; else a person does, on the page or by command")
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
    carry_days: int = setting(
        92,
        unit="days",
        minimum=0,
        maximum=180,
        help="carry amounts below a customer's threshold forward at most so long, and never beyond the end of the year",
    )
    standard_vat_percent: int = setting(
        19, unit="%", minimum=0, maximum=30, help="VAT where a customer's evidence of another tax case is missing"
    )
    anchor_to: str = setting(
        "", help="address outside of this server that gets the newest hash of the chain each day; empty = nobody"
    )
    flat_needs_energy: bool = setting(True, help="waive the start fee of a session in which no energy flowed")

    looks: str = setting("", help="folder of the operators' own logos, colours, texts and templates; empty = built in")

    @property
    def looks_folder(self) -> Path | None:
        """The folder of looks, None if there is none."""
        return Path(self.looks) if self.looks else None

    @property
    def standard_vat(self) -> Decimal:
        """VAT in per cent."""
        return Decimal(self.standard_vat_percent)


@dataclass(frozen=True, slots=True)
class Periods:
    """What a run works on: what is due, what is carried forward, what is not due yet and since when it will be."""

    sifted: Sifted
    later: Sequence[tuple[datetime, Group]]

    @property
    def next_at(self) -> datetime | None:
        """Tell when something falls due by time alone."""
        times = [*(at for at, _ in self.later), *(one.latest for one in self.sifted.carried)]
        return min(times, default=None)


@dataclass(slots=True)
class Outcome:
    """What a run did. `ready` are drafts that nothing keeps from being issued, in a run that does not issue."""

    issued: list[tuple[str, Issued]] = field(default_factory=list)
    """Customer and invoice."""
    ready: list[tuple[DueDraft, Group]] = field(default_factory=list)
    blocked: list[tuple[DueDraft, Group]] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    next_at: datetime | None = None


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
        outcome = await issue_due(
            self._store, now, self._settings, sample=self._sample, dry=not self._settings.automatic
        )
        for blocked, _ in outcome.blocked:
            self._tell(blocked)
        await self._remind(now)
        return min((at for at in (outcome.next_at, span_ends) if at), default=None)

    async def _remind(self, now: datetime) -> None:
        """Ask for evidence that ends soon, once."""
        for one in await self._store.read(partial(new_reminders, now=now)):
            if await self._store.write(partial(keep_reminded, evidence_id=one.evidence_id, now=now)):
                log.warning(
                    "tax_evidence_ends",
                    customer=one.customer_id,
                    document=one.what,
                    reference=one.reference,
                    last=one.last,
                )

    def _tell(self, due: DueDraft) -> None:
        key = (*due.bears.sessions, *due.bears.corrections.items(), tuple(due.bears.fees), due.problems)
        if key not in self._told:
            self._told.add(key)
            log.error("invoice_blocked", customer=due.debtor.customer_id, reason="; ".join(due.problems))


async def issue_due(
    store: Store,
    now: datetime,
    settings: BillingSettings,
    *,
    sample: bool = False,
    customer: str = "",
    dry: bool = False,
    keep: bool = True,
    view: View = EVERYTHING,
) -> Outcome:
    """Draft, check and issue what is due, group by group, and store which drafts don't go out and why.

    Cancelling is safe: an invoice is one commit.

    Args:
        store: whose data.
        now: world time.
        settings: how long to wait.
        sample: see `InvoiceIssuer`.
        customer: id; empty is all of them.
        dry: issue nothing.
        keep: store what does not go out; of all customers only.
        view: only customers that it takes in.
    """
    periods = await store.read(partial(find_periods, now=now, settings=settings, customer=customer, view=view))
    outcome = Outcome(next_at=periods.next_at)
    for group in periods.sifted.due:
        drafts = await store.read(partial(draft_group, group=group, now=now, standard_vat=settings.standard_vat))
        for due in drafts:
            if due.problems:
                outcome.blocked.append((due, group))
                outcome.waiting.append(_blocked(due, group, now))
            elif dry:
                outcome.ready.append((due, group))
            elif issued := await issue_one(store, due, now, sample=sample):
                outcome.issued.append((due.debtor.customer_id, issued))
    outcome.waiting += await store.read(lambda connection: list(_carried(connection, periods.sifted.carried, now)))
    if keep and not customer and view == EVERYTHING and not await store.read(partial(is_kept, found=outcome.waiting)):
        await store.write(partial(keep_waiting, found=outcome.waiting))
    return outcome


async def issue_one(store: Store, due: DueDraft, now: datetime, *, sample: bool = False) -> Issued | None:
    """Issue a draft that has no problems, see `issue_draft`."""

    def work(connection: Connection) -> Issued | None:
        return issue_draft(connection, replace(due, draft=replace(due.draft, sample=sample)), now)

    issued = await store.write(work)
    if issued and not issued.again:
        log.info("invoice_issued", number=issued.number, customer=due.debtor.customer_id, gross=issued.owed)
    return issued


def find_periods(
    connection: Connection, now: datetime, settings: BillingSettings, customer: str = "", view: View = EVERYTHING
) -> Periods:
    """Tell what is due now, of one customer or all in a view."""
    seen = customers_of(connection, view)
    grace = timedelta(seconds=settings.grace_s)
    plan = plan_invoices(
        [
            one
            for one in unbilled(connection, now)
            if customer in ("", one.customer_id) and (seen is None or one.customer_id in seen)
        ],
        unfinished(connection),
        now,
        grace=grace,
        hold=timedelta(days=settings.hold_days),
    )
    carry = timedelta(days=settings.carry_days)
    return Periods(sift(plan.due, thresholds(connection), now, carry=carry, grace=grace), plan.later)


def _blocked(due: DueDraft, group: Group, now: datetime) -> Waiting:
    first, last = days_of(group)
    return Waiting(
        key=str(due.key),
        operator_id=due.debtor.operator_id,
        customer_id=due.debtor.customer_id,
        customer=due.draft.buyer.name,
        state="blocked",
        first=first,
        last=last,
        currency=due.draft.currency,
        total=due.draft.owed,
        reasons=due.problems,
        since=now,
    )


def _carried(connection: Connection, carried: Sequence[Carried], now: datetime) -> Iterator[Waiting]:
    for one in carried:
        debtor = load_debtor(connection, one.group[0].customer_id)
        first, last = days_of(one.group)
        latest = one.latest.astimezone(debtor.account.zone).date()
        yield Waiting(
            key=str(DraftKey(slot_of(one.group, "carried"), 0)),
            operator_id=debtor.operator_id,
            customer_id=debtor.customer_id,
            customer=debtor.account.buyer.name,
            state="carried",
            first=first,
            last=last,
            currency=debtor.currency,
            total=one.amount,
            reasons=(f"less than {one.threshold}: carried forward, at the latest until {latest}",),
            since=now,
            count=len(one.group),
        )
