"""Sessions that wait for a person: what their reasons ask for, and what a person's decisions make of them. Pure.

A decision never changes what a station told. It is kept beside it, and taking it back gives the session's own state
again:

- TOKEN: the card belongs to a customer from now on; all sessions of it follow.
- TARIFF: the session is priced by the version of that tariff that was valid when it began.
- ACCEPT: the problems that stood in its reason are no problem; others that come later hold it again.
- WAIVE: it costs nothing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from backend.core.transaction import Derived, State

WITHDRAWN = "what was decided on it was taken back"
"""Why a session that was priced has no price any more."""

_AND = "; "
"""Between the problems of one reason."""


class Kind(StrEnum):
    """What a person decided; UNDO takes the latest decision of a session that stands back."""

    TOKEN = "token"  # noqa: S105  a word of the API
    TARIFF = "tariff"
    ACCEPT = "accept"
    WAIVE = "waive"
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision on a session. `value` is a customer (TOKEN), a tariff (TARIFF) or the problems (ACCEPT)."""

    id: int
    transaction_id: int
    kind: Kind
    value: str
    reason: str
    by: str
    at: datetime
    undoes: int | None = None


_UNKNOWN_TOKEN = re.compile(r"its token .+ is unknown|nobody pays for the token .+")
_ACCEPTABLE = re.compile(
    r"its token .+ is (blocked|expired)|connector \d+ was never reported by this charge point|"
    r"the first stop says .+|it was started more than once: .+|more than one token was presented: .+|"
    r"its messages name more than one EVSE: .+|its start has not come|its EVSE was never told"
)
_NO_ENERGY = re.compile(
    r"the register (falls|jumps) .+|its start is unknown: .+|no register was told before its end|"
    r"nobody presented a token|it ended before it began"
)
"""Nobody can say what was charged, or who did: such a session can only be let go."""


def offers(reason: str) -> tuple[Kind, ...]:
    """Tell what a person may decide on a session that is held for this reason, the most useful first."""
    if reason == WITHDRAWN:
        return (Kind.ACCEPT, Kind.TARIFF)
    problems = reason.split(_AND)
    kinds = {_offer(problem) for problem in problems}
    return (*(kind for kind in (Kind.TOKEN, Kind.ACCEPT, Kind.TARIFF) if kind in kinds), Kind.WAIVE)


def _offer(problem: str) -> Kind:
    if _UNKNOWN_TOKEN.fullmatch(problem):
        return Kind.TOKEN
    if _ACCEPTABLE.fullmatch(problem):
        return Kind.ACCEPT
    return Kind.WAIVE if _NO_ENERGY.fullmatch(problem) else Kind.TARIFF


def acceptable(reason: str) -> str:
    """Give the problems of a reason that a person may accept; empty for none."""
    return _AND.join(problem for problem in reason.split(_AND) if _ACCEPTABLE.fullmatch(problem))


def standing(rulings: Iterable[Ruling]) -> tuple[Ruling, ...]:
    """Give the decisions that were not taken back, in their order."""
    every = tuple(rulings)
    undone = {ruling.undoes for ruling in every}
    return tuple(ruling for ruling in every if ruling.kind is not Kind.UNDO and ruling.id not in undone)


def is_withdrawn(rulings: Iterable[Ruling]) -> bool:
    """Tell whether the last word on a session was to take a decision back."""
    every = tuple(rulings)
    return bool(every) and every[-1].kind is Kind.UNDO


def decided(derived: Derived, rulings: Iterable[Ruling]) -> Derived:
    """Give the state of a session after what a person decided on it."""
    stands = standing(rulings)
    if derived.stop and any(ruling.kind is Kind.WAIVE for ruling in stands):
        return replace(derived, state=State.WAIVED, held_reason="")
    accepted = {part for ruling in stands if ruling.kind is Kind.ACCEPT for part in ruling.value.split(_AND)}
    left = [problem for problem in derived.held_reason.split(_AND) if problem and problem not in accepted]
    if left:
        return replace(derived, held_reason=_AND.join(left))
    return replace(derived, state=State.ENDED if derived.stop else State.RUNNING, held_reason="")
