"""What is known of one EVSE, for those who look. station.core.charging decides what becomes of it."""

from dataclasses import replace

from hardware.api import EvseStatus, PilotState
from shared.ids import EvseId, IdToken, TransactionKey
from shared.metering import MeterReading
from shared.transaction import StopReason, Trigger
from shared.units import MilliAmp
from station.core.board_health import BoardHealth
from station.core.board_offer import BoardOffer
from station.core.configuration import Configuration
from station.core.current_limit import CurrentRules
from station.core.evse_condition import CONNECTED, Condition, Phase
from station.core.evse_events import Action, OpenTransaction
from station.core.explain import Situation, explain
from station.core.preparation import Preparation
from station.core.protection import Protection, WakeUp
from station.core.reservation import Reservation
from station.core.signing import Signing


class EvseState:
    """See the module. Its public names are to be read only.

    Args:
        evse_id: its number.
        configuration: the keys in force.
        transaction: what the journal found open.
        operative: False if the central system had put it out of service.
        latched: faults that were kept for a technician to clear.
        reservation: for whom it is kept.
        protection: beyond what the board does.
        rules: how it follows its limits.
        preparation: what must be known before a charge.
        signing: how its meter signs.
    """

    def __init__(
        self,
        evse_id: EvseId,
        configuration: Configuration,
        transaction: OpenTransaction | None,
        *,
        operative: bool,
        latched: frozenset[str],
        held: frozenset[str],
        reservation: Reservation | None,
        protection: Protection,
        rules: CurrentRules,
        preparation: Preparation,
        signing: Signing,
    ) -> None:
        self.evse_id = evse_id
        self.transaction = transaction
        self.operative = operative
        self.reservation = reservation
        self.is_lent = self.is_updating = False
        self.phase = Phase.IDLE
        if transaction:
            self.phase = Phase.ENDING if transaction.ending else Phase.RESUMING
        self.refusal = ""
        """Why the last card or remote start came to nothing; empty after a start, or when its vehicle has gone."""
        self._health = BoardHealth(latched, protection, held)
        self._wake_up = WakeUp(protection)
        self._board: EvseStatus | None = None
        self._board_lost = False
        self._reading: MeterReading | None = None
        self._meter_lost = False
        self._journal_trouble = ""
        self._token: IdToken | None = None
        self._finished = False
        self._blocked = False
        self._ended: StopReason | None = None
        self._preparation = preparation
        self._signing = signing
        self._plug_held_for: IdToken | None = None
        self._offering = BoardOffer(rules)
        self._configuration = configuration
        self._deadline = 0.0
        self._remote_start_id: int | None = None
        self._start_trigger = Trigger.AUTHORIZED
        self._actions: list[Action] = []

    @property
    def board(self) -> EvseStatus | None:
        """What the board said last, None if it is silent now."""
        return None if self._board_lost else self._board

    @property
    def reading(self) -> MeterReading | None:
        """What the meter said last, None if it is silent now."""
        return None if self._meter_lost else self._reading

    @property
    def awaited(self) -> IdToken | None:
        """The card that is being authorized, or that waits for its vehicle."""
        return self._token

    @property
    def is_plugged(self) -> bool:
        """Tell whether a vehicle is connected, as far as the board has told."""
        return self._board is not None and self._board.pilot in CONNECTED

    @property
    def latched(self) -> frozenset[str]:
        """Faults that only a technician may clear."""
        return self._health.latched

    @property
    def kept_faults(self) -> frozenset[str]:
        """Faults that a technician can clear: those that only one may, and those that a vehicle brought about."""
        return self._health.latched | self._health.held

    @property
    def fault_cause(self) -> str:
        """Say why these can't be cleared now; empty if they can."""
        return self._health.cause

    @property
    def faults(self) -> frozenset[str]:
        """All faults that are known, in the words of `hardware.faults`."""
        if self._board is None:
            return self._health.faults
        if self._board.pilot in (PilotState.E, PilotState.F) and not self._board.faults:
            return self._health.faults | {"EVCommunicationError"}
        return self._health.faults | self._board.faults

    @property
    def blocked_by(self) -> str:
        """Say in a sentence why no charge could start or run now; empty if none stands in the way."""
        return self.condition.blocked_by or self._journal_trouble

    @property
    def limit_text(self) -> str:
        """Say what limits or pauses the running charge; empty if nothing but cable and installation does."""
        return self._offering.limited_by if self.phase is Phase.RUNNING else ""

    @property
    def paused_by(self) -> str:
        """Say why the running charge gets nothing now; empty if it gets something or none runs."""
        return self._offering.paused_by if self.phase is Phase.RUNNING else ""

    @property
    def condition(self) -> Condition:
        """All that decides what the EVSE shows."""
        return Condition(
            phase=self.phase,
            board=self.board,
            faults=self.faults,
            latched=self.latched,
            failed_tests=self._health.failed_tests,
            meter_lost=self._meter_lost,
            meter_read=self.reading is not None,
            energy_refused=self._blocked,
            plug_held=self._plug_held_for is not None,
            operative=self.operative,
            updating=self.is_updating,
            lent=self.is_lent,
            finished=self._finished,
            reserved=self.reservation is not None,
            paused=self.paused_by,
            limited=self._offering.notice if self.phase is Phase.RUNNING else "",
        )

    @property
    def why(self) -> str:
        """Say in a sentence why it is not charging now and what to do; empty while energy flows."""
        return explain(
            Situation(
                condition=self.condition,
                is_new=self._board is None and not self._board_lost,
                trouble=self._journal_trouble,
                refusal=self.refusal,
                reserved_until=self.reservation.expires if self.reservation else None,
                ended=self._ended,
                awaits_rcd=self._preparation.awaits_rcd,
                awaits_lock=self._preparation.awaits_lock,
                awaits_signature=self._signing.awaits_begin,
                is_waking=self._wake_up.is_waking,
                has_asked=self._wake_up.has_asked,
            )
        )

    def may_begin(self, token: IdToken) -> bool:
        """Tell whether a driver may try to begin a charge now; where a group decides, that is found out later."""
        return not self.blocked_by and (self.reservation is None or self.reservation.may_ask(token))

    def is_running(self, key: TransactionKey) -> bool:
        """Tell whether a transaction runs here and is not ending."""
        running = self.phase in (Phase.RUNNING, Phase.RESUMING)
        return running and self.transaction is not None and self.transaction.started.key == key

    def with_offer(self, reading: MeterReading) -> MeterReading:
        """Give a reading with what the board offers, which no meter knows."""
        return replace(reading, offered=MilliAmp(self._board.offered_current_a * 1000)) if self._board else reading
