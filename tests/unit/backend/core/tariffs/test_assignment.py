import itertools
from datetime import UTC, datetime, timedelta

import pytest

from backend.core.record import from_json, to_json
from backend.core.tariffs.assignment import Assignment, Outcome, Rule, Scope, TariffVersion, choose, no_payer, rule_text

T0 = datetime(2026, 10, 31, 18, 40, tzinfo=UTC)
DAY = timedelta(days=1)
VERSIONS = [
    TariffVersion("a1", "a", T0 - 300 * DAY),
    TariffVersion("a2", "a", T0),
    TariffVersion("a3", "a", T0 + DAY),
    TariffVersion("b1", "b", T0 + DAY),
]
FACTS = {scope: f"my {scope}" for scope in Scope}
OPERATOR = Assignment(Scope.OPERATOR, FACTS[Scope.OPERATOR], "a")
PRECEDENCE = [
    "user",
    "contract",
    "customer",
    "group",
    "roaming_partner",
    "connector",
    "evse",
    "charge_point",
    "location",
    "operator",
]


def test_the_latest_version_valid_at_the_start_is_chosen() -> None:
    assert choose([OPERATOR], VERSIONS, FACTS, T0).version_id == "a2"
    assert choose([OPERATOR], VERSIONS, FACTS, T0 - timedelta(seconds=1)).version_id == "a1"


@pytest.mark.parametrize("first", range(len(PRECEDENCE)))
def test_the_most_specific_assignment_decides(first: int) -> None:
    scopes = [Scope(name) for name in PRECEDENCE[first:]]
    assignments = [Assignment(scope, FACTS[scope], f"T-{scope}") for scope in scopes]
    versions = [TariffVersion(f"v-{scope}", f"T-{scope}", T0) for scope in scopes]
    for order in (assignments, assignments[::-1]):
        choice = choose(order, versions, FACTS, T0)
        assert choice.version_id == f"v-{PRECEDENCE[first]}"
        assert choice.rule.assignment == assignments[0]
        assert choice.rule.others == tuple(assignments[1:])


def test_what_names_another_or_nobody_does_not_apply() -> None:
    others = [Assignment(scope, "another", "b") for scope in Scope]
    empty = Assignment(Scope.USER, "", "b")
    facts = FACTS | {Scope.USER: ""}
    assert choose([*others, empty, OPERATOR], VERSIONS, facts, T0).version_id == "a2"
    assert choose([*others, empty], VERSIONS, facts, T0).rule.outcome is Outcome.NO_ASSIGNMENT


@pytest.mark.parametrize(
    ("begin", "end", "applies"), [(-1, 1, True), (0, 1, True), (-1, 0, False), (1, 2, False), (-1, None, True)]
)
def test_validity_begins_inclusive_and_ends_exclusive(begin: int, end: int | None, applies: bool) -> None:
    valid_to = None if end is None else T0 + end * DAY
    special = Assignment(Scope.USER, FACTS[Scope.USER], "s", T0 + begin * DAY, valid_to)
    choice = choose([OPERATOR, special], [*VERSIONS, TariffVersion("s1", "s", T0)], FACTS, T0)
    assert (choice.version_id == "s1") is applies


def test_of_two_of_one_scope_the_one_that_began_last_counts() -> None:
    promotion = Assignment(Scope.OPERATOR, OPERATOR.target, "p", T0 - DAY, T0 + DAY)
    for order in itertools.permutations([OPERATOR, promotion]):
        assert choose(order, [*VERSIONS, TariffVersion("p1", "p", T0)], FACTS, T0).version_id == "p1"


def test_without_a_valid_version_no_other_tariff_steps_in() -> None:
    mine = Assignment(Scope.CUSTOMER, FACTS[Scope.CUSTOMER], "b")
    choice = choose([OPERATOR, mine], VERSIONS, FACTS, T0)
    assert choice.version_id is None
    assert "tariff b of customer my customer has no version valid" in rule_text(choice.rule)
    assert choice.rule.others == (OPERATOR,)


def test_a_rule_is_kept_exactly_and_told_in_both_languages() -> None:
    rule = choose([OPERATOR], VERSIONS, FACTS, T0).rule
    assert from_json(Rule, to_json(rule)) == rule
    assert rule_text(rule, "en") == "tariff a of operator my operator, version valid from 2026-10-31T18:40:00+00:00"
    assert rule_text(rule, "de").startswith("Tarif a für Betreiber my operator, Fassung gültig ab 2026-10-31")
    assert "who pays is not known" in rule_text(no_payer(T0).rule, "en")


def test_names_with_braces_are_just_names() -> None:
    odd = Assignment(Scope.OPERATOR, FACTS[Scope.OPERATOR], "{a}")
    assert "tariff {a} of" in rule_text(choose([odd], VERSIONS, FACTS, T0).rule)
