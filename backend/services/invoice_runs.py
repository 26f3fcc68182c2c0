"""What command line, API and pages ask of invoice runs: preview, run by hand, issue one draft, held sessions."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import partial

from sqlalchemy import Connection, select

from backend.core.invoices.billing_period import Group, days_of
from backend.core.people.access import EVERYTHING, View
from backend.errors import ReportError
from backend.jobs.issue_invoices import BillingSettings, Outcome, find_periods, issue_due, issue_one
from backend.store.invoice_drafts import DueDraft, Issued, find_issued
from backend.store.scope import customers_of
from backend.store.tables import customer
from backend.store.tax_reminders import Reminder, reminders
from backend.store.writer import Store


@dataclass(frozen=True, slots=True)
class DraftRow:
    """A draft for people. `state`: ready, blocked (see `reasons`), carried (as well), or open: due at `due_at`.

    Args:
        key: names the draft, empty while it is open.
        customer_id: who pays.
        customer: the name.
        value: user, charge point ... that it is about, empty if all goes on one invoice.
        state: see above.
        first: local first day of the period.
        last: local last day.
        type_code: 380 invoice, 381 credit note; empty while it is none.
        count: sessions, corrections and fees on it.
        currency: ISO 4217, empty while it is open.
        net: total without VAT, None while it is no document.
        total: what the customer owes by it, None while it is open.
        reasons: why it does not go out.
        notes: what a person should know of it.
        due_at: when an open period is billed.
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
    net: Decimal | None
    total: Decimal | None
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run would do now, and evidence that must be renewed."""

    rows: tuple[DraftRow, ...]
    reminders: tuple[Reminder, ...]

    def of(self, state: str) -> tuple[DraftRow, ...]:
        """Give the drafts of a state."""
        return tuple(row for row in self.rows if row.state == state)


async def preview(
    store: Store, now: datetime, settings: BillingSettings, customer_id: str = "", view: View = EVERYTHING
) -> Preview:
    """Tell what a run would issue now, what it would not and why, and what is open yet. Changes nothing."""
    outcome = await issue_due(store, now, settings, customer=customer_id, dry=True, keep=False, view=view)
    rows = [_draft_row(due, group, "ready") for due, group in outcome.ready]
    rows += [_draft_row(due, group, "blocked") for due, group in outcome.blocked]
    rows += [
        DraftRow(
            one.key,
            one.customer_id,
            one.customer,
            "",
            one.state,
            one.first,
            one.last,
            "",
            one.count,
            one.currency,
            None,
            one.total,
            one.reasons,
        )
        for one in outcome.waiting
        if one.state == "carried"
    ]

    def look(connection: Connection) -> Preview:
        names = {row.id: row.name for row in connection.execute(select(customer.c.id, customer.c.name))}
        later = find_periods(connection, now, settings, customer_id, view).later
        rows.extend(_open_row(at, group, names) for at, group in later)
        seen = customers_of(connection, view)
        asked = (one for one in reminders(connection, now) if seen is None or one.customer_id in seen)
        return Preview(tuple(rows), tuple(asked))

    return await store.read(look)


def _draft_row(due: DueDraft, group: Group, state: str) -> DraftRow:
    first, last = days_of(group)
    draft = due.draft
    return DraftRow(
        key=str(due.key),
        customer_id=due.debtor.customer_id,
        customer=draft.buyer.name,
        value=group[0].value,
        state=state,
        first=first,
        last=last,
        type_code=draft.type_code,
        count=len(draft.sessions) + len(draft.fees),
        currency=draft.currency,
        net=draft.total_net,
        total=draft.owed,
        reasons=due.problems,
        notes=due.notes,
    )


def _open_row(at: datetime, group: Group, names: dict[str, str]) -> DraftRow:
    first, last = days_of(group)
    who = group[0].customer_id
    return DraftRow(
        "", who, names.get(who, who), group[0].value, "open", first, last, "", len(group), "", None, None, due_at=at
    )


async def run_by_hand(
    store: Store,
    now: datetime,
    settings: BillingSettings,
    *,
    sample: bool,
    customer_id: str = "",
    wait: bool = True,
    view: View = EVERYTHING,
) -> Outcome:
    """Issue what is due now.

    Args:
        store: whose data.
        now: world time.
        settings: how long to wait.
        sample: see `backend.jobs.issue_invoices.InvoiceIssuer`.
        customer_id: empty is all of them.
        view: only customers that it takes in.
        wait: False bills each period that is over at once, whatever stations may still hold.
    """
    if not wait:
        settings = replace(settings, grace_s=0.0, hold_days=0)
    return await issue_due(store, now, settings, sample=sample, customer=customer_id, view=view)


async def issue_by_key(
    store: Store, key: str, now: datetime, settings: BillingSettings, *, sample: bool, view: View = EVERYTHING
) -> Issued:
    """Issue the draft of that key; if that was done before, give the number that it has.

    Raises:
        ReportError: there is no such draft any more, or it is blocked.
    """
    if known := await store.read(partial(find_issued, key=key, view=view)):
        return known
    outcome = await issue_due(store, now, settings, dry=True, keep=False, view=view)
    for due, _ in outcome.blocked:
        if str(due.key) == key:
            raise ReportError(f"the draft is blocked: {'; '.join(due.problems)}")
    for due, _ in outcome.ready:
        if str(due.key) == key and (issued := await issue_one(store, due, now, sample=sample)):
            return issued
    raise ReportError("there is no such draft: what it charged was billed or has changed; look at the preview again")
