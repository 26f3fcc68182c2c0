"""What the messages of a transaction mean, whatever their order, however often they come, and whatever is missing.

Nothing that a station reports is refused or overwritten. All is stored, and the state is derived from the *set* of what
is stored:

- A transaction runs until its stop is in, and has ended only when both start and stop are in.
- It is held, with a reason that a person can act on, while something is missing or contradicts itself. What is held is
  not billed. When the cause is gone (the token was added, the connector was reported) deriving again releases it.
- The first stop counts. The same stop sent again changes nothing; one that says something else is kept and holds the
  transaction, because nobody but a person can tell which one is true.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from backend.core.id_token import Authorization
from shared.ids import EvseId, IdToken
from shared.transaction import StopReason
from shared.units import Wh

NOT_AGAIN = "can't be rated again"
"""How the reason begins of a session that was rated and has no price any more: say, its proof was withdrawn."""

_MAX_POWER_W = 1_000_000
"""No connector in the field gives more (megawatt charging of lorries): a register that rises faster has jumped."""

_RESOLUTION_WH = 10
"""A fall up to here is rounding: 32-bit float registers have steps of 8 Wh near 70,000 kWh."""

_SLACK = timedelta(minutes=1)
"""Stamps to the second and registers in coarse steps make short intervals look fast."""


class State(StrEnum):
    """Where a transaction is. `RATED` is set by the rating job and never taken back."""

    RUNNING = "running"
    ENDED = "ended"
    RATED = "rated"
    HELD = "held"
    WAIVED = "waived"
    """A person decided that it costs nothing; set by the rating job."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The import register at a time."""

    at: datetime
    energy: Wh


@dataclass(frozen=True, slots=True)
class Start:
    """What a station said about the begin. Equal starts of one charge point are one transaction."""

    evse_id: EvseId
    id_token: IdToken
    reading: Reading


@dataclass(frozen=True, slots=True)
class Stop:
    """What a station said about the end."""

    reading: Reading
    reason: StopReason
    id_token: IdToken | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known of one transaction.

    Args:
        start: the begin; None where the station never told it.
        foreign_id: the transactionId that the station used where the start is missing.
        problems: what else is missing or contradicts itself, found where the messages were put together.
        stops: in the order of arrival.
        readings: in any order; all that the meter values gave.
        token: what the start's token was worth when the transaction began.
        evse_known: whether the charge point has ever reported this EVSE.
    """

    start: Start | None
    stops: tuple[Stop, ...]
    readings: tuple[Reading, ...]
    token: Authorization
    evse_known: bool
    foreign_id: str = ""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Derived:
    """What follows from what is known. `held_reason` is empty unless the state is HELD."""

    state: State
    held_reason: str
    stop: Stop | None


def derive(known: Known) -> Derived:
    """Tell state, reason and end of a transaction."""
    stop = known.stops[0] if known.stops else None
    reason = "; ".join(_problems(known))
    if reason:
        return Derived(State.HELD, reason, stop)
    return Derived(State.ENDED if stop else State.RUNNING, "", stop)


def conflict(stops: Sequence[Stop]) -> str:
    """Tell how later stops contradict the first one, "" if they don't. Time and register count, the reason does not."""
    others = sorted({stop.reading for stop in stops[1:]} - {stop.reading for stop in stops[:1]}, key=_order)
    if not others:
        return ""
    told = " and ".join(f"{reading.energy} Wh at {reading.at.isoformat()}" for reading in others)
    first = stops[0].reading
    return f"the first stop says {first.energy} Wh at {first.at.isoformat()}, another says {told}"


def _problems(known: Known) -> Iterable[str]:
    start = known.start
    yield from known.problems
    if start is None:
        yield f"its start is unknown: the station called it {known.foreign_id}, which is none of its transactions here"
    else:
        if known.token is not Authorization.ACCEPTED:
            yield f"its token {start.id_token} is {_TOKEN_WORDS[known.token]}"
        if not known.evse_known:
            yield f"connector {start.evse_id} was never reported by this charge point"
        readings = {*known.readings, start.reading, *(stop.reading for stop in known.stops[:1])}
        yield from _implausible(sorted(readings, key=_order))
        if known.stops and known.stops[0].reading.at < start.reading.at:
            yield "it ended before it began"
    if reason := conflict(known.stops):
        yield reason


_TOKEN_WORDS = {
    Authorization.INVALID: "unknown",
    Authorization.BLOCKED: "blocked",
    Authorization.EXPIRED: "expired",
}


def _implausible(readings: Sequence[Reading]) -> Iterable[str]:
    """Tell the first fall or jump of the register: what a station makes up when it has lost its meter.

    Such a jump once billed a meter's whole life of 910 kWh, because the station gave 0 as the first reading.
    """
    for before, after in pairwise(readings):
        gain = after.energy - before.energy
        limit_wh = _MAX_POWER_W * ((after.at - before.at + _SLACK) / timedelta(hours=1))
        if gain < -_RESOLUTION_WH or gain > limit_wh:
            verb = "falls" if gain < 0 else "jumps"
            yield (
                f"the register {verb} from {before.energy} to {after.energy} Wh "
                f"between {before.at.isoformat()} and {after.at.isoformat()}"
            )
            return


def _order(reading: Reading) -> tuple[datetime, int]:
    return reading.at, reading.energy
