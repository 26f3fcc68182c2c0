"""One EVSE from a card to the first register: who may charge, and what must be known before. See station.core.charging.

    idle --card--> asking --accepted--> authorized --plugged--> starting

What goes wrong on this way ends at idle, with the reason for the driver.
"""

from shared.ids import IdToken
from shared.transaction import Trigger
from station.core.board_health import RCD_FAILED
from station.core.evse_condition import Phase
from station.core.evse_events import (
    Action,
    Authorize,
    CompareGroup,
    KeepReservation,
    ReleasePlug,
    RemoteStart,
    SigningDone,
    Tell,
)
from station.core.evse_state import EvseState
from station.core.reservation import Reservation
from station.core.signing import SigningMode
from station.core.timekeeping import Now

RESERVED = "this EVSE is reserved for another driver"


class Arrival(EvseState):
    """See the module. Its actions are those of station.core.charging."""

    def _admit(self, token: IdToken, group: str, now: Now) -> None:
        if self.reservation and not self.reservation.admits(token, group):
            self._give_up(RESERVED)
        else:
            self._authorize(token, now)

    def _start_remotely(self, event: RemoteStart, now: Now) -> None:
        self._remote_start_id = event.remote_start_id
        is_known = self.reservation is None or self.reservation.id_token == event.id_token
        self._authorize(event.id_token, now) if is_known and not event.ask else self._ask(event.id_token)

    def _ask_for_plug(self, token: IdToken) -> None:
        if token == self._plug_held_for:
            self._release_plug()
        elif self._plug_held_for:
            self._do(CompareGroup(token, self._plug_held_for))

    def _release_plug(self) -> None:
        self._plug_held_for = None
        self._do(ReleasePlug())

    def _keep_for(self, reservation: Reservation | None) -> None:
        self.reservation = reservation
        self._do(KeepReservation(reservation))

    def _ask(self, token: IdToken) -> None:
        self.phase, self._token = Phase.ASKING, token
        self._do(Authorize(token))

    def _authorize(self, token: IdToken, now: Now) -> None:
        self._token, self._finished = token, False
        self._deadline = now.uptime + self._configuration.number("ConnectionTimeOut")
        self.phase = Phase.AUTHORIZED
        self._start_trigger = Trigger.AUTHORIZED if self._remote_start_id is None else Trigger.REMOTE_START
        if self.is_plugged:
            self._prepare()

    def _prepare(self) -> None:
        self.phase = Phase.STARTING
        for question in self._preparation.begin():
            self._do(question)

    def _take_rcd_test(self, failure: str, definite: bool) -> None:
        self._preparation.awaits_rcd = False
        if failure and definite:
            self._health.failed_tests |= {RCD_FAILED}
        if failure and self.phase is Phase.STARTING:
            self._give_up(failure)

    def _take_lock(self, failure: str) -> None:
        self._preparation.awaits_lock = False
        if failure and self.phase is Phase.STARTING:
            self._give_up(f"the plug can't be locked: {failure}")
        elif self.phase is not Phase.STARTING:
            self._do(ReleasePlug())

    def _take_signature(self, done: SigningDone) -> None:
        if not done.failure or done.is_end:
            return
        if self._signing.mode is SigningMode.REQUIRED:
            self._give_up(f"the meter does not sign the begin: {done.failure}")
        else:
            self._do(Tell("signed_begin_missing", done.failure))

    def _give_up(self, why: str) -> None:
        if self.phase is Phase.STARTING and self._preparation.has_locked:
            self._do(ReleasePlug())
        self.phase, self._token, self._remote_start_id = Phase.IDLE, None, None
        self._signing.clear()
        self._refuse(why)

    def _refuse(self, why: str) -> None:
        self.refusal = why
        self._do(Tell("charge_refused", why))

    def _do(self, action: Action) -> None:
        self._actions.append(action)
