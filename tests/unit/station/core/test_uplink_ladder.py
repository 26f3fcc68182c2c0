"""The ladder: what it does about a link without replies, and what it never does."""

import json
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from station.core.uplink_ladder import (
    DENIED_WAITS_S,
    STEPS_KEPT,
    Facts,
    Ladder,
    Memory,
    Outcome,
    Rule,
    Rung,
    Step,
    Triggers,
    Why,
    decode,
    encode,
)

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
RULES = (
    Rule(Rung.REDIAL, 90, 2, 10),
    Rule(Rung.REGISTER, 300, 1, 6),
    Rule(Rung.RESTART, 480, 1, 4),
    Rule(Rung.POWER, 480, 1, 4),
    Rule(Rung.ACCESS, 300, 1, 4),
    Rule(Rung.REBOOT, 600, 1, 1),
)
ALL = frozenset(Rung)
NO_REPLY = Facts(failures=3)


class Story:
    """Time passes in steps of 10 s."""

    def __init__(self, available: Collection[Rung] = ALL, memory: Memory = Memory()) -> None:  # noqa: B008  frozen
        self.ladder = Ladder(RULES, Triggers(), available, memory)
        self.now = 0.0

    def wait(self, seconds: float, facts: Facts) -> list[tuple[float, Rung]]:
        taken = []
        end = self.now + seconds
        while self.now < end:
            if step := self.ladder.look(self.now, NOON + timedelta(seconds=self.now), facts):
                taken.append((self.now, step.rung))
            self.now += 10
        return taken

    def outcomes(self) -> list[tuple[Rung, Outcome]]:
        return [(step.rung, step.outcome) for step in self.ladder.memory.steps]


def test_a_good_link_is_left_alone() -> None:
    assert Story().wait(86400, Facts()) == []


def test_the_rungs_are_climbed_in_order_and_each_has_its_time() -> None:
    story = Story()
    taken = story.wait(1700, NO_REPLY)
    assert taken == [
        (0, Rung.REDIAL),
        (90, Rung.REDIAL),
        (180, Rung.REGISTER),
        (480, Rung.RESTART),
        (960, Rung.POWER),
        (1440, Rung.ACCESS),
    ]
    assert [outcome for _, outcome in story.outcomes()] == [Outcome.FAILED] * 5 + [Outcome.OPEN]


def test_after_a_climb_there_is_a_rest_and_then_a_new_one() -> None:
    story = Story()
    story.wait(1750, NO_REPLY)
    begun = [at for at, rung in story.wait(3000, NO_REPLY) if rung is Rung.REDIAL]
    assert begun[0] == 1740 + 900


@pytest.mark.parametrize("facts", [Facts(failures=1), Facts(failures=2)])
def test_few_failures_count_when_they_last(facts: Facts) -> None:
    assert Story().wait(300, facts)[0] == (120, Rung.REDIAL)


def test_a_reply_ends_the_climb_and_is_remembered() -> None:
    story = Story()
    story.wait(200, NO_REPLY)
    assert story.ladder.open_step
    assert story.ladder.reply()
    assert story.outcomes()[-1] == (Rung.REGISTER, Outcome.HELPED)
    assert story.ladder.memory.results == {Rung.REDIAL: "--", Rung.REGISTER: "+"}
    assert story.wait(600, Facts()) == []
    assert story.wait(100, NO_REPLY)[0][1] is Rung.REDIAL
    assert not Story().ladder.reply()


def test_what_never_helped_here_is_passed_over_once_something_higher_has() -> None:
    memory = Memory(results={Rung.REDIAL: "---", Rung.REGISTER: "+"})
    story = Story(memory=memory)
    assert story.wait(10, NO_REPLY) == [(0, Rung.REGISTER)]
    assert story.outcomes()[0] == (Rung.REDIAL, Outcome.USELESS)
    second = story.wait(6000, NO_REPLY)
    assert Rung.REDIAL in [rung for _, rung in second], "the second round learns anew"


@pytest.mark.parametrize(
    "results",
    [{Rung.REDIAL: "---"}, {Rung.REDIAL: "--", Rung.RESTART: "+"}, {Rung.REDIAL: "+---", Rung.RESTART: "+"}],
)
def test_a_rung_that_may_help_is_not_passed_over(results: dict[Rung, str]) -> None:
    assert Story(memory=Memory(results=results)).wait(10, NO_REPLY) == [(0, Rung.REDIAL)]


def test_a_rung_that_the_hardware_lacks_is_skipped_and_said_once() -> None:
    story = Story(available=ALL - {Rung.REGISTER, Rung.POWER})
    assert Rung.REGISTER not in [rung for _, rung in story.wait(6000, NO_REPLY)]
    assert story.outcomes().count((Rung.REGISTER, Outcome.LACKING)) == 1
    assert story.outcomes().count((Rung.POWER, Outcome.LACKING)) == 1


