"""Why an EVSE is not charging now, in one sentence that names what stands in the way and what to do. Pure.

What blocks for more than this moment comes first (station.core.evse_condition.blocked_by), then where the charge is
between card and last register. The sentences are English and translated where they are read (station.german).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hardware.api import PilotState
from shared.transaction import StopReason
from station.core.evse_condition import Condition, Phase

_ASKS = (PilotState.C, PilotState.D)


class Why(StrEnum):
    """The sentences; a name in braces stands for a fact."""

    CHECKING_CARD = "the card is being checked: wait for the central system's answer"
    WAITS_FOR_VEHICLE = "the card is good: plug the vehicle in before the time for that is over"
    TESTS_RCD = "the residual current device is being tested before the charge: wait"
    LOCKS = "the plug is being locked before the charge: wait"
    SIGNS = "the meter is signing the begin of the charge: wait"
    READS = "the first register is being read: wait"
    STARTS = "the program has just started and asks board and meter: wait"
    WAKES = "the vehicle does not ask for energy: the offer is taken away for a moment to wake it"
    NEVER_ASKED = (
        "the vehicle is offered {offered} A and has not asked for energy: look for a timer or an error in the vehicle, "
        "or plug it in anew"
    )
    PAUSES = "the vehicle is full or pauses the charge: it takes energy again when it wants"
    NOT_OFFERED = "the board does not offer the current that it was told to: look at its own settings"
    CLOSES = "the vehicle asks for energy and the contactor is about to close: wait"
    ENDS = "the charge is ending: the contactor opens, then the last register is read"
    ENDED = "the last charge has ended ({reason}): unplug the vehicle, or show a card to charge again"
    RESERVED = "it is reserved until {until}: only the card of that driver is taken"
    REFUSED = "the last card was refused: {refusal}"
    WAITS_FOR_CARD = "a vehicle is plugged in: show a card, or let the central system start the charge"
    FREE = "nobody charges here: plug a vehicle in and show a card"


ENDINGS = {
    StopReason.LOCAL: "the card was shown",
    StopReason.REMOTE: "the central system ended it",
    StopReason.EV_DISCONNECTED: "the vehicle was unplugged",
    StopReason.DE_AUTHORIZED: "the central system refused the driver's card",
    StopReason.POWER_LOSS: "there was a power cut, and the vehicle had gone when it was over",
    StopReason.GROUND_FAULT: "the residual current device has tripped",
    StopReason.OVERCURRENT_FAULT: "the vehicle drew more than it was offered",
    StopReason.UNLOCK_COMMAND: "the central system had the plug unlocked",
    StopReason.SOFT_RESET: "the central system had the station restarted",
    StopReason.HARD_RESET: "the central system had the station restarted",
    StopReason.MASTER_PASS: "a master card was shown",
}


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides, beside the condition.

    Args:
        condition: all that decides what the EVSE shows.
        is_new: nobody has asked the board yet.
        trouble: why nothing new may begin though the condition is good, such as a journal that can't be written.
        refusal: why the last card or remote start came to nothing.
        reserved_until: end of a reservation.
        ended: why the last charge ended, while its vehicle is still there.
        awaits_rcd: the residual current device is being tested.
        awaits_lock: the plug is being locked.
        awaits_signature: the meter is signing the begin.
        is_waking: the offer is away to wake the vehicle.
        has_asked: the vehicle has asked for energy in this charge.
    """

    condition: Condition
    is_new: bool = False
    trouble: str = ""
    refusal: str = ""
    reserved_until: datetime | None = None
    ended: StopReason | None = None
    awaits_rcd: bool = False
    awaits_lock: bool = False
    awaits_signature: bool = False
    is_waking: bool = False
    has_asked: bool = False


def explain(situation: Situation) -> str:
    """Give the sentence; empty while energy flows."""
    condition = situation.condition
    if situation.is_new:
        return Why.STARTS
    if condition.blocked_by:
        return condition.blocked_by
    match condition.phase:
        case Phase.RUNNING:
            return condition.paused or _running(situation)
        case Phase.ENDING:
            return Why.ENDS
        case _ if situation.trouble:
            return situation.trouble
        case Phase.ASKING:
            return Why.CHECKING_CARD
        case Phase.AUTHORIZED:
            return Why.WAITS_FOR_VEHICLE
        case Phase.STARTING:
            return _starting(situation)
        case _:
            return _idle(situation)


def _running(situation: Situation) -> str:
    board = situation.condition.board
    if board is None:
        return situation.condition.blocked_by
    if board.pilot in _ASKS:
        return "" if board.contactor_closed else Why.CLOSES
    if situation.is_waking:
        return Why.WAKES
    if not board.offered_current_a:
        return Why.NOT_OFFERED
    if situation.has_asked:
        return Why.PAUSES
    return Why.NEVER_ASKED.format(offered=board.offered_current_a)


def _starting(situation: Situation) -> Why:
    if situation.awaits_rcd:
        return Why.TESTS_RCD
    if situation.awaits_lock:
        return Why.LOCKS
    return Why.SIGNS if situation.awaits_signature else Why.READS


def _idle(situation: Situation) -> str:
    if situation.refusal:
        return Why.REFUSED.format(refusal=situation.refusal)
    if situation.condition.finished and situation.ended:
        return Why.ENDED.format(reason=ENDINGS.get(situation.ended, situation.ended))
    if situation.reserved_until:
        return Why.RESERVED.format(until=f"{situation.reserved_until:%Y-%m-%d %H:%M} UTC")
    return Why.WAITS_FOR_CARD if situation.condition.is_plugged else Why.FREE
