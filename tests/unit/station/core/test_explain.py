"""Why an EVSE is not charging: for every sentence a scene that leads to it, in both languages."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from datetime import timedelta

import pytest

from hardware.faults import Fault
from shared.ids import EvseId, TransactionKey
from shared.transaction import StopReason
from station.core.charging import IN_USE, Charging
from station.core.charging_schedule import Limit
from station.core.configuration import Configuration
from station.core.current_limit import Cap, LimitSource
from station.core.evse_condition import Condition
from station.core.evse_events import (
    Authorized,
    BoardLost,
    Deauthorized,
    EndRequested,
    Event,
    JournalSeen,
    Lent,
    LimitsSeen,
    MeterRead,
    OperativeChanged,
    PlugHeld,
    Refused,
    Reserved,
    SelfTested,
    TagPresented,
    Updating,
)
from station.core.explain import ENDINGS, Why
from station.core.protection import SLEEPS_S, Protection
from station.core.reservation import Reservation
from station.core.signing import Signing, SigningMode
from station.german import german
from station.wording import blocked
from tests.unit.station.core.test_charging import CARD, NOON, OTHER, Scene, board, found_open, read

KEEPS_GOING = {"StopTransactionOnInvalidId": "false"}


def evse(
    protection: Protection | None = None, *, tests_rcd: bool = False, signs: bool = False, latched: str = ""
) -> Scene:
    made = Scene()
    made.evse = Charging(
        EvseId(1),
        16,
        Configuration(KEEPS_GOING),
        lambda: TransactionKey("k1"),
        protection=protection or Protection(),
        tests_rcd=tests_rcd,
        signing=Signing(SigningMode.REQUIRED, "DE*ABC*E1") if signs else None,
        latched=frozenset(latched.split()),
    )
    return made.idle()


def starting(made: Scene) -> Scene:
    return then(made, board("B"), TagPresented(CARD), Authorized(CARD))


def running(pilot: str = "B", offered: int = 16, closed: bool = False) -> Scene:
    return then(starting(evse()), read(1000), board(pilot, offered, closed))


def paused() -> Scene:
    """A charge that a limit of the site leaves nothing."""
    none_left = Cap(LimitSource.SITE, Limit(current_ma=5000))
    return then(running("C", 16, closed=True), LimitsSeen((none_left,)), board("C", 0))


def then(made: Scene, *events: Event) -> Scene:
    made.do(*events)
    return made


def asleep() -> Scene:
    made = running()
    for _ in range(3):
        made.seconds += SLEEPS_S / 3
        made.do(board("B", 16))
    return made


def reserved() -> Reservation:
    return Reservation(1, OTHER, NOON + timedelta(hours=1))


SCENES: dict[Why, Callable[[], Scene]] = {
    Why.FREE: evse,
    Why.WAITS_FOR_CARD: lambda: then(evse(), board("B")),
    Why.CHECKING_CARD: lambda: then(evse(), TagPresented(CARD)),
    Why.WAITS_FOR_VEHICLE: lambda: then(evse(), TagPresented(CARD), Authorized(CARD)),
    Why.TESTS_RCD: lambda: starting(evse(tests_rcd=True)),
    Why.LOCKS: lambda: starting(evse(Protection(locks=True))),
    Why.SIGNS: lambda: then(starting(evse(signs=True)), read(1000)),
    Why.READS: lambda: starting(evse()),
    Why.STARTS: lambda: Scene(transaction=found_open()),
    Why.NEVER_ASKED: running,
    Why.WAKES: asleep,
    Why.PAUSES: lambda: then(running("C", 16, closed=True), board("B", 16)),
    Why.NOT_OFFERED: lambda: running("B", 0),
    Why.CLOSES: lambda: running("C", 16),
    Why.ENDS: lambda: then(running("C", 16, closed=True), EndRequested(StopReason.REMOTE)),
    Why.ENDED: lambda: then(running(), TagPresented(CARD), board("B"), read(1001)),
    Why.RESERVED: lambda: then(evse(), Reserved(reserved())),
    Why.REFUSED: lambda: then(evse(), TagPresented(CARD), Refused(CARD, "the card is expired")),
}

BLOCKED: dict[str, Callable[[], Scene]] = {
    "maintenance: ": lambda: then(evse(), Lent(True)),
    "the EVSE controller board does not answer": lambda: then(evse(), BoardLost()),
    "the contactor did not open": lambda: evse(latched="PowerSwitchFailure"),
    "the residual current device failed": lambda: then(evse(), SelfTested(frozenset({"GroundFailure"}))),
    "the board reports ": lambda: then(evse(), board("A", faults=frozenset({"Tilt"}))),
    "the central system refused the driver's card": lambda: then(running(), Deauthorized(TransactionKey("k1"))),
    "the plug stays locked": lambda: then(evse(), PlugHeld(CARD)),
    "the central system has put this EVSE out": lambda: then(evse(), OperativeChanged(False)),
    "the station is about to begin anew": lambda: then(evse(), Updating(True)),
    "the meter does not answer": lambda: then(evse(), MeterRead(None)),
}


def _returned_by_the_core() -> set[str]:
    """Collect the sentences of Condition.blocked_by from its source."""
    getter = Condition.blocked_by.fget  # type: ignore[attr-defined]  # it is a property
    tree = ast.parse(textwrap.dedent(inspect.getsource(getter)))
    found = {ast.unparse(node.value) for node in ast.walk(tree) if isinstance(node, ast.Return) and node.value}
    return {text.removeprefix("f").strip("'\"") for text in found} - {""}


def test_every_sentence_has_a_scene() -> None:
    assert set(SCENES) == set(Why)
    assert all(any(text.startswith(start) for start in BLOCKED) for text in _returned_by_the_core())
    assert len(BLOCKED) == len(_returned_by_the_core())


@pytest.mark.parametrize("why", Why)
def test_a_scene_leads_to_its_sentence_and_that_has_german(why: Why) -> None:
    said = SCENES[why]().evse.why
    start = why.partition("{")[0]
    assert said.startswith(start)
    assert "{" not in said
    assert german(said) != said


@pytest.mark.parametrize("start", BLOCKED)
def test_what_blocks_is_told_and_has_german(start: str) -> None:
    made = BLOCKED[start]()
    said = made.evse.why
    assert said.startswith(start)
    assert blocked(said, made.evse.faults, "de") != said


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_is_told_with_what_to_do(fault: Fault) -> None:
    made = then(evse(), board("A", faults=frozenset({fault})))
    assert made.evse.why
    assert blocked(made.evse.why, made.evse.faults, "de") != made.evse.why


def test_a_limit_below_6_a_is_told_with_whose_it_is() -> None:
    said = paused().evse.why
    assert said == "paused by the site limit"
    assert german(said) == "Pause durch die Grenze des Standorts"


def test_while_energy_flows_there_is_nothing_to_explain() -> None:
    assert running("C", 16, closed=True).evse.why == ""


def test_a_journal_that_can_t_be_written_is_told_when_nobody_charges() -> None:
    made = then(evse(), JournalSeen("the journal can't be used: x"))
    assert made.evse.why == "the journal can't be used: x"
    made = then(running("C", 16, closed=True), JournalSeen("the journal can't be used: x"))
    assert made.evse.why == ""


@pytest.mark.parametrize("reason", ENDINGS)
def test_the_reason_of_an_end_is_said_in_german(reason: StopReason) -> None:
    said = Why.ENDED.format(reason=ENDINGS[reason])
    assert ENDINGS[reason] not in german(said)


@pytest.mark.parametrize(
    "refusal",
    [
        IN_USE,
        "no vehicle was plugged in in time",
        "the vehicle was unplugged",
        "the card was shown again",
        "the meter gave no register in time",
        "this EVSE is reserved for another driver",
        "the plug can't be locked: the lock did not answer",
        "the meter does not sign the begin: no answer in time",
        "not in the local list, and the central system can't be asked",
        "offline, and LocalAuthorizeOffline is false",
        "the card is blocked",
        "the central system says Expired",
    ],
)
def test_every_refusal_is_said_in_german(refusal: str) -> None:
    said = german(Why.REFUSED.format(refusal=refusal))
    assert said.startswith("die letzte Karte wurde abgelehnt: ")
    assert refusal not in said