def test_budgets_hold_for_a_day_and_over_restarts_of_the_program() -> None:
    story = Story(available={Rung.REDIAL})
    assert len(story.wait(80000, NO_REPLY)) == 10
    assert (Rung.REDIAL, Outcome.SPENT) in story.outcomes()
    again = Story({Rung.REDIAL}, story.ladder.memory)
    again.now = 80000
    assert again.wait(3000, NO_REPLY) == []
    assert len(again.wait(86400, NO_REPLY)) == 10


def test_the_clock_gives_no_budget_back() -> None:
    tomorrow = tuple(Step(NOON + timedelta(days=2), Rung.REDIAL, Why.NO_REPLY, "", Outcome.FAILED) for _ in range(10))
    assert Story({Rung.REDIAL}, Memory(tomorrow)).wait(3000, NO_REPLY) == []


def test_the_controller_restarts_once_a_day_and_only_after_long_silence() -> None:
    story = Story()
    reboots = [at for at, rung in story.wait(80000, NO_REPLY) if rung is Rung.REBOOT]
    assert len(reboots) == 1
    assert reboots[0] >= 7200


def test_the_controller_never_restarts_while_somebody_charges() -> None:
    story = Story()
    taken = story.wait(80000, replace(NO_REPLY, is_charging=True))
    assert Rung.REBOOT not in [rung for _, rung in taken]
    assert (Rung.REBOOT, Outcome.CHARGING) in story.outcomes()


def test_a_restart_of_the_controller_is_judged_by_the_next_run() -> None:
    story = Story({Rung.REBOOT})
    story.wait(7300, NO_REPLY)
    after = Story({Rung.REBOOT}, decode(json.loads(json.dumps(encode(story.ladder.memory)))))
    assert after.wait(500, NO_REPLY) == []
    after.ladder.reply()
    assert after.outcomes()[-1] == (Rung.REBOOT, Outcome.HELPED)


def test_any_other_step_that_a_restart_cut_short_is_not_judged() -> None:
    story = Story()
    story.wait(10, NO_REPLY)
    after = Story(memory=story.ladder.memory)
    assert after.outcomes() == [(Rung.REDIAL, Outcome.UNKNOWN)]
    assert not after.ladder.reply()


def test_without_registration_it_waits_first_and_does_not_redial() -> None:
    taken = Story().wait(1000, Facts(is_registered=False))
    assert taken[:2] == [(300, Rung.REGISTER), (600, Rung.RESTART)]


def test_a_tunnel_is_no_reason_for_a_step() -> None:
    story = Story()
    assert story.wait(250, Facts(failures=5, is_registered=False)) == []
    assert story.wait(600, Facts()) == []


def test_a_modem_that_registers_late_is_given_time_for_a_reply() -> None:
    story = Story(available={Rung.REGISTER, Rung.RESTART})
    away = Facts(is_registered=False)
    story.wait(310, away)
    assert story.wait(280, away) == []
    assert story.wait(80, NO_REPLY) == [], "it registered at 590 s: its 300 s end, but not what a reply needs"
    assert story.wait(40, NO_REPLY) == [(680, Rung.RESTART)]


def test_a_silent_modem_gets_its_power_key_first() -> None:
    story = Story()
    mute = Facts(answers=False, is_registered=False)
    assert story.wait(500, mute) == [(60, Rung.POWER)]
    assert story.ladder.memory.steps[0].why is Why.SILENT


def test_a_network_that_refuses_is_asked_more_and_more_seldom() -> None:
    story = Story()
    denied = Facts(is_registered=False, is_denied=True)
    taken = story.wait(60000, denied)
    first, second, third = DENIED_WAITS_S
    assert taken[:3] == [
        (first, Rung.REGISTER),
        (first + second, Rung.REGISTER),
        (first + second + third, Rung.REGISTER),
    ]
    assert {rung for _, rung in taken} == {Rung.REGISTER}


def test_a_sim_that_wants_a_person_is_left_alone() -> None:
    facts = Facts(failures=9, answers=False, is_registered=False, needs_person=True)
    assert Story().wait(80000, facts) == []


def test_memory_is_bounded_and_survives() -> None:
    story = Story(available={Rung.REDIAL, Rung.REGISTER, Rung.RESTART, Rung.POWER, Rung.ACCESS})
    story.ladder.use_access("b.example")
    story.wait(30 * 86400, NO_REPLY)
    story.ladder.explain('"ESM", 27')
    memory = story.ladder.memory
    assert len(memory.steps) == STEPS_KEPT
    assert decode(json.loads(json.dumps(encode(memory)))) == memory


@pytest.mark.parametrize("stored", [None, 5, [], {}, {"steps": 1}, {"steps": [[1]], "results": {}, "access": ""}])
def test_a_memory_without_sense_is_forgotten(stored: object) -> None:
    assert decode(stored) == Memory()
