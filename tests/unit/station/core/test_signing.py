"""An EVSE whose meter signs, told as scenes."""

import pytest

from hardware.api import SignedSession
from shared.ids import EvseId, TransactionKey
from shared.metering import MeterReading, MeterValue, ReadingContext, SignedData
from shared.transaction import Ended, Started, StopReason
from shared.units import Watt, Wh
from station.core.charging import Charging
from station.core.configuration import Configuration
from station.core.evse_condition import Phase
from station.core.evse_events import (
    Action,
    Allow,
    Authorized,
    BeginSigning,
    BoardLost,
    EndRequested,
    EndSigning,
    MeterRead,
    OpenTransaction,
    Record,
    RecoverSigning,
    ReleaseSigned,
    SigningDone,
    Stop,
    TagPresented,
    Tick,
)
from station.core.signing import END_S, Signing, SigningMode
from tests.unit.station.core.test_charging import CARD, NOON, Scene, board

BEGIN, END = SignedData("OCMF|begin|{}", "04AB"), SignedData("OCMF|end|{}", "04AB")
KEY = TransactionKey("k1")
SESSION = SignedSession(KEY, CARD, "DE*ABC*E1")


def scene(mode: SigningMode = SigningMode.REQUIRED, transaction: OpenTransaction | None = None) -> Scene:
    made = Scene(transaction=transaction)
    numbers = iter(range(1, 100))
    made.evse = Charging(
        EvseId(1),
        16,
        Configuration(),
        lambda: TransactionKey(f"k{next(numbers)}"),
        transaction=transaction,
        signing=Signing(mode, "DE*ABC*E1"),
    )
    return made


def read(wh: int) -> MeterRead:
    return MeterRead(MeterReading(Wh(wh), Watt(0)))


def signed(begin: bool = True, *, signed: SignedData | None = None) -> SigningDone:
    return SigningDone(KEY, not begin, signed or (BEGIN if begin else END))


def failed(begin: bool = True, *, definite: bool = False) -> SigningDone:
    return SigningDone(KEY, not begin, None, "it is busy", definite)


def ready(made: Scene) -> list[Action]:
    """Bring the EVSE to where the meter is asked for the begin."""
    made.do(board("B"), read(1000), TagPresented(CARD))
    return made.do(Authorized(CARD), read(1000))


def running(made: Scene) -> Scene:
    ready(made)
    made.do(signed(), read(1000), board("C", 16, True))
    return made


def ending(made: Scene) -> list[Action]:
    """End it and open the contactor; gives what that leads to."""
    made.do(EndRequested(StopReason.REMOTE))
    return made.do(board("B"), read(1500))


def records(actions: list[Action]) -> list[object]:
    return [action.event for action in actions if isinstance(action, Record)]


def test_the_contactor_waits_for_the_signed_begin() -> None:
    made = scene()
    assert ready(made) == [BeginSigning(SESSION)]
    assert made.do(read(1000), board("B"), Tick()) == [], "asked once, and nothing closes"
    actions = made.do(signed(), read(1000))
    started = records(actions)[0]
    assert isinstance(started, Started)
    assert (started.key, started.meter.reading.signed) == (KEY, BEGIN)
    assert actions.index(Record(started)) < actions.index(Allow(16))


def test_a_begin_that_comes_with_the_end() -> None:
    made = scene()
    ready(made)
    started = records(made.do(SigningDone(KEY, False), read(1000)))[0]
    assert isinstance(started, Started)
    assert started.meter.reading.signed is None


def test_required_and_not_signed_is_not_charged_and_says_why() -> None:
    made = scene()
    ready(made)
    assert not records(made.do(failed(), read(1000), board("B"), read(1000)))
    assert made.evse.phase is Phase.IDLE
    assert "it is busy" in made.evse.refusal
    made.do(board("A"))
    assert made.evse.refusal == ""


def test_wanted_and_not_signed_is_charged_all_the_same() -> None:
    made = scene(SigningMode.WANTED)
    ready(made)
    started = records(made.do(failed(), read(1000)))[0]
    assert isinstance(started, Started)
    assert started.meter.reading.signed is None
    assert "signed_begin_missing: it is busy" in made.told


def test_off_asks_nothing() -> None:
    made = scene(SigningMode.OFF)
    assert [type(action) for action in ready(made)] == [Record, Allow]


def test_unplugged_while_the_meter_signs_the_begin() -> None:
    made = scene()
    ready(made)
    made.do(board("A"))
    assert made.do(signed(), read(1000)) == [], "a late answer begins nothing"
    made.do(board("B"), TagPresented(CARD))
    again = made.do(Authorized(CARD), read(1000))
    assert again == [BeginSigning(SignedSession(TransactionKey("k2"), CARD, "DE*ABC*E1"))]
    assert made.do(signed(), read(1000)) == [], "nor does that of the first try for the second"


