"""Rules of alerts: what an operator gave, checked, and kept."""

from collections.abc import Callable
from datetime import time

from sqlalchemy import Connection

from backend.core.watch.alert import AlertKind, Plan
from backend.core.watch.webhook import problem_of
from backend.errors import AlertError
from backend.services.entry_checks import EMAIL, EMAIL_SHAPE
from backend.store.alerts import read_plan, write_plan
from shared.ids import Secret

MOST_EMAILS, LARGEST_LIMIT, LONGEST_CALM = 20, 100_000, 1440


def checked(plan: Plan) -> Plan:
    """Check what an operator wants to be told.

    Raises:
        AlertError: it can't be; the text names the field and what to give.
    """
    if sorted(rule.kind for rule in plan.rules) != sorted(AlertKind):
        raise AlertError(f"rules: give one of each kind: {', '.join(AlertKind)}")
    for rule in plan.rules:
        if not 0 <= rule.limit <= LARGEST_LIMIT:
            raise AlertError(f"rules: the limit of {rule.kind} must be from 0 to {LARGEST_LIMIT}")
    if len(plan.emails) > MOST_EMAILS:
        raise AlertError(f"emails: at most {MOST_EMAILS}")
    if wrong := next((one for one in plan.emails if not EMAIL.fullmatch(one)), None):
        raise AlertError(f"emails: {wrong[:100]!r} must be {EMAIL_SHAPE}")
    if plan.language not in ("de", "en"):
        raise AlertError("language: de or en")
    if plan.webhook and (len(plan.webhook) > 2000 or problem_of(plan.webhook)):
        raise AlertError("webhook: give an address such as https://example.com/alerts, without user and password")
    _check_time("quiet_from", plan.quiet_from)
    _check_time("quiet_to", plan.quiet_to)
    if bool(plan.quiet_from) != bool(plan.quiet_to):
        raise AlertError("quiet_to: quiet hours need a begin and an end")
    if not 0 <= plan.calm_min <= LONGEST_CALM:
        raise AlertError(f"calm_min: from 0 to {LONGEST_CALM} min")
    return plan


def keep_plan(
    connection: Connection, operator_id: str, plan: Plan, secret: Secret, seal: Callable[[Secret], str]
) -> None:
    """Keep a checked plan; an empty secret leaves the one of before."""
    _, before = read_plan(connection, operator_id)
    write_plan(connection, operator_id, plan, seal(secret) if secret else before)


def _check_time(name: str, text: str) -> None:
    try:
        good = not text or (len(text) == 5 and time.fromisoformat(text).tzinfo is None)
    except ValueError:
        good = False
    if not good:
        raise AlertError(f"{name}: give a time such as 22:00")
