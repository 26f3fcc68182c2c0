from dataclasses import replace
from datetime import timedelta

import pytest

from backend.core.invoices.letter import (
    Letter,
    Pace,
    Purpose,
    Reply,
    State,
    is_bad_address,
    judge,
    letter_key,
    message_id,
    pause,
)

ORDER = Letter(operator_id="acme", purpose=Purpose.INVOICE, document="RE-2026-000001", to=("a@example.com",))
TAKEN, LATER, NEVER = Reply(250, "ok"), Reply(451, "later"), Reply(550, "5.1.1 gone", personal=True)


def test_a_message_id_names_number_and_generation_and_differs_by_operator() -> None:
    assert message_id(ORDER, "example.com").startswith("<inv.RE-2026-000001.1.")
    assert message_id(ORDER, "example.com") == message_id(replace(ORDER, values={"x": 1}), "example.com")
    others = [replace(ORDER, generation=2), replace(ORDER, operator_id="other"), replace(ORDER, to=("b@example.com",))]
    assert len({message_id(one, "example.com") for one in (ORDER, *others)}) == 4
    assert len({letter_key(one) for one in (ORDER, *others)}) == 4


def test_odd_documents_make_a_valid_message_id() -> None:
    assert message_id(replace(ORDER, document="RE/2026 <ä>@x\r\n"), "").startswith("<inv.RE-2026-x.1.")


@pytest.mark.parametrize(
    ("before", "now", "state", "refused"),
    [
        ({}, {"a": TAKEN}, State.SENT, []),
        ({}, {"a": NEVER}, State.BOUNCED, ["a"]),
        ({}, {"a": LATER}, State.RETRY, []),
        ({}, {"a": Reply(0, "silence")}, State.RETRY, []),
        ({}, {"a": TAKEN, "b": NEVER}, State.SENT, ["b"]),
        ({}, {"a": TAKEN, "b": LATER}, State.RETRY, []),
        ({}, {"a": LATER, "b": NEVER}, State.RETRY, ["b"]),
        ({"b": NEVER}, {"a": NEVER}, State.BOUNCED, ["a"]),
        ({"b": NEVER}, {"a": TAKEN}, State.SENT, []),
        ({"b": TAKEN}, {"a": NEVER}, State.SENT, ["a"]),
    ],
)
def test_what_becomes_of_a_letter(
    before: dict[str, Reply], now: dict[str, Reply], state: State, refused: list[str]
) -> None:
    outcome = judge(before, now)
    assert (outcome.state, list(outcome.refused)) == (state, refused)


@pytest.mark.parametrize(
    ("reply", "bad"),
    [
        (Reply(550, "no such user", personal=True), True),
        (Reply(550, "5.1.1 unknown", personal=True), True),
        (Reply(550, "5.7.1 blocked by policy", personal=True), False),
        (Reply(552, "5.2.2 full", personal=True), False),
        (Reply(451, "4.1.1 later", personal=True), False),
        (Reply(550, "content refused"), False),
    ],
)
def test_only_who_is_not_there_is_a_bad_address(reply: Reply, bad: bool) -> None:
    assert is_bad_address(reply) is bad


def test_pauses_grow_to_an_hour_and_fifty_one_tries_last_two_days() -> None:
    assert [pause(i, 60.0, 0.0) for i in range(5)] == [timedelta(minutes=m) for m in (1, 5, 15, 60, 60)]
    assert sum((pause(i, 60.0, 0.0) for i in range(50)), timedelta()) > timedelta(hours=47)
    assert pause(0, 60.0, 1.0) == timedelta(seconds=66)


def test_a_pace_is_kept_and_what_was_not_used_is_not_saved_up() -> None:
    pace = Pace(60.0)
    assert [pace.delay(10.0), pace.delay(10.0), pace.delay(10.0)] == [0.0, 1.0, 2.0]
    assert [pace.delay(100.0), pace.delay(100.5)] == [0.0, 0.5]
    assert [Pace(0.0).delay(5.0) for _ in range(3)] == [0.0] * 3