def test_the_end_is_signed_before_it_is_recorded_and_released_after() -> None:
    made = running(scene())
    session = SignedSession(KEY, CARD, "DE*ABC*E1", Wh(1000))
    asked = ending(made)
    assert asked == [EndSigning(session)]
    made.seconds += 4
    actions = made.do(read(1500), signed(begin=False), read(1500))
    ended = records(actions)[0]
    assert isinstance(ended, Ended)
    assert ended.meter == MeterValue(NOON, MeterReading(Wh(1500), signed=END), ReadingContext.END)
    assert actions.index(Record(ended)) < actions.index(ReleaseSigned())
    assert made.evse.phase is Phase.IDLE


def test_the_contactor_must_be_open_before_the_end_is_signed() -> None:
    made = running(scene())
    made.do(EndRequested(StopReason.REMOTE))
    assert made.do(board("C", 0, True), read(1499)) == [Stop()]
    assert [type(action) for action in made.do(board("B"), read(1500))] == [EndSigning]


def test_the_end_is_asked_again_until_it_comes() -> None:
    made = running(scene())
    ending(made)
    for _ in range(5):
        made.seconds += 10
        assert made.do(failed(begin=False)) == []
        assert [type(action) for action in made.do(read(1500))] == [EndSigning]
    ended = records(made.do(signed(begin=False), read(1500)))[0]
    assert isinstance(ended, Ended)
    assert ended.meter.reading.signed == END
    assert ended.at == NOON, "waiting for a signature is not charging"


@pytest.mark.parametrize("definite", [True, False])
def test_an_end_that_can_t_be_had_loses_no_energy(definite: bool) -> None:
    made = running(scene())
    ending(made)
    if definite:
        actions = made.do(failed(begin=False, definite=True), read(1500))
    else:
        made.do(failed(begin=False), read(1500))
        made.seconds += END_S
        actions = made.do(read(1500))
    ended = records(actions)[0]
    assert isinstance(ended, Ended)
    assert (ended.meter.reading.energy_import, ended.meter.reading.signed) == (1500, None)
    assert "signed_end_missing: it is busy" in made.told
    assert ReleaseSigned() not in actions
    assert made.evse.transaction is None


def test_a_meter_that_is_silent_for_good_does_not_keep_the_transaction_open() -> None:
    made = running(scene())
    made.do(EndRequested(StopReason.REMOTE))
    made.do(board("B"), MeterRead(None), failed(begin=False))
    made.seconds += END_S
    ended = records(made.do(MeterRead(None)))[0]
    assert isinstance(ended, Ended)
    assert ended.meter.reading.energy_import == 1000


def open_transaction(made: Scene) -> OpenTransaction:
    assert made.evse.transaction
    return made.evse.transaction


def test_after_a_power_cut_the_meter_goes_on_with_the_session() -> None:
    made = scene(transaction=open_transaction(running(scene())))
    session = SignedSession(KEY, CARD, "DE*ABC*E1", Wh(1000))
    assert RecoverSigning(session) in made.do(board("B"))
    assert ending(made) == [EndSigning(session)]
    ended = records(made.do(signed(begin=False), read(1500)))[0]
    assert isinstance(ended, Ended)
    assert ended.meter.reading.signed == END


def test_after_a_power_cut_without_the_vehicle_the_end_is_signed_too() -> None:
    made = scene(transaction=open_transaction(running(scene())))
    made.seconds += 3600
    asked = made.do(board("A"), read(1200))
    assert EndSigning(SignedSession(KEY, CARD, "DE*ABC*E1", Wh(1000))) in asked
    ended = records(made.do(signed(begin=False), read(1200)))[0]
    assert isinstance(ended, Ended)
    assert (ended.reason, ended.meter.reading.signed, ended.at) == (StopReason.POWER_LOSS, END, NOON)


def test_killed_while_the_end_is_signed() -> None:
    made = running(scene())
    ending(made)
    again = scene(transaction=open_transaction(made))
    assert [type(action) for action in again.do(board("B"), read(1500))] == [EndSigning]
    assert records(again.do(signed(begin=False), read(1500)))


def test_a_board_that_never_tells_of_an_open_contactor() -> None:
    made = running(scene())
    made.do(EndRequested(StopReason.REMOTE))
    for _ in range(20):
        made.seconds += 10
        made.do(BoardLost(), read(1500))
    assert sum(told.startswith("contactor_not_open") for told in made.told) == 1
    assert made.evse.transaction is None


def test_the_same_card_again_while_the_begin_is_signed_calls_it_off() -> None:
    made = scene()
    ready(made)
    assert not records(made.do(TagPresented(CARD), signed(), read(1000)))
    assert made.evse.phase is Phase.IDLE
