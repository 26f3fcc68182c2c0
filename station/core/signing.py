"""What the meter of one EVSE signs: when it is asked, waited for, asked again, and done without.

The begin is asked once, before the transaction is recorded and so before the contactor closes. The end is asked when
the contactor is open, again after each failure that may pass, for END_S; then the transaction ends with its unsigned
register. A kWh that can't be proved is still better than one that is lost.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from hardware.api import SignedSession
from shared.ids import IdToken, TransactionKey
from shared.metering import SignedData
from station.core.evse_events import BeginSigning, EndSigning, OpenTransaction, SigningDone
from station.core.timekeeping import Now

END_S = 60.0
"""So long the signed end is asked for before the transaction ends without."""


class SigningMode(StrEnum):
    """How much a signed pair of readings is worth to this EVSE."""

    OFF = "off"
    WANTED = "wanted"
    """A charge that can't be signed runs all the same."""
    REQUIRED = "required"
    """It does not begin (Eichrecht)."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A question to the meter and its answer."""

    key: TransactionKey
    answer: SigningDone | None = None


class Signing:
    """The course of one transaction's signatures. Make it anew with `clear` for the next.

    Args:
        mode: how much they are worth.
        evse: name of the EVSE as drivers know it.
    """

    def __init__(self, mode: SigningMode = SigningMode.OFF, evse: str = "") -> None:
        self.mode = mode
        self._evse = evse
        self.clear()

    def clear(self) -> None:
        """Forget the transaction."""
        self._begin: Pending | None = None
        self._end: Pending | None = None
        self._end_since: float | None = None
        self.end_failure = "the meter does not answer"
        """Why there is no signed end, as far as the meter has told."""

    @property
    def is_on(self) -> bool:
        """Tell whether the meter signs at all."""
        return self.mode is not SigningMode.OFF

    @property
    def awaits_begin(self) -> bool:
        """Tell whether the meter was asked for a signed begin and has not answered."""
        return self._begin is not None and self._begin.answer is None

    @property
    def key(self) -> TransactionKey | None:
        """The name under which the transaction was begun in the meter."""
        return self._begin.key if self._begin else None

    @property
    def begin(self) -> SignedData | None:
        """The signed begin; None if there is none, or it comes with the end."""
        return self._begin.answer.signed if self._begin and self._begin.answer else None

    @property
    def end(self) -> SignedData | None:
        """The signed end, if the meter gave it."""
        return self._end.answer.signed if self._end and self._end.answer else None

    @property
    def wants_begin(self) -> bool:
        """Tell whether the meter must be asked for a signed begin."""
        return self.is_on and self._begin is None

    @property
    def has_asked_end(self) -> bool:
        """Tell whether the contactor was found open and the end began to be asked for."""
        return self._end_since is not None

    def ended_at(self, now: Now) -> datetime:
        """Tell when the end was first asked for: waiting for a signature is not charging."""
        since = now.uptime if self._end_since is None else self._end_since
        return now.utc - timedelta(milliseconds=round((now.uptime - since) * 1000))

    def ask_begin(self, key: TransactionKey, id_token: IdToken) -> BeginSigning:
        """Give the question for the begin of a transaction of this name."""
        self._begin = Pending(key)
        return BeginSigning(SignedSession(key, id_token, self._evse))

    def ask_end(self, transaction: OpenTransaction, now: Now) -> EndSigning | None:
        """Give the question for the end: once at a time, and again after a failure that may pass."""
        if self._end_since is None:
            self._end_since = now.uptime
        if not self.is_on or (self._end and self._end.answer is None) or self.is_end_settled(now):
            return None
        self._end = Pending(transaction.started.key)
        return EndSigning(self.session(transaction))

    def is_end_settled(self, now: Now) -> bool:
        """Tell whether the transaction may end: signed, refused for good, or asked for long enough."""
        if not self.is_on:
            return True
        answer = self._end.answer if self._end else None
        if answer and (answer.signed or answer.definite):
            return True
        return self._end_since is not None and now.uptime >= self._end_since + END_S

    def take(self, done: SigningDone) -> bool:
        """Take an answer in; tells whether it was waited for. A late one of another transaction is not."""
        pending = self._end if done.is_end else self._begin
        if pending is None or pending.key != done.key or pending.answer:
            return False
        answered = replace(pending, answer=done)
        if done.is_end:
            self._end = answered
            self.end_failure = done.failure or self.end_failure
        else:
            self._begin = answered
        return True

    def session(self, transaction: OpenTransaction) -> SignedSession:
        """Name an open transaction to the meter."""
        started = transaction.started
        return SignedSession(started.key, started.id_token, self._evse, started.meter.reading.energy_import)
