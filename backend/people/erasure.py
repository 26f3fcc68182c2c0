"""Erase a person (Art. 17 GDPR): first tell what would go and what remains, then do it in one unit of work.

What documents need for the tax office remains, restricted (Art. 17 (3) b, Art. 18 GDPR). Again it changes nothing.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from backend.core.people.retention import Periods, Plan, plan_erasure
from backend.core.people.retention_texts import part_text
from backend.errors import AccessError
from backend.store.audit_log import Done, record
from backend.store.personal import Whom, erase_now, is_known, read_facts, restrict, zone_of


@dataclass(frozen=True, slots=True)
class By:
    """Who erases: account (empty on the command line), name, and where they are."""

    account_id: str
    name: str
    address: str


def plan(connection: Connection, whom: Whom, periods: Periods, now: datetime) -> Plan:
    """Tell what an erasure would do.

    Raises:
        AccessError: the operator has no such customer, or the customer no such user.
    """
    if not is_known(connection, whom):
        user = f" with a user {whom.user_id!r}" if whom.user_id else ""
        raise AccessError(f"the operator {whom.operator_id} has no customer {whom.customer_id!r}{user}")
    today = now.astimezone(zone_of(connection, whom.operator_id)).date()
    return plan_erasure(read_facts(connection, whom), periods, today)


def erase(connection: Connection, whom: Whom, periods: Periods, by: By, now: datetime) -> Plan:
    """Erase a person and give what was done.

    Raises:
        AccessError: see `plan`; or something is under way, which the text names.
    """
    done = plan(connection, whom, periods, now)
    if done.blockers:
        reasons = "; ".join(part_text(part, "en") for part in done.blockers)
        raise AccessError(f"{whom.customer_id} can't be erased yet: {reasons}")
    erase_now(connection, whom, now.astimezone(zone_of(connection, whom.operator_id)).date(), now)
    restrict(connection, whom, done.restricted_until, now)
    name = f"{whom.customer_id} {whom.user_id}".strip()
    record(connection, Done(now, whom.operator_id, by.account_id, by.name, "person_erased", name, by.address))
    return done
