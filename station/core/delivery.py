"""What to send next, and what an answer means: the rules of transaction messages.

The journal is the queue; its oldest pending entry is the only one that may be sent (strict order, OCPP 1.6 §3.7). An
entry keeps its message id over retries, reconnects and reboots, so that a repeat can be recognised.

An attempt is spent by a refusal (CALLERROR) only (OCPP-J errata 3.3): a lost link or an answer that did not come costs
nothing. When the attempts are used up the entry is parked, never thrown away. A start that is refused for good parks
its whole transaction, because the end of a transaction that the central system doesn't know can't be billed; others
pass.
"""

from dataclasses import dataclass

from shared.ids import MessageId
from shared.metering import MeterValue
from shared.ocpp.session import Payload
from shared.ocpp.v16 import UNKNOWN_TRANSACTION, meter_values, start_transaction, stop_transaction
from shared.transaction import Ended, Started, TransactionEvent, Updated


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the ledger.

    Args:
        row_id: its place in the order.
        message_id: the same in every try.
        event: with its times corrected as far as known.
        refusals: how often the central system refused it.
        transaction_id: the central system's number of the transaction, None until its start was acknowledged.
        begin: with the end of a transaction the first reading, as it was sent; its signed original goes with the end's.
    """

    row_id: int
    message_id: MessageId
    event: TransactionEvent
    refusals: int = 0
    transaction_id: int | None = None
    begin: MeterValue | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """TransactionMessageAttempts, TransactionMessageRetryInterval (s), and whether the end of a transaction whose start
    was refused for good goes out with transactionId -1 (OCPP 1.6 errata 3.18) instead of being parked with it.
    """

    attempts: int = 3
    retry_interval_s: int = 60
    send_without_start: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """Send this."""

    action: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """The central system has it. `transaction_id` is set by the answer to a start."""

    transaction_id: int | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """Refused; send it again after so many seconds of link time."""

    after_s: int
    reason: str


@dataclass(frozen=True, slots=True)
class Park:
    """Refused for good: keep it, pass on. With `transaction` all that is pending of the transaction is kept with it."""

    reason: str
    transaction: bool


def action(event: TransactionEvent) -> str:
    """Name the OCPP 1.6 action that carries an event."""
    match event:
        case Started():
            return "StartTransaction"
        case Updated():
            return "MeterValues"
        case Ended():
            return "StopTransaction"


def outgoing(entry: Entry, rules: Rules) -> Message | Park:
    """Tell what to do with the oldest pending entry."""
    event = entry.event
    if isinstance(event, Started):
        return Message(action(event), start_transaction(event))
    number = entry.transaction_id
    if number is None:
        if not rules.send_without_start:
            return Park("the start of its transaction was refused for good", transaction=True)
        number = UNKNOWN_TRANSACTION
    if isinstance(event, Updated):
        return Message(action(event), meter_values(event, number))
    payload = stop_transaction(event, number, entry.begin)
    return Message(action(event), payload)


def judge_result(entry: Entry, payload: Payload, rules: Rules) -> Acknowledge | Retry | Park:
    """Tell what a CALLRESULT means that passed its schema. A start is acknowledged with its number."""
    if not isinstance(entry.event, Started):
        return Acknowledge()
    number = payload.get("transactionId")
    if isinstance(number, int):
        return Acknowledge(number)
    return judge_refusal(entry, "the answer has no transactionId", rules)


def judge_refusal(entry: Entry, reason: str, rules: Rules) -> Retry | Park:
    """Tell what a CALLERROR, or an answer that can't be used, means. The wait grows with the attempts (§3.7.1)."""
    attempts = entry.refusals + 1
    if attempts < rules.attempts:
        return Retry(rules.retry_interval_s * attempts, reason)
    whole = isinstance(entry.event, Started) and not rules.send_without_start
    return Park(f"refused {attempts} times, last: {reason}", transaction=whole)
