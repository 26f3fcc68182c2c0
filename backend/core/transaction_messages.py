"""What the messages of an OCPP 2.x transaction mean together, in whatever order they came and whatever is missing.

Each message may bring a part of the truth: the token comes when the driver presents it, the EVSE when it is known, a
register when it was read. `assemble` puts together what the *set* of messages says; `backend/core/transaction.py`
judges it, as it judges what OCPP 1.6 tells.

- The begin is that of the Started message; its register is the one of that message, else the earliest that is known.
- The end is that of the first Ended message; its register is the one of that message, else the largest that is known.
- Who pays is who first presented a token before the end. A token in the Ended message tells who ended it: a master
  card may do so.
- What is missing after the end is a problem that holds the transaction. Missing numbers are told, and hold nothing:
  registers bridge them, and stations may drop readings that they have no room for (OCPP 2.0.1 E04).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from backend.core.transaction import Reading, Start, Stop
from shared.ids import EvseId, IdToken
from shared.metering import MeterValue, ReadingContext
from shared.ocpp.v201 import EventType, TransactionMessage
from shared.transaction import StopReason
from shared.units import Wh

_NOT_TO_PAY = ("StopAuthorized", "Deauthorized")
"""Triggers of messages whose token ends the charge: it may be another one of the same group."""

NO_EVSE, NO_TOKEN = EvseId(0), IdToken("")
"""What is not told yet."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """What the messages of one transaction say.

    Args:
        start: begin as far as it is told; NO_EVSE and NO_TOKEN mark what is not.
        stops: in the order of arrival.
        readings: all registers that were told.
        problems: what is missing or contradicts itself, as sentences for people.
        notes: what is odd and harmless, for people: numbers that never came, or came with two meanings.
        is_started: the begin is known from the station's own word, not from what came later.
    """

    start: Start
    stops: tuple[Stop, ...]
    readings: tuple[Reading, ...]
    problems: tuple[str, ...]
    notes: str
    is_started: bool = True


def same_meaning(one: TransactionMessage, other: TransactionMessage) -> bool:
    """Tell whether a message was sent again: whether the station was offline may then have changed."""
    return replace(one, offline=False) == replace(other, offline=False)


def assemble(messages: Sequence[TransactionMessage]) -> Assembled:
    """Put together what is known of a transaction.

    Args:
        messages: at least one, in the order of arrival; the same one twice changes nothing.
    """
    ordered = sorted(messages, key=lambda message: (message.seq_no, message.at))
    started = [message for message in ordered if message.kind is EventType.STARTED]
    ended = [message for message in messages if message.kind is EventType.ENDED]
    before_end = [message for message in ordered if message.kind is not EventType.ENDED]
    begin_at = started[0].at if started else min(message.at for message in messages)
    begin = _begin_register(started, before_end, ended)
    readings = tuple(_readings(messages))
    fallback = begin if begin is not None else Wh(0)
    start = Start(
        evse_id=next((m.evse_id for m in ordered if m.evse_id is not None), NO_EVSE),
        id_token=next(iter(_payers(before_end)), NO_TOKEN),
        reading=Reading(begin_at, fallback),
    )
    largest = max((reading.energy for reading in readings), default=fallback)
    stops = tuple(
        Stop(_end(message, largest), message.reason or StopReason.OTHER, message.id_token) for message in ended
    )
    problems = (*_contradictions(started, messages), *(_missing(start, begin) if ended else ()))
    return Assembled(start, stops, readings, problems, _notes(ordered), bool(started))


def _begin_register(
    started: Sequence[TransactionMessage], before_end: Sequence[TransactionMessage], ended: Sequence[TransactionMessage]
) -> Wh | None:
    """Find the register at the begin; None where all that is known was read at the end."""
    of_start = [value for message in started for value in message.values]
    earlier = [value for message in before_end for value in message.values]
    late = [value for m in ended for value in m.values if value.context is ReadingContext.BEGIN or value.at < m.at]
    candidates = of_start or [*earlier, *late]
    values = [value for value in candidates if value.context is ReadingContext.BEGIN] or candidates
    first = min(values, key=_order, default=None)
    return first.reading.energy_import if first else None


def _end(message: TransactionMessage, largest: Wh) -> Reading:
    """Give the reading at the end: the last register of the message, else the largest that is known."""
    values = [v for v in message.values if v.context is ReadingContext.END] or message.values
    last = max(values, key=_order, default=None)
    return Reading(message.at, last.reading.energy_import if last else largest)


def _order(value: MeterValue) -> tuple[datetime, int]:
    return value.at, value.reading.energy_import


def _readings(messages: Iterable[TransactionMessage]) -> set[Reading]:
    return {Reading(value.at, value.reading.energy_import) for message in messages for value in message.values}


def _contradictions(started: Sequence[TransactionMessage], messages: Sequence[TransactionMessage]) -> Iterable[str]:
    if not started:
        yield "its start has not come"
    begins = sorted({message.at for message in started})
    if len(begins) > 1:
        yield f"it was started more than once: {_times(begins)}"
    payers = _payers([message for message in messages if message.kind is not EventType.ENDED])
    if len(payers) > 1:
        yield f"more than one token was presented: {', '.join(sorted(map(str, payers)))}"
    evses = sorted({message.evse_id for message in messages if message.evse_id is not None})
    if len(evses) > 1:
        yield f"its messages name more than one EVSE: {', '.join(map(str, evses))}"


def _missing(start: Start, begin: Wh | None) -> Iterable[str]:
    if start.id_token == NO_TOKEN:
        yield "nobody presented a token"
    if start.evse_id == NO_EVSE:
        yield "its EVSE was never told"
    if begin is None:
        yield "no register was told before its end"


def _notes(ordered: Sequence[TransactionMessage]) -> str:
    """Tell which numbers never came and which came with two meanings."""
    numbers = sorted({message.seq_no for message in ordered})
    gaps = [(low + 1, high - 1) for low, high in pairwise(numbers) if high - low > 1]
    notes = [
        f"seqNo {first} never came" if first == last else f"seqNo {first} to {last} never came" for first, last in gaps
    ]
    twice = sorted({a.seq_no for a, b in pairwise(ordered) if a.seq_no == b.seq_no and not same_meaning(a, b)})
    notes += [f"seqNo {number} came with more than one meaning" for number in twice]
    return "; ".join(notes)


def _payers(before_end: Sequence[TransactionMessage]) -> tuple[IdToken, ...]:
    """Give the tokens that were presented to charge, each once, in the order of the messages."""
    tokens = (m.id_token for m in before_end if m.id_token is not None and m.trigger not in _NOT_TO_PAY)
    return tuple(dict.fromkeys(tokens))


def _times(moments: Iterable[datetime]) -> str:
    return ", ".join(moment.isoformat() for moment in moments)
