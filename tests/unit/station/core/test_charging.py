"""One EVSE from card and plug to first and last register, told as scenes."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.api import EvseStatus, PilotState
from shared.ids import EvseId, IdToken, TransactionKey
from shared.metering import MeterReading, MeterValue, ReadingContext
from shared.transaction import ChargingState, Ended, Started, StopReason, TransactionEvent, Trigger, Updated
from shared.units import Watt, Wh
from station.core.board_health import OPENING_S
from station.core.charging import IN_USE, Charging
from station.core.configuration import Configuration
from station.core.connector import Status
from station.core.current_limit import CurrentRules
from station.core.evse_condition import Phase
from station.core.evse_events import (
    Action,
    Allow,
    Authorize,
    Authorized,
    BoardLost,
    BoardSeen,
    CompareGroup,
    Deauthorized,
    Ending,
    EndRequested,
    Event,
    HoldPlug,
    KeepReservation,
    Lent,
    MarkEnding,
    MeterRead,
    Notify,
    OpenTransaction,
    OperativeChanged,
    PlugHeld,
    Record,
    Refused,
    ReleasePlug,
    RemoteStart,
    Reserved,
    SendSample,
    Stop,
    StopAuthorized,
    TagPresented,
    Tell,
    TellExpired,
    Tick,
)
from station.core.presentation import meant_evse
from station.core.reservation import Reservation
from station.core.timekeeping import Now

NOON = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
CARD, OTHER = IdToken("04A1B2C3D4"), IdToken("FFFF")


def board(pilot: str, offered: int = 0, closed: bool = False, **more: object) -> BoardSeen:
    return BoardSeen(EvseStatus(PilotState(pilot), closed, offered, **more))  # type: ignore[arg-type]  # as given


@dataclass
class Scene:
    """An EVSE with its clock; `do` gives the actions without the notifications, which are kept apart."""

    keys: dict[str, str] = field(default_factory=dict)
    transaction: OpenTransaction | None = None
    operative: bool = True
    rules: CurrentRules = CurrentRules()
    seconds: float = 0.0
    statuses: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        numbers = iter(range(1, 1000))
        self.evse = Charging(
            EvseId(1),
            16,
            Configuration(self.keys),
            lambda: TransactionKey(f"k{next(numbers)}"),
            transaction=self.transaction,
            operative=self.operative,
            rules=self.rules,
        )

    def do(self, *events: Event) -> list[Action]:
        actions: list[Action] = []
        for event in events:
            now = Now(1000.0 + self.seconds, NOON + timedelta(seconds=self.seconds))
            for action in self.evse.handle(event, now):
                if isinstance(action, Notify):
                    self.statuses.append(action.status)
                elif isinstance(action, Tell):
                    self.told.append(f"{action.fact}: {action.why}")
                else:
                    actions.append(action)
        return actions

    def status(self) -> Status:
        return self.evse.status

    def idle(self) -> "Scene":
        self.do(board("A"), MeterRead(MeterReading(Wh(1000))))
        return self

    def charging(self) -> "Scene":
        self.idle()
        self.do(board("B"), TagPresented(CARD), Authorized(CARD), MeterRead(MeterReading(Wh(1000))))
        self.do(board("C", 16, True))
        assert self.status() is Status.CHARGING
        return self


def read(wh: int) -> MeterRead:
    return MeterRead(MeterReading(Wh(wh), Watt(11000)))


def recorded(actions: list[Action]) -> list[TransactionEvent]:
    return [action.event for action in actions if isinstance(action, Record)]


def test_plug_then_card() -> None:
    scene = Scene().idle()
    assert scene.do(board("B")) == []
    assert scene.do(TagPresented(CARD)) == [Authorize(CARD)]
    assert scene.do(Authorized(CARD)) == []
    record, allow = scene.do(read(1005))
    assert isinstance(record, Record)
    assert record.event == Started(
        TransactionKey("k1"),
        EvseId(1),
        CARD,
        MeterValue(NOON, MeterReading(Wh(1005)), ReadingContext.BEGIN),
        trigger=Trigger.AUTHORIZED,
        state=ChargingState.EV_CONNECTED,
    )
    assert allow == Allow(16)
    scene.do(board("C", 16, True))
    assert scene.statuses == ["Available", "Preparing", "SuspendedEV", "Charging"]


def test_card_then_plug() -> None:
    scene = Scene().idle()
    scene.do(TagPresented(CARD), Authorized(CARD))
    assert scene.do(read(1000)) == [], "nothing starts before the vehicle is there"
    actions = scene.do(board("B"), read(1000))
    assert [type(action) for action in actions] == [Record, Allow]
    assert scene.statuses == ["Available", "Preparing", "Preparing", "SuspendedEV"], "told again: it is plugged in now"


def test_the_cable_limits_the_current() -> None:
    scene = Scene().idle()
    actions = scene.do(board("B", cable_current_a=13), RemoteStart(CARD), read(1000))
    assert actions[-1] == Allow(13)


def test_a_refused_card_starts_nothing() -> None:
    scene = Scene().idle()
    scene.do(board("B"), TagPresented(CARD), Refused(CARD, "the card is blocked"))
    assert scene.do(read(1000)) == []
    assert scene.told == ["charge_refused: the card is blocked"]


def test_an_answer_for_another_card_is_not_heard() -> None:
    scene = Scene().idle()
    scene.do(board("B"), TagPresented(CARD), TagPresented(OTHER), Authorized(CARD))
    assert scene.do(read(1000)) == []
    scene.do(Authorized(OTHER))
    assert recorded(scene.do(read(1000)))


def test_a_card_without_a_vehicle_times_out() -> None:
    scene = Scene({"ConnectionTimeOut": "60"}).idle()
    scene.do(TagPresented(CARD), Authorized(CARD))
    scene.seconds = 59
    scene.do(Tick())
    assert scene.status() is Status.PREPARING
    scene.seconds = 60
    scene.do(Tick())
    assert scene.status() is Status.AVAILABLE
    assert scene.do(board("B"), read(1000)) == []


def test_showing_the_card_twice_calls_it_off() -> None:
    scene = Scene().idle()
    scene.do(TagPresented(CARD), Authorized(CARD), TagPresented(CARD))
    assert scene.status() is Status.AVAILABLE


def test_the_same_card_ends_and_the_end_register_is_read_with_the_contactor_open() -> None:
    scene = Scene().charging()
    key = TransactionKey("k1")
    assert scene.do(TagPresented(CARD)) == [MarkEnding(key, Ending(StopReason.LOCAL, CARD)), Stop()]
    assert scene.do(board("C", 0, True), read(1500)) == [Stop()], "the contactor is still closed: Wh may still flow"
    scene.seconds = 3
    (end,) = recorded(scene.do(board("B"), read(1503)))
    assert end == Ended(
        key,
        1,
        EvseId(1),
        MeterValue(NOON + timedelta(seconds=3), MeterReading(Wh(1503)), ReadingContext.END),
        StopReason.LOCAL,
        CARD,
        state=ChargingState.EV_CONNECTED,
    )
    assert scene.status() is Status.FINISHING
    scene.do(board("A"))
    assert scene.status() is Status.AVAILABLE


def test_a_new_charge_without_replugging_goes_through_preparing() -> None:
    scene = Scene().charging()
    scene.do(TagPresented(CARD), board("B"), read(1500))
    scene.statuses.clear()
    actions = scene.do(TagPresented(OTHER), Authorized(OTHER), read(1500))
    (start,) = recorded(actions)
    assert start.key == "k2"
    assert scene.statuses == ["Preparing", "SuspendedEV"]


def test_unplugging_ends() -> None:
    scene = Scene().charging()
    actions = scene.do(board("A"), read(1500))
    (end,) = recorded(actions)
    assert isinstance(end, Ended)
    assert end.reason is StopReason.EV_DISCONNECTED
    assert scene.status() is Status.AVAILABLE


def test_another_card_does_not_end_it() -> None:
    scene = Scene().charging()
    assert scene.do(TagPresented(OTHER)) == [CompareGroup(OTHER, CARD)]
    assert scene.do(Refused(OTHER, IN_USE)) == []
    assert scene.told == ["charge_refused: another transaction is running here"]


def test_a_card_of_the_same_group_ends_it() -> None:
    scene = Scene().charging()
    scene.do(TagPresented(OTHER))
    actions = scene.do(StopAuthorized(OTHER, CARD))
    assert actions == [MarkEnding(TransactionKey("k1"), Ending(StopReason.LOCAL, OTHER)), Stop()]
    (end,) = recorded(scene.do(board("B"), read(1100)))
    assert isinstance(end, Ended)
    assert (end.id_token, end.reason) == (OTHER, StopReason.LOCAL)


KEPT = Reservation(7, CARD, NOON + timedelta(minutes=10), "GROUP")


def test_a_master_card_ends_it_and_the_record_says_so() -> None:
    scene = Scene().charging()
    assert scene.do(TagPresented(OTHER)) == [CompareGroup(OTHER, CARD)]
    actions = scene.do(StopAuthorized(OTHER, CARD, by_master_pass=True), board("B"), read(1500))
    (end,) = recorded(actions)
    assert isinstance(end, Ended)
    assert (end.reason, end.id_token) == (StopReason.MASTER_PASS, OTHER)


def free_vend() -> Scene:
    scene = Scene()
    scene.evse = Charging(
        EvseId(1), 16, Configuration({}), lambda: TransactionKey("k1"), free_vend=IdToken("FREEVEND", "NoAuthorization")
    )
    return scene.idle()


def test_free_vend_charges_whoever_plugs_in_once() -> None:
    scene = free_vend()
    (start,) = recorded(scene.do(board("B"), read(1000)))
    assert isinstance(start, Started)
    assert (start.id_token.value, start.id_token.kind) == ("FREEVEND", "NoAuthorization")
    scene.do(board("C", 16, True), EndRequested(StopReason.REMOTE), board("B"), read(1500))
    assert recorded(scene.do(board("B"), read(1500))) == []
    assert recorded(scene.do(board("A"), board("B"), read(1500)))


def test_free_vend_waits_until_nothing_stands_in_its_way_and_gives_up_once() -> None:
    scene = free_vend()
    scene.do(OperativeChanged(False), board("B"), read(1000))
    assert scene.status() is Status.UNAVAILABLE
    scene.do(OperativeChanged(True), board("B"), MeterRead(None))
    assert scene.evse.refusal or scene.evse.phase is Phase.IDLE
    scene.do(board("A"))
    assert recorded(scene.do(read(1000), board("B"), read(1000)))


def test_a_reserved_evse_serves_its_driver_and_the_reservation_is_used_up() -> None:
    scene = Scene().idle()
    assert scene.do(Reserved(KEPT)) == [KeepReservation(KEPT)]
    assert scene.status() is Status.RESERVED
    scene.do(board("B"))
    assert scene.status() is Status.RESERVED, "a vehicle alone is not the driver"
    scene.do(TagPresented(CARD), Authorized(CARD))
    record, kept, allow = scene.do(read(1000))
    assert isinstance(record, Record)
    assert isinstance(record.event, Started)
    assert record.event.reservation_id == 7
    assert kept == KeepReservation(None)
    assert allow == Allow(16)


def test_a_reserved_evse_serves_the_group_and_nobody_else() -> None:
    scene = Scene().idle()
    scene.do(Reserved(KEPT), TagPresented(OTHER), Authorized(OTHER, "ANOTHER"))
    assert scene.status() is Status.RESERVED
    assert scene.told == ["charge_refused: this EVSE is reserved for another driver"]
    scene.do(TagPresented(OTHER), Authorized(OTHER, "group"))
    assert scene.status() is Status.PREPARING


def test_a_reservation_without_a_group_refuses_others_at_once() -> None:
    scene = Scene().idle()
    scene.do(Reserved(replace(KEPT, group="")))
    assert scene.do(TagPresented(OTHER)) == []
    assert scene.do(RemoteStart(OTHER)) == []
    assert scene.do(RemoteStart(CARD), board("B"), read(1000))


def test_a_reservation_expires() -> None:
    scene = Scene().idle()
    scene.do(Reserved(KEPT))
    scene.seconds = 601
    assert scene.do(Tick()) == [TellExpired(KEPT.number), KeepReservation(None)]
    assert scene.status() is Status.AVAILABLE


def test_a_card_refused_later_may_still_get_some_energy() -> None:
    scene = Scene({"MaxEnergyOnInvalidId": "50"}).charging()
    assert scene.do(Deauthorized(TransactionKey("k1")), read(1049)) == []
    ending = Ending(StopReason.DE_AUTHORIZED)
    assert scene.do(read(1050)) == [MarkEnding(TransactionKey("k1"), ending), Stop(), HoldPlug(CARD)]


def test_the_plug_stays_locked_until_the_card_is_shown_again() -> None:
    scene = Scene().charging()
    scene.do(Deauthorized(TransactionKey("k1")), PlugHeld(CARD), board("B"), read(1100))
    assert "stays locked" in scene.evse.blocked_by
    assert scene.do(TagPresented(OTHER)) == [CompareGroup(OTHER, CARD)]
    assert scene.do(TagPresented(CARD)) == [ReleasePlug()]
    assert scene.evse.blocked_by == ""


def test_unplugging_need_not_end_the_transaction() -> None:
    scene = Scene({"StopTransactionOnEVSideDisconnect": "false"}).charging()
    assert scene.do(board("A", 16)) == [Stop()]
    assert scene.status() is Status.SUSPENDED_EV
    assert scene.do(board("B", 0)) == [Allow(16)]
    assert [type(event) for event in recorded(scene.do(EndRequested(StopReason.REMOTE), board("B"), read(1100)))] == [
        Ended
    ]


def test_unplugging_may_leave_the_plug_locked() -> None:
    scene = Scene({"UnlockConnectorOnEVSideDisconnect": "false"}).charging()
    assert HoldPlug(CARD) in scene.do(board("A"))


@pytest.mark.parametrize("reason", [StopReason.REMOTE, StopReason.SOFT_RESET])
def test_it_ends_on_request(reason: StopReason) -> None:
    scene = Scene().charging()
    scene.do(EndRequested(reason))
    (end,) = recorded(scene.do(board("B"), read(1100)))
    assert isinstance(end, Ended)
    assert end.reason is reason


def test_no_reading_no_charge() -> None:
    scene = Scene().idle()
    scene.do(board("B"), MeterRead(None))
    assert scene.do(TagPresented(CARD)) == []
    assert scene.told == ["charge_refused: the meter does not answer: no reading, no charge"]
    assert "no reading" in scene.evse.blocked_by


def test_a_meter_that_dies_between_card_and_start_starts_nothing() -> None:
    scene = Scene().idle()
    scene.do(board("B"), TagPresented(CARD), Authorized(CARD))
    assert scene.do(MeterRead(None)) == []
    assert scene.evse.phase is Phase.IDLE
    assert scene.do(read(1000)) == [], "the authorization is gone with it"


def test_a_meter_that_dies_during_the_charge_leaves_a_marked_gap() -> None:
    scene = Scene({"MeterValueSampleInterval": "60"}).charging()
    scene.seconds = 60
    assert len(recorded(scene.do(read(1200)))) == 1
    scene.do(MeterRead(None))
    assert scene.told == ["meter_gap_begins: "]
    assert scene.status() is Status.CHARGING
    scene.seconds = 180
    assert scene.do(MeterRead(None)) == []
    scene.do(TagPresented(CARD), board("B"))
    (end,) = recorded(scene.do(MeterRead(None)))
    assert isinstance(end, Ended)
    assert end.meter.reading.energy_import == 1200
    assert end.seq_no == 2


def test_a_register_that_runs_backwards_is_not_believed() -> None:
    scene = Scene({"MeterValueSampleInterval": "60"}).charging()
    scene.do(read(1500))
    scene.seconds = 60
    assert scene.do(read(7)) == []
    scene.do(TagPresented(CARD), board("B"))
    (end,) = recorded(scene.do(read(7)))
    assert isinstance(end, Ended)
    assert end.meter.reading.energy_import == 1500


def test_a_contactor_that_never_confirms_does_not_keep_the_transaction_open() -> None:
    scene = Scene().charging()
    scene.do(TagPresented(CARD))
    ends = []
    for second in range(5, 90, 5):
        scene.seconds = second
        ends += recorded(scene.do(board("C", 0, True), read(1500 + second)))
    (end,) = ends
    assert isinstance(end, Ended)
    assert end.meter.reading.energy_import == 1500 + round(OPENING_S)
    assert any(fact.startswith("contactor_not_open") for fact in scene.told)


def test_samples_are_numbered_and_hold_what_was_asked_for() -> None:
    scene = Scene({"MeterValueSampleInterval": "60", "ClockAlignedDataInterval": "120"}).charging()
    scene.do(read(1000))
    events = []
    for second in range(30, 181, 30):
        scene.seconds = second
        events += recorded(scene.do(read(1000 + second)))
    assert [event.seq_no for event in events] == [1, 2, 3]
    contexts = [[value.context for value in event.values] for event in events if isinstance(event, Updated)]
    assert contexts == [["Sample.Periodic"], ["Sample.Periodic", "Sample.Clock"], ["Sample.Periodic"]]


def test_clock_aligned_values_outside_a_transaction_are_sent_not_recorded() -> None:
    scene = Scene({"ClockAlignedDataInterval": "900"}).idle()
    scene.seconds = 900
    (action,) = scene.do(read(1000))
    assert isinstance(action, SendSample)
    assert action.value.context is ReadingContext.CLOCK


def test_a_card_refused_after_the_start_ends_it() -> None:
    scene = Scene().charging()
    assert scene.do(Deauthorized(TransactionKey("other"))) == []
    assert Stop() in scene.do(Deauthorized(TransactionKey("k1")))
    (end,) = recorded(scene.do(board("B"), read(1010)))
    assert isinstance(end, Ended)
    assert end.reason is StopReason.DE_AUTHORIZED


def test_or_stops_the_energy_only() -> None:
    scene = Scene({"StopTransactionOnInvalidId": "false"}).charging()
    assert scene.do(Deauthorized(TransactionKey("k1"))) == [Stop()]
    assert scene.do(board("B"), read(1010)) == []
    assert scene.status() is Status.SUSPENDED_EVSE
    (end,) = recorded(scene.do(board("A"), read(1010)))
    assert isinstance(end, Ended)


@pytest.mark.parametrize("pilot", ["B", "C"])
def test_after_a_restart_the_same_transaction_goes_on_if_the_vehicle_is_there(pilot: str) -> None:
    scene = Scene({"MeterValueSampleInterval": "60"}, found_open())
    assert scene.do(board(pilot, 16, pilot == "C")) == []
    assert scene.told == ["transaction_resumed: "]
    scene.seconds = 60
    (sample,) = recorded(scene.do(read(5200)))
    assert (sample.key, sample.seq_no) == ("old", 4)


def test_a_board_that_lost_its_offer_is_given_it_again() -> None:
    assert Scene(transaction=found_open()).do(board("B")) == [Allow(16)]


def test_after_a_restart_without_the_vehicle_it_ends_at_the_last_time_known() -> None:
    scene = Scene(transaction=found_open(same_boot=False))
    scene.seconds = 7200
    actions = scene.do(board("A"), read(5150))
    (record,) = [action for action in actions if isinstance(action, Record)]
    assert record.past
    end = record.event
    assert isinstance(end, Ended)
    assert (end.reason, end.at, end.meter.reading.energy_import) == (StopReason.POWER_LOSS, NOON, 5150)


@pytest.mark.parametrize("reading", [None, MeterReading(Wh(12))])
def test_and_with_the_best_register_known(reading: MeterReading | None) -> None:
    scene = Scene(transaction=found_open())
    (end,) = recorded(scene.do(board("A"), MeterRead(reading)))
    assert isinstance(end, Ended)
    assert end.meter.reading.energy_import == 5000


def test_nothing_is_decided_before_the_board_has_spoken() -> None:
    scene = Scene(transaction=found_open())
    assert scene.do(read(5100), Tick(), BoardLost()) == []
    assert scene.evse.phase is Phase.RESUMING


def test_an_end_that_was_decided_before_the_restart_is_carried_out() -> None:
    scene = Scene(transaction=found_open(ending=Ending(StopReason.LOCAL, CARD)))
    actions = scene.do(board("C", 16, True))
    assert actions == [Stop()]
    (end,) = recorded(scene.do(board("B"), read(5003)))
    assert isinstance(end, Ended)
    assert (end.reason, end.id_token, end.seq_no) == (StopReason.LOCAL, CARD, 4)


def test_a_card_refused_before_the_restart_stays_refused() -> None:
    scene = Scene(transaction=found_open(deauthorized=True))
    assert Stop() in scene.do(board("C", 16, True))


def found_open(ending: Ending | None = None, same_boot: bool = True, deauthorized: bool = False) -> OpenTransaction:
    begin = MeterValue(NOON - timedelta(hours=1), MeterReading(Wh(4000)), ReadingContext.BEGIN)
    started = Started(TransactionKey("old"), EvseId(1), CARD, begin)
    return OpenTransaction(started, 4, Wh(5000), NOON, ending, same_boot, deauthorized)


def test_a_board_that_offers_without_a_transaction_is_stopped() -> None:
    assert Scene().do(board("C", 16, True)) == [Stop()]


def test_a_fault_of_the_board_is_reported_and_the_charge_goes_on_when_it_is_gone() -> None:
    scene = Scene().charging()
    scene.do(board("C", 0, False, faults=frozenset({"InternalError"})))
    assert scene.status() is Status.FAULTED
    assert "InternalError" in scene.evse.blocked_by
    assert scene.do(board("C")) == [Allow(16)]


def test_a_silent_board_is_a_fault_and_the_transaction_stays() -> None:
    scene = Scene().charging()
    scene.do(BoardLost())
    assert scene.status() is Status.FAULTED
    scene.do(board("C", 16, True))
    assert scene.status() is Status.CHARGING


def test_out_of_service_waits_for_the_end_of_the_charge() -> None:
    scene = Scene().charging()
    scene.do(OperativeChanged(False))
    assert scene.status() is Status.CHARGING
    scene.do(TagPresented(CARD), board("B"), read(1500))
    assert scene.status() is Status.UNAVAILABLE
    assert scene.do(TagPresented(CARD)) == []
    scene.do(OperativeChanged(True))
    assert scene.status() is Status.PREPARING


def test_remote_start_may_have_to_ask() -> None:
    scene = Scene().idle()
    assert scene.do(RemoteStart(CARD, ask=True)) == [Authorize(CARD)]
    assert scene.do(RemoteStart(CARD)) == []
    assert recorded(scene.do(board("B"), read(1000)))


def test_a_reader_for_several_evses_finds_the_one_that_is_meant() -> None:
    free, plugged, running = Scene().idle(), Scene().idle(), Scene().charging()
    plugged.do(board("B"))
    evses = [free.evse, plugged.evse, running.evse]
    assert meant_evse(CARD, evses) is running.evse
    assert meant_evse(OTHER, evses) is plugged.evse
    free.do(TagPresented(OTHER))
    assert meant_evse(OTHER, evses) is free.evse
    assert meant_evse(OTHER, []) is None


EVENTS = st.one_of(
    st.builds(
        board,
        st.sampled_from("ABCDEF"),
        st.sampled_from([0, 16]),
        st.booleans(),
    ),
    st.builds(read, st.integers(0, 3000)),
    st.just(MeterRead(None)),
    st.builds(TagPresented, st.sampled_from([CARD, OTHER])),
    st.builds(Authorized, st.sampled_from([CARD, OTHER])),
    st.builds(Refused, st.sampled_from([CARD, OTHER]), st.just("no")),
    st.builds(RemoteStart, st.just(CARD), st.booleans()),
    st.builds(Deauthorized, st.sampled_from([TransactionKey("k1"), TransactionKey("k2")])),
    st.builds(EndRequested, st.just(StopReason.REMOTE)),
    st.builds(OperativeChanged, st.booleans()),
    st.just(Tick()),
    st.just(BoardLost()),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(EVENTS, st.integers(0, 90)), max_size=60), st.booleans())
def test_whatever_happens_the_records_are_whole_and_energy_flows_only_behind_a_record(
    story: list[tuple[Event, int]], resumed: bool
) -> None:
    scene = Scene({"MeterValueSampleInterval": "60"}, found_open() if resumed else None)
    open_key: str | None = "old" if resumed else None
    next_seq, register, last_at = (4, 5000, NOON) if resumed else (0, 0, NOON)
    for event, seconds in story:
        scene.seconds += seconds
        for action in scene.do(event):  # an illegal move of the connector would raise
            if isinstance(action, Allow):
                assert open_key is not None
            if not isinstance(action, Record):
                continue
            made = action.event
            values = made.values if isinstance(made, Updated) else (made.meter,)
            if isinstance(made, Started):
                assert open_key is None
                open_key, next_seq, register = made.key, 0, 0
            assert made.key == open_key
            assert made.seq_no == next_seq
            assert values[0].reading.energy_import >= register
            assert made.at >= last_at
            next_seq, register, last_at = next_seq + 1, values[-1].reading.energy_import, made.at
            if isinstance(made, Ended):
                open_key = None


def test_while_its_lines_are_lent_it_is_out_of_service_and_no_card_or_call_starts_it() -> None:
    scene = Scene().idle()
    scene.do(Lent(True), board("B"), TagPresented(CARD), RemoteStart(CARD), OperativeChanged(True), read(1000))
    assert scene.evse.blocked_by.startswith("maintenance: ")
    assert scene.told == [f"charge_refused: {scene.evse.blocked_by}"]
    scene.do(Lent(False))
    assert scene.statuses == ["Available", "Unavailable", "Preparing"]
    assert scene.do(TagPresented(CARD)) == [Authorize(CARD)]


def test_a_reservation_ends_when_its_evse_stays_out_of_service() -> None:
    scene = Scene()
    scene.evse = Charging(
        EvseId(1), 16, Configuration({}), lambda: TransactionKey("k1"), reservation=KEPT, gives_up_reservations=True
    )
    broken = frozenset({"OtherError"})
    assert not any(isinstance(action, TellExpired) for action in scene.do(board("A", faults=broken), read(1000)))
    actions = []
    for _ in range(4):
        scene.seconds += 25
        actions += scene.do(board("A", faults=broken))
    assert actions.count(TellExpired(KEPT.number, is_removed=True)) == 1
    assert KeepReservation(None) in actions
