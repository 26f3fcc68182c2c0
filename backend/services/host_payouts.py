"""Pay out what statements owe: plan, write the file, keep it."""

import asyncio
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

from sqlalchemy import Connection

from backend.core.invoices.payout import PayoutBatch
from backend.documents.sepa import write_transfers
from backend.errors import PaymentError
from backend.services.payments import the_operator
from backend.store.payouts import plan_payouts, store_payouts
from backend.store.writer import Store
from shared.log import Log

log = Log(__name__)


@dataclass(frozen=True, slots=True)
class PaidOut:
    """A file that was made."""

    id: int
    batch: PayoutBatch
    xml: bytes


async def pay_out(store: Store, operator_id: str, pay_on: date, now: datetime) -> PaidOut | None:
    """Make the file of all that is open; None if nothing is. What is in a file is in no other one.

    Args:
        store: the database.
        operator_id: who pays; empty for the only one.
        pay_on: when the bank shall do it, today or later.
        now: world time.

    Raises:
        PaymentError: the day is past, no operator is meant, or others booked meanwhile.
        SepaFileError: the file could not be written.
    """

    def plan(connection: Connection) -> PayoutBatch:
        chosen, _, zone = the_operator(connection, operator_id)
        if pay_on < now.astimezone(zone).date():
            raise PaymentError(f"{pay_on} is past: name the day on which the bank shall pay")
        return plan_payouts(connection, chosen, pay_on, now)

    batch = await store.read(plan)
    if not batch.payouts:
        return None
    xml = await asyncio.to_thread(write_transfers, batch, now)
    number = await store.write(partial(store_payouts, batch=batch, xml=xml, now=now))
    if number is None:
        raise PaymentError("others book at the same time: try again")
    log.info("hosts_paid_out", file=number, transfers=len(batch.payouts), total=batch.total)
    return PaidOut(number, batch, xml)
