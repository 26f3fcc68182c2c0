"""One EVSE: from a card and a plug to a transaction with a first and a last register.

    idle --card--> asking --accepted--> authorized --plugged--> starting --register read--> running
    running --same card, unplugged, remote stop ...--> ending --contactor open, register read--> idle

Rules:

- The record comes before the effect that it justifies: Record(Started) before Allow, MarkEnding before Stop.
- No reading, no charge: without a register there is nothing to bill, so nothing starts. If the meter dies *during* a
  transaction the charge goes on, the gap shows as missing samples and as PowerMeterFailure, and the end uses the best
  register known.
- The end register is read after the contactor has opened, so that no Wh slips through between.
- A transaction found open in the journal at start goes on if the vehicle is still there, else it ends as PowerLoss.
- What the board does must match what we want: an offer without a transaction is stopped, a missing one is made again.
- Where the meter signs, its signed begin comes before Record(Started), and its signed end before Record(Ended).
- A card that the central system refuses when it hears of the start may still get MaxEnergyOnInvalidId; then the charge
  ends (DeAuthorized) or, with StopTransactionOnInvalidId false, waits without energy.
- Where the board locks the plug, it stays locked after such an end until the same driver shows the card.
- A reserved EVSE serves nobody but the driver it is kept for, and who is of the same group.
- A contactor that stays closed when it must be open is welded: nothing starts until a technician has cleared that.
- A start that the journal can't take does not happen. What comes later in a charge waits in memory for the journal
  (station.evse_task); meanwhile nothing new starts.
- While a technician's tool has its lines nothing starts, and it is out of service.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from hardware.api import EvseStatus, PilotState
from shared.ids import EvseId, IdToken, TransactionKey
from shared.metering import MeterReading, MeterValue, ReadingContext
from shared.transaction import ChargingState, Ended, Started, StopReason, TransactionEvent, Trigger, Updated
from shared.units import Wh
from station.core.arrival import RESERVED, Arrival
from station.core.board_health import OPENING_LOOKS, OPENING_S, RCD_FAILED
from station.core.charging_schedule import Limit
from station.core.configuration import Configuration
from station.core.connector import Connector, Status
from station.core.current_limit import Cap, CurrentRules, LimitSource
from station.core.evse_condition import Phase
from station.core.evse_events import (
    Action,
    Authorized,
    BoardLost,
    BoardSeen,
    CompareGroup,
    Deauthorized,
    Ending,
    EndRequested,
    Event,
    FaultCleared,
    HoldPlug,
    JournalSeen,
    KeepFaults,
    KeepHeld,
    Lent,
    LimitsSeen,
    MarkEnding,
    MeterRead,
    Notify,
    OpenTransaction,
    OperativeChanged,
    PhasesSwitched,
    PlugHeld,
    PlugLocked,
    RcdTested,
    Record,
    RecoverSigning,
    Refused,
    ReleaseSigned,
    RemoteStart,
    Reserved,
    SampleAsked,
    SelfTested,
    SendSample,
    SigningDone,
    StartNotStored,
    Stop,
    StopAuthorized,
    TagPresented,
    Tell,
    TellExpired,
    Tick,
    Updating,
)
from station.core.preparation import Preparation
from station.core.protection import Lasting, Protection
from station.core.reservation import Reservation
from station.core.sampling import Samples, select
from station.core.signing import Signing, SigningMode
from station.core.timekeeping import Now

_IN_USE = (Status.CHARGING, Status.SUSPENDED_EV, Status.SUSPENDED_EVSE)
OUT_OF_SERVICE_S = 60.0
"""A device that comes back in this time costs nobody a reservation."""
IN_USE = "another transaction is running here"


class Charging(Arrival):
    """The state machine of one EVSE. `handle` is the only way in.

    Args:
        evse_id: its number.
        max_current_a: what the installation carries per phase.
        configuration: the keys in force.
        new_key: gives a name for a new transaction, unique for the life of the station.
        transaction: what the journal found open.
        operative: False if the central system had put it out of service.
        latched: faults that were kept for a technician to clear.
        held: faults that hold until the vehicle has gone, or has cooled.
        tests_rcd: whether the residual current device is tested before each charge.
        signing: how its meter signs; None = it does not.
        reservation: for whom it is kept.
        tells_states: whether a change of the charging state is told as an event of its transaction.
        gives_up_reservations: whether one ends when the EVSE is out of service for long, because that can be told.
        protection: beyond what the board does.
        free_vend: in whose name whoever plugs in charges without a card; None = a card is needed.
        rules: how it follows its limits.
    """

    def __init__(
        self,
        evse_id: EvseId,
        max_current_a: int,
        configuration: Configuration,
        new_key: Callable[[], TransactionKey],
        *,
        transaction: OpenTransaction | None = None,
        operative: bool = True,
        latched: frozenset[str] = frozenset(),
        held: frozenset[str] = frozenset(),
        tests_rcd: bool = False,
        signing: Signing | None = None,
        reservation: Reservation | None = None,
        tells_states: bool = False,
        gives_up_reservations: bool = False,
        protection: Protection = Protection(),  # noqa: B008  frozen
        free_vend: IdToken | None = None,
        rules: CurrentRules = CurrentRules(),  # noqa: B008  frozen
    ) -> None:
        super().__init__(
            evse_id,
            configuration,
            transaction,
            operative=operative,
            latched=latched,
            held=held,
            reservation=reservation,
            protection=protection,
            rules=rules,
            preparation=Preparation(tests_rcd=tests_rcd, locks=protection.locks),
            signing=signing or Signing(),
        )
        self._max_current_a = max_current_a
        self._new_key = new_key
        self._free_vend = free_vend
        self._connector = Connector()
        self._notified: Notify | None = None
        self._ending_since: float | None = None
        self._ending_looks = 0
        self._samples = Samples(configuration)
        self._tells_states = tells_states
        self._gives_up_reservations = gives_up_reservations
        self._out_of_service = Lasting(OUT_OF_SERVICE_S)
        self._state: ChargingState | None = None
        self._news: Trigger | None = None
        self._energy_until: Wh | None = None
        self._caps: tuple[Cap, ...] = ()

    @property
    def status(self) -> Status:
        """The connector's state."""
        return self._connector.status

    @property
    def maximum_a(self) -> int:
        """What the installation carries per phase, A."""
        return self._max_current_a

    @property
    def must_sign(self) -> bool:
        """Tell whether no charge begins here without a signature."""
        return self._signing.mode is SigningMode.REQUIRED

    @property
    def rules(self) -> CurrentRules:
        """How it follows its limits."""
        return self._offering.rules

    @property
    def ceiling(self) -> Limit:
        """What installation and cable permit, whatever profiles say."""
        cable_a = self._board.cable_current_a if self._board else None
        return Limit(current_ma=1000 * min(self._max_current_a, cable_a or self._max_current_a))

    def handle(self, event: Event, now: Now) -> list[Action]:
        """Take in what happened and give what to do about it, in order."""
        self._actions, held = [], self._health.lasting
        self._take(event, now)
        if self._health.lasting != held:
            self._actions.append(KeepHeld(self._health.lasting))  # last: a full disk must not keep the contactor closed
        self._show_status()
        actions, self._actions = self._actions, []
        return actions

    def _take(self, event: Event, now: Now) -> None:
        """Take in what devices tell."""
        match event:
            case BoardSeen(status):
                self._see_board(status, now)
            case BoardLost():
                self._board_lost = True
                self._offering.lost()
            case MeterRead(reading):
                self._read_meter(reading, now)
            case PlugHeld(token):
                self._plug_held_for = token
            case Lent(yes):
                self.is_lent = yes
            case JournalSeen(trouble):
                self._journal_trouble = trouble
            case StartNotStored(why) if self.phase is Phase.RUNNING:
                self.transaction = None
                self._finished = self.is_plugged
                self._give_up(why)
                self._do(Stop())
            case LimitsSeen(caps):
                self._caps = caps
                self._match_board(now, is_fresh=False)
            case PhasesSwitched(phases):
                self._offering.switched(phases)
            case SelfTested(failed):
                self._health.failed_tests = failed
            case RcdTested(failure, definite) if self._preparation.awaits_rcd:
                self._take_rcd_test(failure, definite)
            case PlugLocked(failure) if self._preparation.awaits_lock:
                self._take_lock(failure)
            case SigningDone() if self._signing.take(event):
                self._take_signature(event)
            case FaultCleared() if not self.fault_cause:
                self._health.clear()
                self._do(KeepFaults(self.latched))
                self._do(Tell("fault_cleared"))
            case _:
                self._take_wish(event, now)

    def _take_wish(self, event: Event, now: Now) -> None:
        """Take in what drivers and the central system want, and the time."""
        match event:
            case TagPresented(token):
                self._present(token, now)
            case Authorized(token, group) if self.phase is Phase.ASKING and token == self._token:
                self._admit(token, group, now)
            case Refused(token, reason) if self.phase is Phase.ASKING and token == self._token:
                self._give_up(reason)
            case Refused(_, reason) if self.transaction:
                self._refuse(reason)
            case StopAuthorized():
                self._stop_for(event, now)
            case RemoteStart() if self.phase in (Phase.IDLE, Phase.ASKING) and self.may_begin(event.id_token):
                self._start_remotely(event, now)
            case Deauthorized(key) if self.is_running(key):
                self._deauthorize(now)
            case EndRequested(reason):
                self._begin_ending(Ending(reason), now)
            case SampleAsked() if self.phase is Phase.RUNNING:
                self._samples.ask()
            case OperativeChanged(operative):
                self.operative = operative
            case Updating(yes):
                self.is_updating = yes
            case Reserved(reservation):
                self._keep_for(reservation)
            case Tick() if self.phase is Phase.AUTHORIZED and now.uptime >= self._deadline:
                self._give_up("no vehicle was plugged in in time")
            case Tick() if self.phase is Phase.STARTING and self._preparation.lacks_reading(now.uptime):
                self._give_up("the meter gave no register in time")
            case Tick() if self.reservation and now.utc >= self.reservation.expires:
                self._do(TellExpired(self.reservation.number))
                self._keep_for(None)
                self._do(Tell("reservation_expired"))
            case _:
                pass

    def _see_board(self, status: EvseStatus, now: Now) -> None:
        was_plugged, self._board, self._board_lost = self.is_plugged, status, False
        if status.pilot is PilotState.A:
            self._see_unplugged(was_plugged, now)
        elif self.is_plugged:
            self._see_plugged(now)
        self._watch_contactor(status, now)
        self._match_board(now)
        self._watch_reservation(now)

    def _watch_reservation(self, now: Now) -> None:
        """Give up a reservation of an EVSE that does not come back, so that its driver can look for another one."""
        is_out = self._gives_up_reservations and self.status in (Status.FAULTED, Status.UNAVAILABLE)
        if self._out_of_service.see(is_out and self.reservation is not None, now.uptime) and self.reservation:
            self._do(TellExpired(self.reservation.number, is_removed=True))
            self._keep_for(None)
            self._do(Tell("reservation_removed", "the EVSE is out of service"))

    def _watch_contactor(self, status: EvseStatus, now: Now) -> None:
        held = self._health.held
        may_be_closed = self.phase is Phase.RESUMING or (
            self.phase is Phase.RUNNING and self._may_offer and not self._offering.paused_by
        )
        if self._health.see_board(status, now, may_be_closed=may_be_closed):
            self._do(KeepFaults(self.latched))
            why = "it did not open: a technician must check it and clear the fault"
            self._do(Tell("contactor_welded", why, is_danger=True))
        for fault in sorted(self._health.held - held):
            self._do(Tell("fault_held", f"{fault} is held until the vehicle has gone"))
        if RCD_FAILED in self._health.held - held:
            self._begin_ending(Ending(StopReason.GROUND_FAULT), now)
        if self.phase is Phase.RUNNING:
            self._wake_up.see(status, now.uptime)

    @property
    def _has_energy(self) -> bool:
        """Whether the open transaction has had energy."""
        running = self.transaction
        return running is not None and running.register > running.started.meter.reading.energy_import

    @property
    def _may_offer(self) -> bool:
        """Whether a running charge may have energy."""
        return not self._blocked and not self._health.must_stop

    def _see_unplugged(self, was_plugged: bool, now: Now) -> None:
        self._finished, self._ended = False, None
        self._health.see_unplugged()
        if was_plugged:
            self.refusal = ""
        if self.phase is Phase.RUNNING:
            stop_points = self._configuration.texts("TxStopPoint")
            if self._configuration.flag("StopTransactionOnEVSideDisconnect") or stop_points - {"Authorized"}:
                hold = not self._configuration.flag("UnlockConnectorOnEVSideDisconnect")
                self._begin_ending(Ending(StopReason.EV_DISCONNECTED), now, hold_plug=hold)
        elif self.phase is Phase.RESUMING and self.transaction:
            self._begin_ending(Ending(StopReason.POWER_LOSS, at=self.transaction.last_at), now)
        elif was_plugged and self.phase in (Phase.AUTHORIZED, Phase.STARTING):
            self._give_up("the vehicle was unplugged")

    def _see_plugged(self, now: Now) -> None:
        free = self._free_vend
        if free and self.phase is Phase.IDLE and not self._finished and not self.refusal and self.may_begin(free):
            self._authorize(free, now)
            return
        if self.phase is Phase.AUTHORIZED:
            self._start_trigger = Trigger.CABLE_PLUGGED_IN
            self._prepare()
        elif self.phase is Phase.RESUMING:
            self.phase = Phase.RUNNING
            self._samples.begin(now, self.transaction.told if self.transaction else ())
            self._wake_up.begin(has_asked=self._has_energy)
            self._do(Tell("transaction_resumed"))
            if self.transaction and self._signing.is_on:
                self._do(RecoverSigning(self._signing.session(self.transaction)))
            if self.transaction and self.transaction.deauthorized:
                self._invalidate(now)

    def _match_board(self, now: Now, *, is_fresh: bool = True) -> None:
        """Make the board do what we want, should it do something else; `is_fresh` if it has spoken just now."""
        board = self._board
        if board is None or self.phase is Phase.RESUMING:
            return
        actions: Sequence[Action]
        if self.phase is Phase.RUNNING and self._may_offer and self.is_plugged and not self._wake_up.is_waking:
            caps, faulty = self._all_caps(board), bool(self.faults)
            actions = self._offering.match(board, caps, now.uptime, is_fresh=is_fresh, is_faulty=faulty)
        else:
            actions = self._offering.stop(board)
        self._actions += actions

    def _all_caps(self, board: EvseStatus) -> tuple[Cap, ...]:
        most_a = min(self._max_current_a, board.cable_current_a or self._max_current_a)
        own = [Cap(LimitSource.INSTALLATION, Limit(current_ma=1000 * self._max_current_a))]
        if board.cable_current_a:
            own.append(Cap(LimitSource.CABLE, Limit(current_ma=1000 * board.cable_current_a)))
        own.append(Cap(LimitSource.HEAT, Limit(current_ma=1000 * self._health.heat.cap_a(most_a))))
        return (*own, *self._caps)

    def _read_meter(self, reading: MeterReading | None, now: Now) -> None:
        if reading and self.transaction and reading.energy_import < self.transaction.register:
            # A register that runs backwards is another meter's or a broken one's: as good as no answer.
            reading = None
        was_lost, self._meter_lost = self._meter_lost, reading is None
        if reading:
            self._reading = reading
            self._health.see_reading(reading, now)
            if self.transaction:
                self.transaction = replace(self.transaction, register=reading.energy_import)
        if was_lost != self._meter_lost and self.transaction:
            self._do(Tell("meter_gap_begins" if self._meter_lost else "meter_gap_ends"))
        match self.phase:
            case Phase.STARTING:
                self._start(reading, now)
            case Phase.RUNNING if reading:
                self._sample(reading, now)
                self._watch_current(reading, now)
                if self._energy_until is not None and reading.energy_import >= self._energy_until:
                    self._invalidate(now)
            case Phase.ENDING:
                self._end(reading, now)
            case _ if reading and (value := self._samples.outside(self.with_offer(reading), now)):
                self._do(SendSample(value))
            case _:
                pass

    def _present(self, token: IdToken, now: Now) -> None:
        match self.phase:
            case Phase.RUNNING | Phase.RESUMING if self.transaction and token == self.transaction.started.id_token:
                self._begin_ending(Ending(StopReason.LOCAL, token), now)
            case Phase.RUNNING | Phase.RESUMING if self.transaction:
                self._do(CompareGroup(token, self.transaction.started.id_token))
            case Phase.ENDING:
                self._refuse(IN_USE)
            case _ if self._plug_held_for:
                self._ask_for_plug(token)
            case Phase.AUTHORIZED | Phase.STARTING if token == self._token:
                self._give_up("the card was shown again")
            case Phase.ASKING if token == self._token:
                pass
            case _ if not self.may_begin(token):
                self._refuse(self.blocked_by or RESERVED)
            case _:
                self._ask(token)

    def _stop_for(self, event: StopAuthorized, now: Now) -> None:
        if self._plug_held_for == event.owner:
            self._release_plug()
        elif self.transaction and self.transaction.started.id_token == event.owner:
            reason = StopReason.MASTER_PASS if event.by_master_pass else StopReason.LOCAL
            self._begin_ending(Ending(reason, event.id_token), now)

    def _start(self, reading: MeterReading | None, now: Now) -> None:
        if not self._preparation.is_done:
            return
        if reading is None or self._token is None or self.blocked_by:
            self._give_up(self.blocked_by)
            return
        if self._signing.wants_begin:
            self._do(self._signing.ask_begin(self._new_key(), self._token))
        if self._signing.awaits_begin:
            return
        told = select(self._configuration, "TxStartedMeasurands", self.with_offer(reading))
        meter = MeterValue(now.utc, replace(told, signed=self._signing.begin), ReadingContext.BEGIN)
        reserved = self.reservation.number if self.reservation else None
        key = self._signing.key or self._new_key()
        self._state, self._news = ChargingState.EV_CONNECTED, None
        trigger, remote = self._start_trigger, self._remote_start_id
        started = Started(key, self.evse_id, self._token, meter, reserved, remote, trigger, self._state)
        self.refusal = ""
        self.transaction = OpenTransaction(started, 1, reading.energy_import, now.utc)
        self.phase, self._token = Phase.RUNNING, None
        self._energy_until, self._remote_start_id = None, None
        self._samples.begin(now)
        self._wake_up.begin()
        self._offering.begin()
        self._do(Record(started))
        if self.reservation:
            self._keep_for(None)
        self._match_board(now)

    def _sample(self, reading: MeterReading, now: Now) -> None:
        complete = self.with_offer(reading)
        values = self._samples.within(complete, now)
        trigger = self._state_news() if self._tells_states else None
        if trigger and not values:
            told = select(self._configuration, "MeterValuesSampledData", complete)
            values = (MeterValue(now.utc, told, ReadingContext.OTHER),)
        if values and self.transaction:
            key, seq_no = self.transaction.started.key, self.transaction.next_seq
            self._record(Updated(key, seq_no, self.evse_id, values, trigger, self._state))

    def _state_news(self) -> Trigger | None:
        """Note how the transaction stands, and tell why that must be told; None if it need not."""
        before, self._state = self._state, self.condition.charging_state(self._state)
        trigger, self._news = self._news, None
        return trigger or (Trigger.CHARGING_STATE_CHANGED if self._state is not before else None)

    def _watch_current(self, reading: MeterReading, now: Now) -> None:
        offered_a = self._board.offered_current_a if self._board else 0
        if self._health.see_currents(reading, offered_a, now):
            self._do(Tell("vehicle_draws_too_much", f"more than the {offered_a} A that it is offered: cut off"))
            self._begin_ending(Ending(StopReason.OVERCURRENT_FAULT), now)

    def _deauthorize(self, now: Now) -> None:
        allowance = self._configuration.number("MaxEnergyOnInvalidId")
        if allowance and self.transaction and self._energy_until is None:
            self._energy_until = Wh(self.transaction.register + allowance)
            self._do(Tell("card_refused_later", f"the charge goes on for at most {allowance} Wh"))
        else:
            self._invalidate(now)

    def _invalidate(self, now: Now) -> None:
        self._energy_until = None
        if self._configuration.flag("StopTransactionOnInvalidId"):
            self._begin_ending(Ending(StopReason.DE_AUTHORIZED), now, hold_plug=True)
        else:
            self._blocked, self._news = True, Trigger.DEAUTHORIZED
            self._do(Stop())

    def _begin_ending(self, ending: Ending, now: Now, *, hold_plug: bool = False) -> None:
        if self.phase not in (Phase.RUNNING, Phase.RESUMING) or not self.transaction:
            return
        self.phase = Phase.ENDING
        self.transaction = replace(self.transaction, ending=ending)
        self._ending_since, self._ending_looks = now.uptime, 0
        self._do(MarkEnding(self.transaction.started.key, ending))
        self._do(Stop())
        if hold_plug:
            self._do(HoldPlug(self.transaction.started.id_token))

    def _end(self, reading: MeterReading | None, now: Now) -> None:
        transaction = self.transaction
        if not transaction or not transaction.ending:
            return
        self._ending_looks += 1
        if self._ending_since is None:
            self._ending_since = now.uptime
        if self._board is None or self._board_lost or self._board.contactor_closed:
            if self._ending_looks < OPENING_LOOKS or now.uptime < self._ending_since + OPENING_S:
                return
            if not self._signing.has_asked_end:
                self._do(Tell("contactor_not_open", "the board does not confirm that its contactor opened"))
        if question := self._signing.ask_end(transaction, now):
            self._do(question)
        if not self._signing.is_end_settled(now):
            return
        ending = transaction.ending
        known = select(self._configuration, "StopTxnSampledData", reading or MeterReading(transaction.register))
        known = replace(known, signed=self._signing.end)
        meter = MeterValue(ending.at or self._signing.ended_at(now), known, ReadingContext.END)
        past = ending.at is not None and not transaction.same_boot
        key, repeated = transaction.started.key, self._samples.repeated(transaction.started.meter, meter, now)
        state = ChargingState.EV_CONNECTED if self.is_plugged else ChargingState.IDLE
        ended = Ended(key, transaction.next_seq, self.evse_id, meter, ending.reason, ending.id_token, repeated, state)
        self._record(ended, past)
        self._finish_signing()
        self.phase, self.transaction, self._blocked, self._ended = Phase.IDLE, None, False, ending.reason
        self._finished = self.is_plugged

    def _finish_signing(self) -> None:
        if self._signing.end:
            self._do(ReleaseSigned())
        elif self._signing.is_on:
            self._do(Tell("signed_end_missing", self._signing.end_failure))
        self._signing.clear()

    def _record(self, event: TransactionEvent, past: bool = False) -> None:
        assert self.transaction is not None  # noqa: S101  only a running transaction has events
        self.transaction = replace(self.transaction, next_seq=event.seq_no + 1, last_at=event.at, same_boot=True)
        self._do(Record(event, past))

    def _show_status(self) -> None:
        if self._board is None and not self._board_lost:
            return  # nobody has looked yet
        shown = self.condition
        if shown.status is Status.UNAVAILABLE:
            self._finished = False
        if self.status is Status.FINISHING and shown.status in _IN_USE:
            self._connector.become(Status.PREPARING)
        self._connector.become(shown.status)
        # Only where a card waits for its vehicle does the plug say more than the state.
        is_plugged = self.is_plugged or shown.status is not Status.PREPARING
        notice = Notify(shown.status, *shown.error, is_plugged=is_plugged)
        if notice != self._notified:
            self._notified = notice
            self._do(notice)
