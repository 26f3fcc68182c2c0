"""What a refusal of a transaction message means, and the words between the ledger and a version of OCPP.

The journal is the queue; its oldest pending entry is the only one that may be sent (strict order, OCPP 1.6 §3.7). An
entry keeps its message id over retries, reconnects and reboots, so that a repeat can be recognised.

An attempt is spent by a refusal (CALLERROR) only (OCPP-J errata 3.3): a lost link or an answer that did not come costs
nothing. When the attempts are used up the entry is parked, never thrown away, and all that follows of its transaction
is parked with it: a person gives them back together (`ledger replay`), so they arrive in their order. Others pass.

One exception: a sample of OCPP 1.6 is parked alone. There the registers of start and stop are what is billed, and a
transaction that never stops, because of one reading that nobody bills, would harm driver and operator.
"""

from dataclasses import dataclass
from decimal import Decimal

from shared.ids import IdToken, MessageId
from shared.metering import MeterValue
from shared.ocpp.session import Payload
from shared.ocpp.validation import Version
from shared.transaction import TransactionEvent
from station.core.authorize import TokenInfo


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
        offline: it happened without a connection, or waited when that was lost (OCPP 2.0.1 E11.FR.07).
    """

    row_id: int
    message_id: MessageId
    event: TransactionEvent
    refusals: int = 0
    transaction_id: int | None = None
    begin: MeterValue | None = None
    offline: bool = False


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
    """The central system has it.

    Args:
        transaction_id: its number of the transaction, set by the answer to a start of OCPP 1.6.
        token: of whom it said something.
        info: what it said.
        cost: what the transaction costs so far, in the currency of the key of that name; None = not told.
        message: for the driver, empty = none.
    """

    transaction_id: int | None = None
    token: IdToken | None = None
    info: TokenInfo | None = None
    cost: Decimal | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """Refused; send it again after so many seconds of link time."""

    after_s: int
    reason: str


@dataclass(frozen=True, slots=True)
class Park:
    """Refused for good: keep it, pass on. With `transaction` all that follows of the transaction is kept with it."""

    reason: str
    transaction: bool


def boundaries_first(order: str, version: Version) -> bool:
    """Tell whether samples of transactions that have ended wait until nothing else does.

    OCPP 2.x numbers the events of a transaction, so their order of arrival says nothing (E01, seqNo). OCPP 1.6 asks for
    chronological order (§3.7), and central systems may refuse values of a transaction that they know has stopped.

    Args:
        order: the setting delivery.order.
        version: of OCPP that is spoken.
    """
    return order == "boundaries" or (order == "auto" and version is not Version.V16)


def judge_refusal(entry: Entry, reason: str, rules: Rules, *, whole: bool = True) -> Retry | Park:
    """Tell what a CALLERROR, or an answer that can't be used, means. The wait grows with the attempts (§3.7.1).

    Without `whole` the rest of the transaction goes on without this entry.
    """
    attempts = entry.refusals + 1
    if attempts < rules.attempts:
        return Retry(rules.retry_interval_s * attempts, reason)
    return Park(f"refused {attempts} times, last: {reason}", transaction=whole)
