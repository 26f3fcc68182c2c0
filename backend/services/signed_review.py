"""Decide on sessions whose energy may not be billed for the lack of proof."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, or_, select

from backend.core.people.access import EVERYTHING, View
from backend.core.proofs.signed_gate import HELD, Decision
from backend.core.proofs.signed_time import UNSIGNED_TIME
from backend.core.transaction import State
from backend.errors import ApplyError
from backend.store.scope import transactions_in
from backend.store.signed import store_decision
from backend.store.tables import charging_transaction
from backend.store.transactions import settle

REASONS = (HELD, UNSIGNED_TIME, "its tariff has no fixed fee", "its tariff asks for more than a fixed fee")
"""How the reasons begin for which a session waits for a decision."""

_REASON_CHARACTERS = 500
"""Longest reason."""


def decide(connection: Connection, transaction_id: int, kind: Decision, *, reason: str, by: str, now: datetime) -> None:
    """Decide what a session costs, and let the rating job do so.

    Args:
        connection: of the unit of work.
        transaction_id: of the session.
        kind: waive it, bill its fixed fee, or judge it by its evidence again.
        reason: why, in words; it is kept for ever.
        by: who decided.
        now: world time.

    Raises:
        ApplyError: there is no such session, it does not wait for this, or the reason is missing.
    """
    if not reason.strip() or len(reason) > _REASON_CHARACTERS:
        raise ApplyError(f"transaction {transaction_id}: give a reason of 1 to {_REASON_CHARACTERS} characters")
    t = charging_transaction.c
    row = connection.execute(select(t.state, t.held_reason).where(t.id == transaction_id)).one_or_none()
    if row is None:
        raise ApplyError(f"there is no transaction {transaction_id}")
    is_held = row.state == State.HELD and row.held_reason.startswith(REASONS)
    if not is_held and not (row.state == State.WAIVED and kind is Decision.JUDGE):
        raise ApplyError(f"transaction {transaction_id} is not held for the lack of signed values: nothing to decide")
    store_decision(connection, transaction_id, kind, reason=reason.strip(), by=by, now=now)
    settle(connection, transaction_id)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A session that waits for a decision: why, and what the station told in Wh, which may not be billed."""

    id: int
    charge_point_id: str
    evse_id: int
    started_at: datetime
    told_wh: int | None
    reason: str


def waiting(connection: Connection, view: View = EVERYTHING) -> list[Waiting]:
    """List the sessions that are held for the lack of proof, the oldest first."""
    t = charging_transaction.c
    held = or_(*(t.held_reason.startswith(start, autoescape=True) for start in REASONS))
    query = (
        select(charging_transaction).where(t.state == State.HELD, held, transactions_in(view)).order_by(t.started_at)
    )
    return [
        Waiting(
            row.id,
            row.charge_point_id,
            row.evse_id,
            row.started_at,
            None if row.meter_stop is None else row.meter_stop - row.meter_start,
            row.held_reason,
        )
        for row in connection.execute(query)
    ]
