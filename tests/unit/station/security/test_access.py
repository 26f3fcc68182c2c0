"""Changing what the station connects with never locks it out."""

import pytest

from shared.ids import Secret
from station.security.access import (
    Access,
    Means,
    Outcome,
    Plan,
    Profile,
    key_refusal,
    key_trials,
    password_refusal,
    profile_refusal,
)

OLD = Access(Profile.BASIC, Secret("old"))
NEW = Access(Profile.TLS, Secret("old"))
KEY = "0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF"


def test_the_first_reply_on_a_trial_puts_it_in_force() -> None:
    plan = Plan(OLD, (NEW, NEW), "SecurityProfile")
    assert plan.next == NEW
    assert plan.after_reply() == (Plan(NEW), Outcome.TAKEN)


def test_a_trial_without_a_reply_ends_with_a_reply_to_the_old_one() -> None:
    plan = Plan(OLD, (NEW, NEW), "SecurityProfile").after_failure()
    assert plan.next == NEW
    plan = plan.after_failure()
    assert plan.next == OLD
    assert plan.after_reply() == (Plan(OLD), Outcome.RETURNED)


def test_if_neither_gets_a_reply_the_round_begins_anew() -> None:
    plan = Plan(OLD, (NEW, NEW), "SecurityProfile")
    for _ in range(3):
        plan = plan.after_failure()
    assert plan == Plan(OLD, (NEW, NEW), "SecurityProfile")


def test_without_a_trial_nothing_happens() -> None:
    assert Plan(OLD).after_failure() == Plan(OLD)
    assert Plan(OLD).after_reply() == (Plan(OLD), Outcome.SAME)


def test_a_key_is_tried_as_bytes_then_as_text_and_never_shown() -> None:
    as_bytes, as_text = key_trials(OLD, KEY)
    assert as_bytes.credentials == bytes.fromhex(KEY)
    assert as_text.credentials == KEY.encode()
    assert KEY not in repr(as_bytes)
    assert Access(Profile.MUTUAL, Secret("x")).credentials == b""
    assert Access(Profile.UNSECURED, Secret("x")).credentials == b""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (KEY, ""),
        ("00" * 16, ""),
        ("00" * 15, "15 bytes"),
        ("00" * 21, "21 bytes"),
        ("0" * 33, "hexadecimal"),
        ("secret words" * 3, "hexadecimal"),
        ("", "0 bytes"),
    ],
)
def test_what_can_be_a_key(text: str, reason: str) -> None:
    said = key_refusal(text)
    assert reason in said
    assert bool(said) == bool(reason)
    assert text not in said or not text


@pytest.mark.parametrize(
    ("text", "is_good"),
    [("a" * 16, True), ("aA0*-_=:+|@." * 2, True), ("a" * 15, False), ("a" * 41, False), ("a b" * 8, False)],
)
def test_what_can_be_a_password_of_2_0_1(text: str, is_good: bool) -> None:
    assert (password_refusal(text) == "") is is_good


@pytest.mark.parametrize(
    ("access", "wanted", "means", "reason"),
    [
        (Access(Profile.UNSECURED), 1, Means(False, False), "no AuthorizationKey"),
        (OLD, 2, Means(False, False), "no central system root"),
        (OLD, 2, Means(True, False), ""),
        (OLD, 3, Means(True, False), "no charge point certificate"),
        (OLD, 3, Means(True, True), ""),
        (Access(Profile.UNSECURED), 3, Means(True, True), ""),
        (NEW, 1, Means(True, True), "upwards"),
        (NEW, 2, Means(True, True), "upwards"),
        (OLD, 4, Means(True, True), "no security profile 4"),
        (OLD, -1, Means(True, True), "no security profile -1"),
    ],
)
def test_a_profile_goes_only_up_and_only_with_what_it_takes(
    access: Access, wanted: int, means: Means, reason: str
) -> None:
    said = profile_refusal(access, wanted, means)
    assert reason in said
    assert bool(said) == bool(reason)
