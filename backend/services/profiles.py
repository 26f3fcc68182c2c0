"""What command line and API ask of profiles: assign sets of tariffs, put in switches, let sessions be rated again."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from backend.core.tariffs.assignment import Scope
from backend.core.tariffs.profiles import PLACES, PROFILES, Switch
from backend.core.tariffs.tariff_model import TariffType
from backend.errors import ReportError
from backend.services.apply import Outcome, apply_assignment
from backend.services.master_data import AssignmentEntry, check_assignment
from backend.store.profile_switches import owners, store_switch, touched_sessions
from backend.store.ratings import ask_rerating
from backend.store.transactions import release_held

_LONGEST = 200
"""Characters of a source or a reason."""


@dataclass(frozen=True, slots=True)
class SwitchRequest:
    """A switch as it was told, not yet checked. An empty `operator` is the only one that has such a place."""

    scope: str
    target: str
    at: datetime
    profile: str
    source: str = ""
    reason: str = ""
    operator: str = ""


@dataclass(frozen=True, slots=True)
class Switched:
    """What a switch did: whether it is new, and how many rated sessions are to be rated again."""

    stored: bool
    sessions: int


def switch_profile(connection: Connection, wanted: SwitchRequest, now: datetime) -> Switched:
    """Keep a switch. The same told again changes nothing; one for a time that is rated lets that be rated again.

    Raises:
        ReportError: it says what can't be; nothing was stored.
    """
    switch = _checked(wanted)
    known = owners(connection, switch.scope, switch.target)
    operators = [wanted.operator] if wanted.operator in known else known if not wanted.operator else []
    if not operators:
        raise ReportError(f"there is no {_word(switch.scope)} {switch.target!r}: nothing would ever be rated by it")
    if len(operators) > 1:
        raise ReportError(f"name the operator of {switch.target!r}: {', '.join(operators)}")
    (operator_id,) = operators
    if not store_switch(connection, operator_id, switch, now):
        return Switched(stored=False, sessions=0)
    touched = touched_sessions(connection, operator_id, switch)
    place = f"{_word(switch.scope)} {switch.target}"
    reason = f"profile {switch.profile} was told for {place} from {switch.at:%Y-%m-%dT%H:%M:%SZ}, after the rating"
    return Switched(stored=True, sessions=ask_rerating(connection, touched, reason) if touched else 0)


def assign(connection: Connection, entry: AssignmentEntry) -> Outcome:
    """Write one assignment, as a file of master data would, and release what was held for the lack of it.

    Raises:
        ApplyError: it contradicts itself, or names what does not exist; nothing was stored.
    """
    check_assignment(entry, "assignment")
    outcome = Outcome()
    apply_assignment(connection, entry, outcome)
    outcome.released = release_held(connection)
    return outcome


def _checked(wanted: SwitchRequest) -> Switch:
    if wanted.scope not in PLACES:
        raise ReportError(f"scope {wanted.scope!r} must be one of {', '.join(PLACES)}")
    if wanted.profile not in PROFILES:
        raise ReportError(f"profile {wanted.profile!r} must be one of {', '.join(PROFILES)}")
    if wanted.at.tzinfo is None:
        raise ReportError(f"the time {wanted.at.isoformat()} needs its offset, for instance +01:00")
    for name, text in (("source", wanted.source), ("reason", wanted.reason)):
        if len(text) > _LONGEST or not text.isprintable():
            raise ReportError(f"the {name} has at most {_LONGEST} printable characters")
    profile = TariffType(wanted.profile)
    return Switch(Scope(wanted.scope), wanted.target, wanted.at, profile, wanted.source, wanted.reason)


def _word(scope: Scope) -> str:
    return scope.replace("_", " ")
