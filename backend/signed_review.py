"""Decide on sessions whose energy may not be billed for the lack of proof."""

from datetime import datetime

from sqlalchemy import Connection, select

from backend.core.signed_gate import HELD, Decision
from backend.core.transaction import State
from backend.errors import ApplyError
from backend.store.signed import store_decision
from backend.store.tables import charging_transaction
from backend.store.transactions import settle

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
    is_held = row.state == State.HELD and row.held_reason.startswith((HELD, "its tariff "))
    if not is_held and not (row.state == State.WAIVED and kind is Decision.JUDGE):
        raise ApplyError(f"transaction {transaction_id} is not held for the lack of signed values: nothing to decide")
    store_decision(connection, transaction_id, kind, reason=reason.strip(), by=by, now=now)
    settle(connection, transaction_id)
