"""What is done about a link that gives no OCPP replies, rung by rung. Pure.

A carrier proves nothing: a modem may be registered, hold an address, open connections, and yet nobody answers. So the
link is in trouble when connections end without a reply, when the network has not taken the modem for long, or when the
modem itself is silent; and only a reply ends the trouble. The rules:

- The rungs are climbed in the order of their rules, each so often as its rule says, and no rung before the one below
  has had its time. A modem that registers meanwhile is given time to be answered.
- A rung that the hardware lacks, whose day's budget is spent, or that has never helped here while a higher one has, is
  passed over, and that is recorded. In the second round all get their turn: so a site that changes is learned anew.
- A network that refuses the SIM, or a SIM that wants a person, is not pestered: repeated attempts get a SIM barred.
- The controller is not started anew while somebody charges, nor before the link was silent for long.

Waits are link time (`now`); what is recorded, and the day of a budget, are world time (`at`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class Rung(StrEnum):
    """What can be done, the mildest first."""

    REDIAL = "redial"
    """A new data context."""
    REGISTER = "register"
    """The radio off and on, so that it searches and registers anew."""
    RESTART = "restart"
    """The modem restarts by its own command."""
    POWER = "power"
    """The modem's power key, reset pin or supply."""
    ACCESS = "access"
    """The next access point name or SIM."""
    REBOOT = "reboot"
    """The controller starts anew."""


class Why(StrEnum):
    """Why a step was taken."""

    NO_REPLY = "no OCPP reply"
    NOT_REGISTERED = "not registered"
    SILENT = "the modem does not answer"
    DENIED = "the network refuses the SIM"


class Outcome(StrEnum):
    """What became of a step."""

    OPEN = "open"
    """It may still help."""
    HELPED = "helped"
    FAILED = "did not help"
    UNKNOWN = "interrupted"
    LACKING = "skipped: the hardware lacks it"
    SPENT = "skipped: its budget for the day is spent"
    CHARGING = "skipped: somebody charges"
    USELESS = "skipped: it never helped here"


STEPS_KEPT = 120
RESULTS_KEPT = 8
"""Results of a rung that are remembered."""
USELESS_AFTER = 3
"""So many failures in a row, and none of what is remembered a success: the rung is of no use here."""
DENIED_WAITS_S = (900.0, 3600.0, 21600.0)
"""When a network that refuses is asked again; the last one repeats."""

_DAY = timedelta(days=1)
_NEEDS_MODEM = frozenset({Rung.REDIAL, Rung.REGISTER, Rung.RESTART, Rung.ACCESS})
_RESULT = {Outcome.HELPED: "+", Outcome.FAILED: "-"}


@dataclass(frozen=True, slots=True)
class Rule:
    """How a rung is used.

    Args:
        rung: which.
        wait_s: it is allowed to succeed for so long, s.
        tries: so often in one climb.
        per_day: budget for 24 hours; 0 = the rung is never used.
    """

    rung: Rung
    wait_s: float
    tries: int = 1
    per_day: int = 24


@dataclass(frozen=True, slots=True)
class Triggers:
    """When a climb begins.

    Args:
        failures: connections without a reply.
        silence_s: or so long since the first of them, if it has ended, s.
        unregistered_s: so long without registration, s.
        mute_s: so long without an answer of the modem, s.
        grace_s: what a modem that has just registered is given until a reply, s.
        rest_s: between the end of a climb and the next one, s.
        reboot_after_s: the link must be silent so long before the controller may start anew, s.
    """

    failures: int = 3
    silence_s: float = 120.0
    unregistered_s: float = 300.0
    mute_s: float = 60.0
    grace_s: float = 90.0
    rest_s: float = 900.0
    reboot_after_s: float = 7200.0


