"""Evidence of tax cases that ends soon, or has ended: who must be asked for a new document."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select, update

from backend.core.invoices.tax_evidence import NEEDED, TaxStatus, expiring, name_of
from backend.store.invoices import load_evidence
from backend.store.tables import customer, operator, tax_evidence


@dataclass(frozen=True, slots=True)
class Reminder:
    """Evidence whose last day is near. `reminded_at` is when that was told first."""

    evidence_id: int
    operator_id: str
    customer_id: str
    what: str
    reference: str
    last: date
    reminded_at: datetime | None


def reminders(connection: Connection, now: datetime) -> Iterator[Reminder]:
    """List the evidence that customers' tax cases rest on and that ends within 60 days or has ended."""
    c, o = customer.c, operator.c
    query = select(c.id, c.operator_id, c.tax_case, o.timezone).join(operator, o.id == c.operator_id)
    told = {
        row.id: row.reminded_at for row in connection.execute(select(tax_evidence.c.id, tax_evidence.c.reminded_at))
    }
    for row in connection.execute(query.where(c.tax_case.in_(list(NEEDED))).order_by(c.id)).all():
        day = now.astimezone(ZoneInfo(row.timezone)).date()
        known = load_evidence(connection, row.operator_id, row.id)
        for one in expiring(TaxStatus(row.tax_case), known, day):
            assert one.last is not None  # noqa: S101  what has no end does not expire
            what = name_of(one.kind, own=one.own)
            yield Reminder(one.id, row.operator_id, row.id, what, one.reference, one.last, told[one.id])


def new_reminders(connection: Connection, now: datetime) -> list[Reminder]:
    """List what was not told yet, each document once."""
    found = {one.evidence_id: one for one in reminders(connection, now) if one.reminded_at is None}
    return list(found.values())


def keep_reminded(connection: Connection, evidence_id: int, now: datetime) -> bool:
    """Keep that it is told now; False if somebody else did."""
    e = tax_evidence.c
    done = connection.execute(
        update(tax_evidence).where(e.id == evidence_id, e.reminded_at.is_(None)).values(reminded_at=now)
    )
    return done.rowcount == 1