@dataclass(frozen=True, slots=True)
class Facts:
    """How it stands.

    Args:
        failures: connections since the last reply that have ended without one.
        answers: the modem answers commands.
        is_registered: the network has taken it.
        is_denied: the network refuses it.
        needs_person: the SIM is missing or locked.
        is_charging: somebody charges.
    """

    failures: int = 0
    answers: bool = True
    is_registered: bool = True
    is_denied: bool = False
    needs_person: bool = False
    is_charging: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Args:
        at: when, aware UTC.
        rung: what.
        why: what for.
        cause: what modem and network say about it, for instance the text of AT+CEER.
        outcome: what became of it.
    """

    at: datetime
    rung: Rung
    why: Why
    cause: str = ""
    outcome: Outcome = Outcome.OPEN


@dataclass(frozen=True, slots=True)
class Memory:
    """What survives restarts.

    Args:
        steps: the last ones, the oldest first.
        results: of each rung, `+` and `-`, the oldest first.
        access: access point name that is used now; empty = the configured one.
    """

    steps: tuple[Step, ...] = ()
    results: Mapping[Rung, str] = field(default_factory=dict)
    access: str = ""


class Ladder:
    """See the module. Ask `look` now and then; it gives the step to take, which `explain` completes.

    Args:
        rules: the rungs in their order.
        triggers: when a climb begins.
        available: rungs that the hardware has.
        memory: of earlier runs.
    """

    def __init__(
        self, rules: Sequence[Rule], triggers: Triggers, available: Collection[Rung], memory: Memory = Memory()
    ) -> None:
        self.memory = _resumed(memory)
        self._rules, self._triggers, self._available = rules, triggers, available
        self._by_rung = {rule.rung: rule for rule in rules}
        self._tried: dict[Rung, int] = {}
        self._round = self._denied = 0
        self._said: set[tuple[Rung, Outcome]] = set()
        self._hold_until: float | None = None
        self._bad_since: float | None = None
        self._mute_since: float | None = None
        self._unregistered_since: float | None = None

    @property
    def open_step(self) -> Step | None:
        """Give the step that may still help."""
        last = self.memory.steps[-1] if self.memory.steps else None
        return last if last and last.outcome is Outcome.OPEN else None

    @property
    def is_climbing(self) -> bool:
        """Tell whether a step was taken since the last reply."""
        return bool(self._tried) or self._round > 0

    def reply(self) -> bool:
        """Hear an OCPP reply: what was done last has helped. Tells whether there is news to remember."""
        was_open = self.open_step is not None
        self._settle(Outcome.HELPED)
        self._tried.clear()
        self._said.clear()
        self._round = self._denied = 0
        self._bad_since = self._hold_until = None
        return was_open

    def look(self, now: float, at: datetime, facts: Facts) -> Step | None:
        """Give the step to take now, if it is time for one.

        Args:
            now: link time, s.
            at: world time, aware UTC.
            facts: how it stands.
        """
        self._note(now, facts)
        why = self._trouble(now, facts)
        if why is None or (self._hold_until is not None and now < self._hold_until):
            return None
        self._settle(Outcome.FAILED)
        if why is Why.DENIED:
            return self._ask_again(now, at)
        rung = self._next(now, at, facts, why)
        if rung is None:
            if self._tried:
                self._tried.clear()
                self._round += 1
                self._hold_until = now + self._triggers.rest_s
            return None
        return self._take(now, at, rung, why)

    def explain(self, cause: str) -> None:
        """Complete the last step with what modem and network said, or why it could not be carried out."""
        *others, last = self.memory.steps
        self.memory = replace(self.memory, steps=(*others, replace(last, cause=cause)))

    def use_access(self, name: str) -> None:
        """Remember the access point name that is used from now on."""
        self.memory = replace(self.memory, access=name)

    def _note(self, now: float, facts: Facts) -> None:
        """Keep the times since when something is wrong."""
        if self._hold_until is None and self.open_step:
            self._hold_until = now + self._by_rung[self.open_step.rung].wait_s  # the controller has started anew
        came_back = self._unregistered_since is not None and facts.is_registered
        if came_back and self._hold_until is not None:
            self._hold_until = max(self._hold_until, now + self._triggers.grace_s)
        self._bad_since = _since(
            self._bad_since, now, facts.failures > 0 or not (facts.answers and facts.is_registered)
        )
        self._mute_since = _since(self._mute_since, now, not facts.answers)
        self._unregistered_since = _since(self._unregistered_since, now, facts.answers and not facts.is_registered)

    def _trouble(self, now: float, facts: Facts) -> Why | None:
        triggers = self._triggers
        if facts.needs_person:
            return None
        if self._mute_since is not None:
            return Why.SILENT if self._tried or now - self._mute_since >= triggers.mute_s else None
        if facts.is_denied:
            return Why.DENIED
        if self._unregistered_since is not None:
            is_long = now - self._unregistered_since >= triggers.unregistered_s
            return Why.NOT_REGISTERED if self._tried or is_long else None
        is_silent = self._bad_since is not None and now - self._bad_since >= triggers.silence_s
        if facts.failures >= triggers.failures or (facts.failures and (is_silent or self._tried)):
            return Why.NO_REPLY
        return None

    def _ask_again(self, now: float, at: datetime) -> Step | None:
        """Leave a network that refuses alone for long; each time it is asked anew, it is left alone for longer."""
        wait_s = DENIED_WAITS_S[min(self._denied, len(DENIED_WAITS_S) - 1)]
        self._denied += 1
        if self._denied == 1 or Rung.REGISTER not in self._available:
            self._hold_until = now + wait_s
            return None
        step = self._take(now, at, Rung.REGISTER, Why.DENIED)
        self._hold_until = now + wait_s
        return step

    def _next(self, now: float, at: datetime, facts: Facts, why: Why) -> Rung | None:
        for rule in self._rules:
            rung = rule.rung
            if self._tried.get(rung, 0) >= rule.tries or not self._is_possible(rung, now, facts):
                continue
            skip = self._skip(rule, at, facts)
            if skip is None:
                return rung
            self._tried[rung] = rule.tries
            if (rung, skip) not in self._said:
                self._said.add((rung, skip))
                self._record(Step(at, rung, why, outcome=skip))
        return None

    def _is_possible(self, rung: Rung, now: float, facts: Facts) -> bool:
        """Tell whether a rung makes sense in this state; one that does not is nothing to speak of."""
        if rung is Rung.REBOOT:
            return self._bad_since is not None and now - self._bad_since >= self._triggers.reboot_after_s
        if rung is Rung.POWER:
            return not facts.answers or self._tried.get(Rung.RESTART, 0) > 0
        return (facts.answers or rung not in _NEEDS_MODEM) and (facts.is_registered or rung is not Rung.REDIAL)

    def _skip(self, rule: Rule, at: datetime, facts: Facts) -> Outcome | None:
        if rule.rung not in self._available or not rule.per_day:
            return Outcome.LACKING
        if self._spent(rule.rung, at) >= rule.per_day:
            return Outcome.SPENT
        if rule.rung is Rung.REBOOT and facts.is_charging:
            return Outcome.CHARGING
        if self._round == 0 and self._is_useless(rule.rung):
            return Outcome.USELESS
        return None

    def _spent(self, rung: Rung, at: datetime) -> int:
        """Count the steps of 24 hours. A clock that went backwards gives no budget back."""
        taken = (Outcome.OPEN, Outcome.HELPED, Outcome.FAILED, Outcome.UNKNOWN)
        return sum(s.rung is rung and s.outcome in taken and at - s.at < _DAY for s in self.memory.steps)

    def _is_useless(self, rung: Rung) -> bool:
        results = self.memory.results
        mine = results.get(rung, "")
        rungs = [rule.rung for rule in self._rules]
        higher = rungs[rungs.index(rung) + 1 :]
        helps = any("+" in results.get(other, "") for other in higher if other is not Rung.REBOOT)
        return helps and len(mine) >= USELESS_AFTER and "+" not in mine

    def _take(self, now: float, at: datetime, rung: Rung, why: Why) -> Step:
        self._tried[rung] = self._tried.get(rung, 0) + 1
        self._hold_until = now + self._by_rung[rung].wait_s
        step = Step(at, rung, why)
        self._record(step)
        return step

    def _record(self, step: Step) -> None:
        self.memory = replace(self.memory, steps=(*self.memory.steps, step)[-STEPS_KEPT:])

    def _settle(self, outcome: Outcome) -> None:
        if (step := self.open_step) is None:
            return
        mine = (self.memory.results.get(step.rung, "") + _RESULT[outcome])[-RESULTS_KEPT:]
        steps = (*self.memory.steps[:-1], replace(step, outcome=outcome))
        self.memory = replace(self.memory, steps=steps, results={**self.memory.results, step.rung: mine})


def _since(before: float | None, now: float, is_so: bool) -> float | None:
    return (now if before is None else min(before, now)) if is_so else None


def _resumed(memory: Memory) -> Memory:
    """Take up what an earlier run of the program left: only the controller's own restart is judged by this one."""

    def resumed(step: Step) -> Step:
        is_cut = step.outcome is Outcome.OPEN and step.rung is not Rung.REBOOT
        return replace(step, outcome=Outcome.UNKNOWN) if is_cut else step

    return replace(memory, steps=tuple(map(resumed, memory.steps)))


def encode(memory: Memory) -> dict[str, object]:
    """Write what survives as JSON."""
    steps = [[step.at.isoformat(), step.rung, step.why, step.cause, step.outcome] for step in memory.steps]
    return {"steps": steps, "results": dict(memory.results), "access": memory.access}


# Any: JSON that is checked here.
def decode(stored: Any) -> Memory:
    """Read it; what makes no sense is forgotten, for a lost memory costs less than a link that never climbs."""
    try:
        steps = tuple(
            Step(datetime.fromisoformat(at), Rung(rung), Why(why), str(cause), Outcome(outcome))
            for at, rung, why, cause, outcome in stored["steps"]
        )
        results = {Rung(name): str(text) for name, text in stored["results"].items()}
        return Memory(steps[-STEPS_KEPT:], results, str(stored["access"]))
    except (TypeError, KeyError, ValueError, AttributeError):
        return Memory()
